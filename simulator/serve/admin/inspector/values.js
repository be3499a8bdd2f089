// A value as a tree that opens and closes, and as text that is coloured; always text.
import { html, useState } from "./lib.js";
import { stringify } from "./api.js";
import { plural, visible } from "./text.js";

const LONG = 4_000;
const MANY = 200;
const OPEN = 3;

function Scalar({ value }) {
  const [whole, setWhole] = useState(false);
  if (typeof value === "string") {
    const cut = !whole && value.length > LONG;
    return html`<span class="string">"${visible(cut ? value.slice(0, LONG) : value)}"</span>${
      cut ? html` <button type="button" class="link" onClick=${() => setWhole(true)}>… all ${value.length} characters</button>` : null
    }`;
  }
  const kind = value === null ? "null" : typeof value === "boolean" ? "boolean" : "number";
  return html`<span class=${kind}>${String(value)}</span>`;
}

function Node({ name, value, depth, marks, path }) {
  const [open, setOpen] = useState(depth < OPEN);
  const [most, setMost] = useState(MANY);
  const mark = marks?.has(path) ? " marked" : "";
  const key = name === null ? null : html`<span class="key">${visible(name)}</span><span class="mute">: </span>`;
  if (value === null || typeof value !== "object") {
    return html`<div class=${`leaf${mark}`}>${key}<${Scalar} value=${value} /></div>`;
  }
  const list = Array.isArray(value);
  const entries = list ? value.map((item, i) => [String(i), item]) : Object.entries(value);
  if (!entries.length) return html`<div class=${`leaf${mark}`}>${key}<span class="mute">${list ? "[]" : "{}"}</span></div>`;
  const shown = entries.slice(0, most);
  return html`<details open=${open} onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary class=${mark}>
      ${key}<span class="mute">${list ? "[" : "{"}${open ? "" : ` ${plural(entries.length, list ? "item" : "key")} ${list ? "]" : "}"}`}</span>
    </summary>
    ${open
      ? html`<div class="inside">
          ${shown.map(
            ([inner, item]) =>
              html`<${Node} key=${inner} name=${list ? null : inner} value=${item} depth=${depth + 1} marks=${marks} path=${path ? `${path}.${inner}` : inner} />`,
          )}
          ${entries.length > most
            ? html`<button type="button" class="link" onClick=${() => setMost(most + 1000)}>${plural(entries.length - most, "more item")}</button>`
            : null}
        </div>
        <span class="mute">${list ? "]" : "}"}</span>`
      : null}
  </details>`;
}

export function Value({ value, marks = null }) {
  return html`<div class="value mono"><${Node} name=${null} value=${value} depth=${0} marks=${marks} path="" /></div>`;
}

export const pretty = (value) => stringify(value, 2);
