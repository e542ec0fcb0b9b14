// Export and import of many keys as a file.
import { html, useRef, useState } from "./preact.js";
import { Refusal, backoff, pause } from "./api.js";
import { countKeys, listPage, runBatch } from "./entries.js";
import { formatBytes, formatCount } from "./format.js";
import { lineOf, linesOf, operationOfLine } from "./ndjson.js";
import { Button, Field, Progress, Trouble, saveFile } from "./parts.js";
import { session, whyDenied } from "./session.js";
import { useStore } from "./store.js";
import { reloadTree } from "./tree.js";

export function Transfer({ route }) {
  return html`<section class="view" aria-label="Export and import">
    <h1>Export and import</h1>
    <p class="lead">A file has one entry a line, as JSON. The command <code>kv</code> reads and
      writes the same format.</p>
    <div class="cards">
      <${Export} prefix=${route.prefix} />
      <${Import} />
    </div>
  </section>`;
}

// MARK: Export

function Export({ prefix: given }) {
  const { who } = useStore(session);
  const [prefix, setPrefix] = useState(given ?? who?.prefix ?? "");
  const [state, setState] = useState({ done: null, count: null, isRunning: false, error: null });
  const stop = useRef(null);
  const run = async (event) => {
    event.preventDefault();
    stop.current = new AbortController();
    const { signal } = stop.current;
    setState({ done: 0, count: null, isRunning: true, error: null });
    try {
      const { count } = await countKeys(prefix, signal);
      const parts = [];
      let done = 0;
      let cursor = null;
      do {
        const page = await withRetries(() =>
          listPage({ prefix, values: true, limit: 500, cursor }, signal), signal);
        parts.push(page.items.map((item) => `${lineOf(item)}\n`).join(""));
        done += page.items.length;
        cursor = page.next_cursor;
        setState({ done, count: Math.max(count, done), isRunning: true, error: null });
      } while (cursor);
      const blob = new Blob(parts, { type: "application/x-ndjson" });
      saveFile(`keys-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.ndjson`, blob);
      setState({ done, count: done, isRunning: false, error: null, size: blob.size });
    } catch (error) {
      const shown = error.name === "AbortError" ? null : error;
      setState((now) => ({ ...now, isRunning: false, error: shown }));
    }
  };
  const { done, count, isRunning, error, size } = state;
  const denied = whyDenied("read", prefix);
  return html`<section class="card" aria-label="Export">
    <h2>Export</h2>
    <form onSubmit=${run}>
      <${Field} label="Keys that begin with">
        <input value=${prefix} placeholder="all keys" spellcheck=${false} autocomplete="off"
          onInput=${(event) => setPrefix(event.target.value)} />
      <//>
      <div class="actions">
        <button class="button primary" type="submit" disabled=${isRunning || denied}
          title=${denied}>Export</button>
        ${isRunning && html`<${Button} label="Stop" onClick=${() => stop.current.abort()} />`}
      </div>
    </form>
    ${isRunning && html`<${Progress} value=${done} max=${count}
      label=${`${formatCount(done)} keys`} />`}
    ${size !== undefined && html`<p role="status">${formatCount(done)} keys, ${
      formatBytes(size)}. Your browser has the file.</p>`}
    ${error && html`<${Trouble} error=${error} />`}
  </section>`;
}

/** Repeats what failed for a moment: reads, and writes that are the same the second time. */
async function withRetries(act, signal) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (!error.isTemporary || attempt === 6) throw error;
      await pause(Math.max(backoff(attempt), error.retryAfter * 1000), signal);
    }
  }
}

// MARK: Import

const operationsMax = 500;
const batchBytesMax = 4 << 20;
const faultsShown = 100;

/**
 * Imports a file; `onProgress` gets the figures and the faults so far. With `isCheck` nothing is
 * written. Putting the same values again does no harm, so an import can be repeated.
 */
async function importFile(file, { keepsExisting, goesOn, isCheck }, onProgress, signal) {
  const figures = { offset: 0, stored: 0, kept: 0, expired: 0, faultCount: 0, faults: [] };
  let batch = [];
  let bytes = 0;
  const addFault = (number, text) => {
    figures.faultCount += 1;
    if (figures.faults.length < faultsShown) figures.faults.push({ number, text });
  };
  const flush = async () => {
    if (batch.length === 0) return;
    const sent = batch;
    batch = [];
    bytes = 0;
    const results = isCheck ? sent.map(() => ({ status: 200 })) : await sendBatch(sent, signal);
    results.forEach((result, index) => {
      if (result.status < 300) figures.stored += 1;
      else if (result.status === 412 && keepsExisting) figures.kept += 1;
      else addFault(sent[index].number, result.detail);
    });
    onProgress({ ...figures });
  };
  for await (const { text, number, offset } of linesOf(file)) {
    signal.throwIfAborted();
    try {
      const read = operationOfLine(text);
      if (read.isExpired) figures.expired += 1;
      else {
        if (keepsExisting) read.operation.if_none_match = "*";
        const isFull = batch.length === operationsMax || bytes + read.bytes > batchBytesMax;
        if (isFull) await flush();
        batch.push({ operation: read.operation, number });
        bytes += read.bytes;
      }
    } catch (error) {
      if (error instanceof Refusal || error.name === "AbortError") throw error;
      addFault(number, error.message);
    }
    figures.offset = offset;
    if (figures.faultCount > 0 && !goesOn) break;
  }
  await flush();
  figures.faults.sort((left, right) => left.number - right.number);
  onProgress({ ...figures });
}

/** The results of a batch. A single line that is too large for any batch fails by itself. */
async function sendBatch(sent, signal) {
  const batch = sent.map(({ operation }) => operation);
  try {
    return await withRetries(() => runBatch(batch, signal), signal);
  } catch (error) {
    if (error.status !== 413 || sent.length > 1) throw error;
    return [{ status: 413, detail: error.message }];
  }
}

function Import() {
  useStore(session);
  const [file, setFile] = useState(null);
  const [choice, setChoice] = useState({ keepsExisting: false, goesOn: false });
  const [state, setState] = useState({ isRunning: false, figures: null, error: null });
  const stop = useRef(null);
  const denied = whyDenied("write");
  const run = async (isCheck) => {
    stop.current = new AbortController();
    setState({ isRunning: true, isCheck, figures: null, error: null });
    let error = null;
    try {
      await importFile(file, { ...choice, isCheck }, (figures) =>
        setState((now) => ({ ...now, figures })), stop.current.signal);
    } catch (reason) {
      error = reason.name === "AbortError" ? null : reason;
    }
    setState((now) => ({ ...now, isRunning: false, isEnded: true, error }));
    if (!isCheck) reloadTree();
  };
  const check = (member) => html`<input type="checkbox" checked=${choice[member]}
    onChange=${(event) => setChoice({ ...choice, [member]: event.target.checked })} />`;
  const { isRunning, isCheck, figures, error } = state;
  return html`<section class="card" aria-label="Import">
    <h2>Import</h2>
    <${Field} label="File">
      <input type="file" accept=".ndjson,.jsonl,.json,.txt" disabled=${isRunning}
        onChange=${(event) => {
          setFile(event.target.files[0] ?? null);
          setState({ isRunning: false, figures: null, error: null });
        }} />
    <//>
    <label class="check">${check("keepsExisting")} leave keys alone that exist already</label>
    <label class="check">${check("goesOn")} go on after a broken line</label>
    <div class="actions">
      <${Button} label="Import" look="primary" onClick=${() => run(false)} isBusy=${isRunning}
        denied=${denied || (file ? "" : "Choose a file first.")} />
      <${Button} label="Check only" onClick=${() => run(true)} isBusy=${isRunning}
        denied=${file ? "" : "Choose a file first."} />
      ${isRunning && html`<${Button} label="Stop" onClick=${() => stop.current.abort()} />`}
    </div>
    ${isRunning && html`<${Progress} value=${figures?.offset ?? 0} max=${file.size}
      label=${`${formatCount(figures?.stored ?? 0)} entries`} />`}
    ${figures && !isRunning && html`<${Outcome} figures=${figures} isCheck=${isCheck}
      goesOn=${choice.goesOn} />`}
    ${error && html`<${Trouble} error=${error} />`}
  </section>`;
}

function Outcome({ figures, isCheck, goesOn }) {
  const { stored, kept, expired, faultCount, faults } = figures;
  const parts = [`${formatCount(stored)} ${isCheck ? "good lines" : "entries stored"}`];
  if (kept > 0) parts.push(`${formatCount(kept)} left alone`);
  if (expired > 0) parts.push(`${formatCount(expired)} expired already`);
  if (faultCount > 0) parts.push(`${formatCount(faultCount)} broken`);
  return html`<div role="status">
    <p>${parts.join(", ")}.</p>
    ${faultCount > 0 && html`<ul class="faults">${faults.map(({ number, text }) => html`<li
      key=${number}><b>Line ${number}</b>: ${text}</li>`)}</ul>
      <p class="hint">${goesOn ? "The other lines were taken."
        : "It stopped there; mend the line and import the file again, which does no harm."}</p>`}
  </div>`;
}
