// Cassettes: those that are there by name, and any from a file.
import { html, signal, useEffect, useRef, useState } from "./lib.js";
import { Compared } from "./compare.js";
import { ask, attempt, state } from "./store.js";
import { Tape } from "./tape.js";
import { bytes, visible } from "./text.js";
import { Choice, Empty, Icon } from "./widgets.js";

const LARGEST = 15 << 20;

const listed = signal(null);
const brought = signal([]); // from files: {name, text, bytes}
const opened = signal(null); // {tape, source, id}
const compared = signal(null);
const busy = signal("");

const all = () => [
  ...brought.value.map((one) => ({ ...one, id: `file:${one.name}`, source: one.text, own: true })),
  ...(listed.value ?? []).map((one) => ({ ...one, id: `name:${one.name}`, source: one.name })),
];

async function look() {
  const told = await attempt(() => ask("GET", "cassettes"));
  if (told) listed.value = told.cassettes;
}

async function open(one) {
  busy.value = one.id;
  compared.value = null;
  const tape = await attempt(() => ask("POST", "cassettes/lanes", { cassette: one.source }));
  busy.value = "";
  if (tape) opened.value = { tape: { ...tape, name: one.name }, source: one.source, id: one.id };
}

async function bring(files) {
  for (const file of files) {
    if (file.size > LARGEST) {
      await attempt(() => Promise.reject(new Error(`${file.name} is longer than 15 MB: simulator cassette show takes it`)));
      continue;
    }
    const text = await file.text();
    const one = { name: file.name, text: text.includes("\n") ? text : `${text}\n`, bytes: file.size };
    brought.value = [one, ...brought.value.filter((known) => known.name !== file.name)].slice(0, 20);
    await open({ ...one, id: `file:${one.name}`, source: one.text });
  }
}

function Compare() {
  const [other, setOther] = useState("");
  const [what, setWhat] = useState("values");
  const mine = opened.value;
  // Two of the same backend have something to compare.
  const near = (one) => (one.own || one.backend === mine?.tape.backend ? 0 : 1);
  const others = all().filter((one) => one.id !== mine?.id && !one.error).sort((a, b) => near(a) - near(b));
  const chosen = others.some((one) => one.id === other) ? other : (others[0]?.id ?? "");
  if (!mine) return null;
  const compare = async (event) => {
    event.preventDefault();
    const theirs = others.find((one) => one.id === chosen);
    busy.value = "compare";
    const told = await attempt(() => ask("POST", "cassettes/compare", { a: mine.source, b: theirs.source, shape: what === "shapes" }));
    busy.value = "";
    if (told) compared.value = { ...told, a: mine.tape.name, b: theirs.name };
  };
  return html`<form class="compare" onSubmit=${compare}>
    <h3>Compare it with</h3>
    <select id="compare-with" aria-label="The other cassette" value=${chosen} onChange=${(event) => setOther(event.currentTarget.value)}>${others.map((one) => html`<option key=${one.id} value=${one.id}>${visible(one.name)}</option>`)}</select>
    <div class="bar"><${Choice} label="What counts" value=${what} onChange=${setWhat} options=${[{ id: "values", label: "Values" }, { id: "shapes", label: "Shapes" }]} /><span class="grow"></span><button disabled=${!chosen || busy.value === "compare"}>Compare</button></div>
  </form>`;
}

export function Cassettes() {
  const input = useRef(null);
  const [over, setOver] = useState(false);
  const live = state.value === "live";
  useEffect(() => {
    if (live) look();
  }, [live]);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    bring([...event.dataTransfer.files]);
  };
  const tapes = all();
  return html`<main class=${`cassettes${over ? " over" : ""}`} id="view" onDragOver=${(event) => {
    event.preventDefault();
    setOver(true);
  }} onDragLeave=${() => setOver(false)} onDrop=${drop}>
    <nav aria-label="Cassettes">
      <div class="actions"><button type="button" onClick=${() => input.current.click()}><${Icon} name="open" />Open a file …</button>
        <input id="cassette-file" ref=${input} class="unseen" type="file" accept=".yaml,.yml" multiple tabindex="-1" aria-label="Cassette files" onChange=${(event) => {
          bring([...event.currentTarget.files]);
          event.currentTarget.value = "";
        }} /></div>
      <p class="hint">… or drop one anywhere here. It stays on this machine.</p>
      <ul>${tapes.map(
        (one) => html`<li key=${one.id}><button type="button" class="pick" aria-current=${one.id === opened.value?.id ? "true" : undefined} disabled=${Boolean(one.error)} title=${one.error ?? ""} onClick=${() => open(one)}>
          <b class="cut">${visible(one.name)}</b>
          <span class="faint">${one.error ? visible(one.error) : [one.own ? "from a file" : one.backend, one.recorded?.slice(0, 10), bytes(one.bytes)].filter(Boolean).join(" · ")}</span>
        </button></li>`,
      )}</ul>
      ${tapes.length > 1 ? html`<${Compare} />` : null}
    </nav>
    <div class="opened">
      ${busy.value ? html`<p class="notice" role="status">Reading …</p>` : null}
      ${compared.value
        ? html`<div class="back"><button type="button" class="small" onClick=${() => (compared.value = null)}>← Back to the lanes</button></div><${Compared} told=${compared.value} />`
        : opened.value
          ? html`<${Tape} key=${opened.value.id} tape=${opened.value.tape} source=${opened.value.source} />`
          : html`<${Empty} title="No cassette is open">
              <p>A cassette is a recorded conversation. Open one to see its connections side by side with their real pauses, to play the server's half to a client that is connected, or to compare it with another.</p>
              <p>Record one with <code>simulator serve … --record chat.yaml</code>, or from a real server with <code>simulator record</code>.</p>
            <//>`}
    </div>
  </main>`;
}
