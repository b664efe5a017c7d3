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

/** A name for the secret on a line: of the variable that it is given to, else of the rule. */
export function suggestedName(line: string, rule: string): string {
  const named = /([A-Za-z_]\w*)["']?\]?\s*[=:]/.exec(line)?.[1] ?? rule;
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
  const named = /https:\/\/([a-z0-9][a-z0-9.-]+\.[a-z]{2,})/i.exec(source)?.[1];
  return named?.toLowerCase() ?? HOSTS.find(([which]) => which.test(rule))?.[1] ?? '';
}

export const PLACEHOLDER = 'nbkeep-placeholder-';
