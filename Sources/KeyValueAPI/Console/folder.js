// A folder that is chosen in the tree: what can be done with all keys under its prefix.
import { html, useEffect, useState } from "./preact.js";
import { countKeys } from "./entries.js";
import { BackToKeys } from "./entry.js";
import { formatCount } from "./format.js";
import { Button, Trouble } from "./parts.js";
import { DeletePrefixDialog } from "./remove.js";
import { whyDenied } from "./session.js";

export function FolderPane({ route, go }) {
  const { prefix } = route;
  const [count, setCount] = useState(null);
  const [error, setError] = useState(null);
  const [isDeleting, setDeleting] = useState(false);
  const denied = whyDenied("write", prefix);
  useEffect(() => {
    setCount(null);
    setError(null);
    setDeleting(false);
  }, [prefix]);
  const ask = async () => {
    setError(null);
    try {
      setCount(await countKeys(prefix));
    } catch (reason) {
      setError(reason);
    }
  };
  return html`<article class="entry" aria-label=${prefix}>
    <header class="entry-head">
      <${BackToKeys} go=${go} />
      <h1 class="key" title=${prefix}>${prefix}</h1>
    </header>
    <div class="cards">
      <section class="card">
        <h2>How many keys</h2>
        ${count ? html`<p class="figure">${count.at_least && "≥ "}${formatCount(count.count)}</p>`
          : html`<p class="hint">Counted when you ask: it reads all of them.</p>`}
        <${Button} label=${count ? "Count again" : "Count"} onClick=${ask} />
        ${error && html`<${Trouble} error=${error} />`}
      </section>
      <section class="card">
        <h2>Work with them</h2>
        <div class="actions column">
          <${Button} label="New key here" icon="add" denied=${denied}
            onClick=${() => go({ view: "new", prefix })} />
          <${Button} label="Watch changes" icon="play"
            onClick=${() => go({ view: "live", prefix })} />
          <${Button} label="Export" icon="download"
            onClick=${() => go({ view: "transfer", prefix })} />
          <${Button} label="Delete all…" icon="trash" look="danger-quiet" denied=${denied}
            onClick=${() => setDeleting(true)} />
        </div>
      </section>
    </div>
    ${isDeleting && html`<${DeletePrefixDialog} prefix=${prefix} onClose=${() => setDeleting(false)}
      onDeleted=${() => {
        setDeleting(false);
        go({ view: "keys" });
      }} />`}
  </article>`;
}
