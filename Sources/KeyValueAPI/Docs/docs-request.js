/**
 * The requests of the forms: what a form asks for, the same as a command, and the way to send it.
 */

/**
 * What a form says: method, URL, header fields, and the body, or null. Throws an error that says
 * what is missing.
 */
export function readRequest(form, token) {
  const { method, path: template } = form.dataset;
  const fields = [];
  const query = [];
  let path = template;
  for (const input of form.querySelectorAll("[data-in]")) {
    const { name, value } = input;
    if (input.dataset.in === "path") {
      if (value === "") throw new Error(`Give a value for ${name}.`);
      path = path.replace(`{${name}}`, () => encodePath(value));
    } else if (value === "") {
      continue;
    } else if (input.dataset.in === "query") {
      query.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
    } else {
      fields.push([name, value]);
    }
  }
  if (token) fields.push(["Authorization", `Bearer ${token}`]);
  const body = form.querySelector("[data-body]")?.value ?? null;
  const type = form.querySelector("[data-type]")?.value ?? "";
  if (body !== null && type !== "") fields.push(["Content-Type", type]);
  return { method, url: origin + path + (query.length ? `?${query.join("&")}` : ""), fields, body };
}

/** Also in a page that was opened from a blob, where paths alone lead nowhere. */
export const origin = window.origin;

/** Slashes stay, for readers, unless a segment of dots would then change the path. */
function encodePath(text) {
  const encoded = encodeURIComponent(text);
  const hasDots = /(^|\/)\.{1,2}(\/|$)/.test(text);
  return hasDots ? encoded : encoded.replaceAll("%2F", "/");
}

/** The request as a command of a shell, without the token itself. */
export function commandOf({ method, url, fields, body }) {
  const parts = ["curl -i"];
  if (method !== "GET") parts.push(`-X ${method}`);
  if (url.includes("/watch")) parts.push("-N");
  parts.push(quoted(url));
  for (const [name, value] of fields) {
    const isToken = name === "Authorization";
    parts.push(`-H ${isToken ? '"Authorization: Bearer $KV_TOKEN"' : quoted(`${name}: ${value}`)}`);
  }
  if (body !== null) {
    // Without a type curl would send that of web forms.
    if (!fields.some(([name]) => name === "Content-Type")) parts.push("-H 'Content-Type:'");
    parts.push(`--data-binary ${quoted(body)}`);
  }
  return parts.join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Sends a request. Throws an error if a browser can't: it drops segments of dots from paths, and
 * fields that it keeps to itself.
 */
export async function send({ method, url, fields, body }, signal) {
  if (new URL(url).href !== url) {
    throw new Error("A browser would change this URL. Use the command.");
  }
  return fetch(url, {
    method,
    headers: new Headers(fields),
    // A blob, as a text would have a content type of its own.
    body: body === null ? undefined : new Blob([body]),
    signal,
    credentials: "omit",
  });
}
