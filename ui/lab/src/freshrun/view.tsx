/** The fresh run on the screen: a tab beside the notebook, which fills while the cells run. */
import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { useChanges } from '../hooks';
import { lines, type Piece } from './compare';
import { type CellResult, type FreshRun, summary, type Verdict } from './freshrun';

const WORDS: Record<Verdict, string> = {
  waiting: 'Waits',
  running: 'Runs',
  same: 'Same',
  differs: 'Differs',
  chance: 'Differs on every run',
  'never-run': 'Not run in the notebook',
  failed: 'Failed',
  'not-reached': 'Not reached'
};

/** Lines of an output that is the same on both sides are left out beyond these around a difference. */
const AROUND = 3;

function OnePiece(props: { piece: Piece }): React.ReactElement {
  const { piece } = props;
  if (piece.kind === 'image') {
    return <img src={`data:${piece.mimetype ?? ''};base64,${piece.shown}`} alt="An output that is an image" />;
  }
  return <pre>{piece.shown}</pre>;
}

function Texts(props: { before: string; after: string }): React.ReactElement {
  const all = lines(props.before, props.after);
  const near = all.map((_, at) => all.slice(Math.max(0, at - AROUND), at + AROUND + 1).some(line => line.mark !== ' '));
  return (
    <pre className="nbkeep-Fresh-diff">
      {all.map((line, at) =>
        near[at] ? (
          <div key={at} className={line.mark === '-' ? 'nbkeep-mod-old' : line.mark === '+' ? 'nbkeep-mod-new' : ''}>
            <span aria-hidden="true">{line.mark}</span>
            {line.mark !== ' ' && <span className="nbkeep-sr">{line.mark === '-' ? 'in the notebook: ' : 'fresh: '}</span>}
            {line.text}
          </div>
        ) : (
          at > 0 && near[at - 1] && <div key={at}>…</div>
        )
      )}
    </pre>
  );
}

/** Texts are laid line by line; where an image is concerned, both sides stand beside each other. */
function Difference(props: { before: readonly Piece[]; after: readonly Piece[] }): React.ReactElement {
  const { before, after } = props;
  if (before.length === 0) {
    return (
      <>
        {after.map((piece, at) => (
          <OnePiece key={at} piece={piece} />
        ))}
      </>
    );
  }
  if ([...before, ...after].every(piece => piece.kind !== 'image')) {
    const whole = (all: readonly Piece[]): string => all.map(piece => piece.shown.trimEnd()).join('\n');
    return <Texts before={whole(before)} after={whole(after)} />;
  }
  const side = (title: string, all: readonly Piece[]): React.ReactElement => (
    <div>
      <h4>{title}</h4>
      {all.length === 0 ? <p className="nbkeep-quiet">Nothing</p> : all.map((piece, at) => <OnePiece key={at} piece={piece} />)}
    </div>
  );
  return (
    <div className="nbkeep-Fresh-sides">
      {side('In the notebook', before)}
      {side('Fresh run', after)}
    </div>
  );
}

function CellRow(props: { cell: CellResult; go: () => void }): React.ReactElement {
  const { cell, go } = props;
  const first = cell.source.trim().split('\n');
  const shows = ['differs', 'chance', 'failed', 'never-run'].includes(cell.verdict) && cell.after !== null;
  return (
    <li className={`nbkeep-Fresh-cell nbkeep-mod-${cell.verdict}`}>
      <div className="nbkeep-Fresh-title">
        <span className="nbkeep-Fresh-verdict">{WORDS[cell.verdict]}</span>
        <button type="button" className="nbkeep-Link" onClick={go}>
          Cell {cell.number}
        </button>
        <code>
          {first[0]}
          {first.length > 1 ? ' …' : ''}
        </code>
      </div>
      {shows && cell.after && <Difference before={cell.before} after={cell.after} />}
    </li>
  );
}

function View(props: { run: FreshRun; go: (id: string) => void }): React.ReactElement {
  const { run, go } = props;
  useChanges(run.changed);
  const [all, setAll] = React.useState(false);
  const isQuiet = (cell: CellResult): boolean => cell.verdict === 'same' || cell.verdict === 'waiting';
  const shown = run.cells.filter(cell => all || !run.isOver || !isQuiet(cell));
  const more = run.cells.length - shown.length;
  const mayRepeat = run.isOver && !run.hasRunTwice && run.cells.some(cell => cell.verdict === 'differs');
  return (
    <div className="nbkeep-Fresh">
      <h2>Would a fresh run give this?</h2>
      <p role="status" className="nbkeep-Fresh-summary">
        {summary(run)} {run.isOver && run.remark}
      </p>
      <div className="nbkeep-Buttons">
        {!run.isOver && (
          <button type="button" className="nbkeep-Button" onClick={() => run.stop()}>
            Stop
          </button>
        )}
        {mayRepeat && (
          <button type="button" className="nbkeep-Button" onClick={() => void run.again()}>
            Run once more, to tell what differs every time
          </button>
        )}
      </div>
      <ol>
        {shown.map(cell => (
          <CellRow key={cell.id} cell={cell} go={() => go(cell.id)} />
        ))}
      </ol>
      {more > 0 && (
        <button type="button" className="nbkeep-Link" onClick={() => setAll(true)}>
          Show the {more === 1 ? 'cell that is' : `${more} cells that are`} the same
        </button>
      )}
    </div>
  );
}

/** The tab. Closing it ends the run. */
export class FreshRunView extends ReactWidget {
  constructor(
    private readonly run: FreshRun,
    private readonly go: (id: string) => void
  ) {
    super();
    this.addClass('nbkeep-FreshView');
    this.node.tabIndex = 0;
  }

  protected override render(): React.ReactElement {
    return <View run={this.run} go={this.go} />;
  }

  override dispose(): void {
    this.run.dispose();
    super.dispose();
  }
}
