/** Whether an address of JupyterLab asks for a certain document or folder (`/lab/tree/…`). */
export function namesADocument({ path, search }: { path?: string; search?: string }): boolean {
  return /\/tree(\/|$)/.test(path ?? '') || new URLSearchParams(search ?? '').has('file-browser-path');
}
