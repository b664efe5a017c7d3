/** What the notebook's toolbar says of its marks: how many, where the next is, and running what is stale. */
import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import type { HiddenState } from './hiddenstate';
import { useChanges } from './hooks';
import { summary } from './marks';

function Stale(props: { state: HiddenState }): React.ReactElement | null {
  const { state } = props;
  useChanges(state.changed);
  const words = summary(state.doubtful);
  if (!words) {
    return null;
  }
  return (
    <span className="nbkeep-Stale" role="group" aria-label="Cells that a fresh run would not give">
      <button
        type="button"
        className="nbkeep-Stale-button"
        title={`${words}: a fresh run would not give what these cells show. Go to the next one.`}
        onClick={() => state.next()}
      >
        {words}
      </button>
      {state.plan.length > 0 && (
        <button
          type="button"
          className="nbkeep-Stale-button"
          title="Run the stale cells, and those whose results they need, from top to bottom"
          onClick={() => void state.runStale()}
        >
          Run stale cells
        </button>
      )}
    </span>
  );
}

/** A widget for the toolbar; nothing is seen of it while there is nothing to tell. */
export function staleItem(state: HiddenState): ReactWidget {
  const widget = ReactWidget.create(<Stale state={state} />);
  widget.addClass('nbkeep-StaleHost');
  return widget;
}
