import { describe, expect, test } from 'vitest';

import { isSame, lines, pieces } from '../src/freshrun/compare';

const stream = (text: string | string[], name = 'stdout') => ({ output_type: 'stream', name, text }) as never;
const result = (data: Record<string, unknown>, count = 1) =>
  ({ output_type: 'execute_result', execution_count: count, metadata: {}, data }) as never;
const same = (before: never[], after: never[]) => isSame(pieces(before), pieces(after));

const testPrinted = (expected: boolean, pairs: [string, string][]) =>
  test.each(pairs)('%j and %j', (before, after) => {
    expect(same([stream(before)], [stream(after)])).toBe(expected);
  });

describe('what differs by chance is no difference', () => {
  testPrinted(true, [
    ['<object at 0x7f3a2c1b40d0>', '<object at 0x7fb99e0a1110>'],
    ['CPU times: user 12 ms, sys: 1 ms\nWall time: 13.1 ms', 'CPU times: user 9 ms, sys: 0 ns\nWall time: 9.4 ms'],
    ['12.3 ms ± 45 µs per loop (mean ± std. dev. of 7 runs)', '11.9 ms ± 1.2 ms per loop (mean ± std. dev. of 7 runs)'],
    ['100%|#####| 10/10 [00:03<00:00,  3.21it/s]', '100%|#####| 10/10 [00:02<00:00,  4.87it/s]'],
    ['/tmp/ipykernel_12/345.py:1: UserWarning: odd', '/tmp/ipykernel_99/777.py:1: UserWarning: odd'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['step 1\rstep 2\rdone\n', 'done\n']
  ]);

  test('how a text came in pieces, and the counts of executions', () => {
    expect(same([stream(['a\n', 'b\n'])], [stream('a\n'), stream('b\n')])).toBe(true);
    expect(same([result({ 'text/plain': '3' }, 4)], [result({ 'text/plain': '3' }, 1)])).toBe(true);
  });

  test('which of two streams wrote first', () => {
    const [out, err] = [stream('out\n'), stream('err\n', 'stderr')];
    expect(same([out, err, stream('more\n')], [out, stream('more\n'), err])).toBe(true);
  });

  test('ids in a table as HTML, where its words are the same', () => {
    const table = (id: string) => result({ 'text/plain': '   a\n0  1', 'text/html': `<table id="T_${id}"></table>` });
    expect(same([table('1f')], [table('2e')])).toBe(true);
  });
});

describe('what is a difference', () => {
  testPrinted(false, [
    ['42', '43'],
    ['0x1', '0x2'],
    ['a', 'a\nb'],
    ['total 12 ms', 'total 13 ms']
  ]);

  test('another image, and a value instead of an error', () => {
    expect(same([result({ 'image/png': 'AAAA' })], [result({ 'image/png': 'AAAB' })])).toBe(false);
    expect(same([result({ 'image/png': 'AA\nAA\n' })], [result({ 'image/png': 'AAAA' })])).toBe(true);
    const error = { output_type: 'error', ename: 'NameError', evalue: 'x', traceback: ['3'] } as never;
    expect(same([stream('3')], [error])).toBe(false);
  });
});

test('lines that are on one side only are marked, the others stay together', () => {
  const told = lines('a\nb\nc at 0x7f3a2c1b40d0', 'a\nB\nc at 0x7fb99e0a1110').map(line => `${line.mark}${line.text}`);
  expect(told).toEqual([' a', '-b', '+B', ' c at 0x7fb99e0a1110']);
  expect(lines('', 'new').filter(line => line.mark === '+')).toEqual([{ mark: '+', text: 'new' }]);
});
