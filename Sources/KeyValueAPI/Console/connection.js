// Watches over the connection: asks for the health every few seconds, and who the user is.
import { Refusal, backoff, connection, noAnswer, send } from "./api.js";
import { session } from "./session.js";
import { makeStore } from "./store.js";

/** The last answer of /health; `at` is when it came. */
export const health = makeStore({ status: "unknown", components: {}, at: null });

const healthSeconds = 5;
let askNow = () => {};

/** Runs as long as the page is open. While it can't be seen, it asks for nothing. */
export async function watchConnection() {
  let failures = 0;
  document.addEventListener("visibilitychange", () => document.hidden || askNow());
  // A view has met a failure first.
  connection.follow(({ state }) => state === "down" && failures === 0 && askNow());
  for (;;) {
    if (!document.hidden) failures = (await askHealth()) ? 0 : failures + 1;
    const wait = failures > 0 ? backoff(failures - 1, 8000) : healthSeconds * 1000;
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      askNow = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function askHealth() {
  try {
    const response = await send("GET", "/health", {
      cache: "no-store", accept: [503], signal: AbortSignal.timeout(6000),
    });
    const answer = await response.json();
    if (!answer.components) throw new Refusal(response.status, answer);
    health.set({ status: answer.status, components: answer.components, at: Date.now() });
    const { state, times } = connection.get();
    if (state !== "up") connection.set({ state: "up", reason: "", times: times + 1 });
    if (!session.get().who && !session.get().isAsked) await askWho();
    return true;
  } catch (error) {
    connection.set({ state: "down", reason: error.status ? error.message : noAnswer });
    return false;
  }
}

/** Asks what the token may do. A token that is refused is asked for again (see `send`). */
export async function askWho() {
  const { token } = session.get();
  try {
    const response = await send("GET", "/whoami", { cache: "no-store" });
    const who = await response.json();
    if (token === session.get().token) session.set({ who, isAsked: false });
  } catch (error) {
    if (error.status !== 401 && !error.isTemporary) throw error;
  }
}
