// What the bot or an agent does in a talk: a button each, and a form for what it needs to know.
import { html, signal, useState } from "./lib.js";
import * as drafts from "./drafts.js";
import { Field } from "./fields.js";
import { first, resolve } from "./schema.js";
import { ask, attempt } from "./store.js";
import { plural, visible } from "./text.js";
import { Icon } from "./widgets.js";

const LABELS = {
  say: "Say", typing: "Typing", status: "Status", queue: "Queue", hand_off: "Hand-off", leave: "Agent leaves",
  picture: "Picture", file: "File", stream: "Stream", end: "End the talk", raw: "Message",
};
const FIRST = {
  say: { text: "Hello, how can I help you?" },
  typing: { on: true },
  queue: { position: 1 },
  picture: { url: "https://example.com/picture.jpg" },
  file: { url: "https://example.com/terms.pdf", type: "application/pdf" },
  stream: { chunks: ["Let me ", "look that ", "up."] },
};
const act = signal("say");

// The composer has a better form for messages.
const UNASKED = new Set(["raw"]);

export function Acts({ backend, target, aimed }) {
  const names = Object.keys(backend.acts).filter((name) => !UNASKED.has(name));
  const name = names.includes(act.value) ? act.value : names[0];
  const [wrong, setWrong] = useState(null);
  if (!name) return html`<p class="hint">Nobody can act here: a tape is played.</p>`;
  const known = backend.acts[name];
  const schema = shaped(known.schema ?? { type: "object", properties: {} }, backend);
  const key = drafts.draftKey("act", backend.name, name);
  const body = drafts.drafts.value[key] ?? { ...first(schema, schema), ...FIRST[name], ...(name === "hand_off" && backend.agents?.length ? { agent: backend.agents[0] } : {}), ...(name === "status" && backend.statuses?.length ? { status: backend.statuses[0] } : {}) };
  const change = (value) => {
    setWrong(null);
    drafts.draft(key, value);
  };
  const perform = async (event) => {
    event.preventDefault();
    const chosen = drafts.target.peek();
    const wanted = chosen.startsWith("t:") ? [{ talk: chosen.slice(2) }] : aimed.map((channel) => ({ channel: String(channel.id) }));
    await attempt(async () => {
      try {
        await Promise.all(wanted.map((whom) => ask("POST", "act", { act: name, backend: backend.name, ...whom, ...body })));
      } catch (error) {
        const [, path = "", why = error.message] = /^([\w.]+): (.*)$/s.exec(error.message) ?? [];
        setWrong({ path, why });
        throw error;
      }
    }, `${LABELS[name] ?? name}: done for ${plural(wanted.length, "client")}`);
  };
  return html`<form class="form" onSubmit=${perform}>
    ${target}
    <div class="acts" role="group" aria-label="What to do">
      ${names.map(
        (one) => html`<button type="button" key=${one} class=${`toggle ${backend.acts[one].how}`} aria-pressed=${String(one === name)} title=${backend.acts[one].what} onClick=${() => {
          setWrong(null);
          act.value = one;
        }}>${LABELS[one] ?? one}</button>`,
      )}
    </div>
    <p class="hint"><span class=${`badge ${known.how}`}>${known.how}</span> ${visible(known.what)}</p>
    <${Field} key=${key} schema=${schema} root=${schema} name="" path="" value=${body} onChange=${change} wrong=${wrong} />
    ${wrong && !Object.keys(schema.properties ?? {}).includes(wrong.path) ? html`<p class="wrong" role="alert">${visible(wrong.path ? `${wrong.path}: ${wrong.why}` : wrong.why)}</p>` : null}
    <div class="actions sticky"><button class="primary" disabled=${!aimed.length}><${Icon} name="send" />${LABELS[name] ?? name}</button></div>
    ${known.how === "silent" ? html`<p class="hint">${backend.name} has no words for this: nothing will be on the wire.</p>` : null}
  </form>`;
}

// Agents and statuses are known: those fields become lists to choose from.
function shaped(schema, backend) {
  const found = resolve(schema, schema);
  let properties = { ...(found.properties ?? {}) };
  delete properties.act;
  delete properties.talk;
  delete properties.channel;
  delete properties.backend;
  if (properties.agent && backend.agents?.length) {
    properties.agent = { type: "string", enum: backend.agents, description: properties.agent.description };
  }
  if (properties.status && backend.statuses?.length) properties.status = { type: "string", enum: backend.statuses };
  const { after, ...rest } = properties;
  // What has to be said comes first, and when it happens last.
  const needed = new Set(found.required ?? []);
  const sorted = Object.entries(rest).sort(([a], [b]) => needed.has(b) - needed.has(a));
  properties = Object.fromEntries(sorted);
  if (after) properties.after = { ...after, description: "seconds from now" };
  return { ...found, properties, description: undefined };
}
