/** The plugins of nbkeep's JupyterLab extension: the one list of what it adds. */
import { bars } from './plugins/bars';
import { bigFolders } from './plugins/bigfolders';
import { commands } from './plugins/commands';
import { data } from './plugins/data';
import { deaths } from './plugins/deaths';
import { executor } from './plugins/executor';
import { findings } from './plugins/findings';
import { firstView } from './plugins/firstview';
import { freshRun } from './plugins/freshrun';
import { hiddenState } from './plugins/hiddenstate';
import { keptState } from './plugins/keptstate';
import { leaving } from './plugins/leaving';
import { missed } from './plugins/missed';
import { session } from './plugins/session';
import { statusItem } from './plugins/statusitem';
import { stopped } from './plugins/stopped';
import { tour } from './plugins/tour';

export default [
  session,
  keptState,
  tour,
  statusItem,
  bars,
  deaths,
  executor,
  missed,
  firstView,
  freshRun,
  hiddenState,
  findings,
  leaving,
  bigFolders,
  data,
  stopped,
  commands
];
