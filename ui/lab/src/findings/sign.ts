/** The sign beside a cell in which something was found: a button that opens the list. */

const SVG = 'http://www.w3.org/2000/svg';
const SHOWN = 'nbkeep-Leak';
// a shield with an exclamation mark
const DRAWN = 'M8 1.800 13.200 3.600v4c0 3.200-2.200 5.400-5.200 6.600-3-1.200-5.200-3.400-5.200-6.600v-4zM8 5v3.400M8 10.800v.1';

/** Shows the sign at a cell, or none where the sentence is empty; twice the same changes nothing. */
export function leak(cell: HTMLElement, sentence: string, open: () => void): void {
  const shown = [...cell.children].find(child => child.classList.contains(SHOWN)) as HTMLButtonElement | undefined;
  if (!sentence) {
    if (shown && shown === document.activeElement) {
      cell.focus({ preventScroll: true }); // or the notebook's keys would go nowhere
    }
    shown?.remove();
    return;
  }
  const sign = shown ?? made();
  sign.setAttribute('aria-label', sentence);
  sign.onclick = open;
  if (!shown) {
    cell.prepend(sign);
  }
}

function made(): HTMLButtonElement {
  const sign = document.createElement('button');
  sign.type = 'button';
  sign.className = SHOWN;
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', DRAWN);
  svg.append(path);
  sign.append(svg);
  // The notebook's own keys and clicks are not meant here.
  sign.addEventListener('keydown', event => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.stopPropagation();
    }
  });
  sign.addEventListener('mousedown', event => event.stopPropagation());
  return sign;
}
