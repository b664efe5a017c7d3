/**
 * Is the session there? One small machine, fed with what became of each request.
 *
 * - `connected`: the server answers.
 * - `unreachable`: nothing answers: a network that is away, or a platform that restarts. Running
 *   work goes on; we try again and say so quietly.
 * - `signed-out`: the server is there and does not know this browser any more.
 * - `stopped`: something answers, several times over some seconds, that no server is here. Only then
 *   is the person told, because a proxy says the same for a moment while it is restarted. A stop that was
 *   due is believed at once.
 */

export type Link = 'connected' | 'unreachable' | 'signed-out' | 'stopped';

/** What became of one request. */
export type Outcome = 'answered' | 'refused' | 'no-server' | 'no-answer';

/** How long "there is no server" must be repeated before it is believed. */
const BELIEVE_STOP_MS = 6_000;
const BELIEVE_STOP_TIMES = 3;

export class Connection {
  link: Link = 'connected';

  /** Takes in an outcome at an instant (ms); true if `link` has changed. `due`: a stop was to be expected. */
  take(outcome: Outcome, at: number, due = false): boolean {
    const before = this.link;
    if (outcome !== 'no-server') {
      this._since = null;
      this._times = 0;
    }
    if (outcome === 'answered') {
      this.link = 'connected';
    } else if (outcome === 'refused') {
      this.link = 'signed-out';
    } else if (outcome === 'no-answer') {
      // A stopped session stays stopped while the person's network comes and goes.
      this.link = this.link === 'stopped' ? 'stopped' : 'unreachable';
    } else {
      this._since ??= at;
      this._times += 1;
      const sure = due || (this._times >= BELIEVE_STOP_TIMES && at - this._since >= BELIEVE_STOP_MS);
      this.link = sure || this.link === 'stopped' ? 'stopped' : 'unreachable';
    }
    return this.link !== before;
  }

  /** How long to wait before the next request, in milliseconds. */
  get patience_ms(): number {
    if (this.link === 'connected') {
      return 7_000;
    }
    return this.link === 'unreachable' ? 2_500 : 15_000;
  }

  private _since: number | null = null;
  private _times = 0;
}

/** What an HTTP answer that is no success says about the server. */
export function outcomeOf(response: { type: string; status: number }): Outcome {
  // Without a route the hub redirects to its own pages; 424 is its answer to API calls for a server
  // that does not run, 503 the proxy's when nothing listens behind the route.
  const gone = response.type === 'opaqueredirect' || [424, 502, 503, 504].includes(response.status);
  if (gone) {
    return 'no-server';
  }
  return response.status === 401 || response.status === 403 ? 'refused' : 'answered';
}

/** A link that is not `connected`, in words for the status bar and the details. */
export function linkWords(link: Link): { mark: string; sentence: string } {
  if (link === 'signed-out') {
    return {
      mark: 'Signed out',
      sentence: 'Your sign-in has ended. What runs goes on; reload this page to sign in again.'
    };
  }
  return { mark: 'Not connected', sentence: 'The session cannot be reached. What runs goes on; trying again.' };
}
