// The tree's contents: folders by prefix, each with the part of its list that was read so far.
import { listPage } from "./entries.js";
import { compareKeys } from "./keys.js";

const pageEntries = 500;

/** Folders under one root prefix. `changed` is called after each change. */
export class Folders {
  constructor(root, changed) {
    this.root = root;
    this.changed = changed;
    this.folders = new Map();
    this.drawn = null;
    this.stop = new AbortController();
    this.folder(root).isOpen = true;
  }

  folder(prefix) {
    if (!this.folders.has(prefix)) {
      // `cursor`: where the next page begins; undefined before the first, null after the last.
      this.folders.set(prefix, {
        prefix, children: [], cursor: undefined, isOpen: false, isLoading: false, error: null,
        turn: 0,
      });
    }
    return this.folders.get(prefix);
  }

  /** Ends all requests; the tree is not used any more. */
  end() {
    this.stop.abort();
  }

  touch() {
    this.drawn = null;
    this.changed();
  }

  setOpen(prefix, isOpen) {
    const folder = this.folder(prefix);
    folder.isOpen = isOpen;
    this.touch();
    if (isOpen && folder.cursor === undefined) this.loadMore(prefix);
  }

  /** Reads the folder from its beginning again. */
  async reload(prefix) {
    const folder = this.folder(prefix);
    folder.turn += 1;
    folder.cursor = undefined;
    folder.isLoading = false;
    await this.loadMore(prefix);
  }

  /** Reads all open folders again. */
  async reloadAll() {
    for (const folder of [...this.folders.values()]) {
      if (folder.isOpen) await this.reload(folder.prefix);
      else this.folders.delete(folder.prefix);
    }
  }

  /** Reads the next page of a folder, if there is one and it is not being read already. */
  async loadMore(prefix) {
    const folder = this.folder(prefix);
    if (folder.isLoading || folder.cursor === null) return;
    folder.isLoading = true;
    folder.error = null;
    const { turn, cursor } = folder;
    this.touch();
    let page = null;
    try {
      page = await listPage(
        { prefix, delimiter: "/", limit: pageEntries, cursor }, this.stop.signal);
    } catch (error) {
      if (error.name === "AbortError" || folder.turn !== turn) return;
      folder.error = error;
    }
    if (folder.turn !== turn) return;
    folder.isLoading = false;
    if (page) {
      const children = [
        ...page.items.map((item) => ({ path: item.key, item })),
        ...(page.prefixes ?? []).map((path) => ({ path, item: null })),
      ].sort(compareChildren);
      folder.children = cursor === undefined ? children : folder.children.concat(children);
      folder.cursor = page.next_cursor ?? null;
    }
    this.touch();
  }

  /** All rows in sight, from the top: folders, keys, and what stands for those not read yet. */
  rows() {
    if (this.drawn) return this.drawn;
    const rows = [];
    const add = (prefix, level) => {
      const folder = this.folder(prefix);
      for (const child of folder.children) {
        const isFolder = child.item === null;
        const isOpen = isFolder && (this.folders.get(child.path)?.isOpen ?? false);
        rows.push({ kind: isFolder ? "folder" : "key", level, prefix, isOpen, ...child });
        if (isOpen) add(child.path, level + 1);
      }
      if (folder.error) rows.push({ kind: "error", level, prefix, error: folder.error });
      else if (folder.cursor !== null) rows.push({ kind: "more", level, prefix, folder });
      else if (folder.children.length === 0 && level > 0) {
        rows.push({ kind: "none", level, prefix });
      }
    };
    add(this.root, 0);
    this.drawn = rows;
    return rows;
  }

  // MARK: What has been written

  /** Shows a key that exists now, wherever its folder has been read. */
  noteStored(key, item = { key }) {
    if (!key.startsWith(this.root)) return;
    let prefix = this.root;
    for (;;) {
      const folder = this.folders.get(prefix);
      if (!folder || folder.cursor === undefined) break;
      const slash = key.indexOf("/", prefix.length);
      const child = slash < 0 ? { path: key, item } : { path: key.slice(0, slash + 1), item: null };
      insertChild(folder, child);
      if (child.item) break;
      prefix = child.path;
    }
    this.touch();
  }

  /** Takes away a key that is gone, and the folders that it leaves empty. */
  noteGone(key) {
    let path = key;
    let isFolder = false;
    for (;;) {
      const holder = [...this.folders.values()].find(({ children }) =>
        children.some((child) => child.path === path && (child.item === null) === isFolder));
      if (!holder) break;
      holder.children = holder.children.filter((child) =>
        child.path !== path || (child.item === null) !== isFolder);
      const isEmpty = holder.children.length === 0 && holder.cursor === null;
      if (!isEmpty || holder.prefix === this.root) break;
      path = holder.prefix;
      isFolder = true;
    }
    this.touch();
  }
}

/** A key stands before the folder of the same path: `a/` is a key in the folder `a/`. */
function compareChildren(left, right) {
  return compareKeys(left.path, right.path) || Number(!left.item) - Number(!right.item);
}

function insertChild(folder, child) {
  const { children } = folder;
  let low = 0;
  let high = children.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareChildren(children[middle], child) < 0) low = middle + 1;
    else high = middle;
  }
  const there = children[low];
  if (there?.path === child.path && (there.item === null) === (child.item === null)) {
    if (child.item) children[low] = { path: child.path, item: { ...there.item, ...child.item } };
    return;
  }
  // What lies behind the part that was read comes with a later page.
  if (low === children.length && folder.cursor) return;
  children.splice(low, 0, child);
}
