/** A kernel's death, told at the top of its notebook. */
import { Dialog, type ISessionContext } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { deathKey, deathOf, type ReadDeaths } from './deathlist';
import { FittedWidget } from './fitted';
import type { Death } from './status';
import type { ISession } from './tokens';
import { clock, deathWords } from './words';

/** How often, and how long after a kernel's death, its cause is asked for: it is recorded moments later. */
const ASK_AFTER_MS = [0, 700, 2_000, 4_000];

/** A death this young is the one that JupyterLab's dialog speaks of. */
const JUST_NOW_MS = 60_000;

function Banner(props: {
  death: Death;
  now: number;
  portal: string;
  onRestart: () => void;
  onDismiss: () => void;
}): React.ReactElement {
  const { headline, rest, larger } = deathWords(props.death);
  return (
    <section className="nbkeep-Death" role="alert" aria-label={headline}>
      <span className="nbkeep-Bar-text">
        <strong>{headline}</strong>
        {rest}{' '}
        {larger && props.portal && (
          <a href={props.portal} target="_blank" rel="noopener">
            Choose a profile in the portal
          </a>
        )}
        <span className="nbkeep-quiet"> {clock(props.death.at, props.now)}</span>
      </span>
      <button type="button" className="nbkeep-Button nbkeep-mod-primary" onClick={props.onRestart}>
        Restart kernel
      </button>
      <button type="button" className="nbkeep-Button" onClick={props.onDismiss}>
        Dismiss
      </button>
    </section>
  );
}

class DeathBanner extends FittedWidget {
  constructor(
    private readonly session: ISession,
    readonly death: Death,
    private readonly actions: { restart: () => void; dismiss: () => void }
  ) {
    super();
    this.addClass('nbkeep-DeathHost');
  }

  protected override content(): React.ReactElement {
    return (
      <Banner
        death={this.death}
        now={this.session.now()}
        portal={this.session.status?.portal_url ?? ''}
        onRestart={this.actions.restart}
        onDismiss={this.actions.dismiss}
      />
    );
  }
}

export class DeathBanners {
  constructor(
    private readonly session: ISession,
    private readonly notebooks: INotebookTracker,
    private readonly read: ReadDeaths,
    private readonly trans: TranslationBundle
  ) {
    notebooks.forEach(panel => this._watch(panel));
    notebooks.widgetAdded.connect((_, panel) => this._watch(panel));
    session.changed.connect(() => this._showAll());
    Dialog.tracker.widgetAdded.connect((_, dialog) => this._holdBack(dialog));
  }

  private _watch(panel: NotebookPanel): void {
    panel.sessionContext.statusChanged.connect(this._onStatus);
    panel.disposed.connect(() => this._banners.delete(panel));
    void panel.context.ready.then(() => this._show(panel));
  }

  private readonly _onStatus = (_: ISessionContext, status: Kernel.Status): void => {
    if (status === 'autorestarting' || status === 'dead') {
      for (const wait of ASK_AFTER_MS) {
        window.setTimeout(() => void this.session.refresh(), wait);
      }
    }
  };

  /**
   * JupyterLab's own dialog says only that the kernel "appears to have died". It waits, unseen, for
   * the cause; where we learn none, it is shown after all.
   */
  private _holdBack(dialog: Dialog<unknown>): void {
    // Its label names it from the start; the title's own text is rendered only later.
    const label = dialog.node.ariaLabel ?? dialog.node.querySelector('[aria-label]')?.ariaLabel ?? '';
    if (!label.startsWith(this.trans.__('Kernel Restarting'))) {
      return;
    }
    if (this._explained(label)) {
      // Our own question was answered before the kernel's status came. The dialog is still being made.
      queueMicrotask(() => dialog.reject());
      return;
    }
    dialog.hide();
    const settle = (): void => {
      if (this._explained(label)) {
        dialog.reject();
      }
    };
    const giveUp = (): void => {
      dialog.show();
      dialog.activate();
    };
    const timer = window.setTimeout(giveUp, ASK_AFTER_MS[ASK_AFTER_MS.length - 1]! + 1_000);
    this._settle.add(settle);
    dialog.disposed.connect(() => {
      window.clearTimeout(timer);
      this._settle.delete(settle);
    });
  }

  /** Whether a death of just now is known for the notebook that a dialog's text names. */
  private _explained(label: string): boolean {
    const now = this.session.now();
    const deaths = this.session.status?.deaths ?? [];
    return deaths.some(death => label.includes(death.path) && now - Date.parse(death.at) < JUST_NOW_MS);
  }

  private _showAll(): void {
    this.notebooks.forEach(panel => this._show(panel));
    [...this._settle].forEach(settle => settle());
  }

  private _show(panel: NotebookPanel): void {
    const notebook = {
      path: panel.context.localPath,
      kernelId: panel.sessionContext.session?.kernel?.id ?? null
    };
    const death = deathOf(this.session.status?.deaths ?? [], notebook, this.read.keys);
    const shown = this._banners.get(panel);
    if (!death || (shown && deathKey(shown.death) === deathKey(death))) {
      return;
    }
    shown?.dispose();
    const close = (): void => {
      this.read.add(death);
      banner.dispose();
      this._banners.delete(panel);
      panel.content.activate();
    };
    const banner = new DeathBanner(this.session, death, {
      dismiss: close,
      restart: () => {
        close();
        void panel.sessionContext.restartKernel();
      }
    });
    this._banners.set(panel, banner);
    panel.contentHeader.addWidget(banner);
  }

  private readonly _banners = new Map<NotebookPanel, DeathBanner>();
  private readonly _settle = new Set<() => void>();
}
