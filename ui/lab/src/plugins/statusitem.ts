import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';

import { DetailsPopover } from '../popover';
import { StatusItem } from '../statusitem';
import { IDetails, IKeptState, ISession, ITour } from '../tokens';

export const statusItem: JupyterFrontEndPlugin<IDetails> = {
  id: '@nbkeep/lab:status-item',
  description: 'Shows profile, memory and time left in the status bar, and the details on a click.',
  autoStart: true,
  requires: [ISession, IKeptState, ITour],
  optional: [IStatusBar],
  provides: IDetails,
  activate: (_, session: ISession, state: IKeptState, tour: ITour, statusBar: IStatusBar | null) => {
    const details = new DetailsPopover(session, state, tour, () => item.node);
    const item = new StatusItem(session, () => details.toggle());
    statusBar?.registerStatusItem('@nbkeep/lab:status-item', { item, align: 'right', rank: -1000 });
    return details;
  }
};
