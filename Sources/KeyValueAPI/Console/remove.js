// Deleting a key, and all keys under a prefix.
import { html, useEffect, useRef, useState } from "./preact.js";
import { makeIdempotencyKey } from "./api.js";
import { countKeys, deleteEntry, deletePrefix } from "./entries.js";
import { formatCount } from "./format.js";
import { followOperation } from "./operations.js";
import { Button, Dialog, Field, Progress, Trouble, notify } from "./parts.js";
import { noteGone, reloadTree } from "./tree.js";

/** Deletes the revision that the user has seen; `onChanged` is called if there is a newer one. */
export function DeleteDialog({ entry, onClose, onDeleted, onChanged }) {
  const [state, setState] = useState({ isBusy: false, error: null });
  const idempotencyKey = useRef(makeIdempotencyKey());
  const act = async (isQueued) => {
    setState({ isBusy: true, error: null });
    try {
      const operation = await deleteEntry(entry.key, {
        match: entry.etag, isQueued, idempotencyKey: idempotencyKey.current,
      });
      if (operation) {
        followOperation(operation, `DELETE ${entry.key}`, ({ status }) =>
          status === "applied" && noteGone(entry.key));
      } else noteGone(entry.key);
      notify(operation ? "Queued." : "Deleted.");
      onDeleted();
    } catch (error) {
      if (error.status === 412) onChanged();
      else setState({ isBusy: false, error });
    }
  };
  return html`<${Dialog} title="Delete this key?" onClose=${onClose}>
    <p><code class="key">${entry.key}</code></p>
    <p class="hint">Version ${entry.metadata.version}. If somebody has changed it since, it is not
      deleted.</p>
    ${state.error && html`<${Trouble} error=${state.error} />`}
    <div class="actions">
      <${Button} label="Delete" look="danger" isBusy=${state.isBusy} data-first
        onClick=${() => act(false)} />
      <${Button} label="Queue it" isBusy=${state.isBusy} onClick=${() => act(true)}
        title="Sends it with Prefer: respond-async, and follows the operation" />
      <${Button} label="Cancel" look="quiet" onClick=${onClose} />
    </div>
  <//>`;
}

const deletedAtOnce = 1000;

/** Deletes all keys under a prefix, after the user has typed it. */
export function DeletePrefixDialog({ prefix, onClose, onDeleted }) {
  const [typed, setTyped] = useState("");
  const [count, setCount] = useState(null);
  const [deleted, setDeleted] = useState(null);
  const [error, setError] = useState(null);
  const stop = useRef(new AbortController());
  useEffect(() => {
    const { signal } = stop.current;
    countKeys(prefix, signal).then(setCount).catch((reason) =>
      reason.name !== "AbortError" && setError(reason));
    return () => stop.current.abort();
  }, [prefix]);
  const isRunning = deleted !== null && !error;
  const run = async () => {
    setError(null);
    let total = deleted ?? 0;
    setDeleted(total);
    try {
      let cursor;
      do {
        const answer = await deletePrefix(prefix, {
          limit: deletedAtOnce, cursor, signal: stop.current.signal,
        });
        total += answer.deleted;
        cursor = answer.next_cursor;
        setDeleted(total);
      } while (cursor);
      notify(`${formatCount(total)} ${total === 1 ? "key" : "keys"} deleted.`);
      onDeleted();
    } catch (reason) {
      if (reason.name !== "AbortError") setError(reason);
    }
    reloadTree();
  };
  const close = () => {
    stop.current.abort();
    onClose();
  };
  const many = count && `${count.at_least ? "at least " : ""}${formatCount(count.count)} ${
    count.count === 1 ? "key" : "keys"}`;
  return html`<${Dialog} title="Delete all keys under a prefix?" onClose=${close}>
    <p><code class="key">${prefix}</code>${" "}
      ${many ? html`has <b>${many}</b>.` : "is being counted…"}
      ${" They can't be brought back."}</p>
    <form onSubmit=${(event) => {
      event.preventDefault();
      if (typed === prefix && !isRunning) run();
    }}>
      <${Field} label="Type the prefix to confirm">
        <input data-first value=${typed} autocomplete="off" spellcheck=${false}
          disabled=${isRunning} onInput=${(event) => setTyped(event.target.value)} />
      <//>
      ${deleted !== null && html`<${Progress} value=${deleted} max=${count?.count}
        label=${`${formatCount(deleted)} deleted`} />`}
      ${error && html`<${Trouble} error=${error} />`}
      <div class="actions">
        <button class="button danger" type="submit" disabled=${typed !== prefix || isRunning}>
          Delete all</button>
        <${Button} label=${isRunning ? "Stop" : "Cancel"} look="quiet" onClick=${close} />
      </div>
    </form>
  <//>`;
}
