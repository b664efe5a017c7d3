import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';

import { keepWorking } from '../keepworking';
import { saveState } from '../savestate';
import { CommandIDs, IDetails, IKeptState, ISession, ITour } from '../tokens';

export const commands: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:commands',
  description: 'What nbkeep offers in the menus and the command palette.',
  autoStart: true,
  requires: [ISession, IKeptState, ITour, IDetails],
  optional: [ICommandPalette],
  activate: (
    app,
    session: ISession,
    state: IKeptState,
    tour: ITour,
    details: IDetails,
    palette: ICommandPalette | null
  ) => {
    const portal = (): string => session.status?.portal_url ?? '';
    app.commands.addCommand(CommandIDs.show, {
      label: 'Show Session Details',
      execute: () => details.open()
    });
    app.commands.addCommand(CommandIDs.keepWorking, {
      label: 'Keep Working (Extend the Session)',
      execute: async () => {
        const { extended, words } = await keepWorking(session);
        Notification.emit(words, extended ? 'success' : 'warning', { autoClose: 6_000 });
      }
    });
    app.commands.addCommand(CommandIDs.portal, {
      label: 'nbkeep Portal',
      caption: 'Your sessions and profiles, in a new browser tab',
      isEnabled: () => portal() !== '',
      execute: () => {
        window.open(portal(), '_blank', 'noopener');
      }
    });
    app.commands.addCommand(CommandIDs.saveState, {
      label: 'Save State Now (Keep the Variables)',
      caption: 'Saves the variables of all notebooks of this session; it does so by itself when the session stops',
      isEnabled: () => state.kept?.keeps === true && !state.kept.saving,
      execute: async () => {
        const { saved, words } = await saveState(state);
        Notification.emit(words, saved ? 'success' : 'warning', { autoClose: 6_000 });
      }
    });
    state.changed.connect(() => app.commands.notifyCommandChanged(CommandIDs.saveState));
    app.commands.addCommand(CommandIDs.tour, {
      label: 'Guided Tour of nbkeep',
      execute: () => tour.start()
    });
    session.changed.connect(() => app.commands.notifyCommandChanged(CommandIDs.portal));
    const here = [CommandIDs.show, CommandIDs.keepWorking, CommandIDs.portal, CommandIDs.saveState, CommandIDs.tour];
    for (const command of here) {
      palette?.addItem({ command, category: 'nbkeep' });
    }
  }
};
