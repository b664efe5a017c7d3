/** The small sign beside a cell's prompt that tells what is the matter with it. */
import type { Cell, CodeCell } from '@jupyterlab/cells';

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
export function mark(cell: CodeCell, status: CellStatus, sentence: string): void {
  const digits = `${cell.model.executionCount ?? ''}`.length.toString();
  const shown = markOf(cell);
  if (status === 'fresh' || !sentence) {
    if (shown && shown === document.activeElement) {
      cell.node.focus({ preventScroll: true }); // or the notebook's keys would go nowhere
    }
    shown?.remove();
    return;
  }
  if (shown?.dataset.status === status && shown.dataset.digits === digits && shown.getAttribute('aria-label') === sentence) {
    return;
  }
  const sign = shown ?? made();
  sign.dataset.digits = digits;
  sign.dataset.status = status;
  sign.setAttribute('aria-label', sentence);
  sign.replaceChildren(drawn(SIGNS[status]));
  if (!shown) {
    cell.node.prepend(sign); // the first that Tab comes to from the cell
  }
}

/** Puts the focus on a cell's sign, if it has one: its sentence is shown, and read to whom cannot see it. */
export function focusMark(cell: Cell): void {
  markOf(cell)?.focus({ preventScroll: true });
}

function markOf(cell: Cell): HTMLElement | undefined {
  return [...cell.node.children].find(child => child.classList.contains(SHOWN)) as HTMLElement | undefined;
}

/** Its label is shown by the style sheet, for the mouse and for the keyboard alike. */
function made(): HTMLElement {
  const sign = document.createElement('span');
  sign.className = SHOWN;
  sign.tabIndex = 0;
  sign.setAttribute('role', 'img');
  return sign;
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
