// Follows changes with GET /watch. EventSource can't send a token, so the stream is read by fetch.
import { Refusal, backoff, connection, pause, queryOf, send } from "./api.js";

// The server sends something every 15 s.
const silenceMax = 40_000;

/** The text of a stream of Server-Sent Events, in pieces (HTML Standard, §9.2.6). */
export class EventParser {
  rest = "";
  lastID = null;
  retry = 2000;
  fields = { type: "", data: [], id: null };

  /** The events `{id, type, data}` that the piece completes. */
  feed(piece) {
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    return lines.map((line) => this.take(line)).filter((event) => event !== null);
  }

  take(line) {
    if (line === "") return this.complete();
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.fields.data.push(value);
    else if (name === "event") this.fields.type = value;
    else if (name === "id" && !value.includes("\0")) this.fields.id = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) this.retry = Number(value);
    return null;
  }

  complete() {
    const { type, data, id } = this.fields;
    this.fields = { type: "", data: [], id: null };
    if (id !== null) this.lastID = id;
    return data.length === 0 ? null : { id: this.lastID, type, data: data.join("\n") };
  }
}

/**
 * Follows the changes under a prefix until the returned function is called. `onEvent` gets
 * `{id, kind, entry}`; `onState` gets `{state, text}` with the state `connecting`, `live`,
 * `waiting` or `ended`, and `isGap` if changes may have been missed.
 */
export function followChanges({ prefix, values }, onEvent, onState) {
  const stop = new AbortController();
  run({ prefix, values }, onEvent, onState, stop.signal).catch((error) => {
    if (error.name !== "AbortError") onState({ state: "ended", text: error.message });
  });
  return () => stop.abort();
}

async function run({ prefix, values }, onEvent, onState, signal) {
  let lastID = null;
  let attempt = 0;
  let retry = 2000;
  for (;;) {
    onState({ state: "connecting", text: "Connecting…" });
    try {
      const parser = new EventParser();
      parser.lastID = lastID;
      try {
        await readStream({ prefix, values }, parser, onEvent, () => {
          attempt = 0;
          onState({ state: "live", text: "Live" });
        }, signal);
      } finally {
        ({ lastID, retry } = parser);
      }
      onState({ state: "waiting", text: "The server has ended the stream; going on in a moment." });
    } catch (error) {
      if (signal.aborted) throw error;
      if (error.status === 410) {
        lastID = null;
        onState({ state: "waiting", isGap: true,
          text: "The server no longer has all changes since then: some are missing here." });
      } else if (error instanceof Refusal && !error.isTemporary) {
        return onState({ state: "ended", text: error.message });
      } else {
        onState({ state: "waiting", text: "The connection is lost; it is tried again." });
      }
    }
    const wait = attempt === 0 ? retry * (0.5 + Math.random() / 2) : backoff(attempt, 30000);
    await waitToReconnect(wait, signal);
    attempt += 1;
  }
}

async function readStream({ prefix, values }, parser, onEvent, onOpen, signal) {
  const silence = new AbortController();
  const end = () => silence.abort();
  signal.addEventListener("abort", end);
  let timer = setTimeout(end, silenceMax);
  try {
    const path = `/watch${queryOf({ prefix, values: values ? true : null })}`;
    const response = await send("GET", path, {
      headers: {
        Accept: "text/event-stream", ...(parser.lastID ? { "Last-Event-ID": parser.lastID } : {}),
      },
      signal: silence.signal, cache: "no-store",
    });
    onOpen();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(end, silenceMax);
      for (const event of parser.feed(decoder.decode(value, { stream: true }))) {
        onEvent({ id: event.id, kind: event.type, entry: JSON.parse(event.data) });
      }
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    end();
  }
}

/** Waits; ends early as soon as the server is known to answer again. */
async function waitToReconnect(milliseconds, signal) {
  const early = new AbortController();
  const end = connection.follow(({ state }) => state === "up" && early.abort());
  try {
    await pause(milliseconds, AbortSignal.any([signal, early.signal]));
  } catch (error) {
    if (signal.aborted) throw error;
  } finally {
    end();
  }
}
