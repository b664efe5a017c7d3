/** The panel after a resume, among the bars above everything: what came back, and what could not be kept, by name and reason. */
import * as React from 'react';

import { useChanges } from './hooks';
import { isMoving, kernelSentence, type Lost, type ResumedKernel, resumedSentence, title, toTell, wholeSentence } from './kept';
import type { IKeptState, IRerun, ISession } from './tokens';

/** So many variables of a notebook are listed at first. */
const LISTED = 20;

/** A button that runs cells, and beside it what came of that. */
function Run(props: { label: string; about: string; run: () => Promise<string> }): React.ReactElement {
  const [said, setSaid] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  const run = async (): Promise<void> => {
    setBusy(true);
    setSaid('');
    try {
      setSaid(await props.run());
    } catch (error) {
      setSaid(`Not run: ${String((error as Error).message)}`);
    }
    setBusy(false);
  };
  return (
    <span className="nbkeep-Resumed-run">
      <button type="button" className="nbkeep-Link" aria-label={`${props.label}: ${props.about}`} disabled={busy} onClick={() => void run()}>
        {props.label}
      </button>{' '}
      <span role="status">{said}</span>
    </span>
  );
}

function LostRow(props: { kernel: ResumedKernel; lost: Lost; rerun: IRerun }): React.ReactElement {
  const { kernel, lost, rerun } = props;
  return (
    <tr>
      <th scope="row">
        <code>{lost.name}</code>
        {lost.type && <span className="nbkeep-quiet"> {lost.type}</span>}
      </th>
      <td>{wholeSentence(lost.reason || 'It could not be kept')}</td>
      <td>
        {isPython(kernel) && (
          <Run label="Run the cells that made it" about={lost.name} run={() => rerun.makers(kernel, [lost.name])} />
        )}
      </td>
    </tr>
  );
}

function KernelPart(props: { kernel: ResumedKernel; rerun: IRerun }): React.ReactElement {
  const { kernel, rerun } = props;
  const [all, setAll] = React.useState(false);
  const listed = all ? kernel.lost : kernel.lost.slice(0, LISTED);
  const more = kernel.lost.length - listed.length;
  return (
    <section className="nbkeep-Resumed-kernel" aria-label={title(kernel)}>
      <p>
        <strong>{title(kernel)}</strong> {kernelSentence(kernel)}{' '}
        {kernel.status === 'restored' && kernel.lost.length > 1 && isPython(kernel) && (
          <Run
            label="Run the cells that made all of them"
            about={title(kernel)}
            run={() => rerun.makers(kernel, kernel.lost.map(lost => lost.name))}
          />
        )}
        {kernel.status !== 'restored' && kernel.path.endsWith('.ipynb') && (
          <Run label="Run all its cells" about={title(kernel)} run={() => rerun.all(kernel)} />
        )}
      </p>
      {listed.length > 0 && (
        <table>
          <tbody>
            {listed.map(lost => (
              <LostRow key={lost.name} kernel={kernel} lost={lost} rerun={rerun} />
            ))}
          </tbody>
        </table>
      )}
      {more > 0 && (
        <button type="button" className="nbkeep-Link" onClick={() => setAll(true)}>
          Show {more.toLocaleString()} more
        </button>
      )}
    </section>
  );
}

function isPython(kernel: ResumedKernel): boolean {
  return kernel.language.toLowerCase() === 'python' && kernel.path.endsWith('.ipynb');
}

export function ResumedPanel(props: { state: IKeptState; session: ISession; rerun: IRerun }): React.ReactElement | null {
  const { state, session, rerun } = props;
  useChanges(state.changed);
  const [failed, setFailed] = React.useState('');
  const { kept } = state;
  if (!kept?.resumed || kept.resumed.kernels.length === 0) {
    return null;
  }
  const { resumed } = kept;
  const done = (): void => {
    state.finishResumed().catch(error => setFailed(`Not noted: ${String(error.message)}`));
  };
  return (
    <section className="nbkeep-Bar nbkeep-mod-notice nbkeep-Resumed" aria-label="The session is resumed">
      <span className="nbkeep-Bar-text" role="status">
        {resumedSentence(resumed, session.now())}
        {failed && <span className="nbkeep-mod-away"> {failed}</span>}
      </span>
      {!isMoving(kept) && (
        <button type="button" className="nbkeep-Button" onClick={done}>
          OK
        </button>
      )}
      {toTell(resumed).map(kernel => (
        <KernelPart key={`${kernel.path} ${kernel.name}`} kernel={kernel} rerun={rerun} />
      ))}
    </section>
  );
}
