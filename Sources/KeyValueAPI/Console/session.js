// Who uses the console. The token is kept for this tab only, and never becomes part of an address.
import { makeStore } from "./store.js";

const storageName = "kv-token";

/**
 * `who`: what /whoami says, null until it has; `isAsked`: the server wants a token, or another one.
 */
export const session = makeStore({
  token: sessionStorage.getItem(storageName) ?? "", who: null, isAsked: false,
});

export function keepToken(token) {
  if (token) sessionStorage.setItem(storageName, token);
  else sessionStorage.removeItem(storageName);
  session.set({ token, who: null, isAsked: false });
}

/** Why the user may not do what needs `scope` with this key or prefix; empty if allowed. */
export function whyDenied(scope, key) {
  const { who } = session.get();
  if (!who) return "It is not known yet what this token may do.";
  if (!who.scopes.includes(scope)) return `This needs a token with the scope ${scope}.`;
  if (key !== undefined && !key.startsWith(who.prefix)) {
    return `This token is for keys that start with ${who.prefix}`;
  }
  return "";
}
