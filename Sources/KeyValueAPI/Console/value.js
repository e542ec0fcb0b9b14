// A value as text, JSON, image or bytes.
import { html, useEffect, useMemo, useState } from "./preact.js";
import { formatBytes, formatCount } from "./format.js";
import { JSONText, formatJSON } from "./json.js";
import { textOf } from "./keys.js";
import { Button, VirtualList } from "./parts.js";

const imageTypes = /^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml|x-icon|vnd\.microsoft\.icon)\b/;

/** What a value can be shown as; the first is shown unless the user chooses another. */
function looksOf(entry, text) {
  const looks = [];
  const type = entry.metadata.content_type.toLowerCase();
  if (imageTypes.test(type) || isImage(entry.bytes)) looks.push("image");
  // A part of a text may end within a character, and a part of a document is none.
  const mayBeJSON = entry.isWhole && text !== null
    && (type.includes("json") || /^\s*[[{]/.test(text));
  const json = mayBeJSON ? formatJSON(text) : null;
  if (json) looks.push("json");
  if (text !== null) looks.push("text");
  looks.push("hex");
  return { looks, json };
}

function isImage(bytes) {
  const starts = [[0x89, 0x50, 0x4e, 0x47], [0xff, 0xd8, 0xff], [0x47, 0x49, 0x46, 0x38]];
  return starts.some((start) => start.every((byte, index) => bytes[index] === byte));
}

const lookNames = { image: "Image", json: "JSON", text: "Text", hex: "Hex" };

/** The text of a value, of which the last character may be cut. */
export function shownText(entry) {
  if (entry.isWhole) return textOf(entry.bytes);
  for (let cut = 0; cut < 4; cut += 1) {
    const text = textOf(entry.bytes.subarray(0, entry.bytes.length - cut));
    if (text !== null) return text;
  }
  return null;
}

export function Value({ entry, onLoadAll, isLoading }) {
  const text = useMemo(() => shownText(entry), [entry]);
  const { looks, json } = useMemo(() => looksOf(entry, text), [entry, text]);
  const [wanted, setWanted] = useState(null);
  const look = looks.includes(wanted) ? wanted : looks[0];
  const { size } = entry.metadata;
  return html`<section class="value" aria-label="Value">
    <div class="value-head">
      <div class="tabs" role="group" aria-label="Shown as">
        ${looks.map((name) => html`<button key=${name} type="button"
          aria-pressed=${String(name === look)} onClick=${() => setWanted(name)}>${
            lookNames[name]}</button>`)}
      </div>
      <span class="hint">${formatBytes(size)}${
        size >= 1024 && ` (${formatCount(size)} bytes)`}</span>
    </div>
    ${!entry.isWhole && html`<div class="cut" role="note">
      <span>These are the first ${formatBytes(entry.bytes.length)} of ${formatBytes(size)}.</span>
      <${Button} label="Load all" icon="download" isBusy=${isLoading} onClick=${onLoadAll} />
    </div>`}
    ${size === 0 ? html`<p class="value-empty">The value is empty.</p>`
      : html`<${ValueBody} entry=${entry} look=${look} text=${text} json=${json} />`}
  </section>`;
}

function ValueBody({ entry, look, text, json }) {
  if (look === "image") return html`<${ImageValue} entry=${entry} />`;
  if (look === "hex") return html`<${HexValue} bytes=${entry.bytes} />`;
  return html`<pre class="value-text" tabindex="0">${
    look === "json" ? html`<${JSONText} parts=${json} />` : text}</pre>`;
}

function ImageValue({ entry }) {
  const [url, setURL] = useState(null);
  const [facts, setFacts] = useState("");
  useEffect(() => {
    const type = imageTypes.test(entry.metadata.content_type) ? entry.metadata.content_type : "";
    const made = URL.createObjectURL(new Blob([entry.bytes], { type }));
    setURL(made);
    return () => URL.revokeObjectURL(made);
  }, [entry]);
  if (!entry.isWhole) return html`<p class="value-empty">Load all of it to see the image.</p>`;
  return html`<figure class="value-image">
    ${url && html`<img src=${url} alt=${`The value of ${entry.key}`}
      onLoad=${({ target }) => setFacts(`${target.naturalWidth} × ${target.naturalHeight}`)}
      onError=${() => setFacts("The browser can't show this image.")} />`}
    <figcaption>${facts}</figcaption>
  </figure>`;
}

function HexValue({ bytes }) {
  const drawRow = (index, place) => {
    const row = bytes.subarray(index * 16, index * 16 + 16);
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, "0"));
    const pairs = `${hex.slice(0, 8).join(" ")}  ${hex.slice(8).join(" ")}`.padEnd(48);
    const shown = Array.from(row, (byte) =>
      (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    const offset = (index * 16).toString(16).padStart(8, "0");
    return html`<div class="hex-row" key=${index} style=${place}>
      <span class="hex-offset">${offset}</span>${`  ${pairs}  `}<span class="hex-text">${
        shown}</span>
    </div>`;
  };
  return html`<${VirtualList} class="value-hex" tabindex="0" aria-label="Bytes" rowHeight=${20}
    count=${Math.ceil(bytes.length / 16)} drawRow=${drawRow} />`;
}
