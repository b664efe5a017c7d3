/**
 * The file browser's order of files, so that a list can be cut before it is drawn. Pure.
 *
 * It follows the person's own choice: name, size or a time, up or down, folders before everything.
 */

/** What decides a file's place in the list. */
export interface Placed {
  readonly name: string;
  readonly type: string;
  readonly last_modified: string;
  readonly created: string;
  readonly size?: number | null;
}

/** A column and its arrow, as the file browser keeps them. */
export interface SortState {
  readonly key: 'name' | 'last_modified' | 'date_created' | 'file_size' | string;
  readonly direction: 'ascending' | 'descending';
}

/** The person's settings of the file browser. */
export interface OrderSettings {
  readonly notebooksFirst: boolean;
  readonly naturally: boolean;
  readonly language: string;
}

export type Compare = (one: Placed, other: Placed) => number;

/** Return the comparison that sorts as the file browser does. Good for one list: it remembers times. */
export function inOrder(state: SortState, settings: OrderSettings): Compare {
  const options = { numeric: settings.naturally, sensitivity: 'base' } as const;
  const names = collator(settings.language, options);
  const byName: Compare = (one, other) => names.compare(one.name, other.name);
  const rank = (item: Placed): number =>
    item.type === 'directory' ? 2 : item.type === 'notebook' && settings.notebooksFirst ? 1 : 0;
  const column = byColumn(state.key) ?? byName;
  const sign = state.direction === 'descending' ? -1 : 1;
  return (one, other) => rank(other) - rank(one) || sign * column(one, other) || byName(one, other);
}

/** A column's comparison in the direction that the file browser calls ascending; null for names. */
function byColumn(key: string): Compare | null {
  const times = new Map<string, number>();
  const time = (text: string): number => {
    let known = times.get(text);
    if (known === undefined) {
      known = new Date(text).getTime();
      times.set(text, known);
    }
    return known;
  };
  switch (key) {
    case 'last_modified': // its arrow up means the newest first
      return (one, other) => time(other.last_modified) - time(one.last_modified);
    case 'date_created':
      return (one, other) => time(other.created) - time(one.created);
    case 'file_size':
      return (one, other) => (one.size ?? 0) - (other.size ?? 0);
    default:
      return null;
  }
}

function collator(language: string, options: Intl.CollatorOptions): Intl.Collator {
  try {
    return new Intl.Collator(language.replace('_', '-'), options);
  } catch {
    return new Intl.Collator(undefined, options); // a browser may name its language in no valid way
  }
}
