// Reading and writing entries. An entry's ETag always belongs to the bytes that are shown with it.
import { Refusal, queryOf, send } from "./api.js";
import { base64Of, bytesOf, bytesOfBase64, hasPath, pathOf, textOf } from "./keys.js";

/** Of a larger value, only so much is read until the user asks for all of it. */
export const shownBytesMax = 256 * 1024;

const fresh = { "Cache-Control": "no-cache" };

/** A page of `{items, prefixes, next_cursor}`. */
export async function listPage(members, signal) {
  const response = await send("GET", `/kv${queryOf(members)}`, { signal });
  return response.json();
}

/** `{count, at_least}` of the keys under a prefix. */
export async function countKeys(prefix, signal) {
  const response = await send("GET", `/kv${queryOf({ count: true, prefix })}`, { signal });
  return response.json();
}

async function metadataOf(key, values, signal) {
  // A key comes before all others that begin with it.
  const page = await listPage({ prefix: key, limit: 1, values: values || null }, signal);
  return page.items[0]?.key === key ? page.items[0] : null;
}

/**
 * Reads an entry: `{key, metadata, bytes, isWhole, etag, source}`; null if there is none.
 *
 * Metadata and value are two requests. If a write came between them, both are read again.
 */
export async function readEntry(key, { isFresh = false, isWhole = false, signal } = {}) {
  if (!hasPath(key)) return readListed(key, signal);
  let entry = null;
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const metadata = await metadataOf(key, false, signal);
    if (!metadata) return null;
    entry = await readValue(key, metadata, isFresh || attempt > 0, isWhole, signal);
    if (entry && entry.etag === `"${metadata.revision}"`) return entry;
  }
  return entry;
}

async function readValue(key, metadata, isFresh, isWhole, signal) {
  const stop = new AbortController();
  signal?.addEventListener("abort", () => stop.abort());
  const response = await send("GET", pathOf(key), {
    headers: isFresh ? fresh : {}, signal: stop.signal, accept: [404],
  });
  if (response.status === 404) return null;
  const bytesMax = isWhole || metadata.size <= shownBytesMax ? Infinity : shownBytesMax;
  const bytes = await readUpTo(response.body, bytesMax);
  if (bytesMax !== Infinity) stop.abort();
  const source = (response.headers.get("Cache-Status") ?? "").includes("hit")
    ? "cache" : "database";
  const etag = response.headers.get("ETag");
  return { key, metadata, bytes, isWhole: bytes.length === metadata.size, etag, source };
}

async function readUpTo(body, bytesMax) {
  const chunks = [];
  let length = 0;
  const reader = body.getReader();
  while (length < bytesMax) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return bytesMax === Infinity ? whole : whole.subarray(0, bytesMax);
}

async function readListed(key, signal) {
  const metadata = await metadataOf(key, true, signal);
  if (!metadata) return null;
  const bytes = metadata.value_base64 === undefined
    ? bytesOf(metadata.value) : bytesOfBase64(metadata.value_base64);
  const etag = `"${metadata.revision}"`;
  return { key, metadata, bytes, isWhole: true, etag, source: "database" };
}

/**
 * Stores a value: `{type, ttl, match, isQueued, idempotencyKey}`, where `match` is the ETag that
 * the key must have; null: it must not exist. Returns the operation's id if the write was queued.
 */
export async function putEntry(key, bytes, { type, ttl, match, isQueued, idempotencyKey }) {
  if (!hasPath(key)) {
    const operation = { op: "put", key, ...valueMember(bytes), content_type: type };
    if (ttl) operation.ttl = ttl;
    return batchOne({ ...operation, ...conditionMember(match) }, idempotencyKey);
  }
  const response = await send("PUT", pathOf(key) + queryOf({ ttl }), {
    body: bytes, headers: {
      "Content-Type": type, ...conditionField(match), ...wayField(isQueued, idempotencyKey),
    },
  });
  return operationOf(response);
}

/** Changes an entry without its value; `patch` is JSON with `ttl`, `content_type`, `add`. */
export async function patchEntry(key, patch, { match, idempotencyKey }) {
  await send("PATCH", pathOf(key), {
    body: patch, headers: {
      "Content-Type": "application/merge-patch+json", ...(match ? conditionField(match) : {}),
      "Idempotency-Key": idempotencyKey,
    },
  });
}

/** Deletes a key that has the ETag `match`. Returns the operation's id if the write was queued. */
export async function deleteEntry(key, { match, isQueued, idempotencyKey }) {
  if (!hasPath(key)) {
    return batchOne({ op: "delete", key, ...conditionMember(match) }, idempotencyKey);
  }
  const response = await send("DELETE", pathOf(key), {
    headers: { ...conditionField(match), ...wayField(isQueued, idempotencyKey) },
  });
  return operationOf(response);
}

/** Deletes some keys under a prefix: `{deleted, more, next_cursor}`. */
export async function deletePrefix(prefix, { limit, cursor, signal }) {
  const response = await send("DELETE", `/kv${queryOf({ prefix, limit, cursor })}`, { signal });
  return response.json();
}

export async function runBatch(operations, signal) {
  const response = await send("POST", "/batch", {
    body: JSON.stringify({ operations }), headers: { "Content-Type": "application/json" }, signal,
  });
  return (await response.json()).results;
}

function valueMember(bytes) {
  const value = textOf(bytes);
  return value === null ? { value_base64: base64Of(bytes) } : { value };
}

async function batchOne(operation, idempotencyKey) {
  const response = await send("POST", "/batch", {
    body: JSON.stringify({ operations: [operation] }),
    headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
  });
  const [result] = (await response.json()).results;
  if (result.status >= 400) throw new Refusal(result.status, result);
  return null;
}

const conditionField = (match) =>
  (match === null ? { "If-None-Match": "*" } : { "If-Match": match });

const conditionMember = (match) =>
  (match === null ? { if_none_match: "*" } : { if_match: match.replaceAll('"', "") });

/** A write with an Idempotency-Key is never queued, as its answer is its outcome. */
const wayField = (isQueued, idempotencyKey) =>
  (isQueued ? { Prefer: "respond-async" } : { "Idempotency-Key": idempotencyKey });

/** The operation that a 202 names in `Location`. */
function operationOf(response) {
  if (response.status !== 202) return null;
  return (response.headers.get("Location") ?? "").split("/").pop();
}
