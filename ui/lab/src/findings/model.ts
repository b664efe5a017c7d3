/** The findings of all open documents, and which of these is in front. */
import type { DocumentRegistry, IDocumentWidget } from '@jupyterlab/docregistry';
import type { Widget } from '@lumino/widgets';
import { type ISignal, Signal } from '@lumino/signaling';

import type { Api } from '../api';
import type { IFindings } from '../tokens';
import type { Shown } from './document';
import { Watched } from './watched';

export interface Open {
  readonly watched: Watched;
  readonly shown: Shown;
}

export class Findings implements IFindings {
  constructor(private readonly api: Api) {}

  /** The document in front, or null where it is none of those that are watched. */
  get current(): Open | null {
    return (this._front && this._open.get(this._front)) ?? null;
  }

  /** The document of a path that is open, or null. */
  at(path: string): DocumentRegistry.Context | null {
    const open = [...this._open.values()].find(one => one.watched.context.localPath === path);
    return open?.watched.context ?? null;
  }

  /** Fires when another document comes to the front, and when something of the one in front changes. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Watches a document until it is closed; twice is the same. */
  add(widget: IDocumentWidget, made: () => Shown, open: () => void): void {
    if (this._open.has(widget)) {
      return;
    }
    const watched = new Watched(this.api, widget.context);
    const shown = made();
    this._open.set(widget, { watched, shown });
    watched.changed.connect(() => {
      if (!widget.isDisposed) {
        shown.show(watched.answer.findings, open);
        this._changed.emit();
      }
    });
    widget.disposed.connect(() => {
      watched.dispose();
      this._open.delete(widget);
      this._changed.emit();
    });
    this._changed.emit();
  }

  /** Tells which widget is in front now. */
  front(widget: Widget | null): void {
    this._front = widget;
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _open = new Map<Widget, Open>();
  private _front: Widget | null = null;
}
