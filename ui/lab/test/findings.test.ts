import { describe, expect, test } from 'vitest';

import { type Finding, NOTHING, readAnswer, summary, where } from '../src/findings/answer';
import { downloaded } from '../src/findings/hrefs';
import { allowEdit, type Edit, lineAt, literalOf, mask, suggestedHost, suggestedName, tidyReason } from '../src/findings/fixes';

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
    expect(suggestedName('OPENAI_KEY = "x"', 'generic')).toBe('openai-key');
    expect(suggestedName('os.environ["Team_Key"] = "x"', 'r')).toBe('team-key');
    expect(suggestedName('print(1)', 'aws-key')).toBe('aws-key');
    expect(suggestedHost('get("https://API.example.org/v1")', 'x')).toBe('api.example.org');
    expect(suggestedHost('', 'github-token')).toBe('api.github.com');
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
