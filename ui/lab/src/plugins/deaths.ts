import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { ReadDeaths } from '../deathlist';
import { DeathBanners } from '../deaths';
import { ISession } from '../tokens';

export const deaths: JupyterFrontEndPlugin<void> = {
  id: '@nbkeep/lab:deaths',
  description: 'Tells in a notebook why its kernel died.',
  autoStart: true,
  requires: [ISession, INotebookTracker],
  optional: [ITranslator],
  activate: (_, session: ISession, notebooks: INotebookTracker, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load('jupyterlab');
    new DeathBanners(session, notebooks, new ReadDeaths(window.localStorage), trans);
  }
};
