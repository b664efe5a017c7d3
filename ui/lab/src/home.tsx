/** What uses space in the home directory, and what may be deleted. */
import * as React from 'react';

import type { HomeUsage, Suggestion } from './status';
import type { ISession } from './tokens';
import { size } from './words';

type State =
  | { kind: 'closed' }
  | { kind: 'measuring' }
  | { kind: 'failed'; words: string }
  | { kind: 'shown'; usage: HomeUsage };

const BIGGEST = 6;

function Sizes(props: { caption: string; sizes: readonly { path: string; bytes: number }[] }): React.ReactElement {
  return (
    <table className="nbkeep-Folders">
      <caption>{props.caption}</caption>
      <tbody>
        {props.sizes.map(one => (
          <tr key={one.path}>
            <th scope="row">{one.path}</th>
            <td>{size(one.bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Biggest(props: { usage: HomeUsage }): React.ReactElement {
  // The nameless folder is the home itself, told above already.
  const inside = props.usage.folders.filter(folder => folder.path !== '' && folder.path !== '.');
  const folders = inside.sort((one, other) => other.bytes - one.bytes).slice(0, BIGGEST);
  const files = props.usage.files.slice(0, BIGGEST);
  if (folders.length + files.length === 0) {
    return <p className="nbkeep-quiet">Nothing large is in the home.</p>;
  }
  return (
    <>
      {folders.length > 0 && <Sizes caption="What uses space" sizes={folders} />}
      {files.length > 0 && <Sizes caption="Large files" sizes={files} />}
    </>
  );
}

function Suggestions(props: {
  suggestions: Suggestion[];
  onClean: (paths: string[]) => Promise<void>;
}): React.ReactElement {
  const [chosen, setChosen] = React.useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = React.useState(false);
  const [busy, setBusy] = React.useState(false);
  const picked = props.suggestions.filter(suggestion => chosen.has(suggestion.path));
  const total = size(picked.reduce((sum, suggestion) => sum + suggestion.bytes, 0));
  const toggle = (path: string): void => {
    const next = new Set(chosen);
    if (!next.delete(path)) {
      next.add(path);
    }
    setChosen(next);
    setAsking(false);
  };
  const clean = async (): Promise<void> => {
    setBusy(true);
    await props.onClean(picked.map(suggestion => suggestion.path));
    setBusy(false);
    setAsking(false);
    setChosen(new Set());
  };
  return (
    <fieldset className="nbkeep-Suggestions" disabled={busy}>
      <legend>May be deleted</legend>
      {props.suggestions.map(suggestion => (
        <label key={suggestion.path}>
          <input
            type="checkbox"
            checked={chosen.has(suggestion.path)}
            onChange={() => toggle(suggestion.path)}
          />
          <span>
            <code>{suggestion.path}</code> {size(suggestion.bytes)}
            <span className="nbkeep-quiet"> {suggestion.why}</span>
          </span>
        </label>
      ))}
      {asking ? (
        <div className="nbkeep-Confirm" role="alertdialog" aria-label="Confirm the deletion">
          <p>
            Delete {picked.length === 1 ? picked[0]?.path : `${picked.length} folders and files`} ({total})? This
            cannot be undone.
          </p>
          <button type="button" className="nbkeep-Button nbkeep-mod-danger" autoFocus onClick={() => void clean()}>
            {busy ? 'Deleting…' : `Delete ${total}`}
          </button>
          <button type="button" className="nbkeep-Button" onClick={() => setAsking(false)}>
            Cancel
          </button>
        </div>
      ) : (
        <button
          type="button"
          className="nbkeep-Button"
          disabled={picked.length === 0}
          onClick={() => setAsking(true)}
        >
          {picked.length === 0 ? 'Delete…' : `Delete ${total}…`}
        </button>
      )}
    </fieldset>
  );
}

export function HomeSection(props: { session: ISession; open: boolean }): React.ReactElement {
  const [state, setState] = React.useState<State>({ kind: 'closed' });
  const [said, setSaid] = React.useState('');
  const measure = async (): Promise<void> => {
    setState(before => (before.kind === 'shown' ? before : { kind: 'measuring' }));
    try {
      setState({ kind: 'shown', usage: await props.session.homeUsage() });
    } catch (error) {
      setState({ kind: 'failed', words: String((error as Error).message) });
    }
  };
  const clean = async (paths: string[]): Promise<void> => {
    try {
      const freed = await props.session.cleanHome(paths);
      setSaid(freed > 0 ? `Deleted; ${size(freed)} are free again.` : 'Nothing could be deleted.');
    } catch (error) {
      setSaid(`Not deleted: ${String((error as Error).message)}`);
    }
    await measure();
  };
  React.useEffect(() => {
    if (props.open) {
      void measure();
    }
  }, [props.open]);
  return (
    <div className="nbkeep-Home" aria-busy={state.kind === 'measuring'}>
      {state.kind !== 'shown' && (
        <button type="button" className="nbkeep-Link" disabled={state.kind === 'measuring'} onClick={() => void measure()}>
          {state.kind === 'measuring' ? 'Measuring…' : 'Show what uses space'}
        </button>
      )}
      {state.kind === 'failed' && <p className="nbkeep-mod-away">Could not be measured: {state.words}</p>}
      {state.kind === 'shown' && (
        <>
          <Biggest usage={state.usage} />
          {state.usage.suggestions.length > 0 ? (
            <Suggestions suggestions={state.usage.suggestions} onClean={clean} />
          ) : (
            <p className="nbkeep-quiet">Nothing here is known to be safe to delete.</p>
          )}
        </>
      )}
      <span role="status" className="nbkeep-Answer">
        {said}
      </span>
    </div>
  );
}
