import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookCellExecutor, runCell } from '@jupyterlab/notebook';

/**
 * Runs cells as JupyterLab does, but keeps those that were asked for while the notebook's first kernel still
 * starts: JupyterLab drops them without a word, and "Run All Cells" right after opening does nothing.
 * It takes the place of `@jupyterlab/notebook-extension:cell-executor`, disabled in package.json.
 */
export const executor: JupyterFrontEndPlugin<INotebookCellExecutor> = {
  id: '@nbkeep/lab:executor',
  description: 'Lets cells wait for the kernel that starts.',
  provides: INotebookCellExecutor,
  activate: (): INotebookCellExecutor => ({
    runCell: async options => {
      const { cell, sessionContext } = options;
      if (cell.model.type === 'code' && sessionContext?.kernelDisplayStatus === 'initializing') {
        cell.setPrompt('*');
        await sessionContext.ready;
      }
      return cell.isDisposed ? false : runCell(options);
    }
  })
};
