// Changing an entry without sending its value: expiry, content type, and adding to a number.
import { html, useRef, useState } from "./preact.js";
import { makeIdempotencyKey } from "./api.js";
import { patchEntry } from "./entries.js";
import { ExpiryField, expiryFault, secondsOf, startExpiry } from "./expiry.js";
import { isInteger } from "./keys.js";
import { Button, Dialog, Field, Trouble, notify } from "./parts.js";

/** PATCH with `ttl` and `content_type`, on the revision that the user has seen. */
export function TouchDialog({ entry, onClose, onDone, onChanged }) {
  const [expiry, setExpiry] = useState(startExpiry(entry.metadata.expires_at));
  const [type, setType] = useState(entry.metadata.content_type);
  const [state, setState] = useState({ isBusy: false, error: null });
  const attempt = useRef({ patch: "", idempotencyKey: "" });
  const act = async (event) => {
    event.preventDefault();
    setState({ isBusy: true, error: null });
    const change = {};
    if (expiry.choice !== "keep" && (expiry.choice === "after" || entry.metadata.expires_at)) {
      change.ttl = secondsOf(expiry);
    }
    if (type !== entry.metadata.content_type) change.content_type = type;
    const patch = JSON.stringify(change);
    if (attempt.current.patch !== patch) {
      attempt.current = { patch, idempotencyKey: makeIdempotencyKey() };
    }
    const { idempotencyKey } = attempt.current;
    try {
      await patchEntry(entry.key, patch, { match: entry.etag, idempotencyKey });
      notify("Touched: it has a new revision.");
      onDone();
    } catch (error) {
      if (error.status === 412) onChanged();
      else setState({ isBusy: false, error });
    }
  };
  return html`<${Dialog} title="Touch" onClose=${onClose}>
    <form onSubmit=${act}>
      <p class="hint">Gives the entry a new revision, and another expiry or type if you choose one.
        The value stays.</p>
      <${ExpiryField} expiry=${expiry} onChange=${setExpiry} />
      <${Field} label="Content type">
        <input value=${type} required onInput=${(event) => setType(event.target.value)} />
      <//>
      ${state.error && html`<${Trouble} error=${state.error} />`}
      <div class="actions">
        <button class="button primary" type="submit" data-first
          disabled=${state.isBusy || expiryFault(expiry)}>Touch</button>
        <${Button} label="Cancel" look="quiet" onClick=${onClose} />
      </div>
    </form>
  <//>`;
}

/** PATCH with `add`: counts from the value that there is at that moment, so it needs no ETag. */
export function AddForm({ entry, denied, onDone }) {
  const [amount, setAmount] = useState("1");
  const [state, setState] = useState({ isBusy: false, error: null });
  const attempt = useRef({ patch: "", idempotencyKey: "" });
  const act = async (event) => {
    event.preventDefault();
    setState({ isBusy: true, error: null });
    const patch = `{"add":${amount}}`;
    const isRepeated = attempt.current.patch === patch && attempt.current.failed;
    if (!isRepeated) attempt.current = { patch, idempotencyKey: makeIdempotencyKey() };
    const { idempotencyKey } = attempt.current;
    try {
      await patchEntry(entry.key, patch, { match: null, idempotencyKey });
      attempt.current.failed = false;
      setState({ isBusy: false, error: null });
      onDone();
    } catch (error) {
      attempt.current.failed = error.isTemporary;
      setState({ isBusy: false, error });
    }
  };
  const fault = isInteger(amount) ? "" : "A whole number.";
  return html`<form class="add" onSubmit=${act} aria-label="Add">
    <${Field} label="This is a number: add" fault=${fault}>
      <input class="short" inputmode="numeric" value=${amount}
        onInput=${(event) => setAmount(event.target.value)} />
    <//>
    <button class="button" type="submit" disabled=${fault || denied || state.isBusy}
      title=${denied}>Add</button>
    ${state.error && html`<${Trouble} error=${state.error} />`}
  </form>`;
}
