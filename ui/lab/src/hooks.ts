/** React hooks over `ISession`. */
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

import type { ISession } from './tokens';

/** Renders again whenever the signal fires. */
export function useChanges<T>(changed: ISignal<T, void>): void {
  const [, again] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    changed.connect(again);
    again(); // for what changed between the first rendering and now
    return () => {
      changed.disconnect(again);
    };
  }, [changed]);
}

/** Renders again whenever the session changes. */
export function useSession(session: ISession): ISession {
  useChanges(session.changed);
  return session;
}

/** The server's clock in milliseconds, renewed every `every_ms`. */
export function useNow(session: ISession, every_ms: number): number {
  const [now, setNow] = React.useState(() => session.now());
  React.useEffect(() => {
    const timer = window.setInterval(() => setNow(session.now()), every_ms);
    return () => window.clearInterval(timer);
  }, [session, every_ms]);
  // A fresh answer may correct the clock between two ticks.
  return Math.abs(session.now() - now) > every_ms ? session.now() : now;
}
