import { openReference } from "./reference.js";

function show(id, text) {
  document.getElementById(id).textContent = text;
}

document.getElementById("docs").addEventListener("click", () => {
  const token = document.getElementById("token").value;
  openReference(token).catch((error) => show("message", error.message));
});

fetch("/health")
  .then((answer) => answer.json())
  .then((health) => show("health", health.status))
  .catch((error) => show("health", error.message));
