import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { Api } from '../api';
import { Session } from '../session';
import { ISession } from '../tokens';

export const session: JupyterFrontEndPlugin<ISession> = {
  id: '@nbkeep/lab:session',
  description: 'Asks the server regularly for the state of the session.',
  autoStart: true,
  provides: ISession,
  activate: app => new Session(new Api(app.serviceManager.serverSettings))
};
