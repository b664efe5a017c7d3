/** Puts code into the notebook in front. */
import { Clipboard } from '@jupyterlab/apputils';
import type * as nbformat from '@jupyterlab/nbformat';
import { type INotebookTracker, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

/** All code of a notebook: what it imports already is what a new cell should use. */
function sourceOf(panel: NotebookPanel): string {
  return panel.content.widgets
    .filter(cell => cell.model.type === 'code')
    .map(cell => cell.model.sharedModel.getSource())
    .join('\n');
}

/** The language of a notebook's kernel; Python where it says nothing yet. */
function languageOf(panel: NotebookPanel): string {
  const metadata = panel.context.model.sharedModel.metadata as Partial<nbformat.INotebookMetadata>;
  // Both may be there and empty, until a kernel has said what it speaks.
  return String(metadata.language_info?.name || metadata.kernelspec?.language || 'python');
}

/**
 * Puts code that `make` gives for the front notebook into a cell of its own below the active one, or into that
 * one if it is empty. Runs nothing. Without a notebook of Python the code is copied. Tells what was done.
 */
export function insertCode(
  notebooks: INotebookTracker,
  make: (source: string) => string,
  activate: (panel: NotebookPanel) => void
): string {
  const panel = notebooks.currentWidget;
  if (!panel?.content.model || panel.content.model.readOnly) {
    Clipboard.copyToSystem(make(''));
    return 'No notebook is open: the code was copied. Open one and paste it.';
  }
  const code = make(sourceOf(panel));
  if (languageOf(panel).toLowerCase() !== 'python') {
    Clipboard.copyToSystem(code);
    return `The notebook in front is not Python’s but ${languageOf(panel)}’s: the code, which is Python, was copied.`;
  }
  const notebook = panel.content;
  const active = notebook.activeCell?.model;
  if (!active || active.type !== 'code' || active.sharedModel.getSource().trim() !== '') {
    NotebookActions.insertBelow(notebook);
    NotebookActions.changeCellType(notebook, 'code');
  }
  notebook.activeCell?.model.sharedModel.setSource(code);
  notebook.mode = 'command';
  activate(panel);
  void notebook.scrollToItem(notebook.activeCellIndex);
  return `Inserted as cell ${notebook.activeCellIndex + 1}: Shift+Enter runs it.`;
}
