import { describe, expect, test } from 'vitest';

import { inOrder } from '../src/fileorder';
import { firstOf, shownSentence } from '../src/firstof';

const file = (name: string, more = {}) => ({ name, type: 'file', last_modified: '', created: '', ...more });
const settings = { notebooksFirst: false, naturally: true, language: 'en' };
const byName = inOrder({ key: 'name', direction: 'ascending' }, settings);
const names = (items: readonly { name: string }[]) => items.map(item => item.name);

function* countdown(from: number) {
  for (let at = from; at > 0; at -= 1) {
    yield file(`file-${at}.txt`);
  }
}

describe('the first of many files', () => {
  test('are those that sort first, with numbers as numbers', () => {
    const { first, total } = firstOf(countdown(5000), 3, byName);
    expect(names(first)).toEqual(['file-1.txt', 'file-2.txt', 'file-3.txt']);
    expect(total).toBe(5000);
  });

  test('are the same in whatever order they come', () => {
    const sorted = [...countdown(3000)].sort(byName);
    const shuffled = sorted.map((_, at) => sorted[(at * 1009) % 3000]!);
    expect(names(firstOf(shuffled, 100, byName).first)).toEqual(names(sorted.slice(0, 100)));
    expect(names(firstOf(sorted, 100, byName).first)).toEqual(names(sorted.slice(0, 100)));
  });

  test('hold the folders before any file', () => {
    const items = [file('a'), file('b'), file('z', { type: 'directory' })];
    expect(names(firstOf(items, 2, byName).first)).toEqual(['z', 'a']);
  });

  test.each([0, 1, 4, 5])('%d files of at most 5 come back as they were given', count => {
    const items = [...countdown(count)];
    expect(firstOf(items, 5, byName)).toEqual({ first: items, total: count });
  });

  test.each([6, 9, 10, 11])('%d files are cut to 5', count => {
    const { first, total } = firstOf(countdown(count), 5, byName);
    expect(first.map(item => item.name)).toEqual([1, 2, 3, 4, 5].map(at => `file-${at}.txt`));
    expect(total).toBe(count);
  });
});

describe('the order', () => {
  const files = [
    file('b10', { size: 1, last_modified: '2026-01-01T00:00:00Z', created: '2026-01-03T00:00:00Z' }),
    file('b9', { size: 3, last_modified: '2026-01-02T00:00:00Z', created: '2026-01-02T00:00:00Z' }),
    file('c', { size: 2, last_modified: '2026-01-03T00:00:00Z', created: '2026-01-01T00:00:00Z' }),
    file('a', { size: 2, last_modified: '2025-12-31T23:00:00-02:00', created: '2025-01-01T00:00:00Z' })
  ];
  test.each([
    ['name', 'ascending', ['a', 'b9', 'b10', 'c']],
    ['name', 'descending', ['c', 'b10', 'b9', 'a']],
    ['last_modified', 'ascending', ['c', 'b9', 'a', 'b10']],
    ['last_modified', 'descending', ['b10', 'a', 'b9', 'c']],
    ['date_created', 'ascending', ['b10', 'b9', 'c', 'a']],
    ['file_size', 'ascending', ['b10', 'a', 'c', 'b9']],
    ['file_size', 'descending', ['b9', 'a', 'c', 'b10']]
  ] as const)('by %s, %s', (key, direction, expected) => {
    expect(names([...files].sort(inOrder({ key, direction }, settings)))).toEqual(expected);
  });

  test('holds folders first, then notebooks where the person wants that, whichever way the arrow points', () => {
    const mixed = [file('a'), file('n', { type: 'notebook' }), file('z', { type: 'directory' })];
    const down = { key: 'name', direction: 'descending' } as const;
    expect(names([...mixed].sort(inOrder(down, settings)))).toEqual(['z', 'n', 'a']);
    const first = inOrder({ key: 'name', direction: 'ascending' }, { ...settings, notebooksFirst: true });
    expect(names([...mixed].sort(first))).toEqual(['z', 'n', 'a']);
    expect(names([...mixed].sort(byName))).toEqual(['z', 'a', 'n']);
  });

  test('takes numbers as text where the person wants that, and survives a language that is none', () => {
    const plain = inOrder(
      { key: 'name', direction: 'ascending' },
      { ...settings, naturally: false, language: 'en@posix' }
    );
    expect(names([...files].sort(plain))).toEqual(['a', 'b10', 'b9', 'c']);
  });
});

describe('the line', () => {
  test('says how many of how many', () => {
    expect(shownSentence(1000, 100_000)).toBe(
      `Showing ${(1000).toLocaleString()} of ${(100_000).toLocaleString()}.`
    );
  });

  test('is empty where all are shown', () => {
    expect(shownSentence(12, 12)).toBe('');
    expect(shownSentence(0, 0)).toBe('');
  });
});
