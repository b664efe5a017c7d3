/** The box over the status bar that holds the details: not modal, closed by Escape or a click outside. */
import { ReactWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { Details } from './details';
import type { IDetails, IKeptState, ISession, ITour } from './tokens';

export class Popover extends ReactWidget {
  constructor(
    private readonly content: React.ReactElement,
    private readonly anchor: HTMLElement,
    titleId = 'nbkeep-details-title'
  ) {
    super();
    this.addClass('jp-ThemedContainer');
    this.addClass('nbkeep-Popover');
    this.node.setAttribute('role', 'dialog');
    this.node.setAttribute('aria-labelledby', titleId);
    this.node.tabIndex = -1;
  }

  protected override render(): React.ReactElement {
    return this.content;
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._returnTo = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    // Pointer-down, and by composed path: a button that its own click removes is still "inside".
    document.addEventListener('pointerdown', this._onPointer, true);
    this.node.addEventListener('keydown', this._onKey);
    this.node.focus({ preventScroll: true });
  }

  protected override onBeforeDetach(message: Message): void {
    document.removeEventListener('pointerdown', this._onPointer, true);
    this.node.removeEventListener('keydown', this._onKey);
    super.onBeforeDetach(message);
    if (this.node.contains(document.activeElement)) {
      this._returnTo?.focus();
    }
  }

  private readonly _onPointer = (event: PointerEvent): void => {
    const path = event.composedPath();
    if (!path.includes(this.node) && !path.includes(this.anchor)) {
      this.dispose();
    }
  };

  private readonly _onKey = (event: KeyboardEvent): void => {
    // The shell's shortcuts are not meant for somebody typing or choosing in here.
    event.stopPropagation();
    if (event.key === 'Escape') {
      this.dispose();
    }
  };

  private _returnTo: HTMLElement | null = null;
}

export class DetailsPopover implements IDetails {
  constructor(
    private readonly session: ISession,
    private readonly state: IKeptState,
    private readonly tour: ITour,
    private readonly anchor: () => HTMLElement
  ) {}

  open(part?: 'home'): void {
    this._popover?.dispose();
    const tour: ITour = {
      start: () => {
        this._popover?.dispose();
        this.tour.start();
      }
    };
    const content = <Details session={this.session} state={this.state} tour={tour} homeFirst={part === 'home'} />;
    this._popover = new Popover(content, this.anchor());
    Widget.attach(this._popover, document.body);
    void this.session.refresh();
    void this.state.refresh();
  }

  toggle(): void {
    if (this._popover && !this._popover.isDisposed) {
      this._popover.dispose();
    } else {
      this.open();
    }
  }

  private _popover: Popover | null = null;
}
