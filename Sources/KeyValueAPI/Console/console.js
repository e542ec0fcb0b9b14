// The web console: its frame, its addresses and its keys. Opening it reads, and never writes.
import { html, render, useEffect, useState } from "./preact.js";
import { connection } from "./api.js";
import { health, watchConnection } from "./connection.js";
import { Editor } from "./edit.js";
import { BackToKeys, EntryPane } from "./entry.js";
import { FolderPane } from "./folder.js";
import { Health } from "./health.js";
import { Live } from "./live.js";
import { Operations, operations } from "./operations.js";
import { Button, Dialog, Empty, Icon, Loading, Notices, notify } from "./parts.js";
import { openReference } from "./reference.js";
import { session } from "./session.js";
import { useStore } from "./store.js";
import { TokenDialog, TokenPane } from "./token.js";
import { Transfer } from "./transfer.js";
import { Tree } from "./tree.js";

const views = [
  ["keys", "Keys"], ["live", "Live"], ["transfer", "Transfer"], ["queue", "Queue"],
  ["health", "Health"],
];

// MARK: Addresses: #/keys/KEY, #/folder/PREFIX, #/new/PREFIX, #/live/PREFIX, …

const partOfView = { keys: "key", folder: "prefix", new: "prefix", live: "prefix",
  transfer: "prefix" };

function routeOf(hash) {
  const [, view = "keys", part] = /^#\/([a-z]+)(?:\/(.*))?$/.exec(hash) ?? [];
  if (!(view in partOfView) && !views.some(([name]) => name === view)) return { view: "keys" };
  try {
    return part ? { view, [partOfView[view]]: decodeURIComponent(part) } : { view };
  } catch {
    return { view };
  }
}

function hashOf({ view, key, prefix }) {
  const part = key ?? prefix;
  return part === undefined ? `#/${view}` : `#/${view}/${encodeURIComponent(part)}`;
}

const go = (route) => {
  location.hash = hashOf(route);
};

function useRoute() {
  const [route, setRoute] = useState(routeOf(location.hash));
  useEffect(() => {
    const take = () => setRoute(routeOf(location.hash));
    window.addEventListener("hashchange", take);
    return () => window.removeEventListener("hashchange", take);
  }, []);
  return route;
}

// MARK: The frame

const isOfKeys = (view) => ["keys", "folder", "new"].includes(view);

function Console() {
  const route = useRoute();
  const [dialog, setDialog] = useState(null);
  const { isAsked, who } = useStore(session);
  const { state } = useStore(connection);
  useShortcuts((name) => setDialog(name));
  const close = () => setDialog(null);
  const title = route.key ?? route.prefix ?? (route.view === "keys" ? "" : route.view);
  useEffect(() => {
    document.title = title ? `${title} · Key-value store` : "Key-value store";
  }, [title]);
  let view = html`<${KeysView} route=${route} />`;
  if (route.view === "health") view = html`<${Health} />`;
  else if (isAsked) view = html`<${TokenPane} />`;
  else if (!who) {
    view = state === "down" ? html`<${Empty} title="The server does not answer">
        <p>The console goes on as soon as it does.</p><//>`
      : html`<${Loading} what="Connecting" />`;
  } else if (route.view === "live") {
    view = html`<${Live} key=${route.prefix ?? ""} route=${route} go=${go} />`;
  } else if (route.view === "transfer") {
    view = html`<${Transfer} key=${route.prefix ?? ""} route=${route} />`;
  } else if (route.view === "queue") view = html`<${Operations} />`;
  return html`
    <${TopBar} route=${route} onDialog=${setDialog} />
    <${DownBar} />
    <main id="main">${view}</main>
    ${dialog === "token" && html`<${TokenDialog} onClose=${close} />`}
    ${dialog === "help" && html`<${HelpDialog} onClose=${close} />`}
    <${Notices} />`;
}

function TopBar({ route, onDialog }) {
  const { state } = useStore(connection);
  const { status } = useStore(health);
  const { who, token } = useStore(session);
  const { list } = useStore(operations);
  const waiting = list.filter((operation) => operation.status === "queued").length;
  const shown = state === "up" ? status : state === "down" ? "unreachable" : "connecting";
  const name = who?.name ?? (token ? "token" : "no token");
  const may = who && ["read", "write", "admin"].filter((scope) => who.scopes.includes(scope));
  return html`<header class="top">
    <a class="brand" href="#/keys" aria-label="Key-value store">kv</a>
    <nav aria-label="Views">${views.map(([name, title]) => {
      const isHere = name === route.view || (name === "keys" && isOfKeys(route.view));
      return html`<a key=${name} href=${`#/${name}`} aria-current=${isHere ? "page" : null}>
        ${title}${name === "queue" && waiting > 0 && html` <span class="badge">${waiting}</span>`}
      </a>`;
    })}</nav>
    <div class="top-right">
      <a class="status" href="#/health" aria-label=${`Health: ${shown}`}>
        <span class=${`dot ${shown}`} aria-hidden="true"></span>
        <span class="wide-only">${shown}</span>
      </a>
      <button type="button" class="button quiet" id="who" onClick=${() => onDialog("token")}
        title=${may ? `May ${may.join(", ")}` : null} aria-label=${`Token: ${name}`}>
        <${Icon} name="key" />
        <span class="wide-only">${name}</span>
        ${who && may.length < 3 && html`<span class="hint wide-only">${may.join(", ")}</span>`}
      </button>
      <button type="button" class="button quiet wide-only" onClick=${() =>
        openReference(token).catch(({ message }) => notify(message, "bad"))}>Reference</button>
      <button type="button" class="button quiet wide-only" aria-label="Keyboard shortcuts"
        onClick=${() => onDialog("help")}>?</button>
    </div>
  </header>`;
}

function DownBar() {
  const { state, reason } = useStore(connection);
  if (state !== "down") return null;
  return html`<p class="down-bar" role="alert">${reason} Trying again…</p>`;
}

function KeysView({ route }) {
  const { view, key, prefix } = route;
  const isFolder = view === "folder";
  const select = (path, isPrefix) =>
    go(isPrefix ? { view: "folder", prefix: path } : { view: "keys", key: path });
  let pane = html`<${Empty} title="Choose a key">
    <p>Or press <kbd>/</kbd> to search and <kbd>n</kbd> to make one.</p>
  <//>`;
  if (view === "new") {
    pane = html`<div class="entry"><${BackToKeys} go=${go} /><${Editor} key=${prefix ?? ""}
      prefix=${prefix ?? ""} onCancel=${() => history.back()}
      onDone=${(made) => go({ view: "keys", key: made })} /></div>`;
  } else if (isFolder && prefix !== undefined) {
    pane = html`<${FolderPane} route=${route} go=${go} />`;
  } else if (key !== undefined) pane = html`<${EntryPane} route=${route} go=${go} />`;
  const isOpen = view === "new" || key !== undefined || (isFolder && prefix !== undefined);
  return html`<div class=${`keys ${isOpen ? "is-open" : ""}`}>
    <${Tree} selected=${isFolder ? prefix ?? null : key ?? null} isFolder=${isFolder}
      onSelect=${select} onCreate=${(start) => go({ view: "new", prefix: start })} />
    <div class="detail">${pane}</div>
  </div>`;
}

// MARK: The keyboard

const shortcuts = [
  ["/", "Search"], ["n", "New key"], ["e", "Edit the open key"], ["r", "Read it again"],
  ["1 – 5", "Keys, live, transfer, queue, health"], ["↑ ↓ ← →", "Move in the tree"],
  ["Enter", "Open"], ["Ctrl + Enter", "Save"], ["Esc", "Close, or clear the search"],
  ["?", "This list"],
];

function useShortcuts(onDialog) {
  useEffect(() => {
    const click = (id) => document.getElementById(id)?.click();
    const take = (event) => {
      const isTyping = event.target.closest("input, textarea, select, dialog");
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      const acts = {
        "/": () => document.getElementById("search")?.focus(), n: () => click("new-key"),
        e: () => click("edit"), r: () => click("reload"), "?": () => onDialog("help"),
      };
      views.forEach(([name], index) => {
        acts[index + 1] = () => go({ view: name });
      });
      if (!acts[event.key]) return;
      event.preventDefault();
      acts[event.key]();
    };
    document.addEventListener("keydown", take);
    return () => document.removeEventListener("keydown", take);
  }, []);
}

function HelpDialog({ onClose }) {
  return html`<${Dialog} title="Keyboard" onClose=${onClose}>
    <dl class="shortcuts">${shortcuts.map(([keys, what]) => html`<div key=${keys}>
      <dt><kbd>${keys}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <div class="actions"><${Button} label="Close" data-first onClick=${onClose} /></div>
  <//>`;
}

render(html`<${Console} />`, document.getElementById("app"));
watchConnection();
