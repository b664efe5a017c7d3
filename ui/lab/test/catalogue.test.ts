import { describe, expect, test } from 'vitest';

import {
  accessWords, answerWords, askedWords, type Catalogue, connectionWords, type Dataset, durations, isWaiting, matches, news, packageWords, readCatalogue
} from '../src/data/catalogue';
import { clock } from '../src/words';
import { at, NOW } from './some';

const wire = {
  name: 'sales',
  classification: 'internal',
  purpose: 'Orders',
  owner: 'owner',
  address: 'http://sales.data.nbkeep/',
  samples: ['*.csv', 7],
  level: 'sample',
  why: 'only the sample of sales is open without a grant',
  remedy: '',
  may_ask: true,
  until: null,
  decider: 'owner',
  asked: null,
  answer: null,
  closes_internet: false,
  has_keys: true
};

function catalogue(...datasets: object[]): Catalogue {
  return readCatalogue({ now: at(0), longest_s: 28800, datasets });
}

function dataset(changes: object = {}): Dataset {
  return catalogue({ ...wire, ...changes }).datasets[0]!;
}

describe('a catalogue from the wire', () => {
  test('is read whole', () => {
    expect(dataset()).toEqual({ ...wire, samples: ['*.csv'] });
    const read = readCatalogue({
      now: at(0),
      connections: [{ name: 'warehouse', kind: 'postgres', local_port: 5432, is_granted: true, database: 'sales', has_password: true }],
      packages: [{ name: 'nbone', version: '1.0', outcome: 'installed', reason: '', approved: true, vulnerabilities: ['GHSA-1'] }]
    });
    expect(read.connections[0]?.local_port).toBe(5432);
    expect(read.packages[0]?.vulnerabilities).toEqual(['GHSA-1']);
  });

  test.each([null, {}, 'no', { datasets: 'x', packages: [null, {}], connections: [{ name: 'a', local_port: '1;' }] }])(
    'of nonsense is empty and throws nothing: %j',
    nonsense => {
      const read = readCatalogue(nonsense);
      expect([read.datasets, read.connections, read.packages]).toEqual([[], [], []]);
    }
  );

  test.each(['http://evil.example/', 'javascript:alert(1)', 'http://sales.data.nbkeep/"\nimport os', 'https://sales.data.nbkeep/'])(
    'has no dataset whose address is none of a dataset, because it is put into code: %s',
    address => {
      expect(catalogue({ ...wire, address }).datasets).toEqual([]);
    }
  );

  test('with a level that we do not know opens nothing', () => {
    expect(dataset({ level: 'everything' }).level).toBe('none');
  });

  test('waits while something was asked for', () => {
    expect(isWaiting(catalogue(wire))).toBe(false);
    expect(isWaiting(catalogue({ ...wire, asked: { at: at(0), wanted_s: 7200, reason: 'x' } }))).toBe(true);
  });
});

describe('the words', () => {
  test('tell how much is open, until when, and why not more', () => {
    expect(accessWords(dataset({ level: 'whole', until: at(3600) }), NOW)).toBe(`All of it is open until ${clock(at(3600), NOW)}.`);
    expect(accessWords(dataset(), NOW)).toBe('Only its sample is open: *.csv');
    expect(accessWords(dataset({ level: 'none' }), NOW)).toBe('Nothing of it is open without a grant.');
    const high = dataset({ level: 'none', may_ask: false, why: 'the dataset sales is pii', remedy: 'Start another.' });
    expect(accessWords(high, NOW)).toBe('The dataset sales is pii. Start another.');
  });

  test('tell what was asked and who decides, and what was said to it', () => {
    const asked = { at: at(0), wanted_s: 7200, reason: 'Totals' };
    expect(askedWords(dataset({ asked }))).toBe('Asked for 2 h, waits for owner: Totals');
    expect(answerWords(dataset({ answer: { by: 'owner', said: 'Not yet' } }))).toBe('owner said no: Not yet');
  });

  test('tell whom to ask for a connection', () => {
    const one = { name: 'warehouse', kind: 'postgres', local_port: 5432, is_granted: false, database: '', has_password: true };
    expect(connectionWords(one)).toContain('nbkeep connection request warehouse');
    expect(connectionWords({ ...one, is_granted: true })).toBe('Granted: no password is needed from you.');
    expect(connectionWords({ ...one, is_granted: true, has_password: false })).toContain('tell an admin');
  });

  test('tell what became of a package', () => {
    const one = { name: 'a', version: '1', outcome: 'installed' as const, reason: '', approved: false, vulnerabilities: [] };
    expect(packageWords(one)).toBe('fetched');
    expect(packageWords({ ...one, outcome: 'refused', reason: 'on the deny-list' })).toBe('refused; on the deny-list');
    expect(packageWords({ ...one, approved: true, vulnerabilities: ['GHSA-1', 'CVE-2'] })).toBe(
      'fetched; known to be vulnerable: GHSA-1, CVE-2; approved'
    );
  });

  test('find by all words, anywhere', () => {
    expect(matches('', 'sales')).toBe(true);
    expect(matches(' Owner  sal', 'sales', 'Orders', 'owner')).toBe(true);
    expect(matches('sales pii', 'sales', 'internal')).toBe(false);
  });

  test('offer durations that may be asked for, and always one', () => {
    expect(durations(28800)).toEqual([1800, 3600, 7200, 14400, 28800]);
    expect(durations(600)).toEqual([600]);
  });
});

describe('the news', () => {
  const asked = { at: at(0), wanted_s: 7200, reason: 'Totals' };
  const waits = catalogue({ ...wire, asked });

  test('are a grant, a denial and an end', () => {
    const open = catalogue({ ...wire, level: 'whole', until: at(7200) });
    expect(news(waits, open, NOW)).toMatch(/^sales: All of it is open until/);
    expect(news(waits, catalogue({ ...wire, answer: { by: 'owner', said: 'No' } }), NOW)).toBe('sales: owner said no: No');
    expect(news(open, catalogue(wire), NOW)).toBe('sales: access to all of it is over.');
  });

  test('are nothing where nothing changed, or what one did oneself', () => {
    expect(news(waits, waits, NOW)).toBe('');
    expect(news(catalogue(wire), waits, NOW)).toBe('');
    expect(news(catalogue(), catalogue(wire), NOW)).toBe('');
  });
});
