// How the store and its parts are.
import { html } from "./preact.js";
import { connection } from "./api.js";
import { Charts } from "./charts.js";
import { health } from "./connection.js";
import { formatSeconds } from "./format.js";
import { useStore, useTicker } from "./store.js";

const componentNames = {
  database: ["Database", "keeps all entries"],
  cache: ["Cache", "answers most reads"],
  queue: ["Queue", "keeps writes that wait"],
};

export function Health() {
  const { status, components, at } = useStore(health);
  const { state, reason } = useStore(connection);
  useTicker(1000);
  const isDown = state === "down";
  const age = at ? Math.round((Date.now() - at) / 1000) : null;
  return html`<section class="view" aria-label="Health">
    <div class="view-head">
      <h1>Health</h1>
      <span class=${`pill ${isDown ? "down" : status}`} role="status">${
        isDown ? "unreachable" : status}</span>
    </div>
    ${isDown && html`<p class="note bad">${reason} It is asked again until it does.${
      age !== null && ` What is below was true ${formatSeconds(age)} ago.`}</p>`}
    <ul class="components">${Object.entries(components).map(([name, component]) => {
      const [title, role] = componentNames[name] ?? [name, ""];
      return html`<li key=${name} class="card">
        <span class=${`dot ${isDown ? "unknown" : component.status}`} aria-hidden="true"></span>
        <span class="grow"><b>${title}</b><br /><span class="hint">${role}</span></span>
        <span>${isDown ? "not known" : component.status}</span>
      </li>`;
    })}</ul>
    <h2>Figures of this node</h2>
    <${Charts} />
  </section>`;
}
