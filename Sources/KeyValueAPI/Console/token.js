// The token's entry, and what it may.
import { html, useState } from "./preact.js";
import { askWho } from "./connection.js";
import { Button, Dialog, Field, Trouble } from "./parts.js";
import { session, keepToken } from "./session.js";
import { useStore } from "./store.js";

function TokenForm({ onDone }) {
  const [token, setToken] = useState("");
  const [state, setState] = useState({ isBusy: false, error: null });
  const { isAsked, who, token: present } = useStore(session);
  const act = async (event) => {
    event.preventDefault();
    setState({ isBusy: true, error: null });
    keepToken(token.trim());
    try {
      await askWho();
      if (session.get().who) onDone?.();
      setState({ isBusy: false, error: null });
    } catch (error) {
      setState({ isBusy: false, error });
    }
  };
  return html`<form onSubmit=${act}>
    <${Field} label=${who ? "Another token" : "Token"} fault=${isAsked && present && !state.isBusy
        ? "The server does not know this token." : ""}
      hint="Kept in this tab until it is closed; it never becomes part of an address.">
      <input id="token" type="password" value=${token} required autocomplete="off" data-first
        spellcheck=${false} onInput=${(event) => setToken(event.target.value)} />
    <//>
    ${state.error && html`<${Trouble} error=${state.error} />`}
    <div class="actions">
      <button class="button primary" type="submit" disabled=${state.isBusy}>Use this token</button>
    </div>
  </form>`;
}

/** Stands in place of all views while the server wants a token. */
export function TokenPane() {
  return html`<section class="view narrow" aria-label="Token">
    <h1>This store wants a token</h1>
    <p class="lead">Its operator hands them out. What you see and may do here depends on yours.</p>
    <${TokenForm} />
  </section>`;
}

export function TokenDialog({ onClose }) {
  const { who, token } = useStore(session);
  const scopes = ["read", "write", "admin"];
  return html`<${Dialog} title="Token" onClose=${onClose}>
    ${who && html`<div class="who">
      <p>${who.name ? html`You are <b>${who.name}</b>.` : "This server wants no tokens."}</p>
      <ul class="scopes">${scopes.map((scope) => html`<li key=${scope}
        class=${who.scopes.includes(scope) ? "" : "off"}>${
          who.scopes.includes(scope) ? "may" : "may not"} ${scope}</li>`)}</ul>
      ${who.prefix && html`<p>Only keys that begin with <code>${who.prefix}</code></p>`}
    </div>`}
    <${TokenForm} onDone=${onClose} />
    ${token && html`<${Button} label="Forget the token" look="quiet" onClick=${() => {
      keepToken("");
      askWho();
      onClose();
    }} />`}
  <//>`;
}
