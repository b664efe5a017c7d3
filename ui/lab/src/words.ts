/**
 * Facts of a session as sentences. Pure: values in, words out; instants are milliseconds.
 */
import type { Death, Home, LargerProfile, Profile, Status, StopWarning } from './status';

const KIB = 1024;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

function scaled(count: number, power: number): string {
  const value = count / KIB ** power;
  // One decimal below ten, so that 1.2 and 1.9 of 8 GiB differ, none where it is only noise.
  return value < 10 && power > 0 ? value.toFixed(1).replace(/\.0$/, '') : Math.round(value).toString();
}

function powerOf(count: number): number {
  let power = 0;
  while (count / KIB ** power >= 1000 && power < UNITS.length - 1) {
    power += 1;
  }
  return power;
}

/** "1.2 GiB". */
export function size(bytes: number): string {
  const power = powerOf(Math.max(0, bytes));
  return `${scaled(Math.max(0, bytes), power)} ${UNITS[power]}`;
}

/** "1.2 of 8 GiB", or "300 MiB of 8 GiB" where one unit would hide the first number. */
export function sizeOf(used: number, limit: number): string {
  if (limit <= 0) {
    return size(used);
  }
  const [usedPower, limitPower] = [powerOf(used), powerOf(limit)];
  return usedPower === limitPower
    ? `${scaled(used, usedPower)} of ${size(limit)}`
    : `${size(used)} of ${size(limit)}`;
}

/** "7 h 40 min", "28 min", "45 s"; never negative. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 100) {
    return `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) {
    return `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) {
    return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  }
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** "4:59" for a countdown that a person watches. */
export function countdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  if (seconds >= 3600) {
    return duration(milliseconds);
  }
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** How long until an instant, or null where there is none. */
export function until(instant: string | null, now: number): number | null {
  return instant === null ? null : Math.max(0, Date.parse(instant) - now);
}

/** "18:40" in the reader's own zone; with the day where it is not today's. */
export function clock(instant: string, now: number): string {
  const when = new Date(Date.parse(instant));
  const time = when.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  const today = new Date(now).toDateString() === when.toDateString();
  return today ? time : `${when.toLocaleDateString(undefined, { weekday: 'short', day: 'numeric', month: 'short' })}, ${time}`;
}

/** "2 CPU, 8 GiB memory, 1 × T4". */
export function resources(profile: Profile): string {
  const cpus = profile.cpu_millis / 1000;
  const parts = [`${Number.isInteger(cpus) ? cpus : cpus.toFixed(1)} CPU`, `${size(profile.memory_bytes)} memory`];
  if (profile.gpu_count > 0) {
    parts.push(`${profile.gpu_count} × ${profile.gpu_type.toUpperCase()}`);
  }
  return parts.join(', ');
}

/** "€0.35 an hour" in the reader's own number format, or "no charge". */
export function price(profile: Profile): string {
  if (profile.price_per_hour_micros <= 0) {
    return 'No charge';
  }
  const amount = profile.price_per_hour_micros / 1e6;
  try {
    const format = new Intl.NumberFormat(undefined, {
      style: 'currency',
      currency: profile.currency,
      maximumFractionDigits: 4
    });
    return `${format.format(amount)} an hour`;
  } catch {
    // The currency is not an ISO 4217 code, for instance an organisation's own credits.
    return `${amount} ${profile.currency} an hour`.replace('  ', ' ');
  }
}

/** When the session stops for being idle, as a sentence. */
export function idleSentence(status: Status, now: number): string {
  const paused = until(status.frozen_until, now);
  if (paused !== null) {
    return `Paused in memory, free of charge: it goes on when you run a cell. Put on disk in ${duration(paused)}.`;
  }
  const left = until(status.idle_stop_at, now);
  if (left !== null) {
    return `In ${duration(left)}, unless you work before then.`;
  }
  if (status.idle_stop_s > 0) {
    return `Not while code is running; after ${duration(status.idle_stop_s * 1000)} without work.`;
  }
  return 'Never for being idle.';
}

/** When the session ends whatever happens, as a sentence. */
export function endSentence(status: Status, now: number): string {
  const left = until(status.ends_at, now);
  if (left === null || status.ends_at === null) {
    return 'No end is set.';
  }
  const end = `In ${duration(left)}, at ${clock(status.ends_at, now)}.`;
  const most = until(status.can_extend_until, now);
  if (status.can_extend_until !== null && most !== null && most > left) {
    return `${end} You can extend it to ${clock(status.can_extend_until, now)} at most.`;
  }
  return end;
}

/** The whole status item in words, for a screen reader and the tooltip. */
export function statusSentence(status: Status, now: number): string {
  const parts = status.profile.display_name ? [`Session on ${status.profile.display_name}.`] : [];
  if (status.memory) {
    parts.push(`Memory ${sizeOf(status.memory.used_bytes, status.memory.limit_bytes)}.`);
  }
  if (status.frozen_until !== null) {
    parts.push('Paused, goes on when you run a cell.');
  }
  const idle = until(status.idle_stop_at, now);
  if (idle !== null) {
    parts.push(`Stops for being idle in ${duration(idle)}.`);
  }
  const end = until(status.ends_at, now);
  if (end !== null) {
    parts.push(`Ends in ${duration(end)}.`);
  }
  return parts.join(' ');
}

/** "“Large” has 32 GiB" for the smallest profile that is larger, or empty. */
export function largerSentence(profiles: readonly LargerProfile[], limit: number): string {
  const next = [...profiles]
    .filter(profile => profile.memory_bytes > limit)
    .sort((one, other) => one.memory_bytes - other.memory_bytes)[0];
  return next ? `The profile “${next.display_name}” has ${size(next.memory_bytes)}.` : '';
}

const HEADLINES: Record<Death['reason'], string> = {
  'out-of-memory': 'The kernel ran out of memory',
  killed: 'The kernel was killed',
  crashed: 'The kernel crashed',
  exited: 'The kernel ended'
};

/**
 * What a notebook says about the death of its kernel: `headline` and `rest` read on as one text,
 * `larger` says whether a larger profile would have helped.
 */
export function deathWords(death: Death): { headline: string; rest: string; larger: boolean } {
  const headline = HEADLINES[death.reason];
  const limit = death.memory_limit_bytes;
  const outOfMemory = death.reason === 'out-of-memory';
  const larger = outOfMemory ? largerSentence(death.larger_profiles, limit) : '';
  const used =
    outOfMemory && death.memory_used_bytes > 0 && limit > 0
      ? `: it used ${sizeOf(death.memory_used_bytes, limit)}.`
      : '.';
  const told = death.message.startsWith(headline) ? death.message.slice(headline.length) : '';
  const sentences = [told || (death.message ? `. ${death.message}` : used)];
  if (!/variables/i.test(death.message)) {
    sentences.push('Its variables are gone; the notebook and its outputs are kept.');
  }
  if (larger && !death.larger_profiles.some(profile => death.message.includes(profile.display_name))) {
    sentences.push(larger);
  }
  return { headline, rest: sentences.join(' '), larger: larger !== '' };
}

const CLASSIFICATIONS: Readonly<Record<string, string>> = {
  public: 'Public data only',
  internal: 'Data up to internal',
  confidential: 'Data up to confidential',
  pii: 'Personal data allowed'
};

/** A classification in the portal's words; one that an organisation named itself stays as it is. */
export function classification(name: string): string {
  return CLASSIFICATIONS[name] ?? name;
}

/** Above this share, or below so much free, saving a notebook may fail soon. */
const HOME_FULL_SHARE = 0.97;
const HOME_FULL_FREE = 64 * 1024 ** 2;

/** A file system keeps some blocks to itself: less than this holds no notebook. */
const HOME_GONE_FREE = 1024 ** 2;

/** "Your home is full …", or empty while there is room. */
export function homeWarning(home: Home | null): string {
  if (home === null || home.size_bytes <= 0) {
    return '';
  }
  const free = Math.min(home.free_bytes, home.size_bytes - home.used_bytes);
  if (free > HOME_FULL_FREE && home.used_bytes / home.size_bytes < HOME_FULL_SHARE) {
    return '';
  }
  const word = free < HOME_GONE_FREE ? 'full' : 'nearly full';
  return `Your home is ${word} (${sizeOf(home.used_bytes, home.size_bytes)}): saving may fail. What is there is safe.`;
}

/** A screen reader hears the time left at these moments only, not every second. */
const SPOKEN_MS = [300_000, 120_000, 60_000, 30_000, 10_000];

/** What is said aloud of a warning: changes only when a moment of `SPOKEN_MS` passes. */
export function spoken(warning: StopWarning, now: number): string {
  const left = until(warning.at, now) ?? 0;
  const moment = SPOKEN_MS.filter(mark => left <= mark).pop();
  const when = moment === undefined ? 'soon' : `in less than ${duration(moment)}`;
  return `${warning.text} The session stops ${when}.`;
}

/** What the warning says once its instant has come. */
export function dueSentence(keeps: boolean): string {
  return keeps
    ? 'This session is being suspended: your variables are saved. A running cell may finish for a moment.'
    : 'This session is being stopped.';
}

/** Clocks differ a little, and the last status may be some seconds old. */
const NEAR_MS = 5_000;

/** Whether the stop that was announced last is due: from then on the session may go at any moment. */
export function isStopDue(last: Status | null, now: number): boolean {
  return last !== null && [last.ends_at, last.idle_stop_at, last.frozen_until].some(instant => isNear(instant, now));
}

function isNear(instant: string | null, now: number): boolean {
  return instant !== null && Date.parse(instant) - now < NEAR_MS;
}

/** What a session in quarantine is marked with, the same in the portal. */
export const QUARANTINE = 'Quarantine: nothing of yours is here';

/** Why the session is gone, from what was last known; `keeps`: its variables are kept, it can be resumed. */
export function stopWords(last: Status | null, now: number, keeps: boolean): { headline: string; reason: string } {
  const headline = keeps ? 'This session is suspended' : 'This session has ended';
  if (last && isNear(last.ends_at, now)) {
    return { headline, reason: `It reached the longest time of a session on “${last.profile.display_name}”.` };
  }
  if (last?.warning?.kind === 'quota' && isNear(last.warning.at, now)) {
    return { headline, reason: 'A quota is used up. Its page in the portal tells when it is back, and lets you ask for more.' };
  }
  if (last && [last.idle_stop_at, last.frozen_until].some(instant => isNear(instant, now))) {
    return { headline, reason: `Nothing ran and nobody worked here for ${duration(last.idle_stop_s * 1000)}.` };
  }
  return { headline, reason: 'Its page in the portal tells by whom or why.' };
}

/** The session's page in the portal, or empty where that is not known. */
export function sessionPage(last: Status): string {
  return last.portal_url && `${last.portal_url}${last.session_id ? `sessions/${encodeURIComponent(last.session_id)}` : ''}`;
}
