/**
 * What two runs of one cell gave, compared as a person would: what differs by chance alone (addresses in
 * memory, times, process numbers, counts of executions) is no difference. Pure.
 */
import type * as nbformat from '@jupyterlab/nbformat';

/** One thing below a cell, as far as it can be compared. */
export interface Piece {
  readonly kind: 'text' | 'error' | 'image';
  /** Text as it is shown, or an image as base64. */
  readonly shown: string;
  /** The same without what differs by chance. */
  readonly compared: string;
  /** Of an image. */
  readonly mimetype?: string;
}

/** A line of two texts laid beside each other. */
export interface Line {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/** Of longer texts only the beginning is compared line by line; whether they differ is always known. */
const LINES = 400;

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]/g;

/** What differs by chance, and what stands in its place when texts are compared. */
const CHANCE: readonly (readonly [RegExp, string])[] = [
  [/\b0x[0-9a-fA-F]{6,16}\b/g, '0x…'],
  [/\/tmp\/ipykernel_\d+\/\d+\.py/g, '/tmp/ipykernel'],
  [/\/tmp\/nbkeep-fresh-[^/\s'"]+(\/folder)?/g, '/tmp/nbkeep-fresh'],
  [/<ipython-input-\d+-[0-9a-f]+>/g, '<ipython-input>'],
  [/\b(In|Out|Cell In) ?\[\d+\]/g, '$1[…]'],
  [/^(CPU times|Wall time): .*$/gm, '$1: …'],
  [/\d[\d.,]*\s*(ns|[µu]s|ms|s|min) ± .*$/gm, '… ± …'],
  [/\b\d+(\.\d+)?\s?(ns|µs|us|ms|s)\/(step|epoch|it)\b/g, '…/$3'],
  [/\b\d+(\.\d+)?\s?(it|B|kB|MB|GB|iB|kiB|MiB)\/s\b/g, '…/s'],
  [/\[\d\d:\d\d(<\d\d:\d\d)?,? *[^\]]*\]/g, '[…]'],
  [/"?model_id"?:? ?"?[0-9a-f]{32}"?/g, 'model_id']
];

function withoutChance(text: string): string {
  return CHANCE.reduce((left, [pattern, instead]) => left.replace(pattern, instead), text);
}

function joined(value: unknown): string {
  return Array.isArray(value) ? value.join('') : typeof value === 'string' ? value : JSON.stringify(value);
}

function text(shown: string, kind: 'text' | 'error' = 'text'): Piece {
  const plain = shown.replace(ESCAPES, '');
  return { kind, shown: plain, compared: withoutChance(plain).trimEnd() };
}

function ofBundle(data: nbformat.IMimeBundle): Piece | null {
  const image = IMAGES.find(type => data[type] !== undefined);
  if (image) {
    const shown = joined(data[image]).replace(/\s/g, '');
    return { kind: 'image', shown, compared: shown, mimetype: image };
  }
  // The plain text first: a table has the same words there, and in its HTML ids that differ each time.
  const type = ['text/plain', 'text/markdown', 'text/latex', 'text/html', 'application/json', ...Object.keys(data)].find(
    one => data[one] !== undefined
  );
  if (!type) {
    return null;
  }
  return text(joined(data[type]));
}

/** What stays on a line that returns to its beginning: a progress bar's last state. */
function settled(shown: string): string {
  return shown
    .split('\n')
    .map(line => line.replace(/\r+$/, ''))
    .map(line => line.slice(line.lastIndexOf('\r') + 1))
    .join('\n');
}

/** Return what can be compared of a cell's outputs; neighbours of one stream are one text. */
export function pieces(outputs: readonly nbformat.IOutput[]): Piece[] {
  const streams: { name: string; text: string }[] = [];
  const found: (Piece | { name: string; text: string })[] = [];
  for (const output of outputs) {
    if (output.output_type === 'stream') {
      const name = String(output['name']);
      // Which of two streams is written first is chance: each is one text, in the place of its first.
      const open = streams.find(stream => stream.name === name);
      if (open) {
        open.text += joined(output['text']);
      } else {
        const stream = { name, text: joined(output['text']) };
        streams.push(stream);
        found.push(stream);
      }
    } else if (output.output_type === 'error') {
      const traceback = joined((output['traceback'] as string[] | undefined)?.join('\n') ?? '');
      found.push(text(traceback || `${String(output['ename'])}: ${String(output['evalue'])}`, 'error'));
    } else {
      const piece = ofBundle((output['data'] ?? {}) as nbformat.IMimeBundle);
      if (piece) {
        found.push(piece);
      }
    }
  }
  return found.map(one => ('name' in one ? text(settled(one.text)) : one)).filter(one => one.shown.trim() !== '');
}

/** Tell whether two runs of a cell gave the same. */
export function isSame(before: readonly Piece[], after: readonly Piece[]): boolean {
  return (
    before.length === after.length &&
    before.every((piece, at) => piece.kind === after[at]?.kind && piece.compared === after[at]?.compared)
  );
}

/** Lay two texts beside each other: lines of both, those of the first only (-), those of the second only (+). */
export function lines(before: string, after: string): Line[] {
  const [left, right] = [before.split('\n').slice(0, LINES), after.split('\n').slice(0, LINES)];
  const like = [left.map(withoutChance), right.map(withoutChance)] as const;
  // The longest common subsequence, by the usual table.
  const longest = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  const at = (row: number, column: number): number => longest[row]?.[column] ?? 0;
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      (longest[row] as Uint16Array)[column] =
        like[0][row] === like[1][column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const found: Line[] = [];
  let [row, column] = [0, 0];
  while (row < left.length || column < right.length) {
    if (row < left.length && column < right.length && like[0][row] === like[1][column]) {
      found.push({ mark: ' ', text: right[column] ?? '' });
      row += 1;
      column += 1;
    } else if (column >= right.length || (row < left.length && at(row + 1, column) >= at(row, column + 1))) {
      found.push({ mark: '-', text: left[row] ?? '' });
      row += 1;
    } else {
      found.push({ mark: '+', text: right[column] ?? '' });
      column += 1;
    }
  }
  return found;
}
