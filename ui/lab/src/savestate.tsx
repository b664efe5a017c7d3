/** "Save state now": what becomes of it in words, and the line in the details with its button. */
import * as React from 'react';

import { Refused } from './api';
import { useChanges } from './hooks';
import { keptSentence, problemSentence } from './kept';
import type { IKeptState } from './tokens';

/** Save, and tell in a sentence what came of it. Never rejects. */
export async function saveState(state: IKeptState): Promise<{ saved: boolean; words: string }> {
  try {
    await state.save();
  } catch (error) {
    const remedy = error instanceof Refused ? error.remedy : '';
    return { saved: false, words: [`Not saved: ${String((error as Error).message)}`, remedy].filter(Boolean).join(' ') };
  }
  if (state.kept?.saving) {
    return { saved: true, words: 'Your variables are being saved.' };
  }
  const problems = state.kept?.problems ?? [];
  return problems.length > 0
    ? { saved: false, words: problems.map(problemSentence).join(' ') }
    : { saved: true, words: 'Your variables are saved.' };
}

export function KeptLine(props: { state: IKeptState; now: number }): React.ReactElement | null {
  const { state } = props;
  useChanges(state.changed);
  const [said, setSaid] = React.useState('');
  const { kept } = state;
  if (!kept) {
    return null;
  }
  const save = async (): Promise<void> => {
    setSaid('');
    const { saved, words } = await saveState(state);
    // What stands above tells of a save that went well, and of notebooks that were left out.
    setSaid(saved || state.kept?.problems.length ? '' : words);
  };
  return (
    <>
      <span role="status">{keptSentence(kept, props.now)}</span>
      {!kept.saving && kept.problems.length > 0 && (
        <ul role="alert" className="nbkeep-mod-away nbkeep-Problems">
          {kept.problems.map(problem => (
            <li key={problem.path}>{problemSentence(problem)}</li>
          ))}
        </ul>
      )}
      {kept.keeps && (
        <div>
          <button type="button" className="nbkeep-Link" disabled={kept.saving} onClick={() => void save()}>
            Save state now
          </button>
        </div>
      )}
      {said && (
        <div role="alert" className="nbkeep-mod-away">
          {said}
        </div>
      )}
    </>
  );
}
