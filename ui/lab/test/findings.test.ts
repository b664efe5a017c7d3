import { describe, expect, test } from 'vitest';

import { type Finding, NOTHING, readAnswer, summary, where } from '../src/findings/answer';
import { downloaded } from '../src/findings/hrefs';
import { allowEdit, type Edit, lineAt, lineNow, literalOf, mask, suggestedHost, suggestedName, tidyReason } from '../src/findings/fixes';

const RAW = { id: 'p', rule: 'aws-access-key-id', kind: 'secret', title: 'AWS access key', severity: 'high', masked: 'AKIA…4D', line: 2, cell: 3, cell_id: 'c', part: 'source' };

function applied(source: string, edit: Edit | null, text = edit?.text ?? ''): string {
  return edit ? source.slice(0, edit.begin) + text + source.slice(edit.end) : source;
}

describe('an answer', () => {
  test('is read with care, the gravest first', () => {
    const answer = readAnswer({ findings: [{ ...RAW, severity: 'low' }, RAW, { title: 'no rule' }, null, 3], unread: [{ reason: 'is broken' }, {}], more: 'many' });
    expect(answer.findings.map(one => one.severity)).toEqual(['high', 'low']);
    expect(answer.unread).toHaveLength(1);
    expect(summary(answer)).toBe('2 secrets · not examined');
  });

  test.each([null, undefined, 'no', [], { findings: {}, blocked: 5, saves: 'x' }])('of nonsense says nothing: %j', raw => {
    expect(readAnswer(raw)).toEqual(NOTHING);
    expect(summary(readAnswer(raw))).toBe('');
  });

  test('of a stopped save says so', () => {
    const answer = readAnswer({ state: 'blocked', blocked: { message: 'Not saved.', copy: '.nbkeep/quarantine/a' }, saves: { secret: { decision: 'review' } } });
    expect(answer.state).toBe('blocked');
    expect(answer.holds).toBe(true);
  });
});

test.each([
  [{}, 'cell 3, line 2'],
  [{ part: 'output 2 text/html' }, 'cell 3, output 2'],
  [{ part: 'outputs (joined)' }, 'cell 3, outputs'],
  [{ part: 'metadata' }, 'cell 3, metadata'],
  [{ cell: 0, part: 'metadata' }, "the notebook's metadata"],
  [{ cell: 0, part: '' }, 'line 2']
] as [Partial<Finding>, string][])('a place is said in words: %j', (changes, words) => {
  expect(where({ ...(RAW as unknown as Finding), ...changes })).toBe(words);
});

describe('a mark', () => {
  const source = 'a = 1\nkey = "v"\nb = 2';

  test('stands at the end of its line', () => {
    expect(applied(source, allowEdit(source, 2, 'some-rule', 'a  sample\nkey', 'text/x-ipython'))).toBe(
      'a = 1\nkey = "v"  # nbkeep:allow some-rule a sample key\nb = 2'
    );
    expect(applied('x', allowEdit('x', 1, 'r', 'why not', 'text/x-ipythongfm'))).toBe('x  <!-- nbkeep:allow r why not -->');
  });

  test('is not written where it would mean something else', () => {
    expect(allowEdit('a = 1 + \\\n 2', 1, 'r', 'reason', 'text/x-python')).toBeNull();
    expect(allowEdit(source, 9, 'r', 'reason', 'text/x-python')).toBeNull();
    expect(allowEdit(source, 2, 'r', ' --> ', 'text/x-python')).toBeNull();
    expect(tidyReason('ends --> it')).toBe('ends it');
  });

  test('is written where the value stands by now', () => {
    const masked = mask('AKIAIOSFODNN7EXAMPLE');
    const key = "key = 'AKIAIOSFODNN7EXAMPLE'";
    expect(lineNow(`x = 1\n${key}`, 2, masked)).toBe(2);
    expect(lineNow(`x = 1\n# new\n${key}`, 2, masked)).toBe(3);
    expect(lineNow(`x = 1\n${key}\n${key}`, 1, masked)).toBe(0);
    expect(lineNow('x = 1\ny = 2', 2, masked)).toBe(0);
    expect(lineNow(`x = 'AKIA_short_LE'\n${key}`, 1, masked)).toBe(2);
    expect(lineNow(`${'AKIA'.repeat(300_000)}\n${key}`, 1, masked)).toBe(2);
    expect(lineNow('ab'.repeat(20_000), 1, 'ab…xy')).toBe(0);
    expect(lineNow("first = 'shorter'\npw = 'hunter2'", 2, mask('hunter2'))).toBe(2);
    expect(lineNow("a = 1\npw = 'hunter2'\nb = 2", 3, mask('hunter2'))).toBe(2);
  });

  test('finds its line', () => {
    expect(lineAt('', 1)).toEqual({ begin: 0, end: 0 });
    expect(lineAt('a\nb', 0)).toBeNull();
    expect(lineAt('a\nb', 2)).toEqual({ begin: 2, end: 3 });
  });
});

describe('a value for the vault', () => {
  const value = 'sk-' + 'Zx81'.repeat(6);

  test('is masked as the server does', () => {
    expect(mask('AKIAIOSFODNN7EXAMPLE')).toBe('AKIA…LE');
    expect(mask('hunter2')).toBe('•••••••');
    expect(mask('4111 1111 1111 1111')).toBe('411…11');
  });

  test('is replaced only where it is the whole of one text in quotes', () => {
    const source = `import os\nkey = "${value}"`;
    const edit = literalOf(source, 2, mask(value));
    expect(applied(source, edit, 'placeholder')).toBe('import os\nkey = "placeholder"');
    expect(literalOf(`url = "https://u:${value}@host"`, 1, mask(value))).toBeNull();
    expect(literalOf(`both("${value}", "${value}")`, 1, mask(value))).toBeNull();
    expect(literalOf(source, 1, mask(value))).toBeNull();
  });

  test('gets a name and a host that fit', () => {
    expect(suggestedName('OPENAI_KEY = ', 'generic')).toBe('openai-key');
    expect(suggestedName('os.environ["Team_Key"] = f', 'r')).toBe('team-key');
    expect(suggestedName('  "api_key": ', 'r')).toBe('api-key');
    expect(suggestedName('TOKEN: str = ', 'r')).toBe('token');
    expect(suggestedName('print(1)', 'aws-key')).toBe('aws-key');
    expect(suggestedHost('get("https://API.example.org/v1")', 'x')).toBe('api.example.org');
    expect(suggestedHost('', 'github-token')).toBe('api.github.com');
  });
});

describe('a value that looks like code', () => {
  const value = 'Qk9vS2V5U2VjcmV0VmFsdWVPZk1pbmU=';

  test('gives no part of itself as a name', () => {
    for (const line of [`connect("${value}")`, `KEY = "${value}"`]) {
      const found = literalOf(line, 1, mask(value));
      const name = suggestedName(line.slice(0, (found?.begin ?? 1) - 1), 'generic-secret');
      expect(name).toBe(line.startsWith('KEY') ? 'key' : 'generic-secret');
    }
  });

  test('gives no part of itself as a host', () => {
    for (const url of ['https://tok.abcdef@git.example.org/x', 'https://my.user:tok.abcdef@git.example.org/x']) {
      expect(suggestedHost(`get("${url}")`, 'x')).not.toMatch(/tok|user|abc/);
    }
    expect(suggestedHost('get("https://api.example.org:8443/v1?to=me@example.org")', 'x')).toBe('api.example.org');
  });
});

test.each([
  ['https://hub.example/user/jane/files/a%20b/c.csv?_xsrf=1', 'a b/c.csv'],
  ['files/x.ipynb', 'x.ipynb'],
  ['https://evil.example/user/jane/files/c.csv', null],
  ['blob:https://hub.example/123', null],
  ['https://hub.example/user/jane/api/contents/c.csv', null],
  ['https://hub.example/user/jane/files/%E0%A4%A', null]
])('%s downloads %s', (href, path) => {
  expect(downloaded(href, 'https://hub.example/user/jane/')).toBe(path);
});
