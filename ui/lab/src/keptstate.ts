/** What is kept of the variables, as this browser tab knows it: asked seldom, and often while it changes. */
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, Refused } from './api';
import { isMoving, type Kept, readKept } from './kept';
import { pace } from './pace';
import type { IKeptState } from './tokens';

/** Nobody waits for it: the time of the last save, for whoever looks. */
const QUIET_MS = 60_000;

/** While variables are saved or brought back a person waits. */
const MOVING_MS = 1_500;

const NOT_FOUND = 404;

export class KeptState implements IKeptState, IDisposable {
  constructor(private readonly api: Api) {
    this._poll = new Poll({
      auto: true,
      name: '@nbkeep/lab:KeptState',
      factory: () => this._ask(),
      frequency: { interval: QUIET_MS, backoff: false, max: QUIET_MS },
      standby: 'when-hidden'
    });
  }

  get kept(): Kept | null {
    return this._kept;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  async refresh(): Promise<void> {
    if (!this.isDisposed) {
      await this._poll.refresh();
      await this._poll.tick.catch(() => undefined);
    }
  }

  async save(): Promise<void> {
    if (this._kept) {
      this._show({ ...this._kept, saving: true });
    }
    try {
      this._show(readKept(await this.api.post('state/save')));
    } catch (error) {
      await this.refresh();
      throw error;
    }
  }

  async finishResumed(): Promise<void> {
    await this.api.delete('state/resumed');
    if (this._kept) {
      this._show({ ...this._kept, resumed: null });
    }
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** One request. Never rejects: whether the session is there at all is `ISession`'s to tell. */
  private async _ask(): Promise<void> {
    try {
      this._show(readKept(await this.api.get('state')));
    } catch (error) {
      if (error instanceof Refused && error.status === NOT_FOUND) {
        this._poll.dispose(); // a server of an older version knows nothing of it
      }
    }
  }

  private _show(kept: Kept): void {
    this._kept = kept;
    pace(this._poll, isMoving(kept) ? MOVING_MS : QUIET_MS);
    this._changed.emit();
  }

  private readonly _poll: Poll;
  private readonly _changed = new Signal<this, void>(this);
  private _kept: Kept | null = null;
}
