/** The session as this browser tab knows it: asks regularly, remembers the last answer. */
import { type IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, NotThere, Refused } from './api';
import { Connection, type Link, type Outcome, outcomeOf } from './connection';
import { type HomeUsage, readStatus, readUsage, type Status } from './status';
import type { ISession } from './tokens';
import { isStopDue, until } from './words';

/** A hidden tab asks this seldom: its warning still comes in time, and costs the office little. */
const HIDDEN_MS = 45_000;

/** Close to a stop, and while the times of a young session are not known, it asks as often as this. */
const CLOSE_MS = 2_000;
const CLOSE_TO_STOP_MS = 60_000;

/** What a failed request says about the connection; an odd answer is an answer. */
function failure(error: unknown): Outcome {
  if (error instanceof NotThere) {
    return error.outcome;
  }
  return error instanceof Refused ? outcomeOf({ type: 'basic', status: error.status }) : 'answered';
}

export class Session implements ISession, IDisposable {
  constructor(private readonly api: Api) {
    this._poll = new Poll({
      auto: true,
      name: '@nbkeep/lab:Session',
      factory: () => this._ask(),
      frequency: { interval: this._connection.patience_ms, backoff: false },
      standby: () => document.hidden && Date.now() - this._askedAt < HIDDEN_MS
    });
    document.addEventListener('visibilitychange', this._onVisible);
    window.addEventListener('online', this._onVisible);
  }

  get status(): Status | null {
    return this._status;
  }

  get link(): Link {
    return this._connection.link;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  now(): number {
    return Date.now() + this._skew_ms;
  }

  async refresh(): Promise<void> {
    await this._poll.refresh();
    await this._poll.tick.catch(() => undefined);
  }

  async extend(): Promise<void> {
    this._take(await this.api.post('extend'));
  }

  async dismissNotice(id: string): Promise<void> {
    await this.api.post(`notices/${encodeURIComponent(id)}/dismiss`);
    if (this._status) {
      const notices = this._status.notices.filter(notice => notice.id !== id);
      this._status = { ...this._status, notices };
      this._changed.emit();
    }
  }

  async finishTour(): Promise<void> {
    if (this._status && !this._status.tour_done) {
      this._status = { ...this._status, tour_done: true };
      await this.api.post('tour', { done: true });
    }
  }

  async homeUsage(): Promise<HomeUsage> {
    return readUsage(await this.api.get('home/usage'));
  }

  async cleanHome(paths: readonly string[]): Promise<number> {
    const answer = (await this.api.post('home/clean', { paths })) as { freed_bytes?: unknown } | null;
    await this.refresh();
    return typeof answer?.freed_bytes === 'number' ? answer.freed_bytes : 0;
  }

  dispose(): void {
    document.removeEventListener('visibilitychange', this._onVisible);
    window.removeEventListener('online', this._onVisible);
    this._poll.dispose();
    Signal.clearData(this);
  }

  private readonly _onVisible = (): void => {
    if (!document.hidden) {
      void this._poll.refresh();
    }
  };

  /** One request. Never rejects: what went wrong becomes a state that the person can see. */
  private async _ask(): Promise<void> {
    this._askedAt = Date.now();
    try {
      const answer = await this.api.get('status');
      this._connection.take('answered', Date.now());
      this._take(answer);
    } catch (error) {
      this._connection.take(failure(error), Date.now(), isStopDue(this._status, this.now()));
      this._changed.emit();
    }
    const interval = Math.min(this._connection.patience_ms, this._isClose() ? CLOSE_MS : Infinity);
    if (this._poll.frequency.interval !== interval) {
      this._poll.frequency = { interval, backoff: false, max: interval };
    }
  }

  /** Whether what a person must see in time may change any second. */
  private _isClose(): boolean {
    if (!this._status || this._connection.link !== 'connected') {
      return false;
    }
    const stops = [this._status.idle_stop_at, this._status.ends_at].map(instant => until(instant, this.now()));
    // What is paused goes on within the blink of an eye, and a person looks whether it does.
    return this._status.ends_at === null || this._status.frozen_until !== null || stops.some(left => left !== null && left < CLOSE_TO_STOP_MS);
  }

  private _take(answer: unknown): void {
    const status = readStatus(answer);
    this._skew_ms = Date.parse(status.now) - Date.now();
    this._status = status;
    this._changed.emit();
  }

  private readonly _poll: Poll;
  private readonly _connection = new Connection();
  private readonly _changed = new Signal<this, void>(this);
  private _status: Status | null = null;
  private _skew_ms = 0;
  private _askedAt = 0;
}
