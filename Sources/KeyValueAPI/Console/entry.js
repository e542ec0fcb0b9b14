// The entry that is open: its metadata, its value and what can be done with it.
import { html, useEffect, useRef, useState } from "./preact.js";
import { connection, serverNow } from "./api.js";
import { Editor } from "./edit.js";
import { readEntry } from "./entries.js";
import { formatBytes, formatSeconds, formatTime } from "./format.js";
import { hasPath, isInteger, textOf } from "./keys.js";
import { Button, Empty, Icon, Loading, Trouble, copyText, notify, saveFile } from "./parts.js";
import { DeleteDialog } from "./remove.js";
import { whyDenied } from "./session.js";
import { useStore, useTicker } from "./store.js";
import { AddForm, TouchDialog } from "./touch.js";
import { noteGone, noteStored } from "./tree.js";
import { Value } from "./value.js";
import { followChanges } from "./watch.js";

const nothingRead = { isLoading: true, entry: null, error: null };

/** Reads `key`, and again when the server is back. While it is edited, only the user reads it. */
function useEntry(key, isEdited) {
  const [state, setState] = useState({ key, ...nothingRead });
  const { times } = useStore(connection);
  const running = useRef(null);
  const read = async (options = {}) => {
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    setState((now) => ({ ...(now.key === key ? now : { key, entry: null }), isLoading: true }));
    try {
      const entry = await readEntry(key, { ...options, signal: stop.signal });
      if (stop.signal.aborted) return;
      setState({ key, isLoading: false, entry, error: null });
      if (entry) noteStored(key, entry.metadata);
      else noteGone(key);
    } catch (error) {
      if (stop.signal.aborted) return;
      setState((now) => ({ ...now, key, isLoading: false, error }));
    }
  };
  useEffect(() => {
    if (!isEdited) read();
    return () => running.current?.abort();
  }, [key, times]);
  return [state.key === key ? state : { key, ...nothingRead }, read];
}

/**
 * Calls `onChange` with each change of the key, or with null if some may have been missed, as long
 * as the page can be seen.
 */
function useChanges(key, onChange) {
  const callback = useRef(onChange);
  callback.current = onChange;
  useEffect(() => {
    let end = null;
    const start = () => {
      // A browser has few connections to a server: those that nobody looks at are given back.
      if (document.hidden) {
        end?.();
        end = null;
      } else if (!end) {
        const take = (event) => event.entry.key === key && callback.current(event);
        end = followChanges({ prefix: key }, take, ({ isGap }) => isGap && callback.current(null));
      }
    };
    start();
    document.addEventListener("visibilitychange", start);
    return () => {
      document.removeEventListener("visibilitychange", start);
      end?.();
    };
  }, [key]);
}

export function EntryPane({ route, go }) {
  const { key } = route;
  const [mode, setMode] = useState("view");
  const [state, read] = useEntry(key, mode === "edit");
  const [isChanged, setChanged] = useState(false);
  const { entry } = state;
  useEffect(() => {
    setMode("view");
    setChanged(false);
  }, [key]);
  useChanges(key, (change) => {
    // Of this revision, or of an older one that came late.
    if (entry && Number(entry.etag.slice(1, -1)) >= change?.entry.revision) return;
    if (mode === "view") read({ isWhole: entry?.isWhole, isFresh: true });
    else if (change) setChanged(true);
  });
  const close = () => {
    setMode("view");
    setChanged(false);
  };
  const reread = () => {
    close();
    read({ isFresh: true });
  };
  if (state.error && !entry) {
    return html`<${Trouble} error=${state.error} onRetry=${() => read()} />`;
  }
  if (state.isLoading && !entry) return html`<${Loading} />`;
  if (!entry) return html`<${Missing} route=${route} go=${go} onRetry=${reread} />`;
  const conflict = () => {
    notify("It was changed meanwhile, so nothing was done. This is the newest version.", "bad");
    reread();
  };
  const edit = async () => {
    if (!entry.isWhole) await read({ isWhole: true });
    setMode("edit");
  };
  return html`<article class="entry" aria-label=${key}>
    <${EntryHead} entry=${entry} go=${go} isLoading=${state.isLoading} mode=${mode}
      onReload=${reread} onEdit=${edit} onMode=${setMode} />
    ${state.error && html`<${Trouble} error=${state.error} onRetry=${reread} />`}
    ${mode === "edit" && entry.isWhole ? html`<${Editor} entry=${entry} isChanged=${isChanged}
        onDone=${reread} onCancel=${reread} />`
      : html`
        <${Metadata} entry=${entry} onExpired=${reread} />
        ${entry.isWhole && isInteger(textOf(entry.bytes) ?? "") && html`<${AddForm} entry=${entry}
          denied=${whyDenied("write", key)} onDone=${reread} key=${key} />`}
        <${Value} entry=${entry} isLoading=${state.isLoading}
          onLoadAll=${() => read({ isWhole: true })} />`}
    ${mode === "delete" && html`<${DeleteDialog} entry=${entry} onClose=${close}
      onChanged=${conflict} onDeleted=${reread} />`}
    ${mode === "touch" && html`<${TouchDialog} entry=${entry} onClose=${close}
      onChanged=${conflict} onDone=${reread} />`}
  </article>`;
}

function EntryHead({ entry, go, isLoading, mode, onReload, onEdit, onMode }) {
  const { key } = entry;
  const denied = whyDenied("write", key);
  const noPatch = hasPath(key) ? "" : "A browser can't address this key by a path.";
  const download = async () => {
    const whole = entry.isWhole ? entry : await readEntry(key, { isWhole: true });
    const name = key.split("/").filter(Boolean).pop() ?? "value";
    saveFile(name, new Blob([whole.bytes], { type: entry.metadata.content_type }));
  };
  return html`<header class="entry-head">
    <${BackToKeys} go=${go} />
    <h1 class="key" title=${key}>${key}</h1>
    <${Button} label="Copy the key" icon="copy" look="quiet" isIcon
      onClick=${() => copyText(key)} />
    ${mode !== "edit" && html`<div class="toolbar" role="toolbar" aria-label="What to do">
      <${Button} label="Edit" icon="edit" denied=${denied} onClick=${onEdit} id="edit" />
      <${Button} label="Touch" icon="touch" denied=${denied || noPatch}
        onClick=${() => onMode("touch")} />
      <${Button} label="Delete" icon="trash" denied=${denied} onClick=${() => onMode("delete")} />
      <${Button} label="Download" icon="download" look="quiet" isIcon onClick=${download} />
      <${Button} label="Reload" icon="reload" look="quiet" isIcon isBusy=${isLoading} id="reload"
        onClick=${onReload} />
    </div>`}
  </header>`;
}

/** On a phone, the way from a key back to the list of keys. */
export function BackToKeys({ go }) {
  return html`<button type="button" class="button quiet only-icon back"
    aria-label="Back to the keys" onClick=${() => go({ view: "keys" })}>
    <${Icon} name="back" />
  </button>`;
}

function Missing({ route, go, onRetry }) {
  return html`<div>
    <header class="entry-head"><${BackToKeys} go=${go} /><h1 class="key">${route.key}</h1></header>
    <${Empty} title="There is no such key">
      <p>It was deleted, has expired, or never was.</p>
      <div class="actions">
        <${Button} label="Create it" denied=${whyDenied("write", route.key)}
          onClick=${() => go({ view: "new", prefix: route.key })} />
        <${Button} label="Look again" look="quiet" onClick=${onRetry} />
      </div>
    <//>
  </div>`;
}

function Metadata({ entry, onExpired }) {
  const { metadata, source } = entry;
  const facts = [
    ["Version", metadata.version],
    ["Revision", html`<code>${metadata.revision}</code>`],
    ["Size", formatBytes(metadata.size)],
    ["Type", metadata.content_type],
    ["Created", formatTime(new Date(metadata.created_at))],
    ["Updated", formatTime(new Date(metadata.updated_at))],
    ["Expires", html`<${Countdown} until=${metadata.expires_at} onEnd=${onExpired} />`],
    ["Read from", source],
  ];
  return html`<dl class="facts">${facts.map(([name, value]) => html`<div key=${name}>
    <dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Countdown({ until, onEnd }) {
  useTicker(500);
  const hasEnded = useRef(false);
  const seconds = until ? (Date.parse(until) - serverNow()) / 1000 : Infinity;
  useEffect(() => {
    hasEnded.current = false;
  }, [until]);
  useEffect(() => {
    if (seconds > 0 || hasEnded.current) return;
    hasEnded.current = true;
    onEnd();
  });
  if (!until) return "never";
  return html`<time datetime=${until} title=${formatTime(new Date(until))} class="countdown">${
    seconds > 0 ? `in ${formatSeconds(seconds)}` : "now"}</time>`;
}
