/** The sidebar "Data": what this session may read and use, with the ways to ask for more. */
import { ReactWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { useChanges, useNow, useSession } from '../hooks';
import type { ISession } from '../tokens';
import { duration } from '../words';
import {
  accessWords,
  answerWords,
  askedWords,
  type Catalogue,
  type Connection,
  connectionWords,
  type Dataset,
  durations,
  matches,
  type Package,
  packageWords
} from './catalogue';
import { type CatalogueSource, failure } from './source';

/** What a click does outside of the panel; each tells in a sentence what came of it. */
export interface Actions {
  copy(text: string): string;
  insertDataset(dataset: Dataset): string;
  insertConnection(connection: Connection): string;
}

/** With fewer things than these nobody needs to search. */
const SEARCHED_FROM = 4;
const LONGEST_REASON = 500;
const TWO_HOURS_S = 7200;
const NEWS_MS = 10_000;

function Ask(props: { dataset: Dataset; source: CatalogueSource; longest_s: number; done: (words: string) => void }): React.ReactElement {
  const { dataset, source } = props;
  const choices = durations(props.longest_s);
  const [reason, setReason] = React.useState('');
  const [seconds, setSeconds] = React.useState(choices.includes(TWO_HOURS_S) ? TWO_HOURS_S : choices[0]!);
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState('');
  const first = React.useRef<HTMLTextAreaElement>(null);
  React.useEffect(() => first.current?.focus(), []);
  const id = `nbkeep-ask-${dataset.name}`;
  const send = async (): Promise<void> => {
    setBusy(true);
    try {
      await source.ask(dataset.name, reason.trim(), seconds);
      props.done(`Asked: ${dataset.decider} decides.`);
    } catch (error) {
      setProblem(failure(error));
      setBusy(false);
    }
  };
  return (
    <form
      className="nbkeep-Data-ask"
      aria-label={`Ask for all of ${dataset.name}`}
      data-lm-suppress-shortcuts="true"
      onSubmit={event => {
        event.preventDefault();
        void send();
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          props.done('');
        }
      }}
    >
      <label htmlFor={`${id}-reason`}>What for</label>
      <textarea
        id={`${id}-reason`}
        ref={first}
        rows={3}
        required
        maxLength={LONGEST_REASON}
        value={reason}
        aria-describedby={`${id}-hint`}
        onChange={event => setReason(event.target.value)}
      />
      <p id={`${id}-hint`} className="nbkeep-quiet">
        In a sentence, for {dataset.decider}. It stays on record.
      </p>
      <label htmlFor={`${id}-for`}>For how long, from the approval on</label>
      <select id={`${id}-for`} value={seconds} onChange={event => setSeconds(Number(event.target.value))}>
        {choices.map(one => (
          <option key={one} value={one}>
            {duration(one * 1000)}
          </option>
        ))}
      </select>
      <div className="nbkeep-Buttons">
        <button type="submit" className="nbkeep-Button nbkeep-mod-primary" disabled={busy || reason.trim() === ''}>
          Ask {dataset.decider}
        </button>
        <button type="button" className="nbkeep-Button" onClick={() => props.done('')}>
          Cancel
        </button>
      </div>
      <p role="alert" className="nbkeep-Answer nbkeep-Data-problem">
        {problem}
      </p>
    </form>
  );
}

function OneDataset(props: {
  dataset: Dataset;
  source: CatalogueSource;
  actions: Actions;
  longest_s: number;
  now: number;
}): React.ReactElement {
  const { dataset, source, actions } = props;
  const [asks, setAsks] = React.useState(false);
  const [said, setSaid] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  const asking = React.useRef<HTMLButtonElement>(null);
  // What was said of a request is old once it was decided, or access is over.
  React.useEffect(() => setSaid(''), [dataset.level]);
  const withdraw = async (words: string): Promise<void> => {
    setBusy(true);
    try {
      await source.withdraw(dataset.name);
      setSaid(words);
    } catch (error) {
      setSaid(failure(error));
    }
    setBusy(false);
  };
  const of = <span className="nbkeep-sr"> {dataset.name}</span>;
  const isReadable = dataset.level !== 'none';
  return (
    <li className="nbkeep-Data-one" data-level={dataset.level}>
      <div className="nbkeep-Data-title">
        <strong>{dataset.name}</strong>
        <span className="nbkeep-Data-class">{dataset.classification}</span>
      </div>
      <p>{dataset.purpose}</p>
      <p className="nbkeep-quiet">Owner: {dataset.owner}</p>
      <p className="nbkeep-Data-access">{accessWords(dataset, props.now)}</p>
      {!dataset.has_keys && <p className="nbkeep-Data-problem">Its keys have ended: tell {dataset.owner}.</p>}
      {dataset.closes_internet && (
        <p className="nbkeep-quiet">Reading it closes the public internet for the rest of this session.</p>
      )}
      {dataset.asked && <p className="nbkeep-Data-asked">{askedWords(dataset)}</p>}
      {dataset.answer && !dataset.asked && dataset.level !== 'whole' && (
        <p className="nbkeep-Data-problem">{answerWords(dataset)}</p>
      )}
      {asks && dataset.may_ask && !dataset.asked ? (
        <Ask
          dataset={dataset}
          source={source}
          longest_s={props.longest_s}
          done={words => {
            setAsks(false);
            setSaid(words);
            window.setTimeout(() => asking.current?.focus());
          }}
        />
      ) : (
        <div className="nbkeep-Buttons">
          {isReadable && (
            <button type="button" className="nbkeep-Button" onClick={() => setSaid(actions.insertDataset(dataset))}>
              Insert code{of}
            </button>
          )}
          {isReadable && (
            <button type="button" className="nbkeep-Button" title={dataset.address} onClick={() => setSaid(actions.copy(dataset.address))}>
              Copy address{of}
            </button>
          )}
          {dataset.may_ask && !dataset.asked && (
            <button
              type="button"
              ref={asking}
              className="nbkeep-Button"
              onClick={() => {
                setSaid('');
                setAsks(true);
              }}
            >
              Ask for all of it{of}
            </button>
          )}
          {dataset.asked && (
            <button type="button" ref={asking} className="nbkeep-Button" disabled={busy} onClick={() => void withdraw('Withdrawn.')}>
              Withdraw{of}
            </button>
          )}
          {dataset.level === 'whole' && !dataset.asked && (
            <button type="button" className="nbkeep-Button" disabled={busy} onClick={() => void withdraw('Given back.')}>
              Give access back{of}
            </button>
          )}
        </div>
      )}
      <p role="status" className="nbkeep-Answer">
        {said}
      </p>
    </li>
  );
}

function OneConnection(props: { connection: Connection; actions: Actions }): React.ReactElement {
  const { connection, actions } = props;
  const [said, setSaid] = React.useState('');
  const address = `localhost:${connection.local_port}`;
  const of = <span className="nbkeep-sr"> {connection.name}</span>;
  return (
    <li className="nbkeep-Data-one" data-level={connection.is_granted ? 'whole' : 'none'}>
      <div className="nbkeep-Data-title">
        <strong>{connection.name}</strong>
        <span className="nbkeep-Data-class">{connection.kind === 'postgres' ? 'PostgreSQL' : 'TCP'}</span>
      </div>
      <p>
        <code>{address}</code>
        {connection.database && <> · database {connection.database}</>}
      </p>
      <p className="nbkeep-Data-access">{connectionWords(connection)}</p>
      {connection.is_granted && (
        <div className="nbkeep-Buttons">
          <button type="button" className="nbkeep-Button" onClick={() => setSaid(actions.insertConnection(connection))}>
            Insert code{of}
          </button>
          <button type="button" className="nbkeep-Button" onClick={() => setSaid(actions.copy(address))}>
            Copy address{of}
          </button>
        </div>
      )}
      <p role="status" className="nbkeep-Answer">
        {said}
      </p>
    </li>
  );
}

function Packages(props: { packages: readonly Package[] }): React.ReactElement {
  return (
    <details className="nbkeep-Data-packages">
      <summary>Packages of this session ({props.packages.length})</summary>
      {props.packages.length === 0 ? (
        <p className="nbkeep-quiet">This session has fetched no packages by a package index that nbkeep reads.</p>
      ) : (
        <ul aria-label="Packages">
          {props.packages.map((one, at) => (
            <li key={at} data-outcome={one.outcome}>
              <code>{[one.name, one.version].filter(Boolean).join(' ')}</code>{' '}
              <span className={one.outcome === 'installed' && one.vulnerabilities.length === 0 ? 'nbkeep-quiet' : 'nbkeep-Data-problem'}>
                {packageWords(one)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}

function Lists(props: {
  catalogue: Catalogue;
  source: CatalogueSource;
  session: ISession;
  actions: Actions;
}): React.ReactElement {
  const { catalogue, source, actions } = props;
  const [words, setWords] = React.useState('');
  const now = useNow(props.session, NEWS_MS);
  const datasets = catalogue.datasets.filter(one => matches(words, one.name, one.purpose, one.owner, one.classification));
  const connections = catalogue.connections.filter(one => matches(words, one.name, one.kind, one.database));
  const packages = catalogue.packages.filter(one => matches(words, one.name, one.version, one.outcome));
  const count = catalogue.datasets.length + catalogue.connections.length;
  const isSearched = count + catalogue.packages.length >= SEARCHED_FROM || words !== '';
  const nothing = (there: number, none: string): React.ReactElement => (
    <p className="nbkeep-quiet">{there > 0 ? `None matches “${words.trim()}”.` : none}</p>
  );
  return (
    <>
      {isSearched && (
        <input
          type="search"
          className="nbkeep-Data-search"
          aria-label="Find data by name, purpose, class or owner"
          placeholder="Find by name, purpose, class, owner"
          data-lm-suppress-shortcuts="true"
          value={words}
          onChange={event => setWords(event.target.value)}
        />
      )}
      <p role="status" className="nbkeep-sr">
        {words && `${datasets.length} of ${catalogue.datasets.length} datasets, ${connections.length} of ${catalogue.connections.length} connections`}
      </p>
      <h3 id="nbkeep-datasets">Datasets</h3>
      {datasets.length === 0 &&
        nothing(catalogue.datasets.length, 'No datasets yet. An admin publishes them; they appear here by themselves.')}
      <ul className="nbkeep-Data-list" aria-labelledby="nbkeep-datasets">
        {datasets.map(one => (
          <OneDataset key={one.name} dataset={one} source={source} actions={actions} longest_s={catalogue.longest_s} now={now} />
        ))}
      </ul>
      <h3 id="nbkeep-connections">Connections</h3>
      {connections.length === 0 && nothing(catalogue.connections.length, 'No databases or services yet. An admin declares them.')}
      <ul className="nbkeep-Data-list" aria-labelledby="nbkeep-connections">
        {connections.map(one => (
          <OneConnection key={one.name} connection={one} actions={actions} />
        ))}
      </ul>
      <Packages packages={packages} />
    </>
  );
}

function Panel(props: { source: CatalogueSource; session: ISession; actions: Actions }): React.ReactElement {
  const { source } = props;
  useChanges(source.changed);
  const session = useSession(props.session);
  const portal = session.status?.portal_url;
  return (
    <>
      <div className="nbkeep-Data-head">
        <h2>Data</h2>
        {portal && (
          <a href={`${portal.replace(/\/?$/, '/')}data`} target="_blank" rel="noopener">
            In the portal
          </a>
        )}
      </div>
      <p role="status" className="nbkeep-Answer nbkeep-Data-news">
        {source.news}
      </p>
      {source.problem && (
        <p className="nbkeep-Data-problem">
          {source.problem} {source.catalogue && 'What is below may be old.'}
        </p>
      )}
      {source.catalogue ? (
        <Lists catalogue={source.catalogue} source={source} session={session} actions={props.actions} />
      ) : (
        !source.problem && <p className="nbkeep-quiet">Asking what there is …</p>
      )}
    </>
  );
}

/** The sidebar's widget; it asks only while it is seen. */
export class DataPanel extends ReactWidget {
  constructor(
    private readonly source: CatalogueSource,
    private readonly session: ISession,
    private readonly actions: Actions
  ) {
    super();
    this.addClass('nbkeep-Data');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Data');
    this.node.tabIndex = -1;
  }

  protected override render(): React.ReactElement {
    return <Panel source={this.source} session={this.session} actions={this.actions} />;
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.source.watch(true);
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.source.watch(false);
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.source.watch(this.isVisible);
  }

  protected override onActivateRequest(): void {
    this.node.focus({ preventScroll: true });
  }

  override dispose(): void {
    this.source.dispose();
    super.dispose();
  }
}
