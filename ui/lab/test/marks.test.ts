import { describe, expect, test } from 'vitest';

import { markSentence, readMarks, summary, type Verdict } from '../src/marks';

function verdict(changes: Partial<Verdict>): Verdict {
  return { id: 'a', status: 'stale', why: 'changed', name: 'x', cell: 'b', ...changes };
}

const called = (id: string): string => `cell [${id}]`;

describe('an answer', () => {
  test('is read with care', () => {
    const raw = { is_watched: true, cells: [{ id: 'a', status: 'stale', name: 7 }, { id: 'b', status: '<b>' }, 3, null, { status: 'stale' }], plan: ['a', 5] };
    expect(readMarks(raw)).toEqual({
      watched: true,
      busy: false,
      cells: [{ id: 'a', status: 'stale', why: '', name: '', cell: '' }],
      plan: ['a']
    });
  });

  test.each([null, undefined, 'no', [], { cells: 'many', plan: {} }])('of nonsense marks nothing: %j', raw => {
    expect(readMarks(raw)).toEqual({ watched: false, busy: false, cells: [], plan: [] });
  });
});

describe('a mark says', () => {
  test.each([
    [{}, 'Stale: cell [b] gives x another value than this cell used.'],
    [{ why: 'edited' }, 'Stale: cell [b], which gives x, was edited and has not run since.'],
    [{ why: 'not-run' }, 'Stale: cell [b], which gives x, has not run.'],
    [{ why: 'stale' }, 'Stale: it uses x of cell [b], which is stale itself.'],
    [{ why: 'itself', cell: 'a' }, 'Stale: it ran on x as it had left it itself, not as the cells above leave it.'],
    [{ status: 'out-of-order' as const, why: 'later' }, 'Out of order: it used x as cell [b], further down, left it.'],
    [{ status: 'missing' as const, why: 'gone', cell: '' }, 'Missing: the cell that gave it x is no longer in this notebook.'],
    [{ status: 'missing' as const, why: 'outside', cell: '' }, "Missing: x was set outside of this notebook's cells."],
    [{ status: 'missing' as const, why: 'edited-away' }, 'Missing: it used x of cell [b], which no longer gives it.'],
    [{ status: 'edited' as const, why: '' }, 'Edited since it ran.'],
    [{ status: 'never-run' as const, why: '' }, 'Not run: what it shows is of an earlier kernel.'],
    [{ status: 'fresh' as const }, '']
  ])('%j', (changes, sentence) => {
    expect(markSentence(verdict(changes), called)).toBe(sentence);
  });
});

describe('the summary', () => {
  test('counts what a person should not trust', () => {
    const cells = [verdict({}), verdict({}), verdict({ status: 'missing' }), verdict({ status: 'edited' }), verdict({ status: 'fresh' })];
    expect(summary(cells)).toBe('2 stale · 1 missing');
  });

  test('is empty where all is well', () => {
    expect(summary([verdict({ status: 'fresh' }), verdict({ status: 'edited' }), verdict({ status: 'never-run' })])).toBe('');
  });
});
