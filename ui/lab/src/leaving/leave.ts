/** Lets a document leave, or be looked at safely: always in the portal, where no script of a notebook can ask. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';

import type { Api } from '../api';
import { formAddress, readAdvice, safelyAddress } from './advice';
import { LeavingBody } from './dialog';

export interface Outside {
  /** The portal's address with a slash at its end, or empty. */
  portal(): string;
  session(): string;
  /** Has the browser download a file of the home; the server judges it. */
  download(path: string): Promise<void>;
}

/** Shows what would be decided, and goes on where the person wants. `context`: of the document, if it is open. */
export async function letLeave(api: Api, outside: Outside, path: string, context: DocumentRegistry.Context | null): Promise<void> {
  if (context?.model.dirty && !context.model.readOnly) {
    await context.save().catch(() => undefined); // what leaves is the file, as a person sees it now
  }
  const body = new LeavingBody(path, async () => readAdvice(await api.get(`leaving?path=${encodeURIComponent(path)}`)));
  const { button, value } = await showDialog({
    title: 'Let it leave',
    body,
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Go on' })]
  });
  if (!button.accept || !value) {
    return;
  }
  if (value.gate === 'download' && value.isAllowed) {
    await outside.download(path);
  } else {
    window.open(formAddress(outside.portal(), path, value.gate, value.form), '_blank', 'noopener');
  }
}

export function openSafely(outside: Outside, path: string): void {
  window.open(safelyAddress(outside.portal(), path, outside.session()), '_blank', 'noopener');
}
