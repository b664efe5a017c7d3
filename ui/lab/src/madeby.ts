/**
 * Which cells of a Python notebook made a variable: those whose code gives the name a value. Pure.
 *
 * It reads code as text: strings and comments are blanked, functions and classes are skipped (their names are
 * their own), and what is left of each statement is searched for the name. A name that is given a value in
 * some other way (`exec`, `globals()`, `setattr`) is not found.
 */

export interface Cell {
  readonly id: string;
  readonly source: string;
}

/** Return the ids of the cells that give one of the names a value, in the order of the notebook. */
export function cellsThatMake(cells: readonly Cell[], names: readonly string[]): string[] {
  const wanted = new Set(names);
  return cells.filter(cell => [...namesGiven(cell.source)].some(name => wanted.has(name))).map(cell => cell.id);
}

/** The cell magics whose cell is Python all the same. */
const PYTHON_MAGICS = /^%%(time|timeit|capture|prun|memit)\b.*$/;
const LINE_MAGIC = /^(\s*)%(time|prun|memit)\s+/gm;

const NAME = /[\p{L}_][\p{L}\p{N}_]*/gu;
const COMPOUND = /^(if|elif|else|for|while|with|try|except|finally|async\s+for|async\s+with)\b/u;

/** Return the names to which a cell gives a value in the notebook's own namespace. */
export function namesGiven(source: string): Set<string> {
  const first = source.trimStart().split('\n', 1)[0] ?? '';
  if (first.startsWith('%%') && !PYTHON_MAGICS.test(first)) {
    return new Set();
  }
  const code = blanked(source.replace(/^\s*%%.*$/m, '').replace(LINE_MAGIC, '$1'));
  const found = new Set<string>();
  let inner: number | null = null; // the indentation of the function or class that is skipped
  for (const { indent, text } of statements(code)) {
    if (inner !== null && indent > inner) {
      continue;
    }
    inner = null;
    const defined = /^(?:async\s+)?(?:def|class)\s+([\p{L}_][\p{L}\p{N}_]*)/u.exec(text);
    if (defined?.[1]) {
      found.add(defined[1]);
      inner = indent;
    } else {
      given(text, found);
    }
  }
  return found;
}

/** Add the names that one statement gives a value. */
function given(text: string, found: Set<string>): void {
  for (const walrus of text.matchAll(/([\p{L}_][\p{L}\p{N}_]*)\s*:=/gu)) {
    found.add(walrus[1] ?? '');
  }
  const imported = /^(?:from\s+\S+\s+)?import\s+(.*)$/su.exec(text);
  if (imported) {
    for (const part of (imported[1] ?? '').replace(/[()]/g, '').split(',')) {
      const [, plain, as] = /^\s*([^\s]+)(?:\s+as\s+(\S+))?/.exec(part) ?? [];
      if (plain) {
        found.add(as ?? (text.startsWith('from') ? plain : (plain.split('.')[0] ?? plain)));
      }
    }
    return;
  }
  let rest = text;
  if (COMPOUND.test(rest)) {
    const loop = /\bfor\s+(.+?)\s+in\b/su.exec(rest);
    addTargets(loop?.[1] ?? '', found);
    for (const as of rest.matchAll(/\bas\s+(\([^)]*\)|[\p{L}_][\p{L}\p{N}_]*)/gu)) {
      addTargets(as[1] ?? '', found);
    }
    rest = afterColon(rest);
  }
  for (const simple of cutOutside(rest, ';')) {
    const parts = cutOutside(simple, '=');
    parts.pop(); // what stands right of the last sign is the value
    for (const part of parts) {
      addTargets(withoutAnnotation(part.replace(/(\*\*|\/\/|<<|>>|[-+*/%&|^@])$/, '')), found);
    }
  }
}

/** `a, (b, *c)`, but neither `d.attribute` nor `e[key]`. */
function addTargets(targets: string, found: Set<string>): void {
  const plain = targets.replace(/[\p{L}_][\p{L}\p{N}_]*(\s*(\.\s*[\p{L}_][\p{L}\p{N}_]*|\[[^[\]]*(\[[^[\]]*\][^[\]]*)*\]))+/gu, ' ');
  for (const name of plain.match(NAME) ?? []) {
    found.add(name);
  }
}

function withoutAnnotation(target: string): string {
  return cutOutside(target, ':')[0] ?? target;
}

/** What follows the colon of `if x:` on the same line. */
function afterColon(text: string): string {
  const parts = cutOutside(text, ':');
  return parts.length > 1 ? parts.slice(1).join(':') : '';
}

/** Cut text at a sign outside of brackets; `=` is a sign of its own only where it assigns. */
function cutOutside(text: string, sign: string): string[] {
  const parts: string[] = [];
  let [depth, start] = [0, 0];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if ('([{'.includes(char)) {
      depth += 1;
    } else if (')]}'.includes(char)) {
      depth -= 1;
    } else if (char === sign && depth === 0 && !(sign === '=' && isCompared(text, at))) {
      parts.push(text.slice(start, at).trimEnd());
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function isCompared(text: string, at: number): boolean {
  const [before, after] = [text[at - 1] ?? '', text[at + 1] ?? ''];
  const shift = /^(<<|>>)$/.test(text.slice(Math.max(0, at - 2), at));
  return after === '=' || '=!:'.includes(before || ' ') || ('<>'.includes(before || ' ') && !shift);
}

/** Statements with their indentation; lines inside of brackets, or after a backslash, belong together. */
function* statements(code: string): Generator<{ indent: number; text: string }> {
  let [whole, depth] = ['', 0];
  for (const line of code.replace(/\\\n/g, ' ').split('\n')) {
    whole = whole ? `${whole} ${line}` : line;
    for (const char of line) {
      depth += '([{'.includes(char) ? 1 : ')]}'.includes(char) ? -1 : 0;
    }
    if (depth > 0) {
      continue;
    }
    const text = whole.trim();
    if (text) {
      yield { indent: whole.length - whole.trimStart().length, text };
    }
    [whole, depth] = ['', 0];
  }
  if (whole.trim()) {
    yield { indent: 0, text: whole.trim() }; // the last statement is not finished
  }
}

/** Code with its strings emptied and its comments taken away. */
function blanked(source: string): string {
  const tokens = /("""|''')(?:\\[^]|(?!\1)[^])*(?:\1|$)|(["'])(?:\\.|(?!\2)[^\n\\])*\2?|#[^\n]*/g;
  return source.replace(tokens, found => (found.startsWith('#') ? '' : "''"));
}
