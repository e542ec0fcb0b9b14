// Creating and editing. A write carries the ETag that the user has seen: what somebody else wrote
// meanwhile is shown beside the user's text and never overwritten unseen.
import { html, useEffect, useRef, useState } from "./preact.js";
import { makeIdempotencyKey } from "./api.js";
import { putEntry, readEntry } from "./entries.js";
import { ExpiryField, expiryFault, secondsOf, startExpiry } from "./expiry.js";
import { formatBytes, formatTime } from "./format.js";
import { bytesOf, keyFault, textOf } from "./keys.js";
import { followOperation } from "./operations.js";
import { Button, Field, Trouble, notify } from "./parts.js";
import { whyDenied } from "./session.js";
import { noteStored } from "./tree.js";

const commonTypes = [
  "text/plain; charset=utf-8", "application/json", "text/html; charset=utf-8", "text/csv",
  "application/octet-stream", "image/png", "image/jpeg", "image/svg+xml",
];

/**
 * The form for an `entry` that was read whole, or for a new key that begins with `prefix`.
 * `onDone` is called with the key once it is stored, or queued.
 */
export function Editor({ entry, prefix = "", onDone, onCancel, isChanged }) {
  const isNew = !entry;
  const [key, setKey] = useState(entry?.key ?? prefix);
  const [text, setText] = useState(entry ? textOf(entry.bytes) : "");
  const [file, setFile] = useState(null);
  const [type, setType] = useState(entry?.metadata.content_type ?? commonTypes[0]);
  const [expiry, setExpiry] = useState(startExpiry(entry?.metadata.expires_at));
  // The ETag that the key must have for the write; null: it must not exist.
  const [match, setMatch] = useState(entry?.etag ?? null);
  const [conflict, setConflict] = useState(null);
  const [state, setState] = useState({ isBusy: false, error: null });
  const attempt = useRef({ content: "", idempotencyKey: "" });
  const form = useRef(null);
  const bytes = file ? file.bytes : text === null ? entry.bytes : bytesOf(text);
  const fault = isNew ? keyFault(key) : "";
  const denied = whyDenied("write", key);
  const isFaulty = fault || expiryFault(expiry) || !type.trim();

  /** The same key for the same write, so that a second try after a lost answer changes nothing. */
  const idempotencyKeyFor = (ttl) => {
    const content = JSON.stringify([key, type, ttl, match, text, file?.name, file?.bytes.length]);
    if (attempt.current.content !== content) {
      attempt.current = { content, idempotencyKey: makeIdempotencyKey() };
    }
    return attempt.current.idempotencyKey;
  };
  const save = async (isQueued) => {
    if (isFaulty || denied || state.isBusy) return;
    setState({ isBusy: true, error: null });
    const ttl = secondsOf(expiry);
    try {
      const operation = await putEntry(key, bytes, {
        type, ttl, match, isQueued, idempotencyKey: idempotencyKeyFor(ttl),
      });
      if (operation) followOperation(operation, `PUT ${key}`, () => noteStored(key));
      notify(operation ? "Queued." : isQueued ? "Stored at once." : "Saved.");
      if (!operation) noteStored(key);
      onDone(key, operation);
    } catch (error) {
      if (error.status === 412) await showConflict();
      else setState({ isBusy: false, error });
    }
  };
  const showConflict = async () => {
    try {
      const theirs = await readEntry(key, { isFresh: true, isWhole: true });
      setConflict({ theirs });
      setMatch(theirs?.etag ?? null);
      setState({ isBusy: false, error: null });
    } catch (error) {
      setState({ isBusy: false, error });
    }
  };
  const takeTheirs = () => {
    const { theirs } = conflict;
    if (!theirs) return onCancel();
    setText(textOf(theirs.bytes));
    setFile(textOf(theirs.bytes) === null ? { name: "their bytes", bytes: theirs.bytes } : null);
    setType(theirs.metadata.content_type);
    setExpiry(startExpiry(theirs.metadata.expires_at));
    return setConflict(null);
  };
  const onKeyDown = (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") save(false);
  };
  useEffect(() => form.current.querySelector(isNew ? "#edit-key" : "#edit-text")?.focus(), []);
  return html`<form class="editor" ref=${form} onKeyDown=${onKeyDown} onSubmit=${(event) => {
      event.preventDefault();
      save(false);
    }} aria-label=${isNew ? "New key" : "Edit"}>
    ${isNew && html`<h1>New key</h1>`}
    ${isNew && html`<${Field} label="Key" fault=${key === prefix ? "" : fault}
      hint="Slashes make folders. Any UTF-8 up to 1,024 bytes.">
      <input id="edit-key" value=${key} autocomplete="off" spellcheck=${false}
        onInput=${(event) => setKey(event.target.value)} />
    <//>`}
    ${isChanged && !conflict && html`<p class="note" role="status">This key has been changed since
      you began. Saving will show you both versions first.</p>`}
    ${conflict && html`<${ConflictNote} theirs=${conflict.theirs} />`}
    <div class=${conflict ? "versions" : ""}>
      ${conflict && html`<${Theirs} theirs=${conflict.theirs} mine=${text ?? ""} />`}
      <div class="mine">
        ${conflict && html`<h2>Yours</h2>`}
        <${ValueField} text=${text} bytes=${bytes} file=${file} rows=${conflict ? 10 : 14}
          onText=${setText} onFile=${setFile} />
      </div>
    </div>
    <div class="fields">
      <${Field} label="Content type">
        <input list="types" value=${type} required
          onInput=${(event) => setType(event.target.value)} />
        <datalist id="types">${commonTypes.map((one) => html`<option value=${one} />`)}</datalist>
      <//>
      <${ExpiryField} expiry=${expiry} onChange=${setExpiry} />
    </div>
    ${state.error && html`<${Trouble} error=${state.error} />`}
    <div class="actions">
      <button type="submit" class="button primary" disabled=${isFaulty || denied || state.isBusy}
        title=${denied || "Ctrl+Enter"}>${conflict ? "Save yours over it"
          : isNew ? "Create" : "Save"}</button>
      ${conflict && html`<${Button} label=${conflict.theirs ? "Take theirs" : "Leave it deleted"}
        onClick=${takeTheirs} />`}
      <${Button} label="Queue it" denied=${denied || (isFaulty ? "The form is not complete." : "")}
        isBusy=${state.isBusy} onClick=${() => save(true)}
        title="Sends it with Prefer: respond-async, and follows the operation" />
      <${Button} label="Cancel" look="quiet" onClick=${onCancel} />
    </div>
  </form>`;
}

function ValueField({ text, bytes, file, rows, onText, onFile }) {
  const choose = async (event) => {
    const [chosen] = event.target.files;
    if (!chosen) return;
    const read = new Uint8Array(await chosen.arrayBuffer());
    const asText = textOf(read);
    onFile({ name: chosen.name, bytes: read });
    if (asText !== null && read.length <= 64 * 1024) {
      onText(asText);
      onFile(null);
    }
  };
  return html`
    ${file || text === null ? html`<p class="note">
        ${file ? `${file.name}, ${formatBytes(bytes.length)}`
          : `${formatBytes(bytes.length)} that are not text. A file can replace them.`}
        ${file && html` <${Button} label="Edit text instead" look="quiet" onClick=${() => {
          onText(text ?? "");
          onFile(null);
        }} />`}
      </p>`
      : html`<${Field} label="Value"><textarea id="edit-text" rows=${rows} spellcheck=${false}
        value=${text} onInput=${(event) => onText(event.target.value)}></textarea><//>`}
    <label class="file"><span class="hint">Or from a file:</span>
      <input type="file" onChange=${choose} aria-label="Value from a file" /></label>`;
}

function ConflictNote({ theirs }) {
  return html`<div class="note bad" role="alert">
    <strong>${theirs ? "This key was changed while you edited it."
      : "This key was deleted while you edited it."}</strong>
    <p>Nothing has been written. ${theirs
      ? "Both versions are below: save yours over theirs, or take theirs. You can still edit yours."
      : "Saving creates it again."}</p>
  </div>`;
}

/** The version that is stored now, with the lines marked that are not in `mine`. */
function Theirs({ theirs, mine }) {
  if (!theirs) return html`<div class="theirs"><h2>Stored now</h2><p>Nothing.</p></div>`;
  const text = textOf(theirs.bytes);
  const known = new Set(mine.split("\n"));
  return html`<div class="theirs">
    <h2>Stored now <span class="hint">version ${theirs.metadata.version}, ${
      formatTime(new Date(theirs.metadata.updated_at))}</span></h2>
    ${text === null ? html`<p>${formatBytes(theirs.bytes.length)} that are not text.</p>`
      : html`<pre class="value-text" tabindex="0">${text.split("\n").map((line, index) => html`<span
        key=${index} class=${known.has(line) ? "" : "other"}>${`${line}\n`}</span>`)}</pre>`}
  </div>`;
}
