// The composer: a message of the backend's models, an act of the bot or an agent, raw text, or a close.
import { batch, html, useState } from "./lib.js";
import * as drafts from "./drafts.js";
import { Acts } from "./acts.js";
import { CloseForm } from "./closing.js";
import { stringify } from "./api.js";
import { Field, JsonBox } from "./fields.js";
import { first } from "./schema.js";
import { ask, attempt, backends, channels } from "./store.js";
import { flat, plural, visible } from "./text.js";
import { Choice, Icon } from "./widgets.js";

const MODES = [
  { id: "message", label: "Message", title: "A message of the server, by its model" },
  { id: "act", label: "Act", title: "What the bot or an agent does" },
  { id: "raw", label: "Raw", title: "Text as it is" },
  { id: "close", label: "Close", title: "End the connection with a code" },
];

export const aimed = (name) => {
  const open = channels.value.filter((channel) => channel.backend === name);
  const [kind, ...rest] = drafts.target.value.split(":");
  const id = rest.join(":");
  if (kind === "c") return open.filter((channel) => String(channel.id) === id);
  if (kind === "t") return open.filter((channel) => channel.talks?.includes(id));
  return open;
};

const address = (name) => {
  const target = drafts.target.peek();
  if (target.startsWith("c:")) return { channels: [target.slice(2)] };
  if (target.startsWith("t:")) return { talk: target.slice(2), backend: name };
  return { backend: name };
};

function Target({ name }) {
  const open = channels.value.filter((channel) => channel.backend === name);
  const talks = [...new Set(open.flatMap((channel) => channel.talks ?? []))];
  const values = ["all", ...open.map((channel) => `c:${channel.id}`), ...talks.map((talk) => `t:${talk}`)];
  const value = values.includes(drafts.target.value) ? drafts.target.value : "all";
  if (value !== drafts.target.peek()) queueMicrotask(() => (drafts.target.value = value));
  return html`<label class="field"><span>To</span>
    <select id="target" value=${value} onChange=${(event) => (drafts.target.value = event.currentTarget.value)}>
      <option value="all">${open.length ? `all of ${name} (${open.length})` : `nobody is connected to ${name}`}</option>
      ${open.length ? html`<optgroup label="One connection">${open.map((channel) => html`<option key=${channel.id} value=${`c:${channel.id}`}>#${channel.id} · ${channel.transport}</option>`)}</optgroup>` : null}
      ${talks.length ? html`<optgroup label="One talk">${talks.map((talk) => html`<option key=${talk} value=${`t:${talk}`}>${flat(talk, 60)}</option>`)}</optgroup>` : null}
    </select>
  </label>`;
}

// What most want to push first: that somebody says something.
const USUAL = /(chat_out|btu_msg|(send|new|agent|bot)[-_ ]?message|^message)$/i;
const OTHER = "\n";

// "msg_out.text: expected ..." names a field.
const blame = (why) => {
  const [, path = "", rest = why] = /^(?:body\.?)?([\w$.*-]*): (.*)$/s.exec(why) ?? [];
  return { path, why: rest };
};

function Message({ backend }) {
  const events = Object.keys(backend.events);
  const name = drafts.chosen.value[backend.name] ?? events.find((one) => USUAL.test(one)) ?? events[0] ?? "";
  const known = backend.events[name];
  const key = drafts.draftKey("message", backend.name, name);
  const start = () => known?.example ?? (known?.schema ? first(known.schema, known.schema) : {});
  const body = key in drafts.drafts.value ? drafts.drafts.value[key] : start();
  const [form, setForm] = useState("form");
  const [checked, setChecked] = useState(true);
  const [wrong, setWrong] = useState(null);
  const [bad, setBad] = useState("");
  const [topic, setTopic] = useState("");
  const topics = [...new Set(aimed(backend.name).flatMap((channel) => channel.names ?? []))];
  const change = (value) => {
    setWrong(null);
    drafts.draft(key, value);
  };
  const pick = (event) => {
    setWrong(null);
    drafts.chosen.value = { ...drafts.chosen.value, [backend.name]: event.currentTarget.value === OTHER ? "" : event.currentTarget.value };
  };
  const send = async (event) => {
    event.preventDefault();
    const asked = { ...address(backend.name), name, body: body ?? null, validate: checked, ...(topic ? { topic } : {}) };
    try {
      const told = await ask("POST", "channels/send", asked);
      setWrong(null);
      drafts.remember({ backend: backend.name, name, body });
      await attempt(async () => told, `${name} sent to ${plural(told.sent.length, "connection")}`);
    } catch (error) {
      setWrong(blame(error.message));
      await attempt(() => Promise.reject(error));
    }
  };
  const lately = drafts.sentLately.value.filter((one) => one.backend === backend.name);
  const useForm = form === "form" && known?.schema;
  return html`<form class="form" onSubmit=${send}>
    <label class="field"><span>Message</span>
      <select id="message-name" class="mono" value=${known ? name : OTHER} onChange=${pick}>
        ${events.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}<option value=${OTHER}>another one …</option>
      </select>
    </label>
    ${known ? null : html`<label class="field"><span>Its name</span><input class="mono" required spellcheck="false" autocomplete="off" value=${name} onChange=${pick} /></label>`}
    ${known?.doc ? html`<p class="hint">${visible(known.doc)}</p>` : known ? null : html`<p class="hint">Not a message that ${backend.name} documents: untick “validate” to send it.</p>`}
    <${Target} name=${backend.name} />
    ${topics.length > 1 || topic
      ? html`<label class="field"><span>Topic</span><input list="topics" class="mono" placeholder="the connection's own" value=${topic} onInput=${(event) => setTopic(event.currentTarget.value)} /><datalist id="topics">${topics.map((one) => html`<option key=${one} value=${one} />`)}</datalist></label>`
      : null}
    <div class="bar">
      <${Choice} label="Write it as" value=${useForm ? "form" : "json"} onChange=${setForm} options=${[{ id: "form", label: "Form" }, { id: "json", label: "JSON" }]} />
      <span class="grow"></span>
      ${lately.length
        ? html`<select aria-label="Sent lately" value="" onChange=${(event) => {
            const one = lately[Number(event.currentTarget.value)];
            batch(() => {
              drafts.chosen.value = { ...drafts.chosen.value, [backend.name]: one.name };
              drafts.draft(drafts.draftKey("message", backend.name, one.name), one.body);
            });
          }}><option value="" disabled>Sent lately …</option>${lately.map((one, i) => html`<option key=${one.same} value=${String(i)}>${one.name} ${flat(one.same.slice(0, 60))}</option>`)}</select>`
        : null}
      ${(known?.examples?.length ?? 0) > 1
        ? html`<select aria-label="Examples of the document" value="" onChange=${(event) => change(known.examples[Number(event.currentTarget.value)])}><option value="" disabled>Examples …</option>${known.examples.map((one, i) => html`<option key=${i} value=${String(i)}>${i + 1}: ${flat(stringify(one), 60)}</option>`)}</select>`
        : html`<button type="button" class="small" onClick=${() => change(known?.example ?? start())}>Example</button>`}
    </div>
    <div class="body">
      ${useForm
        ? html`<${Field} key=${key} schema=${known.schema} root=${known.schema} name="" path="" value=${body} onChange=${change} wrong=${wrong} />`
        : html`<${JsonBox} key=${key} label="Body as JSON" rows=${14} value=${body} onChange=${change} onWrong=${setBad} />`}
    </div>
    ${wrong && wrong.path !== "" && !useForm ? html`<p class="wrong" role="alert"><code>${visible(wrong.path)}</code>: ${visible(wrong.why)}</p>` : null}
    ${wrong && wrong.path === "" ? html`<p class="wrong" role="alert">${visible(wrong.why)}</p>` : null}
    <div class="actions sticky">
      <button class="primary" disabled=${Boolean(bad) || !aimed(backend.name).length}><${Icon} name="send" />Send</button>
      <label class="check"><input type="checkbox" checked=${checked} onChange=${(event) => setChecked(event.currentTarget.checked)} /> validate</label>
    </div>
  </form>`;
}

function Raw({ backend }) {
  const key = drafts.draftKey("raw", backend.name, "");
  const text = drafts.drafts.value[key] ?? "";
  const send = (event) => {
    event.preventDefault();
    attempt(() => ask("POST", "channels/send", { ...address(backend.name), raw: text }), (told) => `Sent to ${plural(told.sent.length, "connection")}`);
  };
  return html`<form class="form" onSubmit=${send}>
    <${Target} name=${backend.name} />
    <label class="field"><span>Text of the frame, as it is</span>
      <textarea class="mono" rows="12" spellcheck="false" required value=${text} onInput=${(event) => drafts.draft(key, event.currentTarget.value)}></textarea></label>
    <p class="hint">No model, no envelope: what stands here is on the wire. Good for what a client must survive.</p>
    <div class="actions"><button class="primary" disabled=${!aimed(backend.name).length}><${Icon} name="send" />Send</button></div>
  </form>`;
}

export function Send() {
  const all = backends.value;
  const backend = all.find((one) => one.name === drafts.backend.value) ?? all[0];
  if (!backend) return null;
  const mode = drafts.mode.value;
  return html`<div class="send">
    <div class="bar">
      <${Choice} label="What to send" options=${MODES} value=${mode} onChange=${(id) => (drafts.mode.value = id)} />
      <span class="grow"></span>
      ${all.length > 1
        ? html`<select aria-label="Backend" value=${backend.name} onChange=${(event) => (drafts.backend.value = event.currentTarget.value)}>${all.map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}</select>`
        : null}
    </div>
    ${mode === "message" ? html`<${Message} key=${backend.name} backend=${backend} />` : null}
    ${mode === "act" ? html`<${Acts} key=${backend.name} backend=${backend} target=${html`<${Target} name=${backend.name} />`} aimed=${aimed(backend.name)} />` : null}
    ${mode === "raw" ? html`<${Raw} key=${backend.name} backend=${backend} />` : null}
    ${mode === "close" ? html`<${Target} name=${backend.name} /><${CloseForm} channels=${aimed(backend.name)} />` : null}
  </div>`;
}
