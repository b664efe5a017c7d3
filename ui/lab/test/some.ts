/** Values for tests: a quiet status, and what differs from it. */
import { readStatus, type Status } from '../src/status';

export const GIB = 1024 ** 3;
export const NOW = Date.parse('2026-11-21T12:00:00Z');

export function at(seconds: number): string {
  return new Date(NOW + seconds * 1000).toISOString();
}

export function someStatus(changes: Partial<Status> = {}): Status {
  const raw = { now: at(0), profile: { name: 'small', display_name: 'Small', memory_bytes: 8 * GIB, cpu_millis: 2000 } };
  return { ...readStatus(raw), ...changes };
}
