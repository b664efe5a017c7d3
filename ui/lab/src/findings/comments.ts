/** Where a comment may stand in a text, as its editor's grammar has it. */
import { ensureSyntaxTree, syntaxTree } from '@codemirror/language';
import type { EditorState } from '@codemirror/state';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { CodeMirrorEditor } from '@jupyterlab/codemirror';

const PARSED_WITHIN_MS = 200;
const STRING = /string/i;
const CLOSED = /["'`]\s*$/;

/** Whether a comment that is written at the end of a line would be one: not where the line ends within a string.
 *
 * A string that ends with the line is closed by its quote. Grammars that go line by line have a node for each line of
 * a long string, so that the begin of the next line is looked at, too. While no grammar is loaded everything is code.
 */
export function isCommentPlace(state: EditorState, lineEnd: number): boolean {
  const tree = ensureSyntaxTree(state, Math.min(lineEnd + 1, state.doc.length), PARSED_WITHIN_MS) ?? syntaxTree(state);
  for (let around: ReturnType<typeof tree.resolveInner> | null = tree.resolveInner(lineEnd); around; around = around.parent) {
    if (STRING.test(around.name)) {
      return false;
    }
  }
  const before = tree.resolveInner(lineEnd, -1);
  if (!STRING.test(before.name)) {
    return true;
  }
  const isNextString = lineEnd < state.doc.length && STRING.test(tree.resolveInner(lineEnd + 1, 1).name);
  return !isNextString && CLOSED.test(state.sliceDoc(before.from, before.to));
}

/** The same for an editor of JupyterLab; true for one that shows nothing yet. */
export function mayHoldComment(editor: CodeEditor.IEditor | null, lineEnd: number): boolean {
  const state = (editor as CodeMirrorEditor | null)?.state as EditorState | undefined;
  return !state || lineEnd > state.doc.length || isCommentPlace(state, lineEnd);
}
