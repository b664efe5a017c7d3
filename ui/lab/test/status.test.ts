import { describe, expect, test } from 'vitest';

import { readStatus, readUsage, webAddress } from '../src/status';
import { at } from './some';

describe('a status from the wire', () => {
  test('of a server that has not reached the platform yet still tells of memory', () => {
    const status = readStatus({ office_reachable: false, memory: { used_bytes: 1, limit_bytes: 2 } });
    expect(status.memory?.used_bytes).toBe(1);
    expect(status.profile.display_name).toBe('');
  });

  test('of a server that knows less than we do is empty, not an error', () => {
    const status = readStatus({ now: at(0) });
    expect(status.notices).toEqual([]);
    expect(status.memory).toBeNull();
    expect(status.warning).toBeNull();
    expect(status.tour_done).toBe(true);
    expect(status.data_class).toBe('');
    expect(status.quarantine).toBe(false);
    expect(status.office_reachable).toBe(true);
  });

  test.each([null, 'no', 7, [], {}, { now: 'yesterday' }])('%o is none', value => {
    expect(() => readStatus(value)).toThrow(TypeError);
  });

  test('with nonsense inside keeps what makes sense', () => {
    const status = readStatus({
      now: at(0),
      idle_stop_at: 'soon',
      warning: { kind: 'idle' },
      notices: [{ text: 'without an id' }, null, { id: 7, text: 'fine' }],
      deaths: [{ kernel_id: 'k', at: at(0), path: null, reason: 'unheard-of' }, 'x'],
      pending_outputs: [{ path: 'a.ipynb' }, 'x', { path: 'a.ipynb', cell_id: 'c', running: 'yes' }],
      memory: { used_bytes: 'many' }
    });
    expect(status.idle_stop_at).toBeNull();
    expect(status.warning).toBeNull();
    expect(status.notices.map(notice => notice.id)).toEqual(['7']);
    expect(status.deaths).toMatchObject([{ kernel_id: 'k', path: '', reason: 'crashed' }]);
    expect(status.pending_outputs).toEqual([{ path: 'a.ipynb', cell_id: 'c', running: false }]);
    expect(status.memory).toBeNull();
  });
});

test('a host to ask for has a page to ask on, or is left out', () => {
  const url = 'http://localhost:8000/portal/grants?session=s&host=a.example%3A443';
  const raw = [{ host: 'a.example:443', url, asked: 1 }, { host: 'b.example:443', url: 'javascript:alert(1)' }, { url }];
  expect(readStatus({ now: at(0), askable: raw }).askable).toEqual([{ host: 'a.example:443', url, asked: false }]);
  expect(readStatus({ now: at(0) }).askable).toEqual([]);
});

test.each([
  ['http://localhost:8000/portal/', true],
  ['/portal/', true],
  ['//evil.example/', false],
  ['javascript:alert(1)', false],
  [null, false]
])('%s as a link: %s', (address, followed) => expect(webAddress(address) !== '').toBe(followed));

test('usage without suggestions is a home with nothing to delete', () => {
  expect(readUsage({ folders: [{ path: 'a', bytes: 1 }] })).toEqual({
    measured_at: '',
    folders: [{ path: 'a', bytes: 1, files: 0 }],
    files: [],
    suggestions: []
  });
});
