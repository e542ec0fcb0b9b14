// JSON as people read it. It is never parsed into numbers, which would lose digits.
import { html } from "./preact.js";

const tokenPattern =
  /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/g;

/** The tokens of a JSON text; null if it is none. */
function tokensOf(text) {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  return text.match(tokenPattern);
}

/** The text with a line for each member, as strings with their kind; null if it is not JSON. */
export function formatJSON(text) {
  const tokens = tokensOf(text);
  if (!tokens) return null;
  const parts = [];
  let depth = 0;
  const newline = () => parts.push(["", `\n${"  ".repeat(depth)}`]);
  tokens.forEach((token, index) => {
    const next = tokens[index + 1];
    if (token === "{" || token === "[") {
      parts.push(["", token]);
      depth += 1;
      if (next !== "}" && next !== "]") newline();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      const previous = tokens[index - 1];
      if (previous !== "{" && previous !== "[") newline();
      parts.push(["", token]);
    } else if (token === ",") {
      parts.push(["", token]);
      newline();
    } else if (token === ":") parts.push(["", ": "]);
    else parts.push([kindOf(token, next), token]);
  });
  return parts;
}

function kindOf(token, next) {
  if (token[0] === '"') return next === ":" ? "name" : "string";
  return token === "true" || token === "false" || token === "null" ? "word" : "number";
}

// More spans than this make a browser slow.
const colouredPartsMax = 20_000;

export function JSONText({ parts }) {
  if (parts.length > colouredPartsMax) return parts.map(([, text]) => text).join("");
  return parts.map(([kind, text]) =>
    (kind ? html`<span class=${`json-${kind}`}>${text}</span>` : text));
}
