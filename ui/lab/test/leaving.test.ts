import { describe, expect, test } from 'vitest';

import { formAddress, formsOf, readAdvice, reason, safelyAddress } from '../src/leaving/advice';

const SECRET = { found: 'secret', decision: 'review', scope: 'default', whose: 'the default' };

describe('advice', () => {
  test('tells what each way out would mean, and by whose rule', () => {
    const advice = readAdvice({ state: 'examined', findings: [], gates: { export: { decision: 'review', because: [SECRET] }, download: { decision: 'allow', because: [] } } });
    expect(advice.isReady).toBe(true);
    expect(reason(advice.gates.export)).toBe('Somebody else looks at it first, and decides. Why: secrets (the default).');
    expect(reason(advice.gates.download)).toBe('Nothing stands in its way.');
  });

  test('names only the rules that decide', () => {
    const personal = { found: 'personal', decision: 'deny', scope: 'everywhere', whose: 'set for everything' };
    const { gates } = readAdvice({ gates: { share: { decision: 'deny', because: [SECRET, personal] } } });
    expect(reason(gates.share)).toBe('As it is now, it may not leave this way. Why: personal data (set for everything).');
  });

  test('tells apart what no document may', () => {
    const all = { found: 'nothing', decision: 'deny', whose: 'set by the profile lab' };
    const { gates } = readAdvice({ gates: { download: { decision: 'deny', because: [all] } } });
    expect(reason(gates.download)).toBe('Nothing may leave this way. Why: every document (set by the profile lab).');
  });

  test.each([null, [], 'yes', { gates: 'all' }, { state: 'examined', gates: { download: { decision: 'maybe' } } }, { gates: { share: 1 } }])(
    'of nonsense allows nothing: %j',
    raw => {
      const { gates } = readAdvice(raw);
      expect(Object.values(gates).map(one => one.decision)).toEqual(['deny', 'deny', 'deny', 'deny']);
    }
  );

  test('says why the file is not what is in the tab', () => {
    expect(readAdvice({ not_saved: 'Not saved: a key.' }).notSaved).toBe('Not saved: a key.');
    expect(readAdvice({ not_saved: 5 }).notSaved).toBe('');
  });
});

test('of what is no notebook nothing else is made', () => {
  expect(formsOf('a/b.IPYNB').map(one => one.form)).toContain('pdf');
  expect(formsOf('a.ipynb.csv').map(one => one.form)).toEqual(['original']);
});

test('no name leads to another address', () => {
  const path = 'a/b&gate=download#x?y "é".ipynb';
  const form = new URL(formAddress('https://hub/portal/', path, 'share', ''));
  expect([form.pathname, form.searchParams.get('path'), form.searchParams.getAll('gate')]).toEqual(['/portal/releases/new', path, ['share']]);
  expect(form.searchParams.has('form')).toBe(false);
  expect(new URL(formAddress('https://hub/portal/', 'a.ipynb', 'export', 'pdf')).searchParams.get('form')).toBe('pdf');
  const safely = new URL(safelyAddress('https://hub/portal/', path, 'ses_1'));
  expect([safely.pathname, safely.searchParams.get('path'), safely.searchParams.get('session')]).toEqual(['/portal/open-safely', path, 'ses_1']);
});
