/** A document in which findings are shown: a notebook or a text. What differs between the two is here. */
import type { Cell, CodeCell } from '@jupyterlab/cells';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import type { IOutput } from '@jupyterlab/nbformat';
import type { NotebookPanel } from '@jupyterlab/notebook';

import { cellSentence, type Finding, isOutput, isSource, outputOf, type Place } from './answer';
import { mayHoldComment } from './comments';
import type { Edit } from './fixes';
import { markLines, markNewLines } from './lines';
import { leak } from './sign';

/** A text that a finding stands in, as it is now. */
export interface Text {
  readonly source: string;
  readonly mimeType: string;
  /** Changes it; one step back undoes it. */
  apply(edit: Edit): void;
  /** Whether a comment may stand at the end of a line, of which this is the offset. */
  mayHoldComment(lineEnd: number): boolean;
}

export interface Shown {
  readonly widget: IDocumentWidget;
  show(findings: readonly Finding[], open: () => void): void;
  goTo(place: Place & { readonly line?: number }): void;
  textOf(finding: Finding): Text | null;
  /** Takes an output away and returns what puts it back; null where there is none. */
  clearOutput(finding: Finding): (() => void) | null;
}

export class ShownNotebook implements Shown {
  constructor(readonly widget: NotebookPanel) {
    const { model } = widget.content;
    model?.cells.changed.connect(() => this._again());
  }

  show(findings: readonly Finding[], open: () => void): void {
    this._findings = findings;
    this._open = open;
    this._mark(markLines);
  }

  private _mark(mark: typeof markLines): void {
    const { _findings: findings, _open: open } = this;
    const byCell = new Map<Cell, Finding[]>();
    for (const one of findings) {
      const cell = this._cellOf(one);
      if (cell) {
        byCell.set(cell, [...(byCell.get(cell) ?? []), one]);
      }
    }
    for (const cell of this.widget.content.widgets) {
      const mine = byCell.get(cell) ?? [];
      leak(cell.node, cellSentence(mine), open);
      const lines = linesOf(mine);
      mark(cell.editor, lines);
      if (!cell.editor && lines.size > 0) {
        void cell.ready.then(() => mark(cell.isDisposed ? null : cell.editor, lines));
      }
    }
  }

  goTo(place: Place & { readonly line?: number }): void {
    const { content } = this.widget;
    const cell = this._cellOf(place);
    const at = cell ? content.widgets.indexOf(cell) : -1;
    if (!cell || at < 0) {
      content.activate();
      return;
    }
    content.deselectAll();
    content.activeCellIndex = at;
    void content.scrollToItem(at, 'center').then(() => {
      if (isSource(place) && cell.editor) {
        content.mode = 'edit';
        putCursor(cell.editor, place.line ?? 0);
      } else {
        content.mode = 'command';
        content.activate();
      }
    });
  }

  textOf(finding: Finding): Text | null {
    const cell = isSource(finding) ? this._cellOf(finding) : undefined;
    return cell ? textOf(cell.editor, cell.model) : null;
  }

  clearOutput(finding: Finding): (() => void) | null {
    const cell = isOutput(finding) ? this._cellOf(finding) : undefined;
    if (!cell || cell.model.type !== 'code') {
      return null;
    }
    const { outputs } = (cell as CodeCell).model;
    const before: IOutput[] = outputs.toJSON();
    const number = outputOf(finding);
    const left = number ? before.filter((_, at) => at !== number - 1) : [];
    if (left.length === before.length) {
      return null; // the cell has run since
    }
    outputs.fromJSON(left);
    return () => {
      if (!cell.isDisposed) {
        outputs.fromJSON(before);
      }
    };
  }

  private _cellOf(place: Place): Cell | undefined {
    const { widgets } = this.widget.content;
    return widgets.find(cell => place.cell_id !== '' && cell.model.id === place.cell_id) ?? (place.cell_id ? undefined : widgets[place.cell - 1]);
  }

  /** Cells that were moved or pasted have new nodes; the marks of the others have moved with their lines. */
  private _again(): void {
    if (this._findings.length > 0) {
      requestAnimationFrame(() => {
        if (!this.widget.isDisposed) {
          this._mark(markNewLines);
        }
      });
    }
  }

  private _findings: readonly Finding[] = [];
  private _open: () => void = () => undefined;
}

export class ShownText implements Shown {
  constructor(
    readonly widget: IDocumentWidget,
    private readonly editor: () => CodeEditor.IEditor | null
  ) {}

  show(findings: readonly Finding[]): void {
    markLines(this.editor(), linesOf(findings));
  }

  goTo(place: Place & { readonly line?: number }): void {
    const editor = this.editor();
    if (editor) {
      putCursor(editor, place.line ?? 0);
    }
  }

  textOf(finding: Finding): Text | null {
    const editor = this.editor();
    return editor && isSource(finding) && !finding.inside ? textOf(editor, editor.model) : null;
  }

  clearOutput(): null {
    return null;
  }
}

function linesOf(findings: readonly Finding[]): ReadonlyMap<number, string> {
  const lines = new Map<number, string>();
  for (const one of findings.filter(each => isSource(each) && each.line > 0 && !each.inside)) {
    lines.set(one.line, [lines.get(one.line), `${one.title} (${one.masked})`].filter(word => word).join(', '));
  }
  return lines;
}

function putCursor(editor: CodeEditor.IEditor, line: number): void {
  const position = { line: Math.max(0, Math.min(line, editor.lineCount) - 1), column: 0 };
  editor.setCursorPosition(position);
  editor.revealPosition(position);
  editor.focus();
}

function textOf(editor: CodeEditor.IEditor | null, model: CodeEditor.IModel): Text {
  return {
    source: model.sharedModel.getSource(),
    mimeType: model.mimeType,
    apply: ({ begin, end, text }) => model.sharedModel.updateSource(begin, end, text),
    mayHoldComment: lineEnd => mayHoldComment(editor, lineEnd)
  };
}
