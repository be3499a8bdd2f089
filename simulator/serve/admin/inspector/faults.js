// What goes wrong on the way: the faults of the space, and a form for a new one.
import { html, useState } from "./lib.js";
import { JsonBox } from "./fields.js";
import { ask, attempt, backends, faults, lookAtFaults } from "./store.js";
import { plural, visible } from "./text.js";
import { Choice, Empty, Icon, IconButton } from "./widgets.js";

// Attributes with a value to begin with, as /__admin/faults takes them; null may be left out.
export const TYPES = {
  latency: { says: "every frame comes later", attributes: { latency: 1000, jitter: 0 } },
  drop: { says: "messages vanish", attributes: {} },
  duplicate: { says: "messages come several times", attributes: { copies: 1 } },
  reorder: { says: "messages overtake each other", attributes: { window: 1000 } },
  malformed: { says: "frames that no client can read", attributes: { form: "json" } },
  oversized: { says: "a message longer than clients take", attributes: { size: 1048577 } },
  close: { says: "the connection is closed with a code", attributes: { code: 1011, reason: "", deliver: false } },
  reset_peer: { says: "the TCP connection breaks off (1006)", attributes: { timeout: 0, deliver: false } },
  timeout: { says: "silence: nothing passes any more", attributes: { timeout: 0 } },
  starved_ping: { says: "pings are not answered", attributes: {} },
  dropped_ack: { says: "acknowledgements are lost", attributes: {} },
  bandwidth: { says: "a slow line, kilobytes a second", attributes: { rate: 8 } },
  slicer: { says: "frames come in small pieces", attributes: { average_size: 32, size_variation: 16, delay: 0 } },
  limit_data: { says: "the line breaks after so many bytes", attributes: { bytes: 4096 } },
  slow_close: { says: "closing takes its time", attributes: { delay: 1000 } },
  refused_handshake: { says: "new connections are turned away", attributes: { status: 503 } },
  failed_upload: { says: "uploads fail", attributes: { status: 500 } },
};

// What a number counts; a slicer's delay is toxiproxy's, in microseconds.
const UNITS = { latency: "ms", jitter: "ms", window: "ms", timeout: "ms", delay: "ms", rate: "KB/s", bytes: "bytes", size: "bytes", average_size: "bytes", size_variation: "bytes" };
const unit = (type, name) => (type === "slicer" && name === "delay" ? "µs" : UNITS[name] ?? "");

const told = (fault) =>
  [
    fault.stream,
    ...Object.entries(fault.attributes ?? {}).map(([key, value]) => `${key} ${typeof value === "string" ? `“${value}”` : value} ${unit(fault.type, key)}`.trim()),
    fault.match?.message ? `message ${fault.match.message}` : "",
    fault.match?.nth ? `no. ${fault.match.nth}` : "",
    fault.backend ? `on ${fault.backend}` : "",
    fault.transport ?? "",
    fault.toxicity !== undefined && fault.toxicity < 1 ? `${Math.round(fault.toxicity * 100)} %` : "",
    fault.count ? `${fault.count} times` : "",
  ].filter(Boolean).join(" · ");

function Attribute({ name, of, value, onChange }) {
  if (typeof value === "boolean") {
    return html`<label class="check"><input type="checkbox" checked=${value} onChange=${(event) => onChange(event.currentTarget.checked)} /> ${name}</label>`;
  }
  const text = typeof value === "string";
  return html`<label class="field"><span>${name}${of ? html` <span class="faint">${of}</span>` : null}</span><input inputmode=${text ? "text" : "numeric"} value=${value ?? ""} onInput=${(event) => {
    const typed = event.currentTarget.value;
    onChange(text ? typed : typed.trim() === "" ? null : Number.isFinite(Number(typed)) ? Number(typed) : typed);
  }} /></label>`;
}

function Form() {
  const [as, setAs] = useState("form");
  const [type, setType] = useState("latency");
  const [attributes, setAttributes] = useState({ ...TYPES.latency.attributes });
  const [more, setMore] = useState({ stream: "", message: "", nth: "", count: "", toxicity: "", backend: "" });
  const [json, setJson] = useState({ type: "close", attributes: { code: 1012 }, match: { nth: 3 } });
  const set = (key) => (event) => setMore({ ...more, [key]: event.currentTarget.value });
  const built = () => {
    const kept = Object.entries(attributes).filter(([, value]) => value !== "" && value !== null);
    const match = { ...(more.message ? { message: more.message } : {}), ...(more.nth ? { nth: Number(more.nth) } : {}) };
    return {
      type,
      ...(kept.length ? { attributes: Object.fromEntries(kept) } : {}),
      ...(more.stream ? { stream: more.stream } : {}),
      ...(Object.keys(match).length ? { match } : {}),
      ...(more.count ? { count: Number(more.count) } : {}),
      ...(more.toxicity ? { toxicity: Number(more.toxicity) / 100 } : {}),
      ...(more.backend ? { backend: more.backend } : {}),
    };
  };
  const add = async (event) => {
    event.preventDefault();
    await attempt(() => ask("POST", "faults", as === "form" ? built() : json), (made) => `${made.faults.map((one) => one.name).join(", ")} strikes from now on`);
    lookAtFaults().catch(() => {});
  };
  const swap = (id) => {
    if (id === "json") setJson(built());
    setAs(id);
  };
  return html`<form class="form" onSubmit=${add}>
    <div class="bar"><h3>New fault</h3><span class="grow"></span><${Choice} label="Write it as" value=${as} onChange=${swap} options=${[{ id: "form", label: "Form" }, { id: "json", label: "JSON" }]} /></div>
    ${as === "json"
      ? html`<${JsonBox} label="Fault as JSON" rows=${9} value=${json} onChange=${setJson} />`
      : html`<label class="field"><span>Type</span><select id="fault-type" value=${type} onChange=${(event) => {
            setType(event.currentTarget.value);
            setAttributes({ ...TYPES[event.currentTarget.value].attributes });
          }}>${Object.entries(TYPES).map(([name, { says }]) => html`<option key=${name} value=${name}>${name} · ${says}</option>`)}</select></label>
          <div class="pair">${Object.keys(TYPES[type].attributes).map((name) => html`<${Attribute} key=${`${type}.${name}`} name=${name} of=${unit(type, name)} value=${attributes[name]} onChange=${(value) => setAttributes({ ...attributes, [name]: value })} />`)}</div>
          <details class="section"><summary><h3>When it strikes</h3></summary>
            <div class="pair">
              <label class="field"><span>Direction</span><select value=${more.stream} onChange=${set("stream")}><option value="">the type's own</option><option value="upstream">↑ from the client</option><option value="downstream">↓ to the client</option></select></label>
              <label class="field"><span>Message</span><input class="mono" placeholder="any" value=${more.message} onInput=${set("message")} /></label>
              <label class="field"><span>Only the nth</span><input inputmode="numeric" placeholder="every" value=${more.nth} onInput=${set("nth")} /></label>
              <label class="field"><span>At most, times</span><input inputmode="numeric" placeholder="no end" value=${more.count} onInput=${set("count")} /></label>
              <label class="field"><span>Probability, %</span><input inputmode="numeric" placeholder="100" value=${more.toxicity} onInput=${set("toxicity")} /></label>
              ${backends.value.length > 1 ? html`<label class="field"><span>Backend</span><select value=${more.backend} onChange=${set("backend")}><option value="">all</option>${backends.value.map((one) => html`<option key=${one.name}>${one.name}</option>`)}</select></label>` : null}
            </div>
          </details>`}
    <div class="actions"><button class="primary"><${Icon} name="plus" />Add fault</button></div>
  </form>`;
}

export function Faults() {
  const all = faults.value;
  const end = async (name) => {
    await attempt(() => ask("DELETE", name ? `faults/${encodeURIComponent(name)}` : "faults"), name ? `${name} is over` : "No fault strikes any more");
    lookAtFaults().catch(() => {});
  };
  return html`<div class="faults">
    ${all.length
      ? html`<div class="bar"><h3>${plural(all.length, "fault")}</h3><span class="grow"></span><button type="button" class="small" onClick=${() => end("")}>Remove all</button></div>
          <ul class="cards">${all.map(
            (fault) => html`<li key=${fault.name}>
              <div><b class="mono">${visible(fault.name)}</b> <span class="badge">${fault.type}</span>
              <div class="faint">${visible(told(fault))}</div>
              <div class="faint">${fault.struck ? html`<b>struck ${plural(fault.struck, "time")}</b>${typeof fault.last === "string" ? ` · ${visible(fault.last)}` : ""}` : "has not struck yet"}${fault.spent ? " · spent" : ""}</div></div>
              <${IconButton} icon="trash" label=${`Remove ${fault.name}`} onClick=${() => end(fault.name)} />
            </li>`,
          )}</ul>`
      : html`<${Empty} title="Nothing goes wrong here"><p>Add a fault and see what the client makes of it: lost acks, late frames, a close in the middle.</p><//>`}
    <${Form} />
  </div>`;
}
