// Changes as they happen.
import { html, useEffect, useRef, useState } from "./preact.js";
import { formatBytes, formatClock, formatCount } from "./format.js";
import { Button, Empty, Field } from "./parts.js";
import { session } from "./session.js";
import { useStore } from "./store.js";
import { followChanges } from "./watch.js";

const eventsKept = 500;

/** Follows a prefix while `isOn`; draws at most ten times a second, however much happens. */
function useLive({ prefix, values, isOn }) {
  const [state, setState] = useState({ state: "waiting", text: "Paused" });
  const [events, setEvents] = useState({ list: [], total: 0 });
  const waiting = useRef([]);
  const number = useRef(0);
  useEffect(() => {
    if (!isOn) {
      setState({ state: "paused", text: "Paused" });
      return undefined;
    }
    const add = (event) => {
      number.current += 1;
      waiting.current.push({ ...event, number: number.current, at: new Date() });
      if (waiting.current.length > eventsKept) waiting.current.shift();
    };
    const end = followChanges({ prefix, values }, add, (next) => {
      setState(next);
      if (next.isGap) add({ kind: "gap", entry: { key: "" } });
    });
    const timer = setInterval(() => {
      if (waiting.current.length === 0) return;
      const added = waiting.current.reverse();
      waiting.current = [];
      setEvents(({ list }) => ({
        list: [...added, ...list].slice(0, eventsKept), total: number.current,
      }));
    }, 100);
    return () => {
      end();
      clearInterval(timer);
    };
  }, [prefix, values, isOn]);
  const clear = () => {
    number.current = 0;
    setEvents({ list: [], total: 0 });
  };
  return { state, events, clear };
}

export function Live({ route, go }) {
  const { who } = useStore(session);
  const [draft, setDraft] = useState(route.prefix ?? who?.prefix ?? "");
  const [prefix, setPrefix] = useState(draft);
  const [values, setValues] = useState(false);
  const [isOn, setOn] = useState(true);
  const { state, events, clear } = useLive({ prefix, values, isOn });
  const begin = (event) => {
    event.preventDefault();
    clear();
    setPrefix(draft);
    setOn(true);
  };
  return html`<section class="view" aria-label="Live changes">
    <div class="view-head">
      <h1>Live changes</h1>
      <span class=${`pill ${state.state}`} role="status">${state.text}</span>
    </div>
    <form class="line" onSubmit=${begin}>
      <${Field} label="Keys that begin with">
        <input id="watch-prefix" value=${draft} placeholder="all keys" spellcheck=${false}
          autocomplete="off" onInput=${(event) => setDraft(event.target.value)} />
      <//>
      <button class="button" type="submit">Watch</button>
      <label class="check"><input type="checkbox" checked=${values}
        onChange=${(event) => setValues(event.target.checked)} /> with values</label>
      <${Button} label=${isOn ? "Pause" : "Go on"} icon=${isOn ? "pause" : "play"}
        onClick=${() => setOn(!isOn)} />
      <${Button} label="Clear" look="quiet" onClick=${clear} />
    </form>
    ${events.list.length === 0 ? html`<${Empty} title="Nothing has changed yet">
        <p>Each write under this prefix appears here as soon as it is committed.</p>
      <//>`
      : html`<p class="hint">${formatCount(events.total)} changes${
          events.total > events.list.length
          && `, the newest ${formatCount(events.list.length)} shown`}</p>
        <ol class="list events" aria-label="Changes">${events.list.map((event) => html`<${EventRow}
          key=${event.number} event=${event} go=${go} />`)}</ol>`}
  </section>`;
}

function EventRow({ event, go }) {
  const { kind, entry, at } = event;
  if (kind === "gap") return html`<li class="gap">Some changes are missing here.</li>`;
  const value = entry.value ?? (entry.value_base64 === undefined ? null : "(bytes)");
  return html`<li>
    <time>${formatClock(at)}</time>
    <span class=${`state ${kind}`}>${kind}</span>
    <a class="key grow" href=${`#/keys/${encodeURIComponent(entry.key)}`} onClick=${(click) => {
      click.preventDefault();
      go({ view: "keys", key: entry.key });
    }}>${entry.key}</a>
    ${value !== null && html`<code class="event-value">${value.slice(0, 200)}</code>`}
    ${entry.size !== undefined && html`<span class="hint wide-only">${
      formatBytes(entry.size)}</span>`}
    <code class="hint wide-only">${entry.revision}</code>
  </li>`;
}
