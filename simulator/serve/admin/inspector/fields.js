// A form made of a JSON Schema.
import { html, useId, useState } from "./lib.js";
import { parse } from "./api.js";
import { branches, first, kindOf, like, resolve } from "./schema.js";
import { visible } from "./text.js";
import { pretty } from "./values.js";
import { IconButton } from "./widgets.js";

// JSON that is being typed; what is none yet is told and goes nowhere.
export function JsonBox({ value, onChange, label, rows = 4, id, onWrong }) {
  const [text, setText] = useState(null);
  const [wrong, setWrong] = useState("");
  const told = useId();
  const shown = text ?? (value === undefined ? "" : pretty(value));
  const input = (event) => {
    const typed = event.currentTarget.value;
    setText(typed);
    try {
      const made = typed.trim() ? parse(typed) : undefined;
      setWrong("");
      onWrong?.("");
      onChange(made);
    } catch (error) {
      setWrong(error.message);
      onWrong?.(error.message);
    }
  };
  return html`<div class="json">
    <textarea id=${id} class="mono" aria-label=${label} aria-invalid=${String(Boolean(wrong))} aria-describedby=${wrong ? told : undefined} rows=${rows} spellcheck="false" value=${shown} onInput=${input} onBlur=${() => !wrong && setText(null)}></textarea>
    ${wrong ? html`<p class="wrong" id=${told}>${wrong}</p>` : null}
  </div>`;
}

const MISSING = "";

function Leaf({ id, kind, schema, value, onChange, required, described, wrong }) {
  const common = { id, "aria-describedby": described, "aria-invalid": wrong ? "true" : undefined, required };
  if (kind === "const") return html`<input ...${common} value=${String(schema.const)} readonly />`;
  if (kind === "enum") {
    return html`<select ...${common} value=${value === undefined ? MISSING : String(value)} onChange=${(event) => {
      const text = event.currentTarget.value;
      onChange(text === MISSING ? undefined : schema.enum.find((one) => String(one) === text));
    }}>${required ? null : html`<option value=${MISSING}>left out</option>`}
      ${schema.enum.map((one) => html`<option key=${one} value=${String(one)}>${String(one)}</option>`)}</select>`;
  }
  if (kind === "boolean") {
    return html`<select ...${common} value=${value === undefined ? MISSING : String(value)} onChange=${(event) => {
      const text = event.currentTarget.value;
      onChange(text === MISSING ? undefined : text === "true");
    }}>${required ? null : html`<option value=${MISSING}>left out</option>`}<option value="true">true</option><option value="false">false</option></select>`;
  }
  if (kind === "integer" || kind === "number") {
    return html`<input ...${common} inputmode="decimal" value=${value === undefined ? "" : String(value)} placeholder=${required ? "" : "left out"} onInput=${(event) => {
      const text = event.currentTarget.value.trim();
      const number = Number(text);
      if (!text) onChange(undefined);
      else onChange(!Number.isFinite(number) ? text : /^-?\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number);
    }} />`;
  }
  const text = value === undefined ? "" : String(value);
  const input = (event) => onChange(event.currentTarget.value === "" && !required ? undefined : event.currentTarget.value);
  const long = text.length > 60 || text.includes("\n") || /(^|_)(text|body|message|content|html)$/i.test(id.split("/").pop());
  return long
    ? html`<textarea ...${common} rows=${Math.min(8, Math.max(2, Math.ceil(text.length / 40)))} placeholder=${required ? "" : "left out"} value=${text} onInput=${input}></textarea>`
    : html`<input ...${common} placeholder=${required ? "" : "left out"} value=${text} onInput=${input} />`;
}

export function Field({ schema, root, name, path, value, onChange, required = true, wrong, depth = 0 }) {
  const found = resolve(schema, root);
  const { some, nullable } = found.anyOf || found.oneOf ? branches(found, root) : { some: [], nullable: false };
  const at = some.length > 1 ? like(value, some, root) : 0;
  const inner = some.length ? { ...some[Math.max(0, at)], ...(found.description ? { description: found.description } : {}) } : found;
  const kind = kindOf(inner);
  const id = `field/${path}`;
  const told = depth ? (inner.description ?? "") : "";
  const bad = wrong && (wrong.path === path || (wrong.path === "" && depth === 0)) ? wrong.why : "";
  const described = told || bad ? `${id}/told` : undefined;
  const absent = value === undefined || value === null;
  const label = visible(name || "body");

  const state = nullable || !required || some.length > 1
    ? html`<select class="state" aria-label=${`${label}: kind`} value=${value === null ? "null" : value === undefined ? "out" : String(Math.max(0, at))} onChange=${(event) => {
        const to = event.currentTarget.value;
        onChange(to === "null" ? null : to === "out" ? undefined : first(some[Number(to)] ?? inner, root));
      }}>
        ${some.length > 1 ? some.map((one, i) => html`<option key=${i} value=${String(i)}>${one.title ?? one.type ?? `kind ${i + 1}`}</option>`) : html`<option value="0">set</option>`}
        ${nullable ? html`<option value="null">null</option>` : null}
        ${required ? null : html`<option value="out">left out</option>`}
      </select>`
    : null;
  const simple = !["object", "array", "json", "any"].includes(kind);
  const head = html`<span class="head">
    ${simple && !absent ? html`<label for=${id}>${label}</label>` : html`<span class="label">${label}</span>`}
    ${required ? null : html`<span class="faint">optional</span>`}<span class="grow"></span>${simple && !nullable && some.length < 2 ? null : state}
  </span>`;
  const note = html`${told ? html`<p class="hint" id=${described}>${visible(told)}</p>` : null}${bad ? html`<p class="wrong" id=${told ? undefined : described}>${visible(bad)}</p>` : null}`;

  if (simple) {
    if (value === null) return html`<div class="field">${head}${note}</div>`;
    if (absent) return html`<div class="field"><span class="head"><label for=${id}>${label}</label><span class="faint">${required ? "" : "optional"}</span><span class="grow"></span>${nullable ? state : null}</span><${Leaf} ...${{ id, kind, schema: inner, value: undefined, onChange, required, described, wrong: bad }} />${note}</div>`;
    return html`<div class=${`field${bad ? " bad" : ""}`}>${head}<${Leaf} ...${{ id, kind, schema: inner, value, onChange, required, described, wrong: bad }} />${note}</div>`;
  }
  if (absent) return html`<div class="field">${head}${note}</div>`;
  if (kind === "object" && typeof value === "object" && !Array.isArray(value)) {
    const needed = new Set(inner.required ?? []);
    const known = inner.properties;
    const extra = Object.keys(value).filter((key) => !(key in known));
    const put = (key) => (made) => {
      const next = { ...value };
      if (made === undefined) delete next[key];
      else next[key] = made;
      onChange(next);
    };
    const body = html`${Object.entries(known).map(
      ([key, one]) =>
        html`<${Field} key=${key} schema=${one} root=${root} name=${key} path=${path ? `${path}.${key}` : key} value=${value[key]} onChange=${put(key)} required=${needed.has(key)} wrong=${wrong} depth=${depth + 1} />`,
    )}${extra.map(
      (key) => html`<div class="field" key=${key}><span class="head"><span class="label">${visible(key)}</span><span class="faint">not in the model</span><span class="grow"></span><${IconButton} icon="close" label=${`Take ${key} out`} onClick=${() => put(key)(undefined)} /></span><${JsonBox} label=${key} rows=${2} value=${value[key]} onChange=${put(key)} /></div>`,
    )}`;
    return depth ? html`<div class="field group">${head}${note}<div class="inside">${body}</div></div>` : html`<div class="fields">${note}${body}</div>`;
  }
  if (kind === "array" && Array.isArray(value)) {
    return html`<div class="field group">${head}${note}<div class="inside">
      ${value.map(
        (item, i) => html`<div class="item" key=${i}><${Field} schema=${inner.items} root=${root} name=${`${label} ${i + 1}`} path=${`${path}.${i}`} value=${item} onChange=${(made) => onChange(value.map((one, j) => (j === i ? made : one)))} wrong=${wrong} depth=${depth + 1} /><${IconButton} icon="close" label=${`Take ${label} ${i + 1} out`} onClick=${() => onChange(value.filter((_, j) => j !== i))} /></div>`,
      )}
      <button type="button" class="small" onClick=${() => onChange([...value, first(inner.items, root)])}>+ ${label}</button>
    </div></div>`;
  }
  return html`<div class="field">${head}<${JsonBox} label=${label} value=${value} onChange=${onChange} />${note}</div>`;
}
