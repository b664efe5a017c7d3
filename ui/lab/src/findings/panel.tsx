/** What was found in the document in front: the item in the status bar, and the list that it opens. */
import { ReactWidget } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { useChanges } from '../hooks';
import { Popover } from '../popover';
import { allow, clearOutput, isMovable, moveToVault } from './actions';
import { type Answer, type Finding, isOutput, summary, where } from './answer';
import type { Findings, Open } from './model';

const SEVERITY_WORDS = { critical: 'critical', high: 'high', medium: 'medium', low: 'low' } as const;

interface Links {
  /** The portal's address, or empty. */
  readonly portal: () => string;
  readonly openFile: (path: string) => void;
}

function Row(props: { open: Open; finding: Finding; links: Links; close: () => void }): React.ReactElement {
  const { open, finding, links, close } = props;
  const portal = links.portal();
  const text = open.shown.textOf(finding);
  const run = (fix: () => Promise<void>) => () => {
    close();
    void fix();
  };
  return (
    <li className="nbkeep-Findings-row">
      <div>
        <strong>{finding.title}</strong> <code>{finding.masked}</code>{' '}
        <span className={`nbkeep-Severity nbkeep-mod-${finding.severity}`}>{SEVERITY_WORDS[finding.severity]}</span>
      </div>
      <div className="nbkeep-Buttons">
        <button
          type="button"
          className="nbkeep-Link"
          onClick={() => {
            close();
            open.shown.goTo(finding);
          }}
        >
          {where(finding)}
        </button>
        {isOutput(finding) && (
          <button type="button" className="nbkeep-Button" onClick={run(() => clearOutput(open, finding))}>
            Clear this output
          </button>
        )}
        {portal && isMovable(open, finding) && (
          <button type="button" className="nbkeep-Button" onClick={run(() => moveToVault(open, finding, portal))}>
            Move to the vault…
          </button>
        )}
        {text && finding.line > 0 && (
          <button type="button" className="nbkeep-Button" onClick={run(() => allow(open, finding))}>
            {finding.kind === 'secret' ? 'Not a secret…' : 'May stand here…'}
          </button>
        )}
      </div>
    </li>
  );
}

function Stopped(props: { answer: Answer; links: Links }): React.ReactElement | null {
  const { blocked } = props.answer;
  return blocked ? (
    <section className="nbkeep-Findings-blocked" role="alert">
      <p>{blocked.message}</p>
      <button type="button" className="nbkeep-Button" onClick={() => props.links.openFile(blocked.copy)}>
        Open the copy
      </button>
    </section>
  ) : null;
}

function List(props: { findings: Findings; links: Links; close: () => void }): React.ReactElement {
  const { findings, links, close } = props;
  useChanges(findings.changed);
  const open = findings.current;
  const answer = open?.watched.answer;
  if (!open || !answer) {
    return <p>No document is open.</p>;
  }
  const { findings: found, more, unread } = answer;
  return (
    <>
      <h2 id="nbkeep-findings-title">{summary(answer) || 'Nothing found'}</h2>
      <p className="nbkeep-quiet">
        in {open.watched.context.localPath}, {answer.blocked ? 'as it was to be saved' : 'as it was saved last'}
      </p>
      <Stopped answer={answer} links={links} />
      <ul className="nbkeep-Findings">
        {found.map((one, at) => (
          <Row key={`${one.id}-${at}`} open={open} finding={one} links={links} close={close} />
        ))}
        {unread.map((one, at) => (
          <li key={at} className="nbkeep-Findings-row">
            <strong>Not examined</strong> {where(one)}: {one.reason}
          </li>
        ))}
      </ul>
      {more > 0 && <p>And {more} more.</p>}
      {found.length > 0 && (
        <p className="nbkeep-quiet">A value that others have seen is known: get a new one from its service.</p>
      )}
    </>
  );
}

export class FindingsPopover {
  constructor(
    private readonly findings: Findings,
    private readonly links: Links,
    private readonly anchor: () => HTMLElement
  ) {}

  open(): void {
    this._popover?.dispose();
    const close = (): void => this._popover?.dispose();
    const content = <List findings={this.findings} links={this.links} close={close} />;
    this._popover = new Popover(content, this.anchor(), 'nbkeep-findings-title');
    this._popover.addClass('nbkeep-mod-wide');
    Widget.attach(this._popover, document.body);
  }

  toggle(): void {
    if (this._popover && !this._popover.isDisposed) {
      this._popover.dispose();
    } else {
      this.open();
    }
  }

  private _popover: Popover | null = null;
}

function Item(props: { findings: Findings; onClick: () => void }): React.ReactElement | null {
  useChanges(props.findings.changed);
  const watched = props.findings.current?.watched;
  if (watched?.isHeld) {
    return <span className="nbkeep-Item nbkeep-quiet">Examining before saving…</span>;
  }
  const words = watched ? summary(watched.answer) : '';
  const isBlocked = watched?.answer.blocked !== null && watched !== undefined;
  if (!words && !isBlocked) {
    return null;
  }
  const label = `${isBlocked ? 'Not saved. ' : ''}Found in this document: ${words || 'something that a policy stops'}.`;
  return (
    <button
      type="button"
      className="nbkeep-Item"
      aria-haspopup="dialog"
      aria-label={`${label} Show them.`}
      title={label}
      onClick={props.onClick}
    >
      <span className="nbkeep-mod-warned">
        {isBlocked ? 'Not saved: ' : ''}
        {words}
      </span>
    </button>
  );
}

export class FindingsItem extends ReactWidget {
  constructor(
    private readonly findings: Findings,
    private readonly onClick: () => void
  ) {
    super();
    this.addClass('nbkeep-ItemHost');
    this.addClass('nbkeep-FindingsHost');
  }

  protected override render(): React.ReactElement {
    return <Item findings={this.findings} onClick={this.onClick} />;
  }
}
