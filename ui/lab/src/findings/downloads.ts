/** Asks before a download whether the policy lets the file leave, so that a person reads why it does not. */
import { Dialog, showDialog } from '@jupyterlab/apputils';

import type { Api } from '../api';
import { fields, text } from '../status';
import { downloaded } from './hrefs';

/**
 * Watches every link with `download`: JupyterLab's menus make one and click it. The server decides again.
 * `letLeave` shows by which other ways a file may leave.
 */
export function watchDownloads(api: Api, base: string, letLeave: (path: string) => void): void {
  const asked = new WeakSet<EventTarget>();
  document.addEventListener(
    'click',
    event => {
      const link = event.composedPath().find((one): one is HTMLAnchorElement => one instanceof HTMLAnchorElement);
      const path = link?.hasAttribute('download') && !asked.has(link) ? downloaded(link.href, base) : null;
      if (link && path !== null) {
        event.preventDefault();
        event.stopImmediatePropagation();
        void mayLeave(api, path, letLeave).then(may => {
          if (may) {
            const again = document.createElement('a');
            again.href = link.href;
            again.download = link.download;
            asked.add(again);
            document.body.append(again);
            again.click();
            again.remove();
          }
        });
      }
    },
    true
  );
}

async function mayLeave(api: Api, path: string, letLeave: (path: string) => void): Promise<boolean> {
  let message = '';
  try {
    const verdict = fields(await api.post('download', { path }));
    message = text(verdict.decision) === 'allow' ? '' : text(verdict.message);
  } catch {
    return true; // the server, asked for the file, says itself what is the matter
  }
  if (message) {
    const buttons = [Dialog.cancelButton({ label: 'Close' }), Dialog.okButton({ label: 'Let it leave…' })];
    const { button } = await showDialog({ title: 'Not downloaded', body: message, buttons });
    if (button.accept) {
      letLeave(path);
    }
  }
  return message === '';
}
