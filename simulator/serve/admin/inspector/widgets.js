// Small things that several parts of the page have.
import { html, useEffect, useId, useRef, useState } from "./lib.js";
import { say } from "./store.js";

// One path each, on a canvas of 24 by 24.
const PATHS = {
  copy: "M9 9h10v10H9zM5 15V5h10",
  check: "M5 13l4 4L19 7",
  close: "M6 6l12 12M18 6L6 18",
  pause: "M9 6v12M15 6v12",
  play: "M8 5l11 7-11 7z",
  trash: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12",
  search: "M11 5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM20 20l-4.5-4.5",
  warn: "M12 4L2.5 20h19zM12 10v4.5M12 17.2v.3",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19",
  moon: "M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z",
  screen: "M4 5h16v11H4zM9 20h6",
  help: "M9.2 9a3 3 0 1 1 4.3 2.7c-1 .5-1.5 1.1-1.5 2.3M12 17.5v.3",
  send: "M4 12l16-7-6 16-3-7z",
  down: "M12 5v14M6 13l6 6 6-6",
  plus: "M12 5v14M5 12h14",
  clock: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 8v4.5l3 2",
  open: "M14 5h5v5M19 5l-8 8M18 14v5H5V6h5",
  again: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
  minus: "M5 12h14",
  chat: "M4 5h16v11H10l-5 4v-4H4z",
};

export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;

export function IconButton({ icon, label, onClick, kind = "", ...rest }) {
  return html`<button type="button" class=${`bare ${kind}`} aria-label=${label} title=${label} onClick=${onClick} ...${rest}>
    <${Icon} name=${icon} />
  </button>`;
}

export function Copy({ text, label = "Copy", quiet = false }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    } catch {
      say("The browser does not let this page copy: select the text instead.", "bad");
    }
  };
  const icon = html`<${Icon} name=${done ? "check" : "copy"} />`;
  return quiet
    ? html`<button type="button" class="bare" aria-label=${label} title=${label} onClick=${copy}>${icon}</button>`
    : html`<button type="button" class="small" onClick=${copy}>${icon}${done ? "Copied" : label}</button>`;
}

// A tablist as ARIA describes it: one stop for Tab, arrows between.
export function Tabs({ label, tabs, value, onChange, controls }) {
  const box = useRef(null);
  const key = (event) => {
    const at = tabs.findIndex((tab) => tab.id === value);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const tab = tabs[(to + tabs.length) % tabs.length];
    onChange(tab.id);
    requestAnimationFrame(() => box.current?.querySelector('[aria-selected="true"]')?.focus());
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${box} onKeyDown=${key}>
    ${tabs.map(
      (tab) =>
        html`<button
          type="button"
          role="tab"
          key=${tab.id}
          id=${`tab-${tab.id}`}
          aria-selected=${String(tab.id === value)}
          aria-controls=${controls}
          tabindex=${tab.id === value ? 0 : -1}
          onClick=${() => onChange(tab.id)}
        >
          ${tab.label}${tab.count ? html`<span class=${`count ${tab.alarm ? "alarm" : ""}`}>${tab.count}</span>` : null}
        </button>`,
    )}
  </div>`;
}

// One of a few: radio buttons that look like one control.
export function Choice({ label, options, value, onChange }) {
  const name = useId();
  return html`<fieldset class="choice">
    <legend class="unseen">${label}</legend>
    ${options.map(
      (option) =>
        html`<label key=${option.id} title=${option.title ?? ""}>
          <input type="radio" name=${name} checked=${option.id === value} onChange=${() => onChange(option.id)} />
          <span>${option.label}</span>
        </label>`,
    )}
  </fieldset>`;
}

// A native dialog: it keeps the focus, and Escape closes it.
export function Dialog({ title, open, onClose, children, wide = false }) {
  const box = useRef(null);
  const id = useId();
  useEffect(() => {
    if (open && !box.current.open) box.current.showModal();
    if (!open && box.current.open) box.current.close();
  }, [open]);
  return html`<dialog
    ref=${box}
    class=${wide ? "wide" : ""}
    aria-labelledby=${id}
    onClose=${onClose}
    onClick=${(event) => event.target === box.current && onClose()}
  >
    <div class="dialog">
      <header><h2 id=${id}>${title}</h2><${IconButton} icon="close" label="Close" onClick=${onClose} /></header>
      ${open ? children : null}
    </div>
  </dialog>`;
}

export const Empty = ({ title, children }) => html`<div class="empty"><p class="title">${title}</p>${children}</div>`;

export function CodeLine({ text, label }) {
  return html`<div class="codeline"><code tabindex="0">${text}</code><${Copy} text=${text} label=${label} quiet /></div>`;
}
