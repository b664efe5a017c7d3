/**
 * The first few of very many, without sorting them all. Pure.
 */

/**
 * Return the first `count` of the items in the given order, and how many items there are.
 *
 * Where there are no more than `count`, all come back in the order in which they were given.
 */
export function firstOf<T>(
  items: Iterable<T>,
  count: number,
  compare: (one: T, other: T) => number
): { first: T[]; total: number } {
  let first: T[] = [];
  let last: T | null = null;
  let total = 0;
  for (const item of items) {
    total += 1;
    // Once `count` are known, most items cost a single comparison with the last of them.
    if (last !== null && compare(item, last) >= 0) {
      continue;
    }
    first.push(item);
    if (first.length >= 2 * count) {
      first = first.sort(compare).slice(0, count);
      last = first[count - 1] ?? null;
    }
  }
  return { first: first.length > count ? first.sort(compare).slice(0, count) : first, total };
}

/** "Showing 1,000 of 100,000." in the reader's own number format, or empty where all are shown. */
export function shownSentence(shown: number, total: number): string {
  return shown < total ? `Showing ${shown.toLocaleString()} of ${total.toLocaleString()}.` : '';
}
