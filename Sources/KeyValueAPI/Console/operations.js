// Writes that were queued: each is followed until its outcome is known.
import { html, useState } from "./preact.js";
import { backoff, pause, send } from "./api.js";
import { formatClock } from "./format.js";
import { Button, Empty, Field, notify } from "./parts.js";
import { makeStore, useStore } from "./store.js";

const operationsKept = 50;

/** `{id, what, status, detail, revision, at}`, the newest first. */
export const operations = makeStore({ list: [] });

const finalStates = ["applied", "superseded", "precondition_failed", "failed", "unknown"];

/** Follows an operation; `onEnd` is called with its last state. */
export async function followOperation(id, what, onEnd = () => {}) {
  if (operations.get().list.some((operation) => operation.id === id)) return;
  const added = { id, what, status: "queued", detail: "", revision: null, at: new Date() };
  operations.set({ list: [added, ...operations.get().list].slice(0, operationsKept) });
  for (let attempt = 0; ; attempt += 1) {
    const state = await askOperation(id);
    const list = operations.get().list.map((operation) =>
      (operation.id === id ? { ...operation, ...state } : operation));
    operations.set({ list });
    if (finalStates.includes(state.status)) {
      notify(`${what}: ${stateNames[state.status]}`, state.status === "applied" ? "" : "bad");
      return onEnd(state);
    }
    await pause(backoff(attempt, 5000));
  }
}

async function askOperation(id) {
  try {
    const response = await send("GET", `/operations/${encodeURIComponent(id)}`, {
      cache: "no-store",
    });
    const { status, detail, revision } = await response.json();
    return { status, detail, revision };
  } catch (error) {
    if (error.isTemporary) return { detail: error.message };
    return { status: "unknown", detail: error.message };
  }
}

const stateNames = {
  queued: "waits in the queue",
  applied: "has been applied",
  superseded: "was overtaken by a newer write",
  precondition_failed: "was not applied: its condition does not hold",
  failed: "has failed",
  unknown: "is not known any more",
};

export function Operations() {
  const { list } = useStore(operations);
  const [id, setID] = useState("");
  const look = (event) => {
    event.preventDefault();
    followOperation(id.trim(), "An operation");
    setID("");
  };
  return html`<section class="view" aria-label="Queue">
    <h1>Queued writes</h1>
    <p class="lead">A write that is queued is stored by the queue and takes effect later, in the
      order of acceptance. Those of this page are followed here.</p>
    <form class="line" onSubmit=${look}>
      <${Field} label="Follow another operation">
        <input value=${id} required placeholder="its id, from Location" spellcheck=${false}
          onInput=${(event) => setID(event.target.value)} />
      <//>
      <button class="button" type="submit">Follow</button>
    </form>
    ${list.length === 0 ? html`<${Empty} title="Nothing has been queued">
        <p>“Queue it” beside “Save” sends a write without waiting for it.</p>
      <//>`
      : html`<ul class="list operations">${list.map((operation) => html`<li key=${operation.id}>
        <span class=${`state ${operation.status}`}>${operation.status.replace("_", " ")}</span>
        <span class="grow"><b>${operation.what}</b>
          <span class="hint">${operation.detail || stateNames[operation.status]}</span></span>
        <code class="wide-only">${operation.id}</code>
        <time>${formatClock(operation.at)}</time>
      </li>`)}</ul>`}
    ${list.some(({ status }) => finalStates.includes(status)) && html`<${Button}
      label="Clear those that have ended" onClick=${() => operations.set({
        list: list.filter(({ status }) => !finalStates.includes(status)),
      })} />`}
  </section>`;
}
