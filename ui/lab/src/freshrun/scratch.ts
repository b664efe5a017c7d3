/** A kernel of its own for one run of a notebook: nothing in memory, and a copy of the notebook's folder. */
import type * as nbformat from '@jupyterlab/nbformat';
import type { Kernel, KernelMessage, ServiceManager } from '@jupyterlab/services';

/** A folder with more than this is not copied. */
const MOST_BYTES = 200 * 1024 * 1024;
const MOST_FILES = 2_000;

/** What became of the copy: of how much, or why there is none. */
export interface Copy {
  readonly copied: boolean;
  readonly reason: string;
}

/** What one cell gave. */
export interface CellRun {
  readonly outputs: nbformat.IOutput[];
  readonly failed: boolean;
}

/** The run was given up: by the person, or because its kernel ended. */
export class Stopped extends Error {}

/**
 * Copies the kernel's folder into a temporary one and works there. It leaves no name behind. Hidden files stay away:
 * they are caches, environments and the history of a repository.
 */
const PRELUDE = `
def _nbkeep_fresh(most_bytes, most_files):
    import atexit, json, os, shutil, tempfile
    source = os.getcwd()
    size = files = 0
    for where, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            try:
                size += os.lstat(os.path.join(where, name)).st_size
            except OSError:
                continue
            files += 1
        if size > most_bytes or files > most_files:
            print(json.dumps({"copied": False, "reason": "large"}))
            return
    made = tempfile.mkdtemp(prefix="nbkeep-fresh-")
    atexit.register(shutil.rmtree, made, True)
    target = os.path.join(made, "folder")
    hidden = lambda where, names: [name for name in names if name.startswith(".")]
    try:
        shutil.copytree(source, target, symlinks=True, ignore=hidden)
    except (OSError, shutil.Error) as error:
        print(json.dumps({"copied": False, "reason": str(error)[:200]}))
        return
    os.chdir(target)
    print(json.dumps({"copied": True, "reason": ""}))

try:
    _nbkeep_fresh(${MOST_BYTES}, ${MOST_FILES})
finally:
    del _nbkeep_fresh
`;

export class Scratch {
  private constructor(
    private readonly kernel: Kernel.IKernelConnection,
    private readonly language: string
  ) {
    kernel.statusChanged.connect((_, status) => {
      if (status === 'dead' || status === 'restarting' || status === 'autorestarting') {
        this.stop('The kernel of the fresh run ended: it may have needed more memory than there is left.');
      }
    });
    this._stopped = new Promise((_, reject) => (this._reject = reject));
    this._stopped.catch(() => undefined);
  }

  /** Start a kernel like the one of the notebook at `path`, in the same folder. */
  static async start(services: ServiceManager.IManager, name: string, language: string, path: string): Promise<Scratch> {
    const asked = { name, path }; // the server takes a path, which the client's types do not know
    return new Scratch(await services.kernels.startNew(asked), language);
  }

  /** Give it a copy of that folder to work in. Other languages than Python get none. */
  async copyFolder(): Promise<Copy> {
    if (this.language.toLowerCase() !== 'python') {
      return { copied: false, reason: 'language' };
    }
    const { outputs, failed } = await this.run(PRELUDE, false);
    const [output] = outputs;
    if (failed || output?.output_type !== 'stream') {
      return { copied: false, reason: 'The copy failed.' };
    }
    return JSON.parse(String(output['text'])) as Copy;
  }

  /** Run one cell. Rejects with `Stopped`. */
  async run(code: string, counts = true): Promise<CellRun> {
    const future = this.kernel.requestExecute({ code, store_history: counts, allow_stdin: false, stop_on_error: true });
    const outputs: nbformat.IOutput[] = [];
    const displays = new Map<string, number>();
    let clears = false;
    future.onIOPub = message => {
      const output = outputOf(message);
      if (output === 'clear') {
        clears = (message.content as { wait?: boolean }).wait === true;
        if (!clears) {
          outputs.length = 0;
        }
        return;
      }
      if (!output) {
        return;
      }
      if (clears) {
        outputs.length = 0;
        clears = false;
      }
      const id = (message.content as { transient?: { display_id?: string } }).transient?.display_id;
      const known = id === undefined ? undefined : displays.get(id);
      if (message.header.msg_type === 'update_display_data') {
        if (known !== undefined && known < outputs.length) {
          outputs[known] = output;
        }
        return;
      }
      if (id !== undefined) {
        displays.set(id, outputs.length);
      }
      outputs.push(output);
    };
    const reply = await Promise.race([future.done, this._stopped]);
    return { outputs, failed: reply.content.status !== 'ok' };
  }

  /** Give up; `run` rejects with this reason. Twice is safe. */
  stop(reason: string): void {
    this._reject(new Stopped(reason));
  }

  /** End the kernel, and with it the copy. Twice is safe; never rejects. */
  async end(): Promise<void> {
    this.stop('The run has ended.');
    if (!this.kernel.isDisposed) {
      await this.kernel.shutdown().catch(() => undefined);
      this.kernel.dispose();
    }
  }

  private readonly _stopped: Promise<never>;
  private _reject!: (reason: Stopped) => void;
}

function outputOf(message: KernelMessage.IIOPubMessage): nbformat.IOutput | 'clear' | null {
  const content = message.content as unknown as Record<string, unknown>;
  switch (message.header.msg_type) {
    case 'stream':
    case 'error':
    case 'display_data':
    case 'execute_result':
      return { output_type: message.header.msg_type, ...content } as unknown as nbformat.IOutput;
    case 'update_display_data':
      return { output_type: 'display_data', ...content } as unknown as nbformat.IOutput;
    case 'clear_output':
      return 'clear';
    default:
      return null;
  }
}
