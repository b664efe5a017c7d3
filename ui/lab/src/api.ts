/** The requests to the session's own server, below `{base}nbkeep/api/`. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { outcomeOf } from './connection';

/** The server said no; `message` and `remedy` are sentences for the person. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly remedy: string
  ) {
    super(message);
  }
}

/** No answer of the server itself: see `outcome`. */
export class NotThere extends Error {
  constructor(readonly outcome: 'no-server' | 'no-answer') {
    super(outcome === 'no-server' ? 'The session is not running.' : 'The session cannot be reached.');
  }
}

export class Api {
  constructor(private readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()) {}

  get(path: string): Promise<unknown> {
    return this._request(path, { method: 'GET' });
  }

  post(path: string, body: object = {}): Promise<unknown> {
    return this._request(path, { method: 'POST', body: JSON.stringify(body) });
  }

  delete(path: string): Promise<unknown> {
    return this._request(path, { method: 'DELETE' });
  }

  private async _request(path: string, init: RequestInit): Promise<unknown> {
    const url = URLExt.join(this.settings.baseUrl, 'nbkeep/api', path);
    let response: Response;
    try {
      // `manual`: a redirect to the hub's own origin could not be read anyway, and means "not here".
      response = await ServerConnection.makeRequest(url, { ...init, redirect: 'manual' }, this.settings);
    } catch (error) {
      if (error instanceof ServerConnection.NetworkError) {
        throw new NotThere('no-answer');
      }
      throw error;
    }
    if (response.ok) {
      return response.status === 204 ? null : response.json().catch(() => null);
    }
    const answer = (await response.json().catch(() => null)) as Partial<Refused> | null;
    // A 503 with a code is the server's own, for instance when the platform behind it is away.
    if (outcomeOf(response) === 'no-server' && !answer?.code) {
      throw new NotThere('no-server');
    }
    throw new Refused(
      response.status,
      String(answer?.code ?? response.status),
      String(answer?.message ?? `The server answered ${response.status}.`),
      String(answer?.remedy ?? '')
    );
  }
}
