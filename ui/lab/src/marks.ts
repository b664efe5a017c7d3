/**
 * Which cells ran on other inputs than a fresh run would give them: the answer of `nbkeep/api/kernels/ID/cells`,
 * and its facts as sentences. Pure.
 */
import { fields, list, text } from './status';

export type CellStatus = 'fresh' | 'never-run' | 'edited' | 'stale' | 'out-of-order' | 'missing';

export interface Verdict {
  readonly id: string;
  readonly status: CellStatus;
  readonly why: string;
  /** The variable that it is about, and the cell: ids, or empty. */
  readonly name: string;
  readonly cell: string;
}

export interface Marks {
  /** False for kernels that remember nothing of their cells. */
  readonly watched: boolean;
  /** The kernel did not answer in time: ask again when it is idle. */
  readonly busy: boolean;
  readonly cells: readonly Verdict[];
  /** The cells to run, in order, for a notebook without stale ones. */
  readonly plan: readonly string[];
}

const STATUSES: readonly CellStatus[] = ['fresh', 'never-run', 'edited', 'stale', 'out-of-order', 'missing'];

/** The marks from an answer's JSON; what is malformed is left out. */
export function readMarks(value: unknown): Marks {
  const raw = fields(value);
  return {
    watched: raw.is_watched === true,
    busy: raw.is_busy === true,
    cells: list(raw.cells, one => {
      const status = STATUSES.find(known => known === one.status);
      return status && text(one.id)
        ? { id: text(one.id), status, why: text(one.why), name: text(one.name), cell: text(one.cell) }
        : null;
    }),
    plan: Array.isArray(raw.plan) ? raw.plan.filter((one): one is string => typeof one === 'string') : []
  };
}

/** Those whose outputs a person should not trust. */
export function isDoubtful(status: CellStatus): boolean {
  return status === 'stale' || status === 'out-of-order' || status === 'missing';
}

/** What a mark says; `called` names another cell, as "cell [3]". */
export function markSentence(verdict: Verdict, called: (id: string) => string): string {
  const name = verdict.name || 'a variable';
  const cell = verdict.cell ? called(verdict.cell) : 'another cell';
  switch (verdict.status) {
    case 'fresh':
      return '';
    case 'never-run':
      return 'Not run: what it shows is of an earlier kernel.';
    case 'edited':
      return 'Edited since it ran.';
    case 'out-of-order':
      return `Out of order: it used ${name} as ${cell}, further down, left it.`;
    case 'missing':
      return missingSentence(verdict.why, name, cell);
    case 'stale':
      return staleSentence(verdict.why, name, cell);
  }
}

function missingSentence(why: string, name: string, cell: string): string {
  switch (why) {
    case 'outside':
      return `Missing: ${name} was set outside of this notebook's cells.`;
    case 'edited-away':
      return `Missing: it used ${name} of ${cell}, which no longer gives it.`;
    default:
      return `Missing: the cell that gave it ${name} is no longer in this notebook.`;
  }
}

function staleSentence(why: string, name: string, cell: string): string {
  switch (why) {
    case 'edited':
      return `Stale: ${cell}, which gives ${name}, was edited and has not run since.`;
    case 'not-run':
      return `Stale: ${cell}, which gives ${name}, has not run.`;
    case 'stale':
      return `Stale: it uses ${name} of ${cell}, which is stale itself.`;
    case 'itself':
      return `Stale: it ran on ${name} as it had left it itself, not as the cells above leave it.`;
    default:
      return `Stale: ${cell} gives ${name} another value than this cell used.`;
  }
}

const COUNTED: readonly [CellStatus, string][] = [
  ['stale', 'stale'],
  ['out-of-order', 'out of order'],
  ['missing', 'missing']
];

/** "2 stale · 1 missing", or empty. */
export function summary(verdicts: readonly Verdict[]): string {
  return COUNTED.map(([status, word]) => ({ word, count: verdicts.filter(one => one.status === status).length }))
    .filter(({ count }) => count > 0)
    .map(({ word, count }) => `${count} ${word}`)
    .join(' · ');
}
