/** Which death of a kernel is to be told in which notebook. Pure but for the given storage. */
import type { Death } from './status';

/** One death has one name, for remembering which were read. */
export function deathKey(death: Death): string {
  return `${death.kernel_id} ${death.at}`;
}

/** The newest unread death of a notebook, or null. */
export function deathOf(
  deaths: readonly Death[],
  notebook: { path: string; kernelId: string | null },
  read: ReadonlySet<string>
): Death | null {
  const mine = deaths
    .filter(death => death.path === notebook.path || (!death.path && death.kernel_id === notebook.kernelId))
    .sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
  const newest = mine[0];
  return newest && !read.has(deathKey(newest)) ? newest : null;
}

/** Deaths that were read; kept in this browser, so that a reload does not tell them again. */
export class ReadDeaths {
  constructor(private readonly storage: Pick<Storage, 'getItem' | 'setItem'>) {
    this._keys = this._load();
  }

  get keys(): ReadonlySet<string> {
    return this._keys;
  }

  add(death: Death): void {
    this._keys.add(deathKey(death));
    try {
      this.storage.setItem(ReadDeaths.ITEM, JSON.stringify([...this._keys].slice(-ReadDeaths.MOST)));
    } catch {
      // A full or forbidden storage costs a repeated message after a reload, no more.
    }
  }

  private _load(): Set<string> {
    try {
      const kept: unknown = JSON.parse(this.storage.getItem(ReadDeaths.ITEM) ?? '[]');
      return new Set(Array.isArray(kept) ? kept.filter(key => typeof key === 'string') : []);
    } catch {
      return new Set();
    }
  }

  private static readonly ITEM = 'nbkeep:read-deaths';
  private static readonly MOST = 200;
  private readonly _keys: Set<string>;
}
