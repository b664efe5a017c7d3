import { describe, expect, test } from 'vitest';

import type { Death } from '../src/status';
import {
  countdown,
  deathWords,
  duration,
  endSentence,
  homeWarning,
  idleSentence,
  isStopDue,
  price,
  resources,
  size,
  sizeOf,
  sessionPage,
  spoken,
  statusSentence,
  stopWords
} from '../src/words';
import { at, GIB, NOW, someStatus } from './some';

describe('sizes', () => {
  test.each([
    [0, '0 B'],
    [-5, '0 B'],
    [999, '999 B'],
    [1000, '1 KiB'],
    [1.25 * GIB, '1.3 GiB'],
    [8 * GIB, '8 GiB'],
    [32.4 * GIB, '32 GiB'],
    [5000 * 1024 * GIB, '5000 TiB']
  ])('%d bytes are %s', (bytes, words) => expect(size(bytes)).toBe(words));

  test('a part keeps its own unit where the whole has a larger one', () => {
    expect(sizeOf(300 * 1024 ** 2, 8 * GIB)).toBe('300 MiB of 8 GiB');
    expect(sizeOf(1.2 * GIB, 8 * GIB)).toBe('1.2 of 8 GiB');
  });

  test('without a limit only the use is told', () => expect(sizeOf(GIB, 0)).toBe('1 GiB'));
});

describe('times', () => {
  test.each([
    [-1, '0 s'],
    [99_999, '99 s'],
    [100_000, '1 min'],
    [29 * 60_000, '29 min'],
    [2 * 3_600_000, '2 h'],
    [7 * 3_600_000 + 40 * 60_000, '7 h 40 min'],
    [50 * 3_600_000, '2 d 2 h']
  ])('%d ms last %s', (milliseconds, words) => expect(duration(milliseconds)).toBe(words));

  test.each([
    [270_000, '4:30'],
    [59_100, '1:00'],
    [9_000, '0:09'],
    [-4_000, '0:00']
  ])('%d ms count down as %s', (milliseconds, words) => expect(countdown(milliseconds)).toBe(words));
});

describe('the session in sentences', () => {
  test('a busy session is not said to stop', () => {
    const busy = someStatus({ idle_stop_s: 1800, idle_stop_at: null });
    expect(idleSentence(busy, NOW)).toBe('Not while code is running; after 30 min without work.');
  });

  test('an idle session says when', () => {
    expect(idleSentence(someStatus({ idle_stop_at: at(600) }), NOW)).toBe('In 10 min, unless you work before then.');
  });

  test('a paused session says what wakes it, and when it is put on disk', () => {
    const paused = someStatus({ frozen_until: at(600), idle_stop_s: 1800, idle_stop_at: null });
    expect(idleSentence(paused, NOW)).toMatch(/^Paused in memory.*run a cell.*on disk in 10 min\.$/);
    expect(statusSentence(paused, NOW)).toContain('Paused, goes on when you run a cell.');
  });

  test('extension is offered only where it leads further', () => {
    expect(endSentence(someStatus({ ends_at: at(3600), can_extend_until: at(7200) }), NOW)).toMatch(/extend/);
    expect(endSentence(someStatus({ ends_at: at(3600), can_extend_until: at(3600) }), NOW)).not.toMatch(/extend/);
    expect(endSentence(someStatus(), NOW)).toBe('No end is set.');
  });

  test('GPUs are named, fractions of a CPU kept', () => {
    const profile = { ...someStatus().profile, cpu_millis: 500, gpu_count: 2, gpu_type: 'a100' };
    expect(resources(profile)).toBe('0.5 CPU, 8 GiB memory, 2 × A100');
  });

  test('a price in a currency of their own is told as it is', () => {
    const profile = { ...someStatus().profile, price_per_hour_micros: 2_500_000, currency: 'credits' };
    expect(price(profile)).toBe('2.5 credits an hour');
    expect(price({ ...profile, price_per_hour_micros: 0 })).toBe('No charge');
  });
});

describe('a death', () => {
  const death: Death = {
    kernel_id: 'k',
    path: 'a.ipynb',
    at: at(0),
    reason: 'out-of-memory',
    message: '',
    memory_used_bytes: 7.5 * GIB,
    memory_limit_bytes: 8 * GIB,
    larger_profiles: [
      { name: 'huge', display_name: 'Huge', memory_bytes: 64 * GIB },
      { name: 'large', display_name: 'Large', memory_bytes: 32 * GIB }
    ]
  };

  test('of memory tells use, limit and the next larger profile', () => {
    const { headline, rest, larger } = deathWords(death);
    expect(headline + rest).toBe(
      'The kernel ran out of memory: it used 7.5 of 8 GiB. Its variables are gone; the notebook and its outputs ' +
        'are kept. The profile “Large” has 32 GiB.'
    );
    expect(larger).toBe(true);
  });

  test("reads on from the server's own sentence without saying anything twice", () => {
    const message = 'The kernel ran out of memory: it used all. Its variables are lost. Profiles with more: Large (32 GiB).';
    const { headline, rest } = deathWords({ ...death, message });
    expect(headline + rest).toBe(message);
  });

  test('by another cause offers no larger profile', () => {
    const { headline, rest, larger } = deathWords({ ...death, reason: 'crashed', message: 'It met a bug.' });
    expect(headline + rest).toMatch(/^The kernel crashed\. It met a bug\. Its variables are gone/);
    expect(larger).toBe(false);
  });
});

describe('a stop', () => {
  test('near the idle stop is told as idleness', () => {
    const last = someStatus({ idle_stop_s: 1800, idle_stop_at: at(2), ends_at: at(9999) });
    expect(stopWords(last, NOW, true)).toEqual({
      headline: 'This session is suspended',
      reason: 'Nothing ran and nobody worked here for 30 min.'
    });
  });

  test('near the end of a pause is told as idleness, too', () => {
    const last = someStatus({ idle_stop_s: 1800, frozen_until: at(2), ends_at: at(9999) });
    expect(stopWords(last, NOW, true).reason).toBe('Nothing ran and nobody worked here for 30 min.');
    expect(isStopDue(last, NOW)).toBe(true);
    expect(isStopDue(someStatus({ frozen_until: at(60), ends_at: at(9999) }), NOW)).toBe(false);
  });

  test('near the end is told as the longest time, even if also idle', () => {
    const last = someStatus({ idle_stop_at: at(-20), ends_at: at(3) });
    expect(stopWords(last, NOW, false).reason).toMatch(/^It reached the longest time/);
  });

  test('out of the blue claims no cause', () => {
    const soon = someStatus({ idle_stop_at: at(40), ends_at: at(50) });
    expect(stopWords(soon, NOW, true).reason).toBe('Its page in the portal tells by whom or why.');
    expect(stopWords(null, NOW, false).headline).toBe('This session has ended');
  });

  test('is due from its announced moment on, not before', () => {
    expect(isStopDue(someStatus({ idle_stop_at: at(-1), ends_at: at(9999) }), NOW)).toBe(true);
    expect(isStopDue(someStatus({ idle_stop_at: null, ends_at: at(40) }), NOW)).toBe(false);
    expect(isStopDue(null, NOW)).toBe(false);
  });

  test("leads to the session's own page", () => {
    const last = someStatus({ portal_url: 'http://localhost:8000/portal/', session_id: 'ses_1' });
    expect(sessionPage(last)).toBe('http://localhost:8000/portal/sessions/ses_1');
    expect(sessionPage({ ...last, portal_url: '' })).toBe('');
  });
});

describe('warnings', () => {
  test('are spoken at a few moments, not each second', () => {
    const warning = { kind: 'idle' as const, at: at(290), extendable: true, text: 'Idle.' };
    expect(spoken(warning, NOW)).toBe('Idle. The session stops in less than 5 min.');
    expect(spoken(warning, NOW + 100_000)).toBe(spoken(warning, NOW));
    expect(spoken(warning, NOW + 280_000)).toBe('Idle. The session stops in less than 10 s.');
  });

  test('about a home come before it is full, and never without a limit', () => {
    const home = { used_bytes: 5 * GIB, size_bytes: 10 * GIB, free_bytes: 5 * GIB };
    expect(homeWarning(home)).toBe('');
    expect(homeWarning({ ...home, used_bytes: 9.8 * GIB, free_bytes: 0.2 * GIB })).toMatch(/nearly full/);
    expect(homeWarning({ ...home, used_bytes: 10 * GIB, free_bytes: 20480 })).toMatch(/is full/);
    expect(homeWarning({ used_bytes: 10 * GIB, size_bytes: 0, free_bytes: 0 })).toBe('');
    expect(homeWarning(null)).toBe('');
  });
});
