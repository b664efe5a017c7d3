import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';

import { MissedOutputs } from '../missed';
import { ISession } from '../tokens';

export const missed: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:missed-outputs',
  description: 'Shows what cells printed while their notebook was closed.',
  autoStart: true,
  requires: [ISession, INotebookTracker],
  activate: (_, session: ISession, notebooks: INotebookTracker) => {
    new MissedOutputs(session, notebooks);
  }
};
