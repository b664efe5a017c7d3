import { python } from '@codemirror/lang-python';
import { StreamLanguage } from '@codemirror/language';
import { shell } from '@codemirror/legacy-modes/mode/shell';
import { EditorState, type Extension } from '@codemirror/state';
import { describe, expect, test } from 'vitest';

import { isCommentPlace } from '../src/findings/comments';

const PYTHON = python();
const SHELL = StreamLanguage.define(shell);

function atEndOf(line: number, source: string, language: Extension = PYTHON): boolean {
  const state = EditorState.create({ doc: source, extensions: [language] });
  return isCommentPlace(state, state.doc.line(line).to);
}

describe('a comment may stand at the end of a line', () => {
  test.each([
    ["key = 'AKIA'\nprint(1)", 1],
    ["key = 'AKIA'", 1],
    ['key = f"AKIA{x}"\n', 1],
    ["call(\n    'AKIA',\n)", 2],
    ['text = """\nAKIA\n"""\nx = 1', 3],
    ["key = 5\n'text'", 1],
    ["# 'AKIA", 1],
    ['', 1]
  ])('of code: %j, line %i', (source, line) => {
    expect(atEndOf(line, source)).toBe(true);
  });

  test.each([
    ['text = """\nAKIA\n"""', 2],
    ['text = """AKIA\nmore"""', 1],
    ['text = f"""\nAKIA {x}\n"""', 2],
    ["text = '''it is 'AKIA'\nmore'''", 1],
    ["key = 'AKIA", 1]
  ])('but not within a string: %j, line %i', (source, line) => {
    expect(atEndOf(line, source)).toBe(false);
  });

  test('in a language that is read line by line, too', () => {
    expect(atEndOf(1, 'key="AKIA"\necho 1', SHELL)).toBe(true);
    expect(atEndOf(1, 'key="AKIA\nmore"', SHELL)).toBe(false);
    expect(atEndOf(2, 'key="a\nit is \'AKIA\'\nmore"', SHELL)).toBe(false);
  });

  test('while no grammar is loaded', () => {
    expect(atEndOf(1, "key = 'AKIA'\n", [])).toBe(true);
  });
});
