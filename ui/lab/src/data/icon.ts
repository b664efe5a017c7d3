/** The sidebar's icon: three disks of a database, in the theme's colour. */
const SVG = 'http://www.w3.org/2000/svg';
const DISKS = [
  'M12 3c4.4 0 8 1.3 8 3s-3.6 3-8 3-8-1.3-8-3 3.6-3 8-3z',
  'M4 8.5c1.3 1.4 4.4 2.3 8 2.3s6.7-.9 8-2.3V12c0 1.7-3.6 3-8 3s-8-1.3-8-3z',
  'M4 14.5c1.3 1.4 4.4 2.3 8 2.3s6.7-.9 8-2.3V18c0 1.7-3.6 3-8 3s-8-1.3-8-3z'
];

export const dataIcon = {
  render(host: HTMLElement): void {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('width', '20');
    svg.setAttribute('height', '20');
    svg.setAttribute('aria-hidden', 'true');
    Object.assign(svg.style, { display: 'block', margin: '0 auto' });
    for (const disk of DISKS) {
      const path = document.createElementNS(SVG, 'path');
      path.setAttribute('d', disk);
      path.setAttribute('class', 'jp-icon3');
      path.setAttribute('fill', '#616161'); // the theme's colours win, by the class
      svg.append(path);
    }
    host.replaceChildren(svg);
  },
  unrender(host: HTMLElement): void {
    host.replaceChildren();
  }
};
