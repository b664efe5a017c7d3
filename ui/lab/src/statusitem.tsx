/** The item in the status bar: profile, memory, time left, in one quiet line. */
import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { linkWords } from './connection';
import { useNow, useSession } from './hooks';
import type { ISession } from './tokens';
import { countdown, duration, sizeOf, QUARANTINE, statusSentence, until } from './words';

/** Memory above this share of the limit is shown as a warning: the next cell may be the kernel's last. */
const MEMORY_TIGHT = 0.9;

/** Times left below these are worth a colour even where no warning has been given yet. */
const END_NEAR_MS = 10 * 60_000;

function Item(props: { session: ISession; onClick: () => void }): React.ReactElement | null {
  const session = useSession(props.session);
  const { status, link } = session;
  const now = useNow(session, status?.warning ? 1_000 : 10_000);
  if (!status) {
    return null;
  }
  const memory = status.memory;
  const tight = memory !== null && memory.limit_bytes > 0 && memory.used_bytes / memory.limit_bytes > MEMORY_TIGHT;
  const idle = until(status.idle_stop_at, now);
  const end = until(status.ends_at, now);
  const warned = status.warning?.kind;
  const away = link !== 'connected' ? linkWords(link).mark : status.office_reachable ? '' : 'nbkeep is away';
  const label =
    link !== 'connected'
      ? linkWords(link).sentence
      : (status.quarantine ? `${QUARANTINE}. ` : '') +
        statusSentence(status, now) +
        (status.office_reachable ? '' : ' nbkeep cannot be reached; your work goes on.');
  const left = (milliseconds: number, close: boolean): string =>
    close ? countdown(milliseconds) : duration(milliseconds);
  return (
    <button
      type="button"
      className="nbkeep-Item"
      aria-haspopup="dialog"
      aria-label={`${label} Show details.`}
      title={label}
      onClick={props.onClick}
    >
      {away && <span className="nbkeep-Item-part nbkeep-mod-away">{away}</span>}
      {status.quarantine && <span className="nbkeep-Item-part nbkeep-mod-warned">{QUARANTINE}</span>}
      {status.profile.display_name && (
        <span className="nbkeep-Item-part nbkeep-Item-profile">{status.profile.display_name}</span>
      )}
      {memory && (
        <span className={`nbkeep-Item-part${tight ? ' nbkeep-mod-warned' : ''}`}>
          {sizeOf(memory.used_bytes, memory.limit_bytes)}
        </span>
      )}
      {status.frozen_until !== null && (
        <span className="nbkeep-Item-part">Paused, goes on when you run a cell</span>
      )}
      {idle !== null && (
        <span className={`nbkeep-Item-part${warned === 'idle' ? ' nbkeep-mod-warned' : ''}`}>
          idle stop {left(idle, warned === 'idle')}
        </span>
      )}
      {end !== null && (
        <span
          className={`nbkeep-Item-part${warned === 'max-session' || end < END_NEAR_MS ? ' nbkeep-mod-warned' : ''}`}
        >
          ends {left(end, warned === 'max-session')}
        </span>
      )}
    </button>
  );
}

export class StatusItem extends ReactWidget {
  constructor(
    private readonly session: ISession,
    private readonly onClick: () => void
  ) {
    super();
    this.addClass('nbkeep-ItemHost');
  }

  protected override render(): React.ReactElement {
    return <Item session={this.session} onClick={this.onClick} />;
  }
}
