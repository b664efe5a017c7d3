import { describe, expect, test } from 'vitest';

import { cellsThatMake, namesGiven } from '../src/madeby';

describe('the names that a cell gives a value', () => {
  test.each([
    ['conn = connect()', 'conn'],
    ['a = b = 3', 'a b'],
    ['a, (b, *c) = f(d=1)', 'a b c'],
    ['x: int = 3', 'x'],
    ['x: dict[str, int] = {}', 'x'],
    ['total += 1', 'total'],
    ['bits <<= 2', 'bits'],
    ['x = 1; y = 2', 'x y'],
    ['for i, row in enumerate(rows):\n    last = row', 'i row last'],
    ['with open("f") as handle, lock as (a, b):\n    text = handle.read()', 'handle a b text'],
    ['if ready: x = 1', 'x'],
    ['if x == 3:\n    y = 4', 'y'],
    ['print(n := 10)', 'n'],
    ['import numpy as np, os.path', 'np os'],
    ['from a.b import (c,\n    d as e)', 'c e'],
    ['def f(x):\n    inside = 1\n    return inside\nafter = f(1)', 'f after'],
    ['class C:\n    field = 1\n\n    def m(self):\n        self.x = 2', 'C'],
    ['async def g():\n  z = 1', 'g'],
    ['frame = (\n    load("x")\n    .query("a = 3")\n)', 'frame'],
    ['model = Net(\n    depth=3,\n)', 'model'],
    ['long = \\\n    1', 'long'],
    ['%time result = slow()', 'result'],
    ['%%time\nresult = slow()', 'result'],
    ['files = !ls', 'files'],
    ['größe = 3', 'größe']
  ])('%s', (source, names) => {
    expect([...namesGiven(source)].sort().join(' ')).toBe(names.split(' ').sort().join(' '));
  });

  test.each([
    'x == 3',
    'x <= 3',
    'x != 3',
    'f(x=3)',
    'd["x"] = 3',
    'd[x] = 3',
    'o.x = 3',
    'o.d[x].y = 3',
    '# x = 3',
    '"x = 3"',
    "'''\nx = 3\n'''",
    'r"""\nx = 3\n"""',
    'print("it\\"s x = 3")',
    '%%bash\nx=3',
    'del x',
    'lambda x: x',
    '[x for x in y]',
    ''
  ])('none: %s', source => {
    expect([...namesGiven(source)]).toEqual([]);
  });

  // A pattern that tries again and again would not end within the test's time.
  test.each([`x = ${'('.repeat(20_000)}`, `x = "${'\\'.repeat(20_000)}`, `x ${'= 1'.repeat(20_000)}`])(
    'are found in odd code',
    source => {
      expect(namesGiven(source)).toContain('x');
    }
  );

  test.each(['a['.repeat(20_000) + ' = 1', 'a.'.repeat(20_000) + 'b = 1'])('and so are none', source => {
    expect(namesGiven(source).has('x')).toBe(false);
  });
});

describe('the cells that made variables', () => {
  const cells = [
    { id: 'one', source: 'import sqlite3' },
    { id: 'two', source: 'conn = sqlite3.connect("x")' },
    { id: 'three', source: 'rows = list(conn)' },
    { id: 'four', source: 'conn = None' }
  ];

  test('come in the order of the notebook, each once', () => {
    expect(cellsThatMake(cells, ['rows', 'conn'])).toEqual(['two', 'three', 'four']);
  });

  test('are none where no cell names it', () => {
    expect(cellsThatMake(cells, ['other'])).toEqual([]);
  });
});
