/**
 * Output that cells printed while no tab was looking. The server keeps it and writes it into the notebook's
 * file; here an open notebook is told which of its cells still run, and shows the file when it is written.
 */
import type { CodeCell } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import type { PendingOutput } from './status';
import type { ISession } from './tokens';

/** How soon to ask again while an open notebook waits. */
const SOON_MS = 1_500;

export class MissedOutputs {
  constructor(
    private readonly session: ISession,
    private readonly notebooks: INotebookTracker
  ) {
    notebooks.forEach(panel => this._watch(panel));
    notebooks.widgetAdded.connect((_, panel) => this._watch(panel));
    session.changed.connect(() => this._takeAll());
  }

  private _watch(panel: NotebookPanel): void {
    panel.disposed.connect(() => this._waiting.delete(panel));
    // What runs must be known before it can end: a regular question could come too late for that.
    void panel.context.ready.then(() => this.session.refresh());
  }

  private _takeAll(): void {
    const pending = this.session.status?.pending_outputs ?? [];
    let waits = false;
    this.notebooks.forEach(panel => {
      if (panel.context.isReady && !panel.isDisposed) {
        const mine = pending.filter(output => output.path === panel.context.localPath);
        waits ||= mine.length > 0;
        this._take(panel, mine);
      }
    });
    if (waits && this._timer === null) {
      this._timer = window.setTimeout(() => {
        this._timer = null;
        void this.session.refresh();
      }, SOON_MS);
    }
  }

  private _take(panel: NotebookPanel, mine: readonly PendingOutput[]): void {
    const now = new Map(mine.map(output => [output.cell_id, output.running]));
    const before = this._waiting.get(panel) ?? new Map<string, boolean>();
    this._waiting.set(panel, now);
    for (const [id, running] of now) {
      if (running !== (before.get(id) ?? false)) {
        mark(panel, id, running);
      }
    }
    const written = [...before.keys()].filter(id => !now.has(id));
    written.forEach(id => mark(panel, id, false));
    // With changes of their own the file stays theirs: JupyterLab asks when they save.
    if (written.length > 0 && !panel.context.model.dirty) {
      void show(panel);
    }
  }

  private readonly _waiting = new Map<NotebookPanel, ReadonlyMap<string, boolean>>();
  private _timer: number | null = null;
}

/**
 * Puts the star of a running cell before it, or takes it away; on screen only, for the model's own state of
 * execution would make the notebook one with unsaved changes.
 */
function mark(panel: NotebookPanel, id: string, running: boolean): void {
  const cell = panel.content.widgets.find(widget => widget.model.id === id);
  if (cell?.model.type === 'code') {
    const code = cell as CodeCell;
    code.setPrompt(running ? '*' : `${code.model.executionCount ?? ''}`);
  }
}

/** Reads the file again and leaves the person where they were. */
async function show(panel: NotebookPanel): Promise<void> {
  const { content } = panel;
  const [active, top] = [content.activeCellIndex, content.outerNode.scrollTop];
  await panel.context.revert();
  content.activeCellIndex = active;
  content.outerNode.scrollTop = top;
}
