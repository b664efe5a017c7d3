/** React hooks over `ISession`. */
import * as React from 'react';

import type { ISession } from './tokens';

/** Renders again whenever the session changes. */
export function useSession(session: ISession): ISession {
  const [, again] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    session.changed.connect(again);
    return () => {
      session.changed.disconnect(again);
    };
  }, [session]);
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
