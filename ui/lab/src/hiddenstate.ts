/** Asks a notebook's kernel which cells ran on older inputs, and shows it: quietly, and only in the notebook in front. */
import type { CodeCell } from '@jupyterlab/cells';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import { Debouncer } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { Api } from './api';
import { focusMark, mark } from './gutter';
import { isDoubtful, type Marks, markSentence, readMarks, type Verdict } from './marks';
import { confirmed } from './rerun';

/** After the last key or the end of a cell: so long nothing is asked. */
const PAUSE_MS = 500;

/** A kernel that was busy, or a server that did not answer, is asked again. */
const AGAIN_MS = 3_000;

/** Beyond this a question costs more than it is worth. */
const MOST_CELLS = 10_000;
const MOST_CHARS = 8 * 1024 * 1024;

const NOTHING: Marks = { watched: false, busy: false, cells: [], plan: [] };

/** The marks of one notebook. */
export class HiddenState {
  constructor(
    private readonly api: Api,
    private readonly panel: NotebookPanel
  ) {
    this._asking = new Debouncer(() => this._ask(), PAUSE_MS);
    panel.disposed.connect(() => this._dispose());
    panel.sessionContext.statusChanged.connect(this._onStatus, this);
    panel.sessionContext.kernelChanged.connect(this._onKernel, this);
    NotebookActions.executed.connect(this._onExecuted, this);
    void panel.context.ready.then(() => {
      panel.context.model.contentChanged.connect(this.soon, this);
      this.soon();
    });
  }

  /** The cells that a person should not trust, from top to bottom. */
  get doubtful(): readonly Verdict[] {
    return this._marks.cells.filter(one => isDoubtful(one.status));
  }

  get plan(): readonly string[] {
    return this._marks.plan;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Asks after a pause; called as often as one likes. */
  soon(): void {
    if (!this.panel.isDisposed && this.panel.isVisible) {
      void this._asking.invoke().catch(() => undefined);
    }
  }

  /** Goes to the next cell below the active one that has a mark; from the last to the first. */
  next(): void {
    const { content } = this.panel;
    const marked = new Set(this.doubtful.map(one => one.id));
    const places = content.widgets.flatMap((cell, at) => (marked.has(cell.model.id) ? [at] : []));
    const place = places.find(at => at > content.activeCellIndex) ?? places[0];
    const cell = place === undefined ? undefined : content.widgets[place];
    if (place !== undefined && cell) {
      content.deselectAll();
      content.activeCellIndex = place;
      content.mode = 'command';
      content.activate();
      // Not `scrollToCell`: that begins to edit the cell. In the middle there is room for the mark's sentence.
      void content.scrollToItem(place, 'center').then(() => focusMark(cell));
    }
  }

  /** Runs, after a question, the cells without which the notebook has stale ones. */
  async runStale(): Promise<void> {
    const { content, context, sessionContext } = this.panel;
    const planned = new Set(this.plan);
    const cells = content.widgets.filter(cell => planned.has(cell.model.id));
    if (cells.length > 0 && (await confirmed(context.localPath, content.widgets, cells)) && !this.panel.isDisposed) {
      await NotebookActions.runCells(content, cells, sessionContext);
    }
  }

  private _onStatus(_: unknown, status: Kernel.Status): void {
    if (status === 'idle') {
      this.soon();
    }
  }

  private _onKernel(): void {
    this._asked = '';
    this._show(NOTHING);
    this.soon();
  }

  private _onExecuted(_: unknown, ran: { notebook: unknown }): void {
    if (ran.notebook === this.panel.content) {
      this._asked = '';
      this.soon();
    }
  }

  private async _ask(): Promise<void> {
    const { panel } = this;
    const kernel = panel.sessionContext.session?.kernel;
    if (panel.isDisposed || !panel.isVisible || !kernel || kernel.status !== 'idle' || !panel.context.isReady) {
      return;
    }
    const cells = codeCells(panel).map(({ model }) => ({ id: model.id, source: model.sharedModel.getSource() }));
    const body = JSON.stringify([kernel.id, cells]);
    if (body === this._asked) {
      return; // only outputs have changed
    }
    if (cells.length > MOST_CELLS || body.length > MOST_CHARS) {
      this._show(NOTHING);
      return;
    }
    this._asked = body;
    try {
      const marks = readMarks(await this.api.post(`kernels/${kernel.id}/cells`, { cells }));
      if (panel.isDisposed || this._asked !== body) {
        return; // run or edited meanwhile: a later answer follows
      }
      if (marks.busy) {
        this._again();
      } else {
        this._show(marks.watched ? marks : NOTHING);
      }
    } catch {
      this._again(); // whether the session is there at all is `ISession`'s to tell
    }
  }

  private _again(): void {
    this._asked = '';
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => this.soon(), AGAIN_MS);
  }

  private _show(marks: Marks): void {
    this._marks = marks;
    if (this.panel.isDisposed) {
      return;
    }
    const told = new Map(marks.cells.map(one => [one.id, one]));
    const called = (id: string): string => nameOf(this.panel, id);
    for (const cell of codeCells(this.panel)) {
      const verdict = told.get(cell.model.id);
      if (verdict && (verdict.status !== 'never-run' || cell.model.outputs.length > 0)) {
        mark(cell, verdict.status, markSentence(verdict, called));
      } else {
        mark(cell, 'fresh', '');
      }
    }
    this._changed.emit();
  }

  private _dispose(): void {
    window.clearTimeout(this._timer);
    this._asking.dispose();
    Signal.clearData(this);
  }

  private readonly _asking: Debouncer<void>;
  private readonly _changed = new Signal<this, void>(this);
  private _marks: Marks = NOTHING;
  private _asked = '';
  private _timer = 0;
}

function codeCells(panel: NotebookPanel): CodeCell[] {
  return panel.content.widgets.filter((cell): cell is CodeCell => cell.model.type === 'code');
}

/** A cell as a person finds it: by its number in brackets, or by its place. */
function nameOf(panel: NotebookPanel, id: string): string {
  const at = panel.content.widgets.findIndex(cell => cell.model.id === id);
  const cell = panel.content.widgets[at] as CodeCell | undefined;
  const count = cell?.model.executionCount;
  return count ? `cell [${count}]` : `the cell at place ${at + 1}`;
}
