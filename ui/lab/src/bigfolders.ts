/**
 * A folder of very many files in a file browser: its first files are shown, and a line says so.
 *
 * JupyterLab makes page elements for every file of a folder, which freezes the page for minutes where there
 * are a hundred thousand, and it fetches the whole list anew every ten seconds and for every letter typed
 * into the filter. Here the list is cut after the filter and in the order that the person sorts by, and a
 * giant list is fetched anew only when its folder has changed. Small folders pass through unchanged.
 */
import type { DirListing, FilterFileBrowserModel } from '@jupyterlab/filebrowser';
import { FileBrowser } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';
import type { PanelLayout } from '@lumino/widgets';
import { Widget } from '@lumino/widgets';

import type { OrderSettings, SortState } from './fileorder';
import { inOrder } from './fileorder';
import { firstOf, shownSentence } from './firstof';

/** More files than this are not shown at once: drawing them takes half a second, each time something changes. */
const SHOWN = 500;

/** A list of at least this many is fetched anew only when its folder has changed. */
const GIANT = 10_000;

/** The time of a folder does not tell that a file in it has grown: fetch a giant list this often anyway. */
const LONGEST_MS = 120_000;

/** What has to be reached of JupyterLab's classes although they keep it to themselves. */
interface Inside {
  readonly _sortNotebooksFirst: boolean;
  readonly _sortFileNamesNaturally: boolean;
  readonly translator: { readonly languageCode?: string };
}
interface Listing {
  readonly listing: DirListing;
}
interface Maker {
  createDirListing(options: DirListing.IOptions): DirListing;
}
interface Handler {
  handleContents(contents: Contents.IModel): void;
}

const cut = new WeakSet<DirListing>();

/**
 * Cut what every file browser shows that is made from now on, in the side bar and in dialogs; twice is safe.
 *
 * Dialogs make their browsers themselves and tell nobody, but each browser makes its list by this one method.
 */
export function cutNewBrowsers(): void {
  const prototype = FileBrowser.prototype as unknown as Maker;
  const make = prototype.createDirListing;
  prototype.createDirListing = function (this: FileBrowser, options) {
    const listing = make.call(this, options);
    cutBrowser(this, listing);
    return listing;
  };
}

/** Cut what a file browser shows that was made before; twice is safe. */
export function cutBrowser(
  browser: FileBrowser,
  listing: DirListing = (browser as unknown as Listing).listing
): void {
  if (!cut.has(listing)) {
    cut.add(listing);
    new BigFolders(browser, browser.model, listing);
  }
}

/** The line above the list; away while everything is shown. */
class Line extends Widget {
  constructor(filter: () => void) {
    super();
    this.addClass('nbkeep-ShownLine');
    this.words = document.createElement('span');
    this.words.setAttribute('role', 'status');
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'nbkeep-Link';
    button.textContent = 'Type in the filter to narrow';
    button.addEventListener('click', filter);
    this.node.append(this.words, ' ', button);
    this.hide();
  }

  tell(sentence: string): void {
    if (this.words.textContent !== sentence) {
      this.words.textContent = sentence;
      this.setHidden(sentence === '');
    }
  }

  private readonly words: HTMLElement;
}

interface Listed {
  readonly path: string;
  readonly lastModified: string;
  readonly at: number;
}

interface Found {
  readonly choice: string;
  readonly shown: readonly Contents.IModel[];
}

/** Cuts what one file browser shows; lives as long as that. */
class BigFolders {
  constructor(
    browser: FileBrowser,
    private readonly model: FilterFileBrowserModel,
    private readonly listing: DirListing
  ) {
    this.line = new Line(() => {
      browser.showFileFilter = true; // shows the filter's box and puts the cursor there
    });
    this.knowTheOrder();
    this.cutItems();
    this.keepSought();
    this.fetchWhenChanged();
  }

  /** The list asks for its files before it notes the order in which it wants them. */
  private knowTheOrder(): void {
    const { listing } = this;
    const sort = listing.sort.bind(listing);
    listing.sort = state => {
      this.wanted = state;
      sort(state);
      this.wanted = null;
    };
  }

  /** The list asks for the same files several times at each refresh: what was found is kept meanwhile. */
  private cutItems(): void {
    const { model } = this;
    const all = model.items.bind(model);
    model.items = () => {
      const choice = this.choice();
      if (this.found?.choice !== choice) {
        const { shown, total } = this.cut(all);
        this.found = total > shown.length ? { choice, shown } : null;
        this.tell(shown.length, total);
        return shown[Symbol.iterator]();
      }
      return this.found.shown[Symbol.iterator]();
    };
  }

  private cut(all: () => Iterable<Contents.IModel>): { shown: Contents.IModel[]; total: number } {
    const { first, total } = firstOf(all(), SHOWN, inOrder(this.order, this.settings));
    if (total > SHOWN && this.sought.size > 0) {
      const there = new Set(first.map(item => item.path));
      for (const item of all()) {
        if (this.sought.has(item.path) && !there.has(item.path)) {
          first.push(item);
        }
      }
    }
    return { shown: first, total };
  }

  private get order(): SortState {
    return this.wanted ?? this.listing.sortState;
  }

  private get settings(): OrderSettings {
    const inside = this.listing as unknown as Inside;
    return {
      notebooksFirst: inside._sortNotebooksFirst,
      naturally: inside._sortFileNamesNaturally,
      language: inside.translator.languageCode ?? navigator.language
    };
  }

  /** Everything that decides what is shown, apart from the list itself and the filter. */
  private choice(): string {
    const { includeHiddenFiles, filterDirectories } = this.model;
    return JSON.stringify([this.order, this.settings, includeHiddenFiles, filterDirectories, ...this.sought]);
  }

  private tell(shown: number, total: number): void {
    const panel = this.listing.parent?.layout as PanelLayout | undefined;
    if (shown < total && this.line.parent === null) {
      panel?.insertWidget(panel.widgets.indexOf(this.listing), this.line);
    }
    this.line.tell(shownSentence(shown, total));
  }

  /** What a person has just made, renamed or revealed is shown wherever its place is. */
  private keepSought(): void {
    const { model, listing } = this;
    model.fileChanged.connect((_, change) => {
      this.changed = true;
      if ((change.type === 'new' || change.type === 'rename') && change.newValue?.path) {
        this.sought.add(change.newValue.path);
      }
    });
    model.pathChanged.connect(() => {
      this.sought.clear();
    });
    const select = listing.selectItemByName.bind(listing);
    listing.selectItemByName = (name, focus) => {
      this.sought.add(model.path ? `${model.path}/${name}` : name);
      return this.calmly(() => select(name, focus));
    };
  }

  private fetchWhenChanged(): void {
    const { model } = this;
    const cd = model.cd.bind(model);
    model.cd = async (path = '.') => {
      if (path === '.' && this.listed !== null && (await this.isCurrent(this.listed))) {
        return;
      }
      this.fetching += 1;
      this.changed = false;
      try {
        await cd(path);
      } finally {
        this.fetching -= 1;
      }
    };
    this.noteLists();
    this.obeyRefresh();
  }

  private noteLists(): void {
    const inner = this.model as unknown as Handler;
    const handle = inner.handleContents.bind(this.model);
    inner.handleContents = contents => {
      handle(contents);
      this.found = null;
      const files: readonly unknown[] = contents.content;
      const { path, last_modified: lastModified } = contents;
      this.listed = files.length >= GIANT ? { path, lastModified, at: Date.now() } : null;
    };
  }

  /** Who presses Refresh gets a fresh list; a letter in the filter or a selection, which refresh too, need none. */
  private obeyRefresh(): void {
    const { model } = this;
    const setFilter = model.setFilter.bind(model);
    const refresh = model.refresh.bind(model);
    model.setFilter = filter => {
      this.found = null;
      this.calmly(() => setFilter(filter));
    };
    model.refresh = () => {
      this.changed ||= !this.calm;
      return refresh();
    };
  }

  /** Do what refreshes at once without a need for a fresh list. */
  private calmly<T>(act: () => T): T {
    this.calm = true;
    try {
      return act();
    } finally {
      this.calm = false;
    }
  }

  /** Whether a giant list that is at hand still holds; in every doubt it does not. */
  private async isCurrent(listed: Listed): Promise<boolean> {
    const doubt = (): boolean => this.fetching > 0 || this.changed || this.listed !== listed;
    if (doubt() || Date.now() - listed.at > LONGEST_MS) {
      return false;
    }
    try {
      const contents = this.model.manager.services.contents;
      const folder = await contents.get(listed.path, { content: false });
      return folder.last_modified === listed.lastModified && !doubt();
    } catch {
      return false; // the browser's own request meets the same, and JupyterLab tells it
    }
  }

  private readonly line: Line;
  private readonly sought = new Set<string>();
  private wanted: SortState | null = null;
  private found: Found | null = null;
  private listed: Listed | null = null;
  private fetching = 0;
  private changed = false;
  private calm = false;
}
