import { describe, expect, test } from 'vitest';

import { deathKey, deathOf, ReadDeaths } from '../src/deathlist';
import type { Death } from '../src/status';
import { at } from './some';

function death(changes: Partial<Death>): Death {
  return {
    kernel_id: 'k1',
    path: 'a.ipynb',
    at: at(0),
    reason: 'killed',
    message: '',
    memory_used_bytes: 0,
    memory_limit_bytes: 0,
    larger_profiles: [],
    ...changes
  };
}

class Storage {
  readonly items = new Map<string, string>();
  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }
}

describe('the death to tell in a notebook', () => {
  const notebook = { path: 'a.ipynb', kernelId: 'k1' };

  test('is the newest of that notebook', () => {
    const deaths = [death({ at: at(5) }), death({ at: at(9) }), death({ at: at(20), path: 'b.ipynb' })];
    expect(deathOf(deaths, notebook, new Set())?.at).toBe(at(9));
  });

  test('is found by its kernel where no path is known', () => {
    expect(deathOf([death({ path: '' })], notebook, new Set())).not.toBeNull();
    expect(deathOf([death({ path: '', kernel_id: 'k2' })], notebook, new Set())).toBeNull();
  });

  test('is none once the newest was read, though older ones were not', () => {
    const newest = death({ at: at(9) });
    expect(deathOf([death({ at: at(5) }), newest], notebook, new Set([deathKey(newest)]))).toBeNull();
  });
});

describe('deaths that were read', () => {
  test('are remembered by the next page', () => {
    const storage = new Storage();
    new ReadDeaths(storage).add(death({}));
    expect(new ReadDeaths(storage).keys.has(deathKey(death({})))).toBe(true);
  });

  test('survive a storage that holds nonsense or refuses', () => {
    const storage = new Storage();
    storage.setItem('nbkeep:read-deaths', '{]');
    expect(new ReadDeaths(storage).keys.size).toBe(0);
    const refusing = { getItem: () => null, setItem: () => { throw new Error('full'); } };
    expect(() => new ReadDeaths(refusing).add(death({}))).not.toThrow();
  });
});
