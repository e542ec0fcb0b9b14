// The keys as a tree, with the search above it.
import { html, useEffect, useMemo, useReducer, useState } from "./preact.js";
import { connection } from "./api.js";
import { Folders } from "./folders.js";
import { formatBytes, formatCount } from "./format.js";
import { foldersAbove, parentOf } from "./keys.js";
import { Button, Empty, Icon, Loading, Trouble, VirtualList } from "./parts.js";
import { session, whyDenied } from "./session.js";
import { useStore } from "./store.js";

const rowHeight = 28;
const indentStep = 14;

// The tree that is shown, for what writes keys.
let shownFolders = null;

export const noteStored = (key, item) => shownFolders?.noteStored(key, item);
export const noteGone = (key) => shownFolders?.noteGone(key);
export const reloadTree = () => shownFolders?.reloadAll();

/**
 * `selected` is a key or a folder's prefix with `isFolder`; `onSelect` is called with both, and
 * `onCreate` to make a new key under a prefix.
 */
export function Tree({ selected, isFolder, onSelect, onCreate }) {
  const { who } = useStore(session);
  const { times } = useStore(connection);
  const [search, setSearch] = useState("");
  const [term, setTerm] = useState("");
  const [, redraw] = useReducer((count) => count + 1, 0);
  const home = who?.prefix ?? "";
  // A search lists what begins with the term, from its last slash on.
  const root = term.startsWith(home) ? term : home + term;
  const folders = useMemo(() => new Folders(root, redraw), [root]);
  useEffect(() => {
    shownFolders = folders;
    folders.loadMore(root);
    return () => folders.end();
  }, [folders]);
  // What failed while the server was away is read when it is back.
  useEffect(() => {
    for (const folder of [...folders.folders.values()]) {
      if (folder.error) folders.loadMore(folder.prefix);
    }
  }, [times]);
  useEffect(() => {
    const timer = setTimeout(() => setTerm(search), 200);
    return () => clearTimeout(timer);
  }, [search]);
  useEffect(() => {
    if (!selected) return;
    for (const prefix of foldersAbove(selected)) {
      const isInside = prefix.length > root.length && prefix.startsWith(root);
      if (isInside && !(isFolder && prefix === selected)) folders.setOpen(prefix, true);
    }
  }, [selected, isFolder, folders]);
  const denied = whyDenied("write");
  return html`<section class="tree-pane" aria-label="Keys">
    <div class="tree-head">
      <div class="search">
        <${Icon} name="search" />
        <input id="search" type="search" value=${search} placeholder="Keys that begin with…"
          aria-label="Search by prefix" autocomplete="off" spellcheck=${false}
          onInput=${(event) => setSearch(event.target.value)}
          onKeyDown=${(event) => {
            if (event.key === "Enter") setTerm(search);
            if (event.key === "Escape") setSearch("");
          }} />
      </div>
      <${Button} label="Reload the keys" icon="reload" look="quiet" isIcon
        onClick=${() => folders.reloadAll()} />
      <${Button} label="New key" icon="add" look="quiet" isIcon denied=${denied} id="new-key"
        onClick=${() => onCreate(isFolder ? selected : selected ? parentOf(selected) : home)} />
    </div>
    ${home && html`<p class="tree-note">Your token sees only <code>${home}</code></p>`}
    <${Rows} folders=${folders} root=${root} selected=${selected} isFolder=${isFolder}
      onSelect=${onSelect} isSearch=${term !== ""} />
  </section>`;
}

function Rows({ folders, root, selected, isFolder, onSelect, isSearch }) {
  const rows = folders.rows();
  const top = folders.folder(root);
  const [cursor, setCursor] = useState(0);
  const chosen = rows.findIndex((row) => isChosen(row, selected, isFolder));
  useEffect(() => {
    if (chosen >= 0) setCursor(chosen);
  }, [chosen]);
  if (top.error && top.children.length === 0) {
    return html`<${Trouble} error=${top.error} onRetry=${() => folders.loadMore(root)} />`;
  }
  if (top.children.length === 0 && top.cursor !== null) return html`<${Loading} />`;
  if (rows.length === 0) {
    return html`<${Empty} title=${isSearch ? "No key begins with this" : "There are no keys yet"}>
      <p>${isSearch ? "Upper and lower case differ." : "Make one with +, or import a file."}</p>
    <//>`;
  }
  const act = (row) => {
    if (row.kind === "folder") {
      folders.setOpen(row.path, !row.isOpen);
      onSelect(row.path, true);
    } else if (row.kind === "key") onSelect(row.path, false);
    else folders.loadMore(row.prefix);
  };
  const step = (index) => setCursor(Math.max(0, Math.min(rows.length - 1, index)));
  const onKeyDown = (event) => {
    const row = rows[cursor];
    const page = Math.max(1, Math.floor(event.currentTarget.clientHeight / rowHeight) - 1);
    const moves = {
      ArrowDown: () => step(cursor + 1), ArrowUp: () => step(cursor - 1),
      PageDown: () => step(cursor + page), PageUp: () => step(cursor - page),
      Home: () => step(0), End: () => step(rows.length - 1),
      Enter: () => row && act(row), " ": () => row && act(row),
      ArrowRight: () => {
        if (row?.kind === "folder" && !row.isOpen) folders.setOpen(row.path, true);
        else step(cursor + 1);
      },
      ArrowLeft: () => {
        if (row?.kind === "folder" && row.isOpen) folders.setOpen(row.path, false);
        else step(rows.findIndex(({ kind, path }) => kind === "folder" && path === row?.prefix));
      },
    };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moves[event.key]();
  };
  const drawRow = (index, place) => {
    const row = rows[index];
    const isCursor = index === cursor;
    return html`<${Row} key=${`${row.kind}:${row.path ?? row.prefix}`} id=${`row-${index}`}
      row=${row} place=${place} folders=${folders} root=${root} isCursor=${index === cursor}
      isChosen=${index === chosen} onAct=${() => {
        setCursor(index);
        act(row);
      }} />`;
  };
  return html`<${VirtualList} class="tree" role="tree" aria-label="Keys" tabindex="0"
    aria-activedescendant=${rows[cursor] ? `row-${cursor}` : null} onKeyDown=${onKeyDown}
    count=${rows.length} rowHeight=${rowHeight} drawRow=${drawRow} shown=${cursor} />`;
}

const isChosen = (row, selected, isFolder) =>
  row.path === selected && selected !== null && (row.kind === "folder") === Boolean(isFolder)
  && row.kind !== "more";

function Row({ id, row, place, root, folders, isChosen: isSelected, isCursor, onAct }) {
  const indent = { ...place, paddingLeft: `${8 + row.level * indentStep}px` };
  const look = `row ${row.kind} ${isSelected ? "selected" : ""} ${isCursor ? "cursor" : ""}`;
  const common = { id, class: look, style: indent, role: "treeitem", "aria-level": row.level + 1,
    onClick: onAct };
  if (row.kind === "more") {
    return html`<${MoreRow} common=${common} row=${row} folders=${folders} />`;
  }
  if (row.kind === "none") return html`<div ...${common} onClick=${null}>no keys</div>`;
  if (row.kind === "error") {
    return html`<div ...${common}>${row.error.title} <u>Try again</u></div>`;
  }
  const from = row.level === 0 ? Math.max(0, root.lastIndexOf("/") + 1) : row.prefix.length;
  const name = row.path.slice(from, row.kind === "folder" ? -1 : undefined);
  return html`<div ...${common} aria-selected=${isSelected ? "true" : "false"} title=${row.path}
    aria-expanded=${row.kind === "folder" ? String(row.isOpen) : null}>
    <span class=${`twist ${row.isOpen ? "open" : ""}`}>
      ${row.kind === "folder" && html`<${Icon} name="right" />`}
    </span>
    <${Icon} name=${row.kind === "folder" ? "folder" : "file"} />
    <span class="row-name">${name === "" ? html`<i>empty name</i>` : name}${
      row.kind === "folder" && html`<span class="slash">/</span>`}</span>
    ${row.item?.expires_at && html`<span class="row-mark" title="Expires"><${Icon}
      name="touch" /></span>`}
    ${row.item?.size !== undefined && html`<span class="row-size">${
      formatBytes(row.item.size)}</span>`}
  </div>`;
}

/** Comes into sight at the end of what was read, and then reads on. */
function MoreRow({ common, row, folders }) {
  useEffect(() => {
    folders.loadMore(row.prefix);
  }, [row.folder.children.length, row.folder.turn]);
  const count = row.folder.children.length;
  return html`<div ...${common}>${count > 0 ? `${formatCount(count)} so far, reading on…`
    : "Reading…"}</div>`;
}
