/** Marks lines of an editor; the marks stay with their lines while the text is edited. */
import { StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView } from '@codemirror/view';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { CodeMirrorEditor } from '@jupyterlab/codemirror';

const show = StateEffect.define<ReadonlyMap<number, string>>();

const shown = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (before, transaction) => {
    let marks = before.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (effect.is(show)) {
        const { doc } = transaction.state;
        const lines = [...effect.value.keys()].filter(line => line >= 1 && line <= doc.lines).sort((a, b) => a - b);
        marks = Decoration.set(lines.map(line => marked(effect.value.get(line) ?? '').range(doc.line(line).from)));
      }
    }
    return marks;
  },
  provide: field => EditorView.decorations.from(field)
});

function marked(sentence: string): Decoration {
  return Decoration.line({ class: 'nbkeep-LeakLine', attributes: { title: sentence } });
}

/** Marks these lines in an editor that was never marked. */
export function markNewLines(editor: CodeEditor.IEditor | null, lines: ReadonlyMap<number, string>): void {
  const host = editor as CodeMirrorEditor | null;
  if (host && !host.isDisposed && host.state?.field(shown, false) === undefined) {
    markLines(editor, lines);
  }
}

/** Marks these lines (from 1) and no other; the sentences are shown where the mouse rests. */
export function markLines(editor: CodeEditor.IEditor | null, lines: ReadonlyMap<number, string>): void {
  const host = editor as CodeMirrorEditor | null;
  if (!host || host.isDisposed || typeof host.injectExtension !== 'function') {
    return;
  }
  if (host.state.field(shown, false) === undefined) {
    if (lines.size === 0) {
      return;
    }
    host.injectExtension(shown);
  }
  host.editor.dispatch({ effects: show.of(lines) });
}
