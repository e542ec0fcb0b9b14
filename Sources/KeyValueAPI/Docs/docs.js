import { commandOf, origin, readRequest, send } from "./docs-request.js";

/** How much of an answer's body is shown, in characters. Of a stream the end is kept. */
const shownMax = 100_000;

/** Where the console keeps the token while its tab is open. */
const tokenName = "kv-token";

const tokenInput = document.getElementById("token");

/** Gives one form its command, which follows the input, and its answer. */
function connect(form) {
  const command = form.querySelector(".command");
  const [status, fields, body] = ["status", "fields", "body"].map((name) =>
    form.querySelector(`.answer-${name}`));
  const [sendButton, stopButton] = form.querySelectorAll("button");
  let running = null;

  function read() {
    try {
      const request = readRequest(form, tokenInput.value);
      command.textContent = commandOf(request);
      return request;
    } catch (error) {
      command.textContent = error.message;
      return null;
    }
  }

  async function run(request) {
    running = new AbortController();
    sendButton.disabled = true;
    stopButton.hidden = false;
    form.querySelector(".answer").hidden = false;
    status.textContent = "Waiting …";
    fields.textContent = body.textContent = "";
    try {
      const answer = await send(request, running.signal);
      status.textContent = `${answer.status} ${answer.statusText}`;
      const lines = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
      fields.textContent = lines.join("\n");
      await show(answer, body);
    } catch (error) {
      const isStopped = running.signal.aborted;
      status.textContent = isStopped
        ? `${status.textContent} Stopped.` : `No answer: ${error.message}`;
    } finally {
      running = null;
      sendButton.disabled = false;
      stopButton.hidden = true;
    }
  }

  form.addEventListener("input", read);
  tokenInput.addEventListener("input", read);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = running ? null : read();
    if (request) run(request);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  stopButton.addEventListener("click", () => running?.abort());
  read();
}

/** Shows the body of an answer as it comes, as text, or its bytes if it is none. */
async function show(answer, output) {
  if (!answer.body) return;
  const isStream = answer.headers.get("Content-Type")?.startsWith("text/event-stream");
  const reader = answer.body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    try {
      text += decoder.decode(value, { stream: !done });
    } catch {
      output.textContent = `${text}(bytes that are no text: use the command)`;
      await reader.cancel();
      return;
    }
    if (text.length > shownMax && !isStream) {
      output.textContent = `${text.slice(0, shownMax)}\n… (the rest is not shown)`;
      await reader.cancel();
      return;
    }
    text = text.slice(-shownMax);
    output.textContent = text;
    if (done) return;
  }
}

tokenInput.value = sessionStorage.getItem(tokenName) ?? "";
for (const form of document.querySelectorAll("form")) connect(form);
for (const link of document.querySelectorAll('a[href^="/"]')) {
  link.href = origin + link.getAttribute("href");
}
