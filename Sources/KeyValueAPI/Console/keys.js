// Keys as text: their paths, order and parts. Nothing here asks the server.

const utf8Encoder = new TextEncoder();

export const bytesOf = (text) => utf8Encoder.encode(text);

/** A URL's parser removes `.` and `..`, also as `%2e`: these two keys have no path in a browser. */
export const hasPath = (key) => key !== "." && key !== "..";

/** The path of a key. A slash is sent as %2F, so no part of it can be a dot segment. */
export const pathOf = (key) => `/kv/${encodeURIComponent(key)}`;

/** Why the text can't be a key; empty if it can. */
export function keyFault(key) {
  if (key === "") return "A key has at least one character.";
  if (/[\u0000-\u001f\u007f]/.test(key)) return "A key has no control characters.";
  if (/\p{Surrogate}/u.test(key)) return "This is not well-formed Unicode.";
  const length = bytesOf(key).length;
  return length > 1024 ? `A key has at most 1,024 bytes: this one has ${length}.` : "";
}

/** The server's order: that of the bytes in UTF-8, which is that of the code points. */
export function compareKeys(left, right) {
  const length = Math.min(left.length, right.length);
  let index = 0;
  while (index < length && left[index] === right[index]) index += 1;
  if (index === left.length || index === right.length) return left.length - right.length;
  // A difference in the second half of a pair is one between pairs.
  const isLow = (left.charCodeAt(index) & 0xfc00) === 0xdc00;
  const start = isLow && index > 0 ? index - 1 : index;
  return left.codePointAt(start) - right.codePointAt(start);
}

/** Where a key or folder stands: `a/b/` for `a/b/c` and for `a/b/c/`. */
export function parentOf(path) {
  return path.slice(0, path.lastIndexOf("/", path.length - 2) + 1);
}

/** All folders above a key, from the outermost on. */
export function foldersAbove(key) {
  const folders = [];
  let end = key.indexOf("/");
  while (end >= 0) {
    folders.push(key.slice(0, end + 1));
    end = key.indexOf("/", end + 1);
  }
  return folders;
}

/** Whether the text is a whole number as `add` takes it. */
export const isInteger = (text) => /^-?(0|[1-9][0-9]{0,18})$/.test(text) && text !== "-0";

/** The text of bytes; null if they are not UTF-8. */
export function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function base64Of(bytes) {
  let binary = "";
  for (let start = 0; start < bytes.length; start += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(binary);
}

/** Throws if the text is not base64. */
export const bytesOfBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
