/** What can be done about a finding in a text: the places to edit. Pure; offsets are in characters. */

export interface Edit {
  readonly begin: number;
  readonly end: number;
  readonly text: string;
}

const SHORTEST_REASON = 3;
const LONGEST_REASON = 180;

/** How a comment is written, by the text's MIME type. */
export function commentOf(mimeType: string): readonly [string, string] {
  if (/markdown|html|xml|svg|gfm/.test(mimeType)) {
    return ['<!-- ', ' -->'];
  }
  if (/javascript|typescript|java\b|x-c|csrc|c\+\+|rust|go\b|scala|kotlin|swift|php|json/.test(mimeType)) {
    return ['// ', ''];
  }
  if (/sql|haskell|lua/.test(mimeType)) {
    return ['-- ', ''];
  }
  if (/css/.test(mimeType)) {
    return ['/* ', ' */'];
  }
  return ['# ', ''];
}

/** A person's reason as it may stand in a comment; empty where it is none. */
export function tidyReason(reason: string): string {
  const tidy = reason.replace(/-->|\*\//g, '').replace(/\s+/g, ' ').trim().slice(0, LONGEST_REASON);
  return tidy.length < SHORTEST_REASON ? '' : tidy;
}

/** Begin and end of a line, from 1; null where there is no such line. */
export function lineAt(source: string, line: number): { begin: number; end: number } | null {
  let begin = 0;
  for (let at = 1; at < line; at++) {
    begin = source.indexOf('\n', begin) + 1;
    if (begin === 0) {
      return null;
    }
  }
  const end = source.indexOf('\n', begin);
  return line < 1 ? null : { begin, end: end < 0 ? source.length : end };
}

/** The edit that marks a line as one that may have this finding; null where no comment can stand at its end. */
export function allowEdit(source: string, line: number, rule: string, reason: string, mimeType: string): Edit | null {
  const place = lineAt(source, line);
  const why = tidyReason(reason);
  if (!place || !why || source.slice(place.begin, place.end).trimEnd().endsWith('\\')) {
    return null;
  }
  const [open, close] = commentOf(mimeType);
  return { begin: place.end, end: place.end, text: `  ${open}nbkeep:allow ${rule} ${why}${close}` };
}

/** As the server masks a value. */
export function mask(value: string): string {
  const plain = [...value.replace(/\s+/g, '')];
  if (plain.length < 12) {
    return '•'.repeat(Math.min(Math.max(plain.length, 4), 8));
  }
  const shown = plain.length >= 20 ? 4 : plain.length >= 16 ? 3 : 2;
  return `${plain.slice(0, shown).join('')}…${plain.slice(-2).join('')}`;
}

/** Whether a text holds a value that is masked so: of a short one nothing is shown, so it has to be a word. */
function holds(text: string, masked: string): boolean {
  const [first = '', last = ''] = masked.split('…');
  if (!last) {
    return text.split(/[\s"'`=:,;()[\]{}]+/).some(word => word !== '' && mask(word) === masked);
  }
  const plain = text.replace(/\s+/g, '');
  const [least, most] = first.length > 3 ? [20, plain.length] : first.length > 2 ? [16, 19] : [12, 15];
  for (let begin = plain.indexOf(first); begin >= 0; begin = plain.indexOf(first, begin + 1)) {
    if (plain.slice(begin, begin + most).lastIndexOf(last) + last.length >= least) {
      return true;
    }
    if (most === plain.length) {
      return false; // what begins later is shorter still
    }
  }
  return false;
}

/** The line, from 1, on which a finding stands by now: where it was, else the only one that holds it, else 0. */
export function lineNow(source: string, line: number, masked: string): number {
  const lines = source.split('\n');
  if (holds(lines[line - 1] ?? '', masked)) {
    return line;
  }
  const found = lines.map((one, at) => (holds(one, masked) ? at + 1 : 0)).filter(at => at > 0);
  return found.length === 1 ? (found[0] ?? 0) : 0;
}

const LITERALS = /(["'])((?:\\.|(?!\1)[^\\\n])*)\1/g;

/** The text in quotes on a line that is, as a whole, a masked value; null where it is none, or one of several. */
export function literalOf(source: string, line: number, masked: string): Edit | null {
  const place = lineAt(source, line);
  if (!place) {
    return null;
  }
  const found = [...source.slice(place.begin, place.end).matchAll(LITERALS)]
    .map(one => ({ begin: place.begin + one.index + 1, text: one[2] ?? '' }))
    .filter(one => one.text && !one.text.includes('\\') && mask(one.text) === masked);
  const [only] = found;
  return only && found.length === 1 ? { ...only, end: only.begin + only.text.length } : null;
}

/** A name for a secret: of what it is given to at the end of `before`, else of the rule.
 *
 * `before`: its line, up to the quotes. The value itself may look like a variable, and is no name.
 */
export function suggestedName(before: string, rule: string): string {
  const named = /([A-Za-z_]\w*)["']?\]?\s*(?::\s*[\w.[\]| ]+)?[=:]\s*[A-Za-z]{0,2}$/.exec(before)?.[1] ?? rule;
  const name = named.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^[^a-z]+|-+$/g, '');
  return name.slice(0, 40) || 'secret';
}

const HOSTS: readonly [RegExp, string][] = [
  [/^openai/, 'api.openai.com'],
  [/^anthropic/, 'api.anthropic.com'],
  [/^github/, 'api.github.com'],
  [/^gitlab/, 'gitlab.com'],
  [/^hugging-?face/, 'huggingface.co'],
  [/^slack/, 'slack.com'],
  [/^stripe/, 'api.stripe.com']
];

/** The host that a value is for: one that the text names, else its provider's, else none. */
export function suggestedHost(source: string, rule: string): string {
  // What stands before an @ is a name or a password, and may be the value itself.
  const named = /https:\/\/([a-z0-9][a-z0-9.-]+\.[a-z]{2,})(?![\w.-]*(?::[^\s/"'@]*)?@)(?![\w.-])/i.exec(source)?.[1];
  return named?.toLowerCase() ?? HOSTS.find(([which]) => which.test(rule))?.[1] ?? '';
}

export const PLACEHOLDER = 'nbkeep-placeholder-';
