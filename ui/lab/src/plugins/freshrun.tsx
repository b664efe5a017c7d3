import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, MainAreaWidget, showDialog, ToolbarButton } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import * as React from 'react';

import { FreshRun } from '../freshrun/freshrun';
import { FreshRunView } from '../freshrun/view';

const COMMAND = 'nbkeep:fresh-run';
const TOOLBAR_NAME = 'nbkeep-fresh-run';
const LABEL = 'Would a Fresh Run Give This?';
const CAPTION = 'Runs all cells in a kernel of its own and shows what differs; the notebook and its variables stay as they are';

export const freshRun: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:fresh-run',
  description: 'Runs a notebook in a scratch kernel and compares it with what it shows.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette],
  activate: (app, notebooks: INotebookTracker, palette: ICommandPalette | null) => {
    const open = async (panel: NotebookPanel): Promise<void> => {
      await panel.context.ready;
      const run = new FreshRun(app.serviceManager, panel);
      if (run.cells.length === 0 || !(await mayRun(run))) {
        return;
      }
      const go = (id: string): void => {
        const at = panel.content.widgets.findIndex(cell => cell.model.id === id);
        if (at >= 0 && !panel.isDisposed) {
          app.shell.activateById(panel.id);
          panel.content.activeCellIndex = at;
          void panel.content.scrollToItem(at, 'center');
        }
      };
      const widget = new MainAreaWidget({ content: new FreshRunView(run, go) });
      widget.title.label = `Fresh run: ${run.path.split('/').at(-1) ?? ''}`;
      widget.title.caption = run.path;
      widget.title.closable = true;
      app.shell.add(widget, 'main', { ref: panel.id, mode: 'split-right' });
      app.shell.activateById(widget.id);
      await run.run(reason => mayStay(run, reason));
    };
    app.commands.addCommand(COMMAND, {
      label: LABEL,
      caption: CAPTION,
      isEnabled: () => notebooks.currentWidget !== null,
      execute: async () => {
        if (notebooks.currentWidget) {
          await open(notebooks.currentWidget);
        }
      }
    });
    palette?.addItem({ command: COMMAND, category: 'nbkeep' });
    const addButton = (panel: NotebookPanel): void => {
      const button = new ToolbarButton({ label: 'Fresh run?', tooltip: `${LABEL} ${CAPTION}`, onClick: () => void open(panel) });
      button.addClass('nbkeep-Fresh-button');
      panel.toolbar.insertBefore('kernelName', TOOLBAR_NAME, button) || panel.toolbar.addItem(TOOLBAR_NAME, button);
    };
    notebooks.forEach(addButton);
    notebooks.widgetAdded.connect((_, panel) => addButton(panel));
    notebooks.currentChanged.connect(() => app.commands.notifyCommandChanged(COMMAND));
  }
};

async function mayRun(run: FreshRun): Promise<boolean> {
  const { button } = await showDialog({
    title: 'Would a fresh run give this?',
    body: (
      <div className="nbkeep-Fresh-question">
        <p>
          All {run.cells.length} code cells run from the top in a kernel of their own, which starts with nothing in memory. This
          notebook, its outputs and its variables stay as they are.
        </p>
        {run.isPython && (
          <p>
            The cells work in a temporary copy of the notebook’s folder. What they reach by a full path, such as files elsewhere or
            databases, they really change.
          </p>
        )}
        <p>The second kernel needs memory of its own beside yours.</p>
      </div>
    ),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Run' })]
  });
  return button.accept;
}

async function mayStay(run: FreshRun, reason: string): Promise<boolean> {
  const why: Record<string, string> = {
    large: 'The notebook’s folder is too large to be copied (more than 200 MB or 2,000 files).',
    language: 'Folders are copied for Python notebooks only.'
  };
  const { button } = await showDialog({
    title: 'Run in the folder itself?',
    body: `${why[reason] ?? `The notebook’s folder could not be copied: ${reason}.`} Files that the cells write in ${
      run.path.split('/').slice(0, -1).join('/') || 'the home'
    } would really be written.`,
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Run There' })]
  });
  return button.accept;
}
