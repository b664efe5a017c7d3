import { ILabShell, IRouter, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';

import { namesADocument } from '../address';

/** JupyterLab's own mark of a file browser that shows nothing yet. */
const RESTORING = 'jp-mod-restoring';

/**
 * JupyterLab shows the folder, and the launcher where nothing is open, only after its address was followed to
 * the end, which waits for the workspace to be saved twice: a second in which nothing happens. Where the address
 * names no document there is nothing to wait for. What JupyterLab does afterwards finds it done.
 */
export const firstView: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:first-view',
  description: 'Shows the folder and the launcher as soon as they can be used.',
  autoStart: true,
  requires: [IDefaultFileBrowser, ILabShell, IRouter],
  activate: ({ commands, restored }, browser: IDefaultFileBrowser, shell: ILabShell, router: IRouter) => {
    if (namesADocument(router.current)) {
      return;
    }
    void restored.then(async () => {
      await browser.model.restore(browser.id);
      await browser.model.refresh();
      browser.removeClass(RESTORING);
      if (shell.isEmpty('main')) {
        await commands.execute('launcher:create');
      }
    });
  }
};
