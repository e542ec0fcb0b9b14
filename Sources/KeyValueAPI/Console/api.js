// The HTTP API: every request of the console goes through `send`.
import { session } from "./session.js";
import { makeStore } from "./store.js";

/** Whether the server answers: `connecting`, `up` or `down`; `times`: how often it came up. */
export const connection = makeStore({ state: "connecting", reason: "", times: 0 });

export const noAnswer = "The server does not answer.";

/** The server refused, or there was no answer (status 0). */
export class Refusal extends Error {
  constructor(status, problem, fields) {
    super(problem.detail || problem.title);
    this.status = status;
    this.title = problem.title;
    this.type = (problem.type ?? "").split("#")[1] ?? "";
    this.index = problem.index;
    this.etag = fields?.get("ETag") ?? null;
    this.retryAfter = Number(fields?.get("Retry-After")) || 0;
    this.requestID = fields?.get("X-Request-Id") ?? "";
  }

  /** Whether the same request may succeed later. */
  get isTemporary() {
    return [0, 408, 429, 502, 503, 504].includes(this.status);
  }
}

/**
 * Sends a request with the user's token. Throws a Refusal unless the answer is a success or has a
 * status in `accept`; throws an AbortError if `signal` ends it.
 */
export async function send(method, path, options = {}) {
  const { headers = {}, body, signal, accept = [], cache = "default" } = options;
  const { token } = session.get();
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(path, {
      method, body, signal, cache, headers: { ...authorization, ...headers },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    connection.set({ state: "down", reason: noAnswer });
    throw new Refusal(0, {
      title: noAnswer,
      detail: method === "GET" ? "It is asked again until it does."
        : "It is not known whether this took effect.",
    });
  }
  noteClock(response);
  if (response.ok || accept.includes(response.status)) return response;
  const refusal = await refusalOf(response);
  if (refusal.status === 401 && token === session.get().token) {
    session.set({ isAsked: true, who: null });
  }
  throw refusal;
}

async function refusalOf(response) {
  let problem = null;
  try {
    problem = await response.json();
  } catch {
    // Not a problem document: the status has to do.
  }
  return new Refusal(
    response.status, problem ?? { title: `HTTP status ${response.status}` }, response.headers);
}

// Expiries count by the server's clock, which the browser's may not agree with.
let clockAhead = 0;

function noteClock(response) {
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (Number.isNaN(date)) return;
  // `Date` has whole seconds. Less than two apart counts as the same.
  const ahead = date + 500 - Date.now();
  clockAhead = Math.abs(ahead) < 2000 ? 0 : ahead;
}

/** Now, by the server's clock, in milliseconds. */
export const serverNow = () => Date.now() + clockAhead;

/** The query for members that are neither undefined, nor null, nor empty. */
export function queryOf(members) {
  const pairs = Object.entries(members).filter(([, value]) => value !== undefined && value !== null
    && value !== "");
  if (pairs.length === 0) return "";
  return "?" + pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
}

/** Waits; throws an AbortError if `signal` ends that. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new DOMException("ended", "AbortError"));
    if (signal?.aborted) return fail();
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      fail();
    });
    return undefined;
  });
}

/** How long to wait before attempt number `attempt` (from 0): doubled each time, with jitter. */
export function backoff(attempt, longest = 15000) {
  return Math.min(longest, 500 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}

/** What a write is called, so that sending it again does not carry it out twice. */
export function makeIdempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `"console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}
