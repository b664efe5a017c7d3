/** Running cells again that made variables which could not be kept. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import * as React from 'react';

import type { ResumedKernel } from './kept';
import { cellsThatMake } from './madeby';
import type { IRerun } from './tokens';

/** So many cells are named in the question; of more, their number is told. */
const NAMED = 8;

export class Rerun implements IRerun {
  /** `open` shows the notebook of a path, or gives null where that is none. */
  constructor(private readonly open: (path: string) => Promise<NotebookPanel | null>) {}

  async makers(kernel: ResumedKernel, names: readonly string[]): Promise<string> {
    return this._run(kernel, cells => {
      const codes = cells.filter(isCode);
      const sources = codes.map(cell => ({ id: cell.model.id, source: cell.model.sharedModel.getSource() }));
      const made = new Set(cellsThatMake(sources, names));
      return codes.filter(cell => made.has(cell.model.id));
    });
  }

  async all(kernel: ResumedKernel): Promise<string> {
    return this._run(kernel, cells => cells.filter(isCode));
  }

  private async _run(kernel: ResumedKernel, choose: (cells: readonly Cell[]) => Cell[]): Promise<string> {
    const panel = await this.open(kernel.path);
    if (!panel) {
      return `${kernel.path || 'The notebook'} could not be opened.`;
    }
    await panel.context.ready;
    await panel.sessionContext.ready;
    const { content } = panel;
    const cells = choose(content.widgets);
    if (cells.length === 0) {
      return 'No cell here gives it a value by its name. Look in the notebook for what made it.';
    }
    if (!(await confirmed(kernel.path, content.widgets, cells))) {
      return '';
    }
    if (panel.isDisposed) {
      return 'The notebook was closed. Nothing ran.';
    }
    const went = await NotebookActions.runCells(content, cells, panel.sessionContext);
    return went ? `${cells.length === 1 ? 'Its cell has' : `Its ${cells.length} cells have`} run.` : 'A cell failed; the notebook shows how.';
  }
}

function isCode(cell: Cell): boolean {
  return cell.model.type === 'code' && cell.model.sharedModel.getSource().trim() !== '';
}

/** Cells do what they say, to files and databases, too: nothing runs before the person has seen which. */
export async function confirmed(path: string, all: readonly Cell[], cells: readonly Cell[]): Promise<boolean> {
  const one = cells.length === 1;
  const { button } = await showDialog({
    title: one ? 'Run this cell again?' : `Run these ${cells.length} cells again?`,
    body: (
      <div className="nbkeep-Rerun">
        <p>
          In {path}
          {one
            ? '. Whatever else it does, such as writing files, it does again.'
            : ', in this order. Whatever else they do, such as writing files, they do again.'}
        </p>
        <ol>
          {cells.slice(0, NAMED).map(cell => (
            <li key={cell.model.id} value={all.indexOf(cell) + 1}>
              <code>{firstLine(cell)}</code>
            </li>
          ))}
        </ol>
        {cells.length > NAMED && <p>And {cells.length - NAMED} more.</p>}
      </div>
    ),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: one ? 'Run the Cell' : `Run ${cells.length} Cells` })]
  });
  return button.accept;
}

function firstLine(cell: Cell): string {
  const lines = cell.model.sharedModel.getSource().trim().split('\n');
  return `${lines[0] ?? ''}${lines.length > 1 ? ' …' : ''}`;
}
