/** What the parts of the extension offer each other. */
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { Link } from './connection';
import type { Open } from './findings/model';
import type { Kept, ResumedKernel } from './kept';
import type { HomeUsage, Status } from './status';

/** The session as the browser knows it: the last status, how it is reached, what can be asked of it. */
export interface ISession {
  /** The last status that arrived, or null before the first. */
  readonly status: Status | null;
  readonly link: Link;
  /** Fires after every answer and every change of `link`. */
  readonly changed: ISignal<ISession, void>;
  /** The server's clock, in milliseconds: countdowns must not depend on this computer's. */
  now(): number;
  /** Asks at once. Never rejects. */
  refresh(): Promise<void>;
  /** Asks for more time. Rejects with `Refused` where policy gives none. */
  extend(): Promise<void>;
  /** Each of these may be called twice; the second call changes nothing. */
  dismissNotice(id: string): Promise<void>;
  finishTour(): Promise<void>;
  homeUsage(): Promise<HomeUsage>;
  /** Deletes what `homeUsage` suggested and tells how many bytes that freed; other paths are ignored. */
  cleanHome(paths: readonly string[]): Promise<number>;
}

export const ISession = new Token<ISession>('@nbkeep/lab:ISession', 'The running nbkeep session.');

/** What is kept of the kernels' variables, as the browser knows it. */
export interface IKeptState {
  /** The last answer, or null before the first and where the server knows nothing of it. */
  readonly kept: Kept | null;
  /** Fires after every answer. */
  readonly changed: ISignal<IKeptState, void>;
  /** Asks at once. Never rejects. */
  refresh(): Promise<void>;
  /** Saves now. Rejects with `Refused` where it cannot. */
  save(): Promise<void>;
  /** The person has read what a resume brought back; twice is safe. */
  finishResumed(): Promise<void>;
}

export const IKeptState = new Token<IKeptState>('@nbkeep/lab:IKeptState', 'What is kept of the variables.');

/** Runs cells again that made variables which could not be kept; each asks the person first. */
export interface IRerun {
  /** Runs the cells that made these variables; tells in a sentence what came of it. */
  makers(kernel: ResumedKernel, names: readonly string[]): Promise<string>;
  /** Runs all cells of the kernel's notebook. */
  all(kernel: ResumedKernel): Promise<string>;
}

/** The guided tour. */
export interface ITour {
  start(): void;
}

export const ITour = new Token<ITour>('@nbkeep/lab:ITour', 'The guided tour of a first visit.');

/** The details of the session, shown over the status bar. */
export interface IDetails {
  /** Opens them; `part` names what to show first. */
  open(part?: 'home'): void;
  toggle(): void;
}

export const IDetails = new Token<IDetails>('@nbkeep/lab:IDetails', 'The details of the session.');

/** The documents that are open, with what was found in them. */
export interface IFindings {
  /** The one in front, or null where it is none that is watched. */
  readonly current: Open | null;
  /** Fires when another document comes to the front, and when something of the one in front changes. */
  readonly changed: ISignal<IFindings, void>;
  /** The document of a path that is open, or null. */
  at(path: string): DocumentRegistry.Context | null;
}

export const IFindings = new Token<IFindings>('@nbkeep/lab:IFindings', 'What was found in open documents.');

export namespace CommandIDs {
  export const show = 'nbkeep:show-session';
  export const keepWorking = 'nbkeep:keep-working';
  export const data = 'nbkeep:show-data';
  export const portal = 'nbkeep:open-portal';
  export const saveState = 'nbkeep:save-state';
  export const tour = 'nbkeep:tour';
  export const findings = 'nbkeep:show-findings';
  export const letLeave = 'nbkeep:let-it-leave';
  export const openSafely = 'nbkeep:open-safely';
  export const nextStale = 'nbkeep:next-stale-cell';
  export const runStale = 'nbkeep:run-stale-cells';
}
