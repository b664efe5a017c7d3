import {
  IConnectionLost,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
  JupyterLab
} from '@jupyterlab/application';
import { DocumentWidget } from '@jupyterlab/docregistry';

import { StoppedScreen } from '../stopped';
import { IKeptState, ISession } from '../tokens';

/** Names of the open documents whose changes are in this tab only. */
function unsaved(app: JupyterFrontEnd): string[] {
  return [...app.shell.widgets('main')]
    .filter(widget => widget instanceof DocumentWidget && widget.context.model.dirty)
    .map(widget => widget.title.label);
}

export const stopped: JupyterFrontEndPlugin<IConnectionLost> = {
  id: '@nbkeep/lab:stopped',
  description: 'Says that and why the session was stopped, in place of the stock dialogs.',
  autoStart: true,
  requires: [ISession, IKeptState],
  optional: [JupyterLab.IInfo],
  provides: IConnectionLost,
  activate: (app, session: ISession, state: IKeptState, info: JupyterLab.IInfo | null) => {
    new StoppedScreen(session, state, () => unsaved(app));
    session.changed.connect(() => {
      if (info) {
        // JupyterLab's own requests rest while there is nobody to answer them.
        info.isConnected = session.link !== 'stopped';
      }
    });
    // Whoever fails first makes us look; what the person sees is decided from our own requests.
    return async () => {
      if (session.link === 'connected') {
        await session.refresh();
      }
    };
  }
};
