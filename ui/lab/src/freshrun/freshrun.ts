/** "Would a fresh run give this?": one notebook run in a scratch kernel, compared cell by cell with what it shows. */
import type { ICodeCellModel } from '@jupyterlab/cells';
import type * as nbformat from '@jupyterlab/nbformat';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { ServiceManager } from '@jupyterlab/services';
import { type ISignal, Signal } from '@lumino/signaling';

import { isSame, type Piece, pieces } from './compare';
import { Scratch, Stopped } from './scratch';

/** A run that takes longer is given up: it counts as work, and would keep the session for ever. */
const LONGEST_MS = 60 * 60 * 1000;

export type Verdict = 'waiting' | 'running' | 'same' | 'differs' | 'chance' | 'never-run' | 'failed' | 'not-reached';

/** One code cell of the notebook, and what the fresh run gave. */
export interface CellResult {
  readonly id: string;
  /** Its place in the notebook, from 1, text cells counted too. */
  readonly number: number;
  readonly source: string;
  readonly mayFail: boolean;
  readonly wasRun: boolean;
  readonly before: readonly Piece[];
  after: readonly Piece[] | null;
  verdict: Verdict;
}

export class FreshRun {
  /** What is compared is what the notebook shows now: later changes do not matter. */
  constructor(
    private readonly services: ServiceManager.IManager,
    readonly panel: NotebookPanel
  ) {
    const metadata = panel.context.model.sharedModel.metadata as Partial<nbformat.INotebookMetadata>;
    this.path = panel.context.localPath;
    this._name = panel.sessionContext.session?.kernel?.name ?? metadata.kernelspec?.name ?? '';
    this._language = metadata.language_info?.name ?? this.services.kernelspecs.specs?.kernelspecs[this._name]?.language ?? '';
    this.cells = panel.content.widgets
      .map((cell, at) => ({ cell, number: at + 1 }))
      .filter(({ cell }) => cell.model.type === 'code' && cell.model.sharedModel.getSource().trim() !== '')
      .map(({ cell, number }) => {
        const model = cell.model as ICodeCellModel;
        const tags = (model.getMetadata('tags') ?? []) as unknown;
        return {
          id: model.id,
          number,
          source: model.sharedModel.getSource(),
          mayFail: Array.isArray(tags) && tags.includes('raises-exception'),
          wasRun: model.executionCount !== null,
          before: pieces(model.outputs.toJSON()),
          after: null,
          verdict: 'waiting' as Verdict
        };
      });
  }

  readonly path: string;
  readonly cells: readonly CellResult[];
  /** Why it ended early, or what to know of its files; '' when there is nothing to say. */
  remark = '';
  isOver = false;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isPython(): boolean {
    return this._language.toLowerCase() === 'python';
  }

  /**
   * Run all cells once. `mayStay` is asked whether to go on in the folder itself when it could not be copied.
   * Never rejects; call it once.
   */
  async run(mayStay: (reason: string) => Promise<boolean>): Promise<void> {
    await this._inScratch(mayStay, async scratch => {
      let at = 0;
      for (; at < this.cells.length; at += 1) {
        const cell = this.cells[at] as CellResult;
        cell.verdict = 'running';
        this._changed.emit();
        const { outputs, failed } = await scratch.run(cell.source);
        cell.after = pieces(outputs);
        cell.verdict = verdictOf(cell, failed);
        if (failed && !cell.mayFail) {
          this.remark = 'It ends at a cell that fails, as “Restart Kernel and Run All Cells” does.';
          break;
        }
      }
    });
    for (const cell of this.cells) {
      if (cell.verdict === 'waiting' || cell.verdict === 'running') {
        cell.verdict = 'not-reached';
      }
    }
    this.isOver = true;
    this._changed.emit();
  }

  /** Run it once more: what differs between two fresh runs, too, differs by chance. Never rejects. */
  async again(): Promise<void> {
    if (!this.isOver) {
      return;
    }
    this.isOver = false;
    this._changed.emit();
    await this._inScratch(
      async () => true,
      async scratch => {
        for (const cell of this.cells) {
          if (cell.after === null) {
            break;
          }
          const { outputs, failed } = await scratch.run(cell.source);
          if (!isSame(cell.after, pieces(outputs)) && (cell.verdict === 'differs' || cell.verdict === 'same')) {
            cell.verdict = 'chance';
            this._changed.emit();
          }
          if (failed && !cell.mayFail) {
            break;
          }
        }
      }
    );
    this.hasRunTwice = true;
    this.isOver = true;
    this._changed.emit();
  }

  hasRunTwice = false;

  /** Give up what runs. Twice is safe. */
  stop(): void {
    this._scratch?.stop('You stopped it.');
  }

  dispose(): void {
    this.stop();
    Signal.clearData(this);
  }

  private async _inScratch(mayStay: (reason: string) => Promise<boolean>, work: (scratch: Scratch) => Promise<void>): Promise<void> {
    let timer = 0;
    try {
      this._scratch = await Scratch.start(this.services, this._name, this._language, this.path);
      const scratch = this._scratch;
      timer = window.setTimeout(() => scratch.stop('It took more than an hour.'), LONGEST_MS);
      const { copied, reason } = await scratch.copyFolder();
      if (!copied && !(await mayStay(reason))) {
        throw new Stopped('Nothing was run.');
      }
      await work(scratch);
    } catch (error) {
      this.remark = error instanceof Stopped ? error.message : `The fresh run failed: ${String((error as Error).message)}`;
    } finally {
      window.clearTimeout(timer);
      await this._scratch?.end();
      this._scratch = null;
    }
  }

  private _scratch: Scratch | null = null;
  private readonly _name: string;
  private readonly _language: string;
  private readonly _changed = new Signal<this, void>(this);
}

function verdictOf(cell: CellResult, failed: boolean): Verdict {
  if (cell.wasRun && isSame(cell.before, cell.after ?? [])) {
    return 'same';
  }
  if (failed && !cell.mayFail) {
    return 'failed';
  }
  return cell.wasRun ? 'differs' : 'never-run';
}

/** Tell in a sentence what came of it. */
export function summary(run: FreshRun): string {
  const count = (verdict: Verdict): number => run.cells.filter(cell => cell.verdict === verdict).length;
  const total = run.cells.length;
  if (!run.isOver) {
    const done = total - count('waiting') - count('running');
    return `Running in a kernel of its own: ${done} of ${total} cells done.`;
  }
  const parts = [
    [count('differs'), 'differ', 'differs'],
    [count('chance'), 'differ on every run', 'differs on every run'],
    [count('failed'), 'failed', 'failed'],
    [count('not-reached'), 'were not reached', 'was not reached'],
    [count('never-run'), 'had not been run in the notebook', 'had not been run in the notebook']
  ] as const;
  const told = parts.filter(([number]) => number > 0).map(([number, many, one]) => `${number} ${number === 1 ? one : many}`);
  if (told.length === 0) {
    return `Yes: a fresh run gives the same in ${total === 1 ? 'its cell' : `all ${total} cells`}.`;
  }
  return `Of ${total} cells ${count('same')} ${count('same') === 1 ? 'is' : 'are'} the same; ${told.join(', ')}.`;
}
