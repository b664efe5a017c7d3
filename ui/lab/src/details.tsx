/** The details of the session: everything of the status item in words, and what can be done about it. */
import * as React from 'react';

import { linkWords } from './connection';
import { HomeSection } from './home';
import { useChanges, useNow, useSession } from './hooks';
import { KeepWorking } from './keepworking';
import { Meter } from './meter';
import { KeptLine } from './savestate';
import type { Askable, Status } from './status';
import type { IKeptState, ISession, ITour } from './tokens';
import { classification, endSentence, idleSentence, price, QUARANTINE, resources, size, sizeOf } from './words';

function Row(props: { name: string; children: React.ReactNode }): React.ReactElement {
  return (
    <div className="nbkeep-Row">
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

function MemoryRow(props: { status: Status }): React.ReactElement | null {
  const { memory } = props.status;
  if (!memory) {
    return null;
  }
  return (
    <Row name="Memory">
      <Meter label="Memory" used={memory.used_bytes} limit={memory.limit_bytes} />
      {sizeOf(memory.used_bytes, memory.limit_bytes)} used
      {memory.peak_bytes > memory.used_bytes && (
        <span className="nbkeep-quiet">, at most {size(memory.peak_bytes)} so far</span>
      )}
    </Row>
  );
}

/** What was refused lately and may be asked for; the portal has the form, which knows who asks. */
function AskableList(props: { askable: Askable[] }): React.ReactElement | null {
  if (props.askable.length === 0) {
    return null;
  }
  return (
    <ul className="nbkeep-Askable" aria-label="Refused lately">
      {props.askable.map(one => (
        <li key={one.host}>
          <code>{one.host}</code> was refused.{' '}
          {one.asked ? (
            <span className="nbkeep-quiet">You have asked for it.</span>
          ) : (
            <a className="nbkeep-Button" href={one.url} target="_blank" rel="noopener">
              Ask for access<span className="nbkeep-sr"> to {one.host}</span>
            </a>
          )}
        </li>
      ))}
    </ul>
  );
}

export function Details(props: {
  session: ISession;
  state: IKeptState;
  tour: ITour;
  homeFirst: boolean;
}): React.ReactElement {
  const session = useSession(props.session);
  useChanges(props.state.changed);
  const now = useNow(session, 1_000);
  const { status, link } = session;
  if (!status) {
    return <p>The session has not answered yet.</p>;
  }
  const { profile } = status;
  return (
    <>
      <h2 id="nbkeep-details-title">{profile.display_name || 'Your session'}</h2>
      {profile.name && (
        <p className="nbkeep-quiet">{[profile.description, resources(profile)].filter(Boolean).join(' · ')}</p>
      )}
      {link !== 'connected' && <p className="nbkeep-mod-away">{linkWords(link).sentence}</p>}
      {link === 'connected' && !status.office_reachable && (
        <p className="nbkeep-mod-away">
          nbkeep itself cannot be reached at the moment. Your work goes on; the times below may be old.
        </p>
      )}
      {status.quarantine && (
        <p className="nbkeep-mod-away">
          {QUARANTINE}. The home is empty but for what was opened, no host is reached, nothing leaves, and all of it
          goes when the session stops.
        </p>
      )}
      <dl>
        <MemoryRow status={status} />
        <Row name="Idle stop">{idleSentence(status, now)}</Row>
        <Row name="End">{endSentence(status, now)}</Row>
        {props.state.kept && (
          <Row name="Variables">
            <KeptLine state={props.state} now={now} />
          </Row>
        )}
        {status.home && (
          <Row name="Home">
            <Meter label="Home" used={status.home.used_bytes} limit={status.home.size_bytes} />
            {sizeOf(status.home.used_bytes, status.home.size_bytes)} used
            {status.home.size_bytes > 0 && (
              <span className="nbkeep-quiet">, {size(status.home.free_bytes)} free</span>
            )}
            <HomeSection session={session} open={props.homeFirst} />
          </Row>
        )}
        {profile.name && <Row name="Price">{price(profile)}</Row>}
        {(profile.network_words || status.askable.length > 0) && (
          <Row name="Network">
            {profile.network_words}
            <AskableList askable={status.askable} />
          </Row>
        )}
        {profile.classification && <Row name="Data">{classification(profile.classification)}</Row>}
        {status.data_class && (
          <Row name="Has read">
            {status.data_class} data
            {status.data_class !== 'public' && (
              <span className="nbkeep-quiet">: files of your home that change since are on record as such</span>
            )}
          </Row>
        )}
        {status.record_code && <Row name="Recording">The code of the cells that you run is kept in the audit journal.</Row>}
      </dl>
      <div className="nbkeep-Buttons">
        <KeepWorking session={session} />
        {status.portal_url && (
          <a className="nbkeep-Button" href={status.portal_url} target="_blank" rel="noopener">
            Open portal
          </a>
        )}
        <button type="button" className="nbkeep-Button" onClick={() => props.tour.start()}>
          Take the tour
        </button>
      </div>
    </>
  );
}
