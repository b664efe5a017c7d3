/** A bar that shows how much of a limit is used. */
import * as React from 'react';

import { sizeOf } from './words';

export function Meter(props: { label: string; used: number; limit: number }): React.ReactElement | null {
  if (props.limit <= 0) {
    return null;
  }
  const share = Math.min(1, props.used / props.limit);
  const state = share > 0.9 ? ' nbkeep-mod-warned' : '';
  return (
    <div
      className={`nbkeep-Meter${state}`}
      role="meter"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
      aria-valuetext={`${sizeOf(props.used, props.limit)} used`}
    >
      <div style={{ width: `${share * 100}%` }} />
    </div>
  );
}
