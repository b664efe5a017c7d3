/** What an examination found in a document: the answer of `nbkeep/api/findings`, and its facts as sentences. Pure. */
import { fields, list, number, text } from '../status';

export type Severity = 'low' | 'medium' | 'high' | 'critical';

/** Where in a document: `cell` from 1, 0 for none; `part` as "source", "output 1 text/html", "metadata". */
export interface Place {
  readonly cell: number;
  readonly cell_id: string;
  readonly part: string;
  readonly inside: string;
}

export interface Finding extends Place {
  readonly id: string;
  readonly rule: string;
  readonly kind: 'secret' | 'personal';
  readonly title: string;
  readonly severity: Severity;
  /** Enough of the value for its owner to know it; never the value. */
  readonly masked: string;
  /** From 1 within the part; 0 where it is not known. */
  readonly line: number;
  /** Whether it stands there encoded, so that the text does not show what is masked. */
  readonly decoded: boolean;
}

export interface Unread extends Place {
  readonly reason: string;
}

/** A save that a policy stopped. `copy`: the path of what was kept. */
export interface Blocked {
  readonly message: string;
  readonly copy: string;
  readonly at: string;
}

export interface Answer {
  readonly state: 'examined' | 'examining' | 'blocked';
  readonly findings: readonly Finding[];
  readonly more: number;
  readonly unread: readonly Unread[];
  readonly blocked: Blocked | null;
  /** Whether a policy may stop a save, so that each is examined before. */
  readonly holds: boolean;
}

export const NOTHING: Answer = { state: 'examined', findings: [], more: 0, unread: [], blocked: null, holds: false };

const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high', 'critical'];

function readPlace(raw: Record<string, unknown>): Place {
  return { cell: number(raw.cell), cell_id: text(raw.cell_id), part: text(raw.part), inside: text(raw.inside) };
}

function readFinding(raw: Record<string, unknown>): Finding | null {
  const rule = text(raw.rule);
  return rule
    ? {
        ...readPlace(raw),
        id: text(raw.id),
        rule,
        kind: raw.kind === 'personal' ? 'personal' : 'secret',
        title: text(raw.title) || rule,
        severity: SEVERITIES.find(known => known === raw.severity) ?? 'medium',
        masked: text(raw.masked),
        line: number(raw.line),
        decoded: raw.decoded === true
      }
    : null;
}

function readBlocked(value: unknown): Blocked | null {
  const raw = fields(value);
  return text(raw.message) ? { message: text(raw.message), copy: text(raw.copy), at: text(raw.at) } : null;
}

/** An answer from its JSON; what is malformed is left out. */
export function readAnswer(value: unknown): Answer {
  const raw = fields(value);
  const blocked = readBlocked(raw.blocked);
  return {
    state: raw.state === 'examining' ? 'examining' : blocked ? 'blocked' : 'examined',
    findings: list(raw.findings, readFinding).sort((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity)),
    more: number(raw.more),
    unread: list(raw.unread, one => (text(one.reason) ? { ...readPlace(one), reason: text(one.reason) } : null)),
    blocked,
    holds: Object.values(fields(raw.saves)).some(one => !['', 'allow'].includes(text(fields(one).decision)))
  };
}

/** "2 secrets · 1 personal", or empty where there is nothing to tell. */
export function summary(answer: Answer): string {
  const secrets = answer.findings.filter(one => one.kind === 'secret').length;
  const personal = answer.findings.length - secrets;
  const more = answer.more > 0 ? '+' : '';
  return [
    secrets > 0 ? `${secrets}${more} ${secrets === 1 && !more ? 'secret' : 'secrets'}` : '',
    personal > 0 ? `${personal}${more} personal` : '',
    answer.unread.length > 0 ? 'not examined' : ''
  ]
    .filter(part => part)
    .join(' · ');
}

/** The number of the output that a place is in, from 1; 0 for none, and for what is joined of several. */
export function outputOf(place: Place): number {
  return Number(/^output (\d+)\b/.exec(place.part)?.[1] ?? 0);
}

export function isOutput(place: Place): boolean {
  return place.cell > 0 && /^outputs? /.test(place.part);
}

export function isSource(place: Place): boolean {
  return place.part === (place.cell > 0 ? 'source' : '');
}

/** "cell 3, line 2", "cell 3, output 1", "line 7", "the notebook's metadata". */
export function where(one: Place & { readonly line?: number }): string {
  const line = one.line ? `line ${one.line}` : '';
  if (one.cell > 0) {
    const part = isSource(one) ? line : isOutput(one) ? `output${outputOf(one) ? ` ${outputOf(one)}` : 's'}` : one.part;
    return [`cell ${one.cell}`, part].filter(word => word).join(', ');
  }
  if (one.part) {
    return `the notebook's ${one.part}`;
  }
  return [one.inside, line].filter(word => word).join(', ') || 'the file';
}

/** What the mark of a cell says. */
export function cellSentence(findings: readonly Finding[]): string {
  return findings
    .map(one => `${one.title} (${one.masked}) in ${where(one).replace(/^cell \d+, /, '')}.`)
    .slice(0, 4)
    .concat(findings.length > 4 ? [`And ${findings.length - 4} more.`] : [])
    .join(' ');
}
