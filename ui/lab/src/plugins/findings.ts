import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import type { Widget } from '@lumino/widgets';

import { Api } from '../api';
import { ShownNotebook, ShownText } from '../findings/document';
import { watchDownloads } from '../findings/downloads';
import { Findings } from '../findings/model';
import { FindingsItem, FindingsPopover } from '../findings/panel';
import { CommandIDs, IFindings, ISession } from '../tokens';

export const findings: JupyterFrontEndPlugin<IFindings> = {
  id: '@nbkeep/lab:findings',
  description: 'Shows secrets and personal data in what is saved, offers fixes, and asks before downloads.',
  autoStart: true,
  provides: IFindings,
  requires: [INotebookTracker, ISession],
  optional: [IStatusBar, ICommandPalette],
  activate: (app, notebooks: INotebookTracker, session: ISession, statusBar: IStatusBar | null, palette: ICommandPalette | null) => {
    const { serverSettings } = app.serviceManager;
    const api = new Api(serverSettings);
    const all = new Findings(api);
    const links = {
      portal: () => session.status?.portal_url ?? '',
      openFile: (path: string) => void app.commands.execute('docmanager:open', { path })
    };
    const popover = new FindingsPopover(all, links, () => item.node);
    const item = new FindingsItem(all, () => popover.toggle());
    const open = (): void => popover.open();
    statusBar?.registerStatusItem('@nbkeep/lab:findings', { item, align: 'right', rank: -999 });

    const addNotebook = (panel: NotebookPanel): void => all.add(panel, () => new ShownNotebook(panel), open);
    notebooks.forEach(addNotebook);
    notebooks.widgetAdded.connect((_, panel) => addNotebook(panel));
    // Texts have no tracker that would not need another package: their factory tells of each.
    app.docRegistry.addWidgetExtension('Editor', {
      createNew: (widget: IDocumentWidget) => {
        const editor = (): CodeEditor.IEditor | null => (widget.content as Widget & { editor?: CodeEditor.IEditor }).editor ?? null;
        all.add(widget, () => new ShownText(widget, editor), open);
      }
    });
    const { shell } = app as typeof app & { shell: { currentChanged?: { connect(slot: () => void): void } } };
    shell.currentChanged?.connect(() => all.front(app.shell.currentWidget));
    void app.restored.then(() => all.front(app.shell.currentWidget));

    app.commands.addCommand(CommandIDs.findings, {
      label: 'Show What Was Found in This Document',
      caption: 'Secrets and personal data in the document, as it was saved last',
      isEnabled: () => all.current !== null,
      execute: open
    });
    all.changed.connect(() => app.commands.notifyCommandChanged(CommandIDs.findings));
    palette?.addItem({ command: CommandIDs.findings, category: 'nbkeep' });
    const base = new URL(serverSettings.baseUrl, window.location.href).href;
    watchDownloads(api, base, path => void app.commands.execute(CommandIDs.letLeave, { path }));
    return all;
  }
};
