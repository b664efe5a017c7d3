/**
 * What is kept of the kernels' variables: the answer of `nbkeep/api/state`, and its facts as sentences. Pure.
 */
import { fields, instant, list, number, text } from './status';
import { clock, size } from './words';

/** A variable that could not be kept, and why. */
export interface Lost {
  name: string;
  type: string;
  reason: string;
}

export type KernelFate = 'restoring' | 'restored' | 'failed' | 'not-kept';

/** What became of one kernel when the session was resumed. */
export interface ResumedKernel {
  path: string;
  name: string;
  language: string;
  status: KernelFate;
  reason: string;
  kept: number;
  lost: Lost[];
}

export interface Resumed {
  saved_at: string | null;
  kernels: ResumedKernel[];
}

/** A notebook whose last save did not go well, and why. */
export interface Problem {
  path: string;
  reason: string;
}

export interface Kept {
  /** Whether this session's profile keeps variables at all. */
  keeps: boolean;
  saved_at: string | null;
  bytes: number;
  saving: boolean;
  /** What the last save could not do; what was kept before stays. */
  problems: Problem[];
  resumed: Resumed | null;
}

const FATES: readonly KernelFate[] = ['restoring', 'restored', 'failed', 'not-kept'];

/** The kept state from an answer's JSON; what is missing becomes empty. */
export function readKept(value: unknown): Kept {
  const raw = fields(value);
  return {
    keeps: raw.keeps === true,
    saved_at: instant(raw.saved_at),
    bytes: number(raw.bytes),
    saving: raw.saving === true,
    problems: list(raw.problems, one => (text(one.reason) ? { path: text(one.path), reason: text(one.reason) } : null)),
    resumed: raw.resumed === null || raw.resumed === undefined ? null : readResumed(raw.resumed)
  };
}

function readResumed(value: unknown): Resumed {
  const raw = fields(value);
  const kernels = list(raw.kernels, kernel => ({
    path: text(kernel.path),
    name: text(kernel.name),
    language: text(kernel.language),
    status: FATES.find(fate => fate === kernel.status) ?? 'failed',
    reason: text(kernel.reason),
    kept: number(kernel.kept),
    lost: list(kernel.lost, lost =>
      text(lost.name) ? { name: text(lost.name), type: text(lost.type), reason: text(lost.reason) } : null
    )
  }));
  return { saved_at: instant(raw.saved_at), kernels };
}

/** Whether something is going on that will be different in a moment. */
export function isMoving(kept: Kept): boolean {
  return kept.saving || (kept.resumed?.kernels.some(kernel => kernel.status === 'restoring') ?? false);
}

/** "State kept: saved 12:30 (1.2 GiB)." */
export function keptSentence(kept: Kept, now: number): string {
  if (!kept.keeps) {
    return 'Not kept when the session stops; your files are.';
  }
  if (kept.saving) {
    return 'Saving your variables now. A cell that runs is waited for.';
  }
  if (kept.saved_at === null) {
    return 'Kept when the session stops. Not saved yet.';
  }
  return `State kept: saved ${clock(kept.saved_at, now)} (${size(kept.bytes)}).`;
}

function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

/** The first line after a resume: what is back, and whether anything is not. */
export function resumedSentence(resumed: Resumed, now: number): string {
  const { kernels } = resumed;
  const coming = kernels.filter(kernel => kernel.status === 'restoring');
  if (coming.length > 0) {
    return `Your session is resumed. Bringing back the variables of ${coming.map(title).join(', ')}…`;
  }
  const back = kernels.filter(kernel => kernel.status === 'restored');
  const variables = back.reduce((sum, kernel) => sum + kernel.kept, 0);
  const lost = back.reduce((sum, kernel) => sum + kernel.lost.length, 0);
  const cold = kernels.length - back.length;
  const sentences = ['Your session is resumed.'];
  if (back.length > 0) {
    const saved = resumed.saved_at === null ? '' : `, as they were at ${clock(resumed.saved_at, now)}`;
    const verb = variables === 1 ? 'is' : 'are';
    const where = counted(back.length, 'notebook', 'notebooks');
    sentences.push(`${counted(variables, 'variable', 'variables')} of ${where} ${verb} back${saved}.`);
  }
  if (lost > 0) {
    sentences.push(`${counted(lost, 'variable', 'variables')} could not be kept.`);
  }
  if (cold > 0) {
    sentences.push(`${counted(cold, 'notebook starts', 'notebooks start')} without variables.`);
  }
  return sentences.join(' ');
}

/** A kernel by the file that a person knows. */
export function title(kernel: ResumedKernel): string {
  return kernel.path || kernel.name || 'a kernel';
}

/** What became of one kernel, as a sentence. */
export function kernelSentence(kernel: ResumedKernel): string {
  switch (kernel.status) {
    case 'restoring':
      return 'Its variables are being brought back.';
    case 'restored': {
      const back = `${counted(kernel.kept, 'variable is', 'variables are')} back`;
      return kernel.lost.length > 0 ? `${back}; not these:` : `${back}.`;
    }
    case 'failed':
      return `Its variables could not be brought back: ${sentence(kernel.reason || 'the reason is not known')}`;
    case 'not-kept':
      return kernel.reason
        ? `Its variables were not kept: ${sentence(kernel.reason)}`
        : `Variables of ${kernel.language || 'this kind of'} kernels are not kept.`;
  }
}

/** "a.ipynb was not saved: it is too large." */
export function problemSentence(problem: Problem): string {
  return `${problem.path || 'A kernel'} was not saved: ${sentence(problem.reason)}`;
}

/** A reason of the server as the end of a sentence. */
export function sentence(reason: string): string {
  return /[.!?]$/.test(reason) ? reason : `${reason}.`;
}

/** A reason of the server as a sentence of its own. */
export function wholeSentence(reason: string): string {
  return sentence(reason.charAt(0).toUpperCase() + reason.slice(1));
}

/** The kernels that the person should look at: with something missing, in the order told. */
export function toTell(resumed: Resumed): ResumedKernel[] {
  return resumed.kernels.filter(kernel => kernel.status !== 'restoring' && (kernel.status !== 'restored' || kernel.lost.length > 0));
}
