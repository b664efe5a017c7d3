/** The whole-window message once the session is gone. */
import { ReactWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import type { Status } from './status';
import type { IKeptState, ISession } from './tokens';
import { sessionPage, stopWords } from './words';

function Gone(props: { last: Status | null; at: number; keeps: boolean; unsaved: readonly string[] }): React.ReactElement {
  const { last, keeps } = props;
  const { headline, reason } = stopWords(last, props.at, keeps);
  const page = last && sessionPage(last);
  return (
    <div className="nbkeep-Gone-box">
      <h1 id="nbkeep-gone-title">{headline}</h1>
      <p id="nbkeep-gone-text">
        {keeps
          ? 'Your variables are kept (unless somebody chose to discard them), and so are files, open tabs and the layout: ' +
            'resume the session to go on where you were.'
          : last?.quarantine
            ? 'It was in quarantine: its files went with it.'
            : 'Your files are kept, and so are open tabs and the layout. Variables in memory are gone.'}{' '}
        {reason}
      </p>
      {props.unsaved.length > 0 && (
        <p>
          Changed since the last save, and not on disk: {props.unsaved.join(', ')}. Keep this tab open,{' '}
          {keeps ? 'resume the session' : 'start the session again'}, then save.
        </p>
      )}
      <div className="nbkeep-Buttons">
        {page && (
          <a
            className="nbkeep-Button nbkeep-mod-primary"
            href={page}
            target={props.unsaved.length > 0 ? '_blank' : undefined}
            rel="noopener"
          >
            {keeps ? 'Resume' : 'Start again'}
          </a>
        )}
      </div>
      {!page && <p>Open the portal to {keeps ? 'resume it' : 'start it again'}.</p>}
    </div>
  );
}

class GoneScreen extends ReactWidget {
  constructor(private readonly screen: React.ReactElement) {
    super();
    this.addClass('jp-ThemedContainer');
    this.addClass('nbkeep-Gone');
    this.node.setAttribute('role', 'alertdialog');
    this.node.setAttribute('aria-modal', 'true');
    this.node.setAttribute('aria-labelledby', 'nbkeep-gone-title');
    this.node.setAttribute('aria-describedby', 'nbkeep-gone-text');
    this.node.tabIndex = -1;
  }

  protected override render(): React.ReactElement {
    return this.screen;
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    // Nothing under it may be reached, dialogs about failed saves included: all of it would only fail.
    this._shut();
    this._watch.observe(document.body, { childList: true });
    this.node.focus();
  }

  protected override onBeforeDetach(message: Message): void {
    this._watch.disconnect();
    this._others().forEach(other => other.removeAttribute('inert'));
    super.onBeforeDetach(message);
  }

  private _shut(): void {
    this._others().forEach(other => other.setAttribute('inert', ''));
  }

  private _others(): Element[] {
    return [...document.body.children].filter(child => child !== this.node);
  }

  private readonly _watch = new MutationObserver(() => this._shut());
}

/** Shows the message while the session is stopped, and takes it away should it be there again. */
export class StoppedScreen {
  constructor(
    private readonly session: ISession,
    private readonly state: IKeptState,
    private readonly unsaved: () => string[]
  ) {
    session.changed.connect(() => this._follow());
  }

  private _follow(): void {
    if (this.session.link === 'stopped' && !this._screen) {
      const last = this.session.status;
      const at = this.session.now();
      const keeps = this.state.kept?.keeps ?? false;
      this._screen = new GoneScreen(<Gone last={last} at={at} keeps={keeps} unsaved={this.unsaved()} />);
      Widget.attach(this._screen, document.body);
    } else if (this.session.link === 'connected' && this._screen) {
      this._screen.dispose();
      this._screen = null;
    }
  }

  private _screen: GoneScreen | null = null;
}
