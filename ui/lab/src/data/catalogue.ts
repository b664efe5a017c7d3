/** What a session may read and use: the answer of `nbkeep/api/catalogue`, read with care, and in words. Pure. */
import { fields, instant, type Fields, list, number, text } from '../status';
import { clock, duration } from '../words';

/** How much of a dataset this session may read now. */
export type Level = 'whole' | 'sample' | 'none';

export interface Dataset {
  name: string;
  classification: string;
  purpose: string;
  owner: string;
  address: string;
  samples: string[];
  level: Level;
  /** Why not all, and what one can do where there is nothing to ask for. */
  why: string;
  remedy: string;
  may_ask: boolean;
  /** When access to all of it ends. */
  until: string | null;
  /** Who decides about a request. */
  decider: string;
  /** What waits for a decision. */
  asked: { at: string; wanted_s: number; reason: string } | null;
  /** Why the last request came to nothing, where nothing was asked for since. */
  answer: { by: string; said: string } | null;
  /** Reading it closes the public internet for the rest of the session. */
  closes_internet: boolean;
  has_keys: boolean;
}

export interface Connection {
  name: string;
  kind: string;
  local_port: number;
  is_granted: boolean;
  database: string;
  has_password: boolean;
}

export type Outcome = 'installed' | 'refused' | 'altered' | 'unfinished';

export interface Package {
  name: string;
  version: string;
  outcome: Outcome;
  reason: string;
  approved: boolean;
  /** Ids of advisories about this version. */
  vulnerabilities: string[];
}

export interface Catalogue {
  now: string;
  /** The most that may be asked for. */
  longest_s: number;
  datasets: Dataset[];
  connections: Connection[];
  packages: Package[];
}

const LEVELS: readonly Level[] = ['whole', 'sample', 'none'];
const OUTCOMES: readonly Outcome[] = ['installed', 'refused', 'altered', 'unfinished'];
/** Addresses are put into code: nothing but an address of a dataset is one. */
const ADDRESS = /^http:\/\/[a-z0-9-]{1,40}\.data\.nbkeep\/$/;
const NAME = /^[a-z0-9-]{1,40}$/;
const MOST_PORT = 65535;

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function readDataset(raw: Fields): Dataset | null {
  const [name, address] = [text(raw.name), text(raw.address)];
  if (!NAME.test(name) || !ADDRESS.test(address)) {
    return null;
  }
  const [asked, answer] = [fields(raw.asked), fields(raw.answer)];
  const at = instant(asked.at);
  return {
    name,
    address,
    classification: text(raw.classification),
    purpose: text(raw.purpose),
    owner: text(raw.owner),
    samples: texts(raw.samples),
    level: LEVELS.find(level => level === raw.level) ?? 'none',
    why: text(raw.why),
    remedy: text(raw.remedy),
    may_ask: raw.may_ask === true,
    until: instant(raw.until),
    decider: text(raw.decider) || text(raw.owner),
    asked: at === null ? null : { at, wanted_s: number(asked.wanted_s), reason: text(asked.reason) },
    answer: text(answer.by) ? { by: text(answer.by), said: text(answer.said) } : null,
    closes_internet: raw.closes_internet === true,
    has_keys: raw.has_keys !== false
  };
}

function readConnection(raw: Fields): Connection | null {
  const port = number(raw.local_port);
  if (!text(raw.name) || !Number.isInteger(port) || port < 1 || port > MOST_PORT) {
    return null;
  }
  return {
    name: text(raw.name),
    kind: text(raw.kind),
    local_port: port,
    is_granted: raw.is_granted === true,
    database: text(raw.database),
    has_password: raw.has_password !== false
  };
}

function readPackage(raw: Fields): Package | null {
  if (!text(raw.name)) {
    return null;
  }
  return {
    name: text(raw.name),
    version: text(raw.version),
    outcome: OUTCOMES.find(outcome => outcome === raw.outcome) ?? 'unfinished',
    reason: text(raw.reason),
    approved: raw.approved === true,
    vulnerabilities: texts(raw.vulnerabilities)
  };
}

/** A `Catalogue` from an answer's JSON; what cannot be read is left out, never an exception. */
export function readCatalogue(value: unknown): Catalogue {
  const raw = fields(value);
  return {
    now: instant(raw.now) ?? new Date().toISOString(),
    longest_s: number(raw.longest_s),
    datasets: list(raw.datasets, readDataset),
    connections: list(raw.connections, readConnection),
    packages: list(raw.packages, readPackage)
  };
}

/** Whether a person waits for something here. */
export function isWaiting(catalogue: Catalogue): boolean {
  return catalogue.datasets.some(one => one.asked !== null);
}

function capital(words: string): string {
  return words && words[0]!.toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? '' : '.');
}

/** How much of it is open to this session now, and where nothing is: why. */
export function accessWords(dataset: Dataset, now: number): string {
  if (dataset.level === 'whole') {
    return dataset.until ? `All of it is open until ${clock(dataset.until, now)}.` : 'All of it is open.';
  }
  if (dataset.level === 'sample') {
    return `Only its sample is open: ${dataset.samples.join(', ')}`;
  }
  return dataset.may_ask ? 'Nothing of it is open without a grant.' : `${capital(dataset.why)} ${dataset.remedy}`.trim();
}

export function askedWords(dataset: Dataset): string {
  const { asked } = dataset;
  return asked ? `Asked for ${duration(asked.wanted_s * 1000)}, waits for ${dataset.decider}: ${asked.reason}` : '';
}

/** What is told of a connection: where it is, or how to ask for it. */
export function connectionWords(connection: Connection): string {
  if (!connection.is_granted) {
    return `Not granted to you. Ask for it on the portal's page Connections, or: nbkeep connection request ${connection.name}`;
  }
  return connection.kind === 'postgres' && !connection.has_password
    ? 'Granted, but its password has ended: tell an admin.'
    : 'Granted: no password is needed from you.';
}

const PACKAGE_WORDS: Readonly<Record<Outcome, string>> = {
  installed: 'fetched',
  refused: 'refused',
  altered: 'altered on the way, refused',
  unfinished: 'not fetched whole'
};

export function packageWords(one: Package): string {
  const parts = [PACKAGE_WORDS[one.outcome], one.reason];
  if (one.vulnerabilities.length > 0) {
    parts.push(`known to be vulnerable: ${one.vulnerabilities.join(', ')}`);
  }
  if (one.approved) {
    parts.push('approved');
  }
  return parts.filter(Boolean).join('; ');
}

/** Whether all words that were typed occur in what is known of one. */
export function matches(words: string, ...known: readonly string[]): boolean {
  const all = known.join(' ').toLowerCase();
  return words.toLowerCase().split(/\s+/).every(word => all.includes(word));
}

/** What has changed for somebody who looks at the panel or listens to it, as a sentence; empty for nothing. */
export function news(before: Catalogue, after: Catalogue, now: number): string {
  const told = after.datasets.map(one => {
    const was = before.datasets.find(other => other.name === one.name);
    if (!was || (was.level === one.level && was.asked?.at === one.asked?.at && was.answer?.said === one.answer?.said)) {
      return '';
    }
    if (one.level === 'whole' && was.level !== 'whole') {
      return `${one.name}: ${accessWords(one, now)}`;
    }
    if (one.answer && was.answer?.said !== one.answer.said) {
      return `${one.name}: ${answerWords(one)}`;
    }
    return was.level === 'whole' && one.level !== 'whole' ? `${one.name}: access to all of it is over.` : '';
  });
  return told.filter(Boolean).join(' ');
}

export function answerWords(dataset: Dataset): string {
  return dataset.answer ? `${dataset.answer.by} said no: ${dataset.answer.said}` : '';
}

const CHOICES_S = [30 * 60, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600, 7 * 24 * 3600] as const;

/** For how long one may ask, in seconds, the shortest first; always at least one. */
export function durations(longest_s: number): number[] {
  const found = CHOICES_S.filter(seconds => seconds <= longest_s);
  return found.length > 0 ? found : [Math.max(1, longest_s)];
}
