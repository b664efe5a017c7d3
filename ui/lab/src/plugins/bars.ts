import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { Bars } from '../bars';
import { IDetails, ISession } from '../tokens';

export const bars: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:bars',
  description: 'Warns before a stop and shows notices, above everything else.',
  autoStart: true,
  requires: [ISession, IDetails],
  activate: (app, session: ISession, details: IDetails) => {
    app.shell.add(new Bars(session, details), 'header');
  }
};
