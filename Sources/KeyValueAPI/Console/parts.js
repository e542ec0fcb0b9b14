// Parts that all views are made of.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { makeStore, useStore } from "./store.js";

const iconPaths = {
  add: "M8 3v10M3 8h10",
  back: "M10 3 5 8l5 5",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  download: "M8 3v7M5 7l3 3 3-3M3 13h10",
  edit: "M3 13l1-3 7-7 2 2-7 7zM9 5l2 2",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  folder: "M2 4h4l2 2h6v7H2z",
  key: "M13.5 5.5a3 3 0 1 1-6 0 3 3 0 0 1 6 0zM8.4 7.6 3 13M5 11l1.8 1.8",
  pause: "M6 4v8M10 4v8",
  play: "M5 3l8 5-8 5z",
  reload: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  right: "M6 4l4 4-4 4",
  search: "M11 7a4 4 0 1 1-8 0 4 4 0 0 1 8 0zM10 10l4 4",
  touch: "M8 4v4l3 2M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z",
  trash: "M3 4h10M6 4V2h4v2M5 4l.5 10h5L11 4",
  upload: "M8 10V3M5 6l3-3 3 3M3 13h10",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
    <path d=${iconPaths[name]} />
  </svg>`;
}

/** `denied` says why it can't be used; it is then grey, and its tooltip says so. */
export function Button({ label, icon, look = "", denied = "", isBusy, isIcon, onClick, ...rest }) {
  return html`<button type="button" ...${rest} onClick=${onClick}
    class=${`button ${look} ${isIcon ? "only-icon" : ""}`} disabled=${Boolean(denied) || isBusy}
    aria-busy=${isBusy ? "true" : null} aria-label=${isIcon ? label : null}
    title=${denied || rest.title || (isIcon ? label : null)}>
    ${icon && html`<${Icon} name=${icon} />`}
    ${!isIcon && html`<span>${label}</span>`}
  </button>`;
}

/** A modal dialog. Escape closes it; the focus then goes back to where it was. */
export function Dialog({ title, onClose, isWide, children }) {
  const element = useRef(null);
  useLayoutEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog.showModal();
    dialog.querySelector("[data-first]")?.focus();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${element} class=${isWide ? "wide" : ""} aria-label=${title}
    onCancel=${cancel}>
    <div class="dialog-head">
      <h2>${title}</h2>
      <${Button} label="Close" icon="close" look="quiet" isIcon onClick=${onClose} />
    </div>
    ${children}
  </dialog>`;
}

export function Field({ label, hint, fault, children }) {
  return html`<label class="field">
    <span class="field-label">${label}</span>
    ${children}
    ${fault ? html`<span class="fault" role="alert">${fault}</span>`
      : hint && html`<span class="hint">${hint}</span>`}
  </label>`;
}

/** What went wrong, and how to try again. */
export function Trouble({ error, onRetry }) {
  return html`<div class="trouble" role="alert">
    <strong>${error.title || "Something went wrong"}</strong>
    <p>${error.message}</p>
    ${error.requestID && html`<p class="hint">Request ${error.requestID}</p>`}
    ${onRetry && html`<${Button} label="Try again" icon="reload" onClick=${onRetry} />`}
  </div>`;
}

export function Loading({ what = "Loading" }) {
  return html`<p class="loading" role="status"><span class="spinner" aria-hidden="true"></span>
    ${what}…</p>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children}</div>`;
}

export function Progress({ value, max, label }) {
  return html`<div class="progress-row">
    <progress value=${max ? value : null} max=${max || 1} aria-label=${label}></progress>
    <span>${label}</span>
  </div>`;
}

/** Rows of one height, of which only those in sight are drawn: 100,000 cost as much as 50. */
export function VirtualList({ count, rowHeight, drawRow, shown, children, ...rest }) {
  const element = useRef(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const measure = () => {
    const { scrollTop, clientHeight } = element.current;
    setView({ top: scrollTop, height: clientHeight });
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(measure);
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (shown === undefined || shown < 0) return;
    const top = shown * rowHeight;
    const { scrollTop, clientHeight } = element.current;
    if (top < scrollTop) element.current.scrollTop = top;
    else if (top + rowHeight > scrollTop + clientHeight) {
      element.current.scrollTop = top + rowHeight - clientHeight;
    }
  }, [shown]);
  const first = Math.max(0, Math.floor(view.top / rowHeight) - 10);
  const last = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + 10);
  const rows = [];
  for (let index = first; index < last; index += 1) {
    rows.push(drawRow(index, { top: `${index * rowHeight}px` }));
  }
  return html`<div ...${rest} ref=${element} onScroll=${measure}>
    <div class="virtual" style=${{ height: `${count * rowHeight}px` }} role="presentation">
      ${rows}
    </div>
    ${children}
  </div>`;
}

const notices = makeStore({ list: [] });
let lastNotice = 0;

/** Tells the user something that has happened; it goes away by itself. */
export function notify(text, look = "") {
  lastNotice += 1;
  const notice = { id: lastNotice, text, look };
  notices.set({ list: [...notices.get().list.slice(-2), notice] });
  setTimeout(() => {
    notices.set({ list: notices.get().list.filter(({ id }) => id !== notice.id) });
  }, 6000);
}

export function Notices() {
  const { list } = useStore(notices);
  return html`<div class="notices" role="status" aria-live="polite">
    ${list.map(({ id, text, look }) => html`<p key=${id} class=${`notice ${look}`}>${text}</p>`)}
  </div>`;
}

/** Offers bytes as a file. */
export function saveFile(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied.");
  } catch {
    notify("The browser does not allow copying here.", "bad");
  }
}
