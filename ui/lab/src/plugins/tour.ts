import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { ISession, ITour } from '../tokens';
import { Tour } from '../tour';

export const tour: JupyterFrontEndPlugin<ITour> = {
  id: '@nbkeep/lab:tour',
  description: 'Shows the guided tour on a first visit.',
  autoStart: true,
  requires: [ISession],
  provides: ITour,
  activate: (app, session: ISession) => {
    const tour = new Tour(session);
    void app.restored.then(() => {
      const onFirst = (): void => {
        if (session.status) {
          session.changed.disconnect(onFirst);
          // Who came to look at a document is not shown around.
          if (!session.status.tour_done && !session.status.quarantine) {
            tour.start();
          }
        }
      };
      session.changed.connect(onFirst);
      onFirst();
    });
    return tour;
  }
};
