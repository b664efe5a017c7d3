/** The small sign beside a cell's prompt that tells what is the matter with it. */
import type { Cell } from '@jupyterlab/cells';

import type { CellStatus } from './marks';

const SVG = 'http://www.w3.org/2000/svg';
const SHOWN = 'nbkeep-Mark';

/** What is drawn in a field of 16 by 16: no sign is told apart by its colour alone. */
const SIGNS: Readonly<Record<Exclude<CellStatus, 'fresh'>, string>> = {
  // a clock
  stale: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 2.8V8l2.4 1.6',
  // two arrows that cross
  'out-of-order': 'M5 13V3M2.5 5.5 5 3l2.5 2.5M11 3v10M8.5 10.5 11 13l2.5-2.5',
  // a broken circle with a question mark's dot
  missing: 'M6 6a2 2 0 1 1 2.8 1.8c-.6.3-.8.7-.8 1.4M8 11.6v.2M3.2 4.4a6 6 0 1 1-1 5.2',
  // a pencil
  edited: 'M3 13l.6-2.8L10.800 3l2.200 2.200-7.200 7.200L3 13z',
  // an empty circle
  'never-run': 'M8 3.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9z'
};

/** Shows a sign at a cell, another one, or none; twice the same changes nothing. */
export function mark(cell: Cell, status: CellStatus, sentence: string): void {
  const shown = [...cell.node.children].find(child => child.classList.contains(SHOWN)) as HTMLElement | undefined;
  if (status === 'fresh' || !sentence) {
    shown?.remove();
    return;
  }
  if (shown?.dataset.status === status && shown.title === sentence) {
    return;
  }
  const made = document.createElement('span');
  made.className = SHOWN;
  made.dataset.status = status;
  made.title = sentence;
  made.setAttribute('role', 'img');
  made.setAttribute('aria-label', sentence);
  made.append(drawn(SIGNS[status]));
  shown?.remove();
  cell.node.append(made);
}

function drawn(sign: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', sign);
  svg.append(path);
  return svg;
}
