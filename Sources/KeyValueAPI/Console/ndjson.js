// Export files: a JSON object a line, `{"key", "content_type", "value" or "value_base64",
// "expires_at" or null}`. The `kv` command reads and writes the same.
import { serverNow } from "./api.js";
import { bytesOf, bytesOfBase64, keyFault } from "./keys.js";

const members = ["key", "content_type", "value", "value_base64", "expires_at"];
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** An entry of a list as a line of an export. */
export function lineOf(item) {
  const value = item.value_base64 === undefined
    ? { value: item.value } : { value_base64: item.value_base64 };
  return JSON.stringify({
    key: item.key, content_type: item.content_type, ...value, expires_at: item.expires_at,
  });
}

/**
 * A line as an operation of a batch: `{operation, bytes}`; `{isExpired}` for an entry whose time is
 * over. Throws an Error that says what is wrong with the line.
 */
export function operationOfLine(line) {
  let entry = null;
  try {
    entry = JSON.parse(line);
  } catch {
    throw new Error("this is not JSON");
  }
  if (entry === null || typeof entry !== "object" || Array.isArray(entry)) {
    throw new Error("this is not a JSON object");
  }
  const unknown = Object.keys(entry).find((name) => !members.includes(name));
  if (unknown !== undefined) throw new Error(`there is no member ${unknown}`);
  const { key, content_type: type, expires_at: expiresAt } = entry;
  if (typeof key !== "string") throw new Error("key is missing");
  const fault = keyFault(key);
  if (fault) throw new Error(`key: ${fault}`);
  const hasType = type !== undefined && type !== null;
  if (hasType && typeof type !== "string") throw new Error("content_type is not a string");
  const operation = { op: "put", key, ...valueOfLine(entry) };
  if (hasType) operation.content_type = type;
  if (expiresAt !== undefined && expiresAt !== null) {
    const seconds = timePattern.test(expiresAt)
      ? Math.ceil((Date.parse(expiresAt) - serverNow()) / 1000) : NaN;
    if (Number.isNaN(seconds)) throw new Error("expires_at is no time, as 2030-01-31T12:00:00Z");
    if (seconds <= 0) return { isExpired: true };
    operation.ttl = seconds;
  }
  return { operation, bytes: bytesOf(line).length };
}

function valueOfLine({ value, value_base64: base64 }) {
  if ((value === undefined) === (base64 === undefined)) {
    throw new Error("it needs either value or value_base64");
  }
  if (value !== undefined) {
    if (typeof value !== "string") throw new Error("value is not a string");
    return { value };
  }
  try {
    bytesOfBase64(base64);
  } catch {
    throw new Error("value_base64 is not base64");
  }
  return { value_base64: base64 };
}

/** The lines of a file as `{text, number, offset}`, without reading all of it into memory. */
export async function* linesOf(file) {
  const reader = file.stream().getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let number = 0;
  let offset = 0;
  for (;;) {
    const { done, value } = await reader.read();
    offset += value?.length ?? 0;
    const pieces = (rest + decoder.decode(value, { stream: !done })).split("\n");
    rest = done ? "" : pieces.pop();
    for (const piece of pieces) {
      number += 1;
      if (piece.trim() !== "") yield { text: piece, number, offset };
    }
    if (done) return;
  }
}
