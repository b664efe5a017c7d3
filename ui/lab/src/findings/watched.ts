/** Asks, whenever a document was saved or opened, what is in it. */
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, Refused } from '../api';
import { type Answer, NOTHING, readAnswer } from './answer';

const PAUSE_MS = 80;
const AGAIN_MS = 5_000;
/** From here on a save that is examined first is worth a word. */
const LONG_MS = 1_000;

export class Watched implements IDisposable {
  constructor(
    private readonly api: Api,
    readonly context: DocumentRegistry.Context
  ) {
    this._asking = new Debouncer(() => this._ask(), PAUSE_MS);
    context.saveState.connect(this._onSave, this);
    context.fileChanged.connect(this.soon, this);
    context.pathChanged.connect(this.soon, this);
    context.disposed.connect(this.dispose, this);
    void context.ready.then(() => this.soon());
  }

  get answer(): Answer {
    return this._answer;
  }

  /** Whether a save waits, for longer than one would notice, until the document is examined. */
  get isHeld(): boolean {
    return this._isHeld;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._asking.isDisposed;
  }

  soon(): void {
    if (!this.isDisposed) {
      void this._asking.invoke().catch(() => undefined);
    }
  }

  dispose(): void {
    window.clearTimeout(this._timer);
    window.clearTimeout(this._held);
    this._asking.dispose();
    Signal.clearData(this);
  }

  private _onSave(_: unknown, state: DocumentRegistry.SaveState): void {
    window.clearTimeout(this._held);
    if (state === 'started') {
      if (this._answer.holds) {
        this._held = window.setTimeout(() => this._setHeld(true), LONG_MS);
      }
      return;
    }
    this._setHeld(false);
    this.soon();
  }

  private _setHeld(isHeld: boolean): void {
    if (this._isHeld !== isHeld) {
      this._isHeld = isHeld;
      this._changed.emit();
    }
  }

  private async _ask(): Promise<void> {
    if (this.isDisposed) {
      return;
    }
    const path = this.context.localPath;
    const number = ++this._number;
    try {
      const answer = readAnswer(await this.api.get(`findings?path=${encodeURIComponent(path)}`));
      if (!this.isDisposed && number === this._number) {
        this._take(answer);
      }
    } catch (error) {
      if (!this.isDisposed && number === this._number && error instanceof Refused) {
        this._take(NOTHING); // not there (any more)
      }
    }
  }

  private _take(answer: Answer): void {
    if (answer.state === 'examining') {
      window.clearTimeout(this._timer);
      this._timer = window.setTimeout(() => this.soon(), AGAIN_MS);
      return; // what was known is shown until then
    }
    this._answer = answer;
    this._changed.emit();
  }

  private readonly _asking: Debouncer<void>;
  private readonly _changed = new Signal<this, void>(this);
  private _answer: Answer = NOTHING;
  private _isHeld = false;
  private _number = 0;
  private _timer = 0;
  private _held = 0;
}
