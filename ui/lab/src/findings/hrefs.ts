/** Which links of a page download a file of the home. Pure. */

/** The path in the home that a link of JupyterLab downloads; null where it is another link. */
export function downloaded(href: string, base: string): string | null {
  const files = new URL('files/', base);
  let url: URL;
  try {
    url = new URL(href, base);
  } catch {
    return null;
  }
  if (url.origin !== files.origin || !url.pathname.startsWith(files.pathname)) {
    return null;
  }
  try {
    return decodeURIComponent(url.pathname.slice(files.pathname.length));
  } catch {
    return null;
  }
}
