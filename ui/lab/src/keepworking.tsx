/** The button "Keep working", and what policy says to it. */
import * as React from 'react';

import { Refused } from './api';
import type { ISession } from './tokens';

/** The answer to a wish for more time, as a sentence. */
export async function keepWorking(session: ISession): Promise<{ extended: boolean; words: string }> {
  try {
    await session.extend();
    return { extended: true, words: 'Extended. Keep working.' };
  } catch (error) {
    const words = error instanceof Refused ? `${error.message} ${error.remedy}` : `Not extended: ${String((error as Error).message)}`;
    return { extended: false, words: words.trim() };
  }
}

export function KeepWorking(props: { session: ISession; primary?: boolean }): React.ReactElement {
  const [busy, setBusy] = React.useState(false);
  const [answer, setAnswer] = React.useState('');
  const warning = props.session.status?.warning;
  const ask = async (): Promise<void> => {
    setBusy(true);
    setAnswer((await keepWorking(props.session)).words);
    setBusy(false);
  };
  return (
    <>
      {(!warning || warning.extendable) && (
        <button
          type="button"
          className={`nbkeep-Button${props.primary ? ' nbkeep-mod-primary' : ''}`}
          disabled={busy}
          onClick={() => void ask()}
        >
          Keep working
        </button>
      )}
      <span role="status" className="nbkeep-Answer">
        {answer}
      </span>
    </>
  );
}
