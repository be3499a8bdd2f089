// One cassette: its facts, its lanes, what passed, and the chosen frame.
import { html, useEffect, useMemo, useRef, useState } from "./lib.js";
import { parse } from "./api.js";
import { kindOf, Lanes } from "./lanes.js";
import { PlayForm } from "./play.js";
import { bytes, flat, nameWidth, plural, seconds, visible } from "./text.js";
import { pretty, Value } from "./values.js";
import { Copy, Empty, Icon } from "./widgets.js";

const HEIGHT = 26;
const OVER = 8;

const value = (payload) => {
  try {
    return { value: parse(payload) };
  } catch {
    return null;
  }
};

function Chosen({ row, rows, onChoose }) {
  if (!row) return html`<${Empty} title="No frame chosen"><p>Click a mark in the lanes or a line below; <kbd>←</kbd> <kbd>→</kbd> walk.</p><//>`;
  const other = rows.find((one) => one.line === (row.answers ?? row.answered));
  const told = value(row.payload ?? "");
  const raw = row.text ?? row.bytes ?? "";
  return html`<article class="frame" key=${row.line}>
    <header><h2 class=${row.from ?? ""}>${visible(row.name ?? row.kind)}</h2>
      <dl class="facts">
        <dt>At</dt><dd class="mono">${row.at.toFixed(6)} s</dd>
        <dt>Line</dt><dd>${row.line}</dd>
        ${row.from ? html`<dt>From</dt><dd>${row.from}</dd>` : null}
        <dt>${row.http === undefined ? "Connection" : "Exchange"}</dt><dd>${row.http ?? row.conn ?? ""}${row.via && row.via !== "websocket" ? ` over ${row.via}` : ""}</dd>
        ${row.topic ? html`<dt>Topic</dt><dd class="mono">${visible(row.topic)}</dd>` : null}
        ${row.ref ? html`<dt>Ref</dt><dd class="mono">${visible(row.ref)}</dd>` : null}
        ${row.size === undefined ? null : html`<dt>Size</dt><dd>${bytes(row.size)}</dd>`}
        ${row.note ? html`<dt>Envelope</dt><dd>${visible(row.note)}</dd>` : null}
        ${row.redacted ? html`<dt>Redaction</dt><dd>changed this</dd>` : null}
        ${other ? html`<dt>${row.answers ? "Answers" : "Answered"}</dt><dd><button type="button" class="link" onClick=${() => onChoose(other)}>${visible(other.name)}</button> ${seconds(Math.abs(row.at - other.at))} ${row.answers ? "before" : "later"}</dd>` : null}
      </dl>
    </header>
    ${row.wrong ? html`<section class="violations"><h3><${Icon} name="warn" />Can't be read</h3><p>${visible(row.wrong)}</p></section>` : null}
    ${row.payload ? html`<section><h3>Decoded</h3>${told ? html`<${Value} value=${told.value} />` : html`<pre class="raw mono" tabindex="0">${visible(row.payload)}</pre>`}</section>` : null}
    ${raw ? html`<details class="section"><summary><h3>${row.bytes === undefined ? "Raw" : "Raw, in hexadecimal digits"}</h3></summary><pre class="raw mono" tabindex="0">${visible(raw)}</pre></details>` : null}
    ${raw ? html`<div class="actions"><${Copy} text=${told ? () => pretty(told.value) : raw} label="Copy" /></div>` : null}
  </article>`;
}

function Rows({ rows, chosen, onChoose }) {
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const [room, setRoom] = useState(400);
  useEffect(() => {
    const watch = new ResizeObserver(() => setRoom(box.current?.clientHeight ?? 400));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const at = chosen ? rows.indexOf(chosen) : -1;
    if (at < 0) return;
    const place = at * HEIGHT;
    const { scrollTop, clientHeight } = box.current;
    if (place < scrollTop || place + HEIGHT > scrollTop + clientHeight) box.current.scrollTop = place - clientHeight / 2;
  }, [chosen, rows]);
  const key = (event) => {
    const at = chosen ? rows.indexOf(chosen) : -1;
    const to = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: rows.length - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = rows[Math.max(0, Math.min(rows.length - 1, to))];
    if (next) onChoose(next);
  };
  const width = useMemo(() => nameWidth(new Set(rows.map((row) => row.name ?? ""))), [rows]);
  const first = Math.max(0, Math.floor(top / HEIGHT) - OVER);
  const shown = rows.slice(first, Math.ceil((top + room) / HEIGHT) + OVER);
  return html`<div class="frames tape-rows" ref=${box} tabindex="0" role="listbox" aria-label="Frames of the cassette" aria-activedescendant=${chosen && shown.includes(chosen) ? `taped-${chosen.line}` : undefined} onScroll=${() => setTop(box.current.scrollTop)} onKeyDown=${key}>
    <div class="spread" role="presentation" style=${{ height: `${rows.length * HEIGHT}px`, "--name": width }}>${shown.map(
      (row, i) => html`<div key=${row.line} id=${`taped-${row.line}`} role="option" aria-selected=${String(row === chosen)} aria-setsize=${rows.length} aria-posinset=${first + i + 1}
        class=${`row ${kindOf(row)}${row.heartbeat ? " quiet" : ""}${row.wrong ? " wrong" : ""}`} style=${{ transform: `translateY(${(first + i) * HEIGHT}px)` }} onClick=${() => onChoose(row)}>
        <span class="time">${row.at.toFixed(3)}</span><span class="conn">${row.http === undefined ? `#${row.conn ?? ""}` : `h${row.http}`}</span>
        <span class="way" aria-hidden="true">${row.from === "client" ? "↑" : row.from === "server" ? "↓" : "·"}</span>
        <span class="name">${flat(row.name ?? "", 80)}</span><span class="said">${flat(row.payload ?? "")}</span></div>`,
    )}</div>
  </div>`;
}

export function Tape({ tape, source, marked }) {
  const [chosen, setChosen] = useState(null);
  const [text, setText] = useState("");
  const [beats, setBeats] = useState(true);
  const [playing, setPlaying] = useState(false);
  const rows = useMemo(() => {
    const wanted = text.toLowerCase();
    return tape.rows.filter((row) => (beats || !row.heartbeat) && (!wanted || `${row.name}\n${row.payload ?? ""}\n${row.text ?? ""}`.toLowerCase().includes(wanted)));
  }, [tape, text, beats]);
  const when = tape.recorded ? `recorded ${tape.recorded.replace("T", " ").replace("Z", " UTC")}` : tape.by_hand ? `by hand, ${tape.by_hand}` : "";
  return html`<section class="tape" aria-label=${`Cassette ${tape.name}`}>
    <header>
      <div class="titles"><h2>${visible(tape.name)}</h2>
        <p class="faint">${[tape.backend ?? "a stranger's", when, seconds(tape.seconds), plural(tape.total, "entry", "entries")].filter(Boolean).map(visible).join(" · ")}</p></div>
      <span class="grow"></span>
      <button type="button" class="primary" aria-expanded=${String(playing)} onClick=${() => setPlaying(!playing)}><${Icon} name="play" />Play to a client</button>
    </header>
    ${tape.torn ? html`<p class="notice">Torn: ${visible(tape.torn)}</p>` : null}
    ${tape.left_out ? html`<p class="notice">${plural(tape.left_out, "entry is", "entries are")} not shown here: <code>simulator cassette show</code> takes cassettes of any length.</p>` : null}
    ${playing ? html`<${PlayForm} tape=${tape} source=${source} />` : null}
    <${Lanes} rows=${rows} all=${tape.rows} chosen=${chosen} onChoose=${setChosen} label=${`Lanes of ${tape.name}`} marked=${marked} />
    <div class="filters"><div class="find"><${Icon} name="search" /><input type="search" placeholder="Search this cassette" aria-label="Search this cassette" value=${text} onInput=${(event) => setText(event.currentTarget.value)} /></div>
      <button type="button" class="toggle" aria-pressed=${String(beats)} onClick=${() => setBeats(!beats)}>Heartbeats</button><span class="grow"></span>
      <output class="faint">${rows.length === tape.rows.length ? plural(rows.length, "row") : `${rows.length} of ${plural(tape.rows.length, "row")}`}</output></div>
    <div class="split"><${Rows} rows=${rows} chosen=${chosen} onChoose=${setChosen} /><div class="panel" tabindex="0" role="region" aria-label="The chosen frame"><${Chosen} row=${chosen} rows=${tape.rows} onChoose=${setChosen} /></div></div>
  </section>`;
}
