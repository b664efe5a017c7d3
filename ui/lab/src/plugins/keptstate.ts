import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { Api } from '../api';
import { KeptState } from '../keptstate';
import { IKeptState } from '../tokens';

export const keptState: JupyterFrontEndPlugin<IKeptState> = {
  id: '@nbkeep/lab:kept-state',
  description: 'Asks the server what is kept of the variables.',
  autoStart: true,
  provides: IKeptState,
  activate: app => new KeptState(new Api(app.serviceManager.serverSettings))
};
