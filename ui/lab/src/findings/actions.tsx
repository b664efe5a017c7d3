/** The fixes that are offered at a finding. Each tells in a sentence what came of it. */
import { Dialog, InputDialog, Notification, ReactWidget, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';

import { type Finding, where } from './answer';
import { allowEdit, lineAt, lineNow, literalOf, PLACEHOLDER, suggestedHost, suggestedName } from './fixes';
import type { Open } from './model';

const TOLD_MS = 8_000;

/** Takes the output away that it stands in, saves, and offers to put it back. */
export async function clearOutput({ shown, watched }: Open, finding: Finding): Promise<void> {
  const undo = shown.clearOutput(finding);
  if (!undo) {
    tell(`The output in ${where(finding)} is not there any more.`);
    return;
  }
  Notification.info(`Cleared: ${where(finding)}.`, {
    autoClose: TOLD_MS,
    actions: [{ label: 'Undo', callback: undo, caption: 'Put the output back' }]
  });
  await save({ shown, watched });
}

/** Asks for a reason and writes it beside the finding, as the scanner heeds it. */
export async function allow(open: Open, finding: Finding): Promise<void> {
  const line = lineOf(open, finding);
  if (!line) {
    tell('The value is not there any more, or in several places: save, and try again.');
    return;
  }
  const before = open.shown.textOf(finding);
  const place = before && lineAt(before.source, line);
  if (!before || !place || !before.mayHoldComment(place.end)) {
    tell('A reason has no place there: the line ends within a string. Let the string end on that line, or take the value out.');
    return;
  }
  const { value } = await InputDialog.getText({
    title: 'Not a secret',
    label: `Why may ${finding.title.replace(/^[A-Z](?=[a-z])/, letter => letter.toLowerCase())} (${finding.masked}) stand here? The reason is written beside it, for everybody who reads this.`,
    placeholder: 'for example: the sample key of the manual',
    okLabel: 'Write the reason',
    required: true
  });
  if (!value) {
    return;
  }
  const text = open.shown.textOf(finding);
  const edit = text && allowEdit(text.source, lineOf(open, finding), finding.rule, value, text.mimeType);
  if (!edit) {
    tell('Not marked: give a reason of at least three letters; a line that goes on in the next one can have none.');
    return;
  }
  text.apply(edit);
  await save(open);
}

/** The line of a finding in the text as it is now, which may have been edited since it was saved; 0 for none. */
function lineOf({ shown }: Open, finding: Finding): number {
  const text = shown.textOf(finding);
  return text ? (finding.decoded ? finding.line : lineNow(text.source, finding.line, finding.masked)) : 0;
}

interface Wish {
  name: string;
  hosts: string;
}

class VaultForm extends ReactWidget implements Dialog.IBodyWidget<Wish> {
  constructor(
    private readonly wish: Wish,
    private readonly masked: string
  ) {
    super();
    this.addClass('nbkeep-VaultForm');
  }

  getValue(): Wish {
    return this.wish;
  }

  protected override render(): React.ReactElement {
    const { wish } = this;
    return (
      <>
        <p>
          The portal opens its form for a new secret in a new tab, with this name and host. The value ({this.masked}) is in your
          clipboard: paste it there. Here a placeholder takes its place; on its way to the host nbkeep replaces it by the value.
        </p>
        <label>
          Name
          <input className="jp-mod-styled" defaultValue={wish.name} onChange={event => (wish.name = event.target.value.trim())} />
        </label>
        <label>
          Host that the value is for
          <input
            className="jp-mod-styled"
            defaultValue={wish.hosts}
            placeholder="api.example.com"
            onChange={event => (wish.hosts = event.target.value.trim())}
          />
        </label>
        <p className="nbkeep-quiet">Whoever has seen this notebook may have the value: get a new one from its service when you can.</p>
      </>
    );
  }
}

/** Whether the finding is the whole of a text in quotes, which a placeholder can take the place of. */
export function isMovable(open: Open, finding: Finding): boolean {
  const text = finding.kind === 'secret' ? open.shown.textOf(finding) : null;
  return text !== null && literalOf(text.source, finding.line, finding.masked) !== null;
}

/** Hands the value over by the clipboard, opens the portal's form, and puts the placeholder into the text. */
export async function moveToVault(open: Open, finding: Finding, portal: string): Promise<void> {
  const text = open.shown.textOf(finding);
  const place = text && lineAt(text.source, finding.line);
  const literal = text && literalOf(text.source, finding.line, finding.masked);
  if (!text || !place || !literal) {
    tell('The value is not there any more.');
    return;
  }
  const before = text.source.slice(place.begin, literal.begin - 1);
  const body = new VaultForm(
    { name: suggestedName(before, finding.rule), hosts: suggestedHost(text.source, finding.rule) },
    finding.masked
  );
  const result = await showDialog({
    title: 'Move to the vault',
    body,
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Copy, open the form, replace' })]
  });
  const now = open.shown.textOf(finding);
  const found = now && literalOf(now.source, finding.line, finding.masked);
  if (!result.button.accept || !result.value || !now || !found) {
    return;
  }
  if (!/^[a-z][a-z0-9-]*$/.test(result.value.name)) {
    tell('Nothing was changed: a name has small letters, digits and -, and begins with a letter.');
    return;
  }
  try {
    await navigator.clipboard.writeText(found.text);
  } catch {
    tell('Nothing was changed: this browser does not let the value into the clipboard. Keep the secret in the portal first.');
    return;
  }
  // The value itself is never part of an address.
  const form = new URLSearchParams({ name: result.value.name, hosts: result.value.hosts });
  window.open(`${portal}secrets?${form.toString()}#new-title`, '_blank', 'noopener');
  now.apply({ begin: found.begin, end: found.end, text: `${PLACEHOLDER}${result.value.name}` });
  tell('The placeholder stands in its place; undo brings the value back.');
  await save(open);
}

function tell(sentence: string): void {
  Notification.info(sentence, { autoClose: TOLD_MS });
}

/** Saves, so that the fix is seen to work; a save that fails tells so itself. */
async function save({ watched }: Pick<Open, 'watched' | 'shown'>): Promise<void> {
  await watched.context.save().catch(() => undefined);
  watched.soon();
}
