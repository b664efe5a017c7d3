/**
 * The bars above everything: a warning before a stop, notices, and what a resume brought back.
 *
 * They push the page down instead of covering it. JupyterLab's own notifications would cut the text
 * at 140 characters and vanish in "do not disturb"; a reason for a visit may do neither.
 */
import * as React from 'react';

import { FittedWidget } from './fitted';
import { useNow, useSession } from './hooks';
import { KeepWorking } from './keepworking';
import { ResumedPanel } from './resumed';
import type { Notice, StopWarning } from './status';
import type { IDetails, IKeptState, IRerun, ISession } from './tokens';
import { clock, countdown, dueSentence, homeWarning, spoken, until } from './words';

/** Kinds of notices that are answered by making room. */
const ABOUT_HOME = /home|volume/;
/** The kind of those about quotas: one can ask for more of them. */
const QUOTA = 'quota';

function AskForMore(props: { portal: string }): React.ReactElement | null {
  return props.portal ? (
    <a className="nbkeep-Button" href={`${props.portal}quotas`} target="_blank" rel="noopener">
      Ask for more
    </a>
  ) : null;
}

function WarningBar(props: { session: ISession; warning: StopWarning; keeps: boolean }): React.ReactElement {
  const now = useNow(props.session, 1_000);
  const { warning } = props;
  const left = until(warning.at, now) ?? 0;
  const urgent = left < 60_000 ? ' nbkeep-mod-urgent' : '';
  return (
    <section className={`nbkeep-Bar nbkeep-mod-warning${urgent}`} aria-label="Warning before a stop">
      <span className="nbkeep-Bar-count" aria-hidden="true">
        {left > 0 ? `${countdown(left)} left` : 'now'}
      </span>
      <span className="nbkeep-Bar-text">{left > 0 ? warning.text : dueSentence(props.keeps)}</span>
      <span className="nbkeep-sr" role="alert">
        {spoken(warning, now)}
      </span>
      {left > 0 && <KeepWorking session={props.session} primary />}
      {warning.kind === QUOTA && <AskForMore portal={props.session.status?.portal_url ?? ''} />}
    </section>
  );
}

function NoticeBar(props: { session: ISession; details: IDetails; notice: Notice }): React.ReactElement {
  const { notice, session } = props;
  const [failed, setFailed] = React.useState('');
  const dismiss = (): void => {
    session.dismissNotice(notice.id).catch(error => setFailed(`Not dismissed: ${String(error.message)}`));
  };
  return (
    <section className="nbkeep-Bar nbkeep-mod-notice" role="status" aria-label="Notice">
      <span className="nbkeep-Bar-text">
        {notice.text}
        {notice.at && <span className="nbkeep-quiet"> {clock(notice.at, session.now())}</span>}
        {failed && <span className="nbkeep-mod-away"> {failed}</span>}
      </span>
      {ABOUT_HOME.test(notice.kind) && (
        <button type="button" className="nbkeep-Button" onClick={() => props.details.open('home')}>
          Show what uses space
        </button>
      )}
      {notice.kind === QUOTA && <AskForMore portal={session.status?.portal_url ?? ''} />}
      <button type="button" className="nbkeep-Button" onClick={dismiss}>
        Dismiss
      </button>
    </section>
  );
}

function HomeBar(props: { details: IDetails; words: string }): React.ReactElement | null {
  const [dismissed, setDismissed] = React.useState(false);
  if (dismissed) {
    return null;
  }
  return (
    <section className="nbkeep-Bar nbkeep-mod-warning" role="status" aria-label="Home is full">
      <span className="nbkeep-Bar-text">{props.words}</span>
      <button type="button" className="nbkeep-Button nbkeep-mod-primary" onClick={() => props.details.open('home')}>
        Show what uses space
      </button>
      <button type="button" className="nbkeep-Button" onClick={() => setDismissed(true)}>
        Dismiss
      </button>
    </section>
  );
}

function All(props: {
  session: ISession;
  details: IDetails;
  state: IKeptState;
  rerun: IRerun;
}): React.ReactElement | null {
  const { status, link } = useSession(props.session);
  if (!status || link === 'stopped') {
    return null;
  }
  const full = status.notices.some(notice => ABOUT_HOME.test(notice.kind)) ? '' : homeWarning(status.home);
  return (
    <>
      {status.warning && <WarningBar session={props.session} warning={status.warning} keeps={props.state.kept?.keeps ?? false} />}
      {full && <HomeBar details={props.details} words={full} />}
      {status.notices.map(notice => (
        <NoticeBar key={notice.id} session={props.session} details={props.details} notice={notice} />
      ))}
      <ResumedPanel state={props.state} session={props.session} rerun={props.rerun} />
    </>
  );
}

export class Bars extends FittedWidget {
  constructor(
    private readonly session: ISession,
    private readonly details: IDetails,
    private readonly state: IKeptState,
    private readonly rerun: IRerun
  ) {
    super();
    this.id = 'nbkeep-bars';
    this.addClass('nbkeep-Bars');
  }

  protected override content(): React.ReactElement {
    return <All session={this.session} details={this.details} state={this.state} rerun={this.rerun} />;
  }
}
