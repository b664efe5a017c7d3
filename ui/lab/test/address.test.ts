import { expect, test } from 'vitest';

import { namesADocument } from '../src/address';

test.each([
  ['/lab', '', false],
  ['/lab/workspaces/tree-house', '', false],
  ['/lab', '?reset', false],
  ['/lab/tree', '', true],
  ['/lab/tree/a/b.ipynb', '', true],
  ['/lab/workspaces/mine/tree/a.ipynb', '', true],
  ['/doc/tree/a.ipynb', '', true],
  ['/lab', '?file-browser-path=/a', true],
  [undefined, undefined, false]
])('%s%s asks for a document: %s', (path, search, asked) => expect(namesADocument({ path, search })).toBe(asked));
