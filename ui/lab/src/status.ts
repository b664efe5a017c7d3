/**
 * What the session's server says about itself: the answer of `nbkeep/api/status`.
 *
 * Numbers carry their unit in the name, instants are ISO 8601 in UTC. `readStatus` takes whatever
 * came over the wire and gives a value of these types: a field that an older or newer server left
 * out becomes empty, never an exception in the middle of somebody's work.
 */

export interface Profile {
  name: string;
  display_name: string;
  description: string;
  cpu_millis: number;
  memory_bytes: number;
  gpu_type: string;
  gpu_count: number;
  price_per_hour_micros: number;
  currency: string;
  network_words: string;
  classification: string;
}

export interface LargerProfile {
  name: string;
  display_name: string;
  memory_bytes: number;
}

export type WarningKind = 'idle' | 'max-session' | 'quota';

export interface StopWarning {
  kind: WarningKind;
  at: string;
  extendable: boolean;
  text: string;
}

export interface Notice {
  id: string;
  kind: string;
  text: string;
  at: string;
}

export interface Memory {
  used_bytes: number;
  limit_bytes: number;
  peak_bytes: number;
}

export interface Home {
  used_bytes: number;
  size_bytes: number;
  free_bytes: number;
}

export type DeathReason = 'out-of-memory' | 'killed' | 'crashed' | 'exited';

export interface Death {
  kernel_id: string;
  path: string;
  at: string;
  reason: DeathReason;
  message: string;
  memory_used_bytes: number;
  memory_limit_bytes: number;
  larger_profiles: LargerProfile[];
}

/** A cell whose output the server keeps, because nobody was connected to see it. */
export interface PendingOutput {
  path: string;
  cell_id: string;
  running: boolean;
}

/** A host that was refused lately, and that one may ask for. */
export interface Askable {
  host: string;
  /** A request for it waits for a decision. */
  asked: boolean;
  /** The portal's page to ask on. */
  url: string;
}

export interface Status {
  session_id: string;
  name: string;
  user: string;
  profile: Profile;
  now: string;
  started_at: string;
  idle_stop_s: number;
  idle_stop_at: string | null;
  /** While the session is paused in memory: when it is put on disk. */
  frozen_until: string | null;
  ends_at: string | null;
  can_extend_until: string | null;
  warning: StopWarning | null;
  notices: Notice[];
  askable: Askable[];
  tour_done: boolean;
  larger_profiles: LargerProfile[];
  record_code: boolean;
  /** Nothing of its user is in it, and nothing of it is kept. */
  quarantine: boolean;
  /** The highest class of data that the session has read; empty for none. */
  data_class: string;
  portal_url: string;
  memory: Memory | null;
  home: Home | null;
  office_reachable: boolean;
  deaths: Death[];
  pending_outputs: PendingOutput[];
}

export interface Folder {
  path: string;
  bytes: number;
  files: number;
}

export interface Suggestion {
  path: string;
  bytes: number;
  why: string;
}

export interface LargeFile {
  path: string;
  bytes: number;
}

export interface HomeUsage {
  measured_at: string;
  folders: Folder[];
  files: LargeFile[];
  suggestions: Suggestion[];
}

export type Fields = Record<string, unknown>;

export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

export function instant(value: unknown): string | null {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : null;
}

export function list<T>(value: unknown, read: (item: Fields) => T | null): T[] {
  const items = Array.isArray(value) ? value : [];
  return items.map(item => read(fields(item))).filter((item): item is T => item !== null);
}

function readProfile(value: unknown): Profile {
  const raw = fields(value);
  return {
    name: text(raw.name),
    display_name: text(raw.display_name) || text(raw.name),
    description: text(raw.description),
    cpu_millis: number(raw.cpu_millis),
    memory_bytes: number(raw.memory_bytes),
    gpu_type: text(raw.gpu_type),
    gpu_count: number(raw.gpu_count),
    price_per_hour_micros: number(raw.price_per_hour_micros),
    currency: text(raw.currency),
    network_words: text(raw.network_words),
    classification: text(raw.classification)
  };
}

function readLarger(raw: Fields): LargerProfile {
  return {
    name: text(raw.name),
    display_name: text(raw.display_name) || text(raw.name),
    memory_bytes: number(raw.memory_bytes)
  };
}

function readWarning(value: unknown): StopWarning | null {
  const raw = fields(value);
  const at = instant(raw.at);
  if (at === null) {
    return null;
  }
  return {
    kind: raw.kind === 'idle' || raw.kind === 'quota' ? raw.kind : 'max-session',
    at,
    extendable: raw.extendable === true,
    text: text(raw.text)
  };
}

function readNotice(raw: Fields): Notice | null {
  const id = typeof raw.id === 'number' ? String(raw.id) : text(raw.id);
  return id ? { id, kind: text(raw.kind), text: text(raw.text), at: text(raw.at) } : null;
}

function readAskable(raw: Fields): Askable | null {
  const [host, url] = [text(raw.host), webAddress(raw.url)];
  return host && url ? { host, url, asked: raw.asked === true } : null;
}

const REASONS: readonly DeathReason[] = ['out-of-memory', 'killed', 'crashed', 'exited'];

function readDeath(raw: Fields): Death | null {
  const at = instant(raw.at);
  if (at === null || !text(raw.kernel_id)) {
    return null;
  }
  return {
    kernel_id: text(raw.kernel_id),
    path: text(raw.path),
    at,
    reason: REASONS.find(reason => reason === raw.reason) ?? 'crashed',
    message: text(raw.message),
    memory_used_bytes: number(raw.memory_used_bytes),
    memory_limit_bytes: number(raw.memory_limit_bytes),
    larger_profiles: list(raw.larger_profiles, readLarger)
  };
}

function readPending(raw: Fields): PendingOutput | null {
  const [path, cell_id] = [text(raw.path), text(raw.cell_id)];
  return path && cell_id ? { path, cell_id, running: raw.running === true } : null;
}

function readMemory(value: unknown): Memory | null {
  const raw = fields(value);
  const limit = number(raw.limit_bytes);
  if (typeof raw.used_bytes !== 'number') {
    return null;
  }
  return { used_bytes: raw.used_bytes, limit_bytes: limit, peak_bytes: number(raw.peak_bytes) };
}

function readHome(value: unknown): Home | null {
  const raw = fields(value);
  if (typeof raw.used_bytes !== 'number') {
    return null;
  }
  return {
    used_bytes: raw.used_bytes,
    size_bytes: number(raw.size_bytes),
    free_bytes: number(raw.free_bytes)
  };
}

/** A `Status` from an answer's JSON. Throws only if it is no status at all. */
export function readStatus(value: unknown): Status {
  const raw = fields(value);
  // A server that has not reached the platform yet knows no time, but of memory and deaths.
  const now = instant(raw.now) ?? (raw.office_reachable === false ? new Date().toISOString() : null);
  if (now === null) {
    throw new TypeError('the answer is not the status of a session');
  }
  return {
    session_id: text(raw.session_id),
    name: text(raw.name),
    user: text(raw.user),
    profile: readProfile(raw.profile),
    now,
    started_at: instant(raw.started_at) ?? now,
    idle_stop_s: number(raw.idle_stop_s),
    idle_stop_at: instant(raw.idle_stop_at),
    frozen_until: instant(raw.frozen_until),
    ends_at: instant(raw.ends_at),
    can_extend_until: instant(raw.can_extend_until),
    warning: readWarning(raw.warning),
    notices: list(raw.notices, readNotice),
    askable: list(raw.askable, readAskable),
    // A server that does not know must not start the tour on every visit.
    tour_done: raw.tour_done !== false,
    larger_profiles: list(raw.larger_profiles, readLarger),
    record_code: raw.record_code === true,
    quarantine: raw.quarantine === true,
    data_class: text(raw.data_class),
    portal_url: webAddress(raw.portal_url),
    memory: readMemory(raw.memory),
    home: readHome(raw.home),
    office_reachable: raw.office_reachable !== false,
    deaths: list(raw.deaths, readDeath),
    pending_outputs: list(raw.pending_outputs, readPending)
  };
}

/** A link target that is safe to follow: http or https (or a path of this site), else empty. */
export function webAddress(value: unknown): string {
  const address = text(value);
  return /^(https?:\/\/|\/(?!\/))/i.test(address) ? address : '';
}

/** The folders, large files and clean-up suggestions from the answer of `nbkeep/api/home/usage`. */
export function readUsage(value: unknown): HomeUsage {
  const raw = fields(value);
  return {
    measured_at: text(raw.measured_at),
    folders: list(raw.folders, item => ({
      path: text(item.path),
      bytes: number(item.bytes),
      files: number(item.files)
    })),
    files: list(raw.files, item => (text(item.path) ? { path: text(item.path), bytes: number(item.bytes) } : null)),
    suggestions: list(raw.suggestions, item =>
      text(item.path) ? { path: text(item.path), bytes: number(item.bytes), why: text(item.why) } : null
    )
  };
}
