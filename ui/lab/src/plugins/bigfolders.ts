import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';

import { cutBrowser, cutNewBrowsers } from '../bigfolders';

export const bigFolders: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:big-folders',
  description: 'Shows the first files of a folder that has too many to draw.',
  autoStart: true,
  requires: [IFileBrowserFactory],
  activate: (_, { tracker }: IFileBrowserFactory) => {
    cutNewBrowsers();
    tracker.forEach(browser => {
      cutBrowser(browser);
    });
  }
};
