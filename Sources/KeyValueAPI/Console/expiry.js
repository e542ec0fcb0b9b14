// The choice of when an entry expires, in the forms that set it.
import { html } from "./preact.js";
import { serverNow } from "./api.js";
import { formatSeconds } from "./format.js";
import { Field } from "./parts.js";

const unitSeconds = { seconds: 1, minutes: 60, hours: 3600, days: 86400 };
const secondsMax = 315_360_000;

export const startExpiry = (expiresAt) => ({
  choice: expiresAt ? "keep" : "never", count: "1", unit: "hours", expiresAt: expiresAt ?? null,
});

/** Seconds until the expiry; null for never. */
export function secondsOf(expiry) {
  if (expiry.choice === "never") return null;
  if (expiry.choice === "keep") {
    return Math.max(1, Math.round((Date.parse(expiry.expiresAt) - serverNow()) / 1000));
  }
  return Number(expiry.count) * unitSeconds[expiry.unit];
}

export function expiryFault(expiry) {
  if (expiry.choice !== "after") return "";
  const seconds = secondsOf(expiry);
  if (/^[1-9][0-9]*$/.test(expiry.count) && seconds <= secondsMax) return "";
  return "From one second to ten years, in whole numbers.";
}

export function ExpiryField({ expiry, onChange }) {
  const set = (member) => (event) => onChange({ ...expiry, [member]: event.target.value });
  return html`<${Field} label="Expires" fault=${expiryFault(expiry)}>
    <span class="line">
      <select value=${expiry.choice} onChange=${set("choice")} aria-label="Expires">
        <option value="never">never</option>
        ${expiry.expiresAt && html`<option value="keep">as now, in ${
          formatSeconds(secondsOf({ ...expiry, choice: "keep" }))}</option>`}
        <option value="after">after…</option>
      </select>
      ${expiry.choice === "after" && html`
        <input class="short" inputmode="numeric" value=${expiry.count} aria-label="How many"
          onInput=${set("count")} />
        <select value=${expiry.unit} onChange=${set("unit")} aria-label="Unit">
          ${Object.keys(unitSeconds).map((unit) => html`<option key=${unit}>${unit}</option>`)}
        </select>`}
    </span>
  <//>`;
}
