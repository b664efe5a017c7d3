import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';

import { Api } from '../api';
import { HiddenState } from '../hiddenstate';
import { staleItem } from '../staleitem';
import { CommandIDs } from '../tokens';

export const hiddenState: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:hidden-state',
  description: 'Marks cells that ran on older inputs, out of order, or on what is no longer there.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette],
  activate: (app, notebooks: INotebookTracker, palette: ICommandPalette | null) => {
    const api = new Api(app.serviceManager.serverSettings);
    const states = new Map<NotebookPanel, HiddenState>();
    const watch = (panel: NotebookPanel): void => {
      const state = new HiddenState(api, panel);
      states.set(panel, state);
      panel.disposed.connect(() => states.delete(panel));
      const item = staleItem(state);
      if (!panel.toolbar.insertBefore('spacer', 'nbkeep-stale', item)) {
        panel.toolbar.addItem('nbkeep-stale', item);
      }
      state.changed.connect(() => {
        app.commands.notifyCommandChanged(CommandIDs.nextStale);
        app.commands.notifyCommandChanged(CommandIDs.runStale);
      });
    };
    const current = (): HiddenState | undefined =>
      notebooks.currentWidget ? states.get(notebooks.currentWidget) : undefined;
    notebooks.forEach(watch);
    notebooks.widgetAdded.connect((_, panel) => watch(panel));
    notebooks.currentChanged.connect(() => current()?.soon());
    app.commands.addCommand(CommandIDs.nextStale, {
      label: 'Go to the Next Stale Cell',
      isEnabled: () => (current()?.doubtful.length ?? 0) > 0,
      execute: () => current()?.next()
    });
    app.commands.addCommand(CommandIDs.runStale, {
      label: 'Run Stale Cells in Order',
      isEnabled: () => (current()?.plan.length ?? 0) > 0,
      execute: () => current()?.runStale()
    });
    for (const command of [CommandIDs.nextStale, CommandIDs.runStale]) {
      palette?.addItem({ command, category: 'nbkeep' });
    }
  }
};
