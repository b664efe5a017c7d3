import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';

import { Api } from '../api';
import { letLeave, openSafely, type Outside } from '../leaving/leave';
import { CommandIDs, IFindings, ISession } from '../tokens';

export const leaving: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:leaving',
  description: 'Tells what would be decided about a document before it leaves, and leads to the portal.',
  autoStart: true,
  requires: [IFindings, ISession],
  optional: [IFileBrowserFactory, ICommandPalette],
  activate: (app, findings: IFindings, session: ISession, browsers: IFileBrowserFactory | null, palette: ICommandPalette | null) => {
    const { contents, serverSettings } = app.serviceManager;
    const api = new Api(serverSettings);
    const outside: Outside = {
      portal: () => session.status?.portal_url ?? '',
      session: () => session.status?.session_id ?? '',
      download: async path => {
        const link = document.createElement('a');
        link.href = await contents.getDownloadUrl(path);
        link.download = '';
        document.body.append(link);
        link.click(); // as JupyterLab's own menu does: see findings/downloads.ts
        link.remove();
      }
    };
    /** The one file that is selected in the file browser, or empty. */
    const selected = (): string => {
      const [first, ...others] = browsers?.tracker.currentWidget?.selectedItems() ?? [];
      return first && others.length === 0 && first.type !== 'directory' ? contents.localPath(first.path) : '';
    };
    const pathOf = (args: { [key: string]: unknown }): string => {
      if (typeof args.path === 'string') {
        return args.path;
      }
      return args.of === 'selection' ? selected() : (findings.current?.watched.context.localPath ?? '');
    };
    const known = { isEnabled: (args: { [key: string]: unknown }) => outside.portal() !== '' && pathOf(args) !== '' };

    app.commands.addCommand(CommandIDs.letLeave, {
      ...known,
      label: 'Let It Leave…',
      caption: 'What the policies say before this leaves by download, export, share or publication, and the form to ask',
      iconClass: 'nbkeep-LeaveIcon',
      execute: args => {
        const path = pathOf(args);
        return path ? letLeave(api, outside, path, findings.at(path)) : undefined;
      }
    });
    app.commands.addCommand(CommandIDs.openSafely, {
      ...known,
      label: 'Open Safely…',
      caption: 'Look at it in the portal, in a new tab: what it would do, without running any of it',
      iconClass: 'nbkeep-SafelyIcon',
      execute: args => {
        const path = pathOf(args);
        if (path) {
          openSafely(outside, path);
        }
      }
    });
    const commands = [CommandIDs.letLeave, CommandIDs.openSafely];
    const changed = (): void => commands.forEach(one => app.commands.notifyCommandChanged(one));
    session.changed.connect(changed);
    findings.changed.connect(changed);
    for (const command of commands) {
      palette?.addItem({ command, category: 'nbkeep' });
    }
  }
};
