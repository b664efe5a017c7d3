/** The catalogue as this browser tab knows it: asked for while somebody looks, often while they wait. */
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, NotThere, Refused } from '../api';
import { pace } from '../pace';
import { type Catalogue, isWaiting, news, readCatalogue } from './catalogue';

const QUIET_MS = 20_000;

/** While a request waits for its owner, a person waits. */
const WAITING_MS = 4_000;

/** What went wrong, as a sentence. */
export function failure(error: unknown): string {
  return error instanceof Refused ? `${error.message} ${error.remedy}`.trim() : String((error as Error).message);
}

export class CatalogueSource implements IDisposable {
  constructor(private readonly api: Api) {
    this._poll = new Poll({
      auto: true,
      name: '@nbkeep/lab:Catalogue',
      factory: () => this._ask(),
      frequency: { interval: QUIET_MS, backoff: false, max: QUIET_MS },
      standby: () => document.hidden || !this._isWatched
    });
  }

  /** The last answer, or null before the first. */
  get catalogue(): Catalogue | null {
    return this._catalogue;
  }

  /** Why the last question had no answer; empty when it had one. */
  get problem(): string {
    return this._problem;
  }

  /** What has changed since somebody looked last, for who listens. */
  get news(): string {
    return this._news;
  }

  /** Fires after every answer, and every failure to get one. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Tells whether somebody looks; nothing is asked while nobody does. */
  watch(isWatched: boolean): void {
    this._isWatched = isWatched;
    if (isWatched) {
      void this.refresh();
    }
  }

  /** Asks at once. Never rejects. */
  async refresh(): Promise<void> {
    if (!this.isDisposed) {
      await this._poll.refresh();
      await this._poll.tick.catch(() => undefined);
    }
  }

  /** Asks the owner for all of a dataset. Rejects with `Refused` where that cannot be asked for. */
  async ask(dataset: string, reason: string, seconds: number): Promise<void> {
    this._take(await this.api.post(`catalogue/datasets/${encodeURIComponent(dataset)}/ask`, { reason, duration: `${seconds}s` }));
  }

  /** Takes a request back, or gives back what was granted. */
  async withdraw(dataset: string): Promise<void> {
    this._take(await this.api.post(`catalogue/datasets/${encodeURIComponent(dataset)}/withdraw`));
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** One request. Never rejects: what went wrong is shown. */
  private async _ask(): Promise<void> {
    try {
      this._take(await this.api.get('catalogue'));
    } catch (error) {
      this._problem = error instanceof NotThere ? 'The session does not answer just now.' : failure(error);
      this._changed.emit();
    }
  }

  private _take(answer: unknown): void {
    const fresh = readCatalogue(answer);
    const told = this._catalogue ? news(this._catalogue, fresh, Date.parse(fresh.now)) : '';
    this._news = told || this._news;
    this._catalogue = fresh;
    this._problem = '';
    pace(this._poll, isWaiting(fresh) ? WAITING_MS : QUIET_MS);
    this._changed.emit();
  }

  private readonly _poll: Poll;
  private readonly _changed = new Signal<this, void>(this);
  private _catalogue: Catalogue | null = null;
  private _problem = '';
  private _news = '';
  private _isWatched = false;
}
