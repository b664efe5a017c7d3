/**
 * A widget as high as what it shows, inside a Lumino box layout.
 *
 * A box layout gives a child the height that its style asks for at least, and never looks at its
 * content; so the content is observed and the wish written down. Empty content hides the widget.
 */
import { ReactWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

export abstract class FittedWidget extends ReactWidget {
  protected abstract content(): React.ReactElement;

  protected override render(): React.ReactElement {
    return <div ref={this._observe}>{this.content()}</div>;
  }

  protected override onBeforeDetach(message: Message): void {
    this._observer.disconnect();
    super.onBeforeDetach(message);
  }

  private readonly _observe = (box: HTMLDivElement | null): void => {
    this._observer.disconnect();
    if (box) {
      this._observer.observe(box);
    }
  };

  private readonly _observer = new ResizeObserver(entries => {
    const content = Math.ceil(entries[0]?.target.getBoundingClientRect().height ?? 0);
    const height = Math.min(content, Math.floor(window.innerHeight * FittedWidget.MOST));
    if (this.isDisposed || height === this._height) {
      return;
    }
    this._height = height;
    this.node.style.minHeight = `${height}px`;
    this.node.style.maxHeight = `${height}px`;
    this.parent?.fit();
  });

  /** However much there is to say, work stays in sight; the rest scrolls. */
  private static readonly MOST = 0.4;
  private _height = -1;
}
