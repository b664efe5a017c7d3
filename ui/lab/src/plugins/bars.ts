import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { NotebookPanel } from '@jupyterlab/notebook';

import { Bars } from '../bars';
import { Rerun } from '../rerun';
import { IDetails, IKeptState, ISession } from '../tokens';

export const bars: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:bars',
  description: 'Warns before a stop, shows notices and what a resume brought back, above everything else.',
  autoStart: true,
  requires: [ISession, IDetails, IKeptState],
  activate: (app, session: ISession, details: IDetails, state: IKeptState) => {
    const rerun = new Rerun(async path => {
      const opened: unknown = await app.commands.execute('docmanager:open', { path });
      return opened instanceof NotebookPanel ? opened : null;
    });
    app.shell.add(new Bars(session, details, state, rerun), 'header');
  }
};
