import { ILayoutRestorer, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';

import { Api } from '../api';
import { connectionCode, datasetCode } from '../data/code';
import { dataIcon } from '../data/icon';
import { insertCode } from '../data/insert';
import { CatalogueSource } from '../data/source';
import { DataPanel } from '../data/view';
import { CommandIDs, ISession } from '../tokens';

/** Below the files and the running kernels, above what extensions of others add. */
const RANK = 300;

export const data: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:data',
  description: 'Shows which data the session may read and use in the left sidebar, and asks for more.',
  autoStart: true,
  requires: [ISession, INotebookTracker],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app,
    session: ISession,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const show = (notebook: NotebookPanel): void => app.shell.activateById(notebook.id);
    const panel = new DataPanel(new CatalogueSource(new Api(app.serviceManager.serverSettings)), session, {
      copy: text => {
        Clipboard.copyToSystem(text);
        return 'Copied.';
      },
      insertDataset: dataset => insertCode(notebooks, source => datasetCode(dataset, source), show),
      insertConnection: connection => insertCode(notebooks, source => connectionCode(connection, source), show)
    });
    panel.id = 'nbkeep-data';
    panel.title.caption = 'Data: datasets, connections and packages of this session';
    panel.title.icon = dataIcon;
    app.shell.add(panel, 'left', { rank: RANK, type: 'nbkeep' });
    restorer?.add(panel, panel.id);
    app.commands.addCommand(CommandIDs.data, {
      label: 'Show Data (Datasets, Connections, Packages)',
      execute: () => app.shell.activateById(panel.id)
    });
    palette?.addItem({ command: CommandIDs.data, category: 'nbkeep' });
  }
};
