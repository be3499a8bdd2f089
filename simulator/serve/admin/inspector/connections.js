// Who is connected, per space: one line each; choosing one narrows the timeline to it and aims the composer.
import { batch, html, useState } from "./lib.js";
import * as journal from "./journal.js";
import * as drafts from "./drafts.js";
import { backends, channels, clock } from "./store.js";
import { flat, seconds, visible } from "./text.js";
import { CodeLine, Dialog, Empty, IconButton } from "./widgets.js";
import { CloseForm } from "./closing.js";

// The last part of a talk's name tells it from others.
const brief = (talk) => talk.split("/").pop();

// A session has the number of its first call, and its socket another.
const numbers = (channel) => [...new Set([Number(channel.id), channel.link ?? Number(channel.id)])];
const chosen = (channel, link) => link !== null && link.includes(Number(channel.id));

// By the clock of the space, on which it came.
function since(iso) {
  const told = clock.value;
  if (!iso || !told) return "";
  const now = told.now + (told.mode === "wall" ? (performance.now() - told.at) / 1000 : 0);
  const passed = now - Date.parse(iso) / 1000;
  return passed < 1 ? "now" : seconds(passed);
}

function Connection({ channel, active, first, onEnd }) {
  const pick = () => {
    const on = chosen(channel, journal.filter.peek().link);
    batch(() => {
      journal.narrow({ link: on ? null : numbers(channel) });
      drafts.target.value = on ? "all" : `c:${channel.id}`;
      drafts.backend.value = channel.backend;
    });
  };
  const talks = channel.talks ?? [];
  return html`<li class=${active ? "active" : ""}>
    <button type="button" class="pick" aria-pressed=${String(active)} tabindex=${first ? 0 : -1} onClick=${pick} data-roving>
      <span class="line"><b>#${channel.id}</b> <span class="badge">${channel.transport}</span><span class="grow"></span>
        <span class="faint" title=${channel.since}>${since(channel.since)}</span></span>
      ${talks.length ? html`<span class="line mono cut" title=${visible(talks.join(", "))}>${flat(talks.map(brief).join(", "), 60)}</span>` : null}
      <span class="line faint"><span>↑ ${channel.received ?? 0}</span><span>↓ ${channel.sent ?? 0}</span>
        ${channel.names?.length ? html`<span class="cut" title=${visible(channel.names.join(", "))}>${flat(channel.names.join(", "), 40)}</span>` : null}</span>
    </button>
    <${IconButton} icon="close" label=${`Close connection ${channel.id} …`} kind="end" onClick=${() => onEnd(channel)} />
  </li>`;
}

// One stop for Tab, arrows between.
function rove(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  const stops = [...event.currentTarget.querySelectorAll("[data-roving]")];
  const at = stops.indexOf(document.activeElement);
  const next = stops[at + by];
  if (at < 0 || !next) return;
  event.preventDefault();
  stops[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

export function Connections() {
  const [ending, setEnding] = useState(null);
  const link = journal.filter.value.link;
  const open = channels.value;
  const groups = backends.value.map((backend) => [backend, open.filter((channel) => channel.backend === backend.name)]);
  const shown = groups.filter(([, group]) => group.length);
  let first = true;
  return html`<nav class="connections" aria-label="Connections" onKeyDown=${rove}>
    <header><h2>Connections</h2><span class="count">${open.length}</span></header>
    ${shown.map(
      ([backend, group]) => html`<section key=${backend.name}>
        ${backends.value.length > 1 ? html`<h3>${backend.name} <span class="faint">${backend.transport}</span></h3>` : null}
        <ul>${group.map((channel) => {
          const row = html`<${Connection} key=${channel.id} channel=${channel} active=${chosen(channel, link)} first=${first} onEnd=${setEnding} />`;
          first = false;
          return row;
        })}</ul>
      </section>`,
    )}
    ${open.length
      ? null
      : html`<${Empty} title="Nobody is connected"><p class="faint">A client appears here the moment its handshake is done.</p><//>`}
    <span class="grow"></span>
    <details class="addresses">
      <summary>Addresses</summary>
      ${backends.value.map(
        (backend) => html`<div key=${backend.name}><b>${backend.name}</b><${CodeLine} text=${backend.connect} label=${`Copy the address of ${backend.name}`} /></div>`,
      )}
    </details>
    <${Dialog} title=${`Close connection ${ending?.id ?? ""}`} open=${ending !== null} onClose=${() => setEnding(null)}>
      <${CloseForm} channels=${ending ? [ending] : []} onDone=${() => setEnding(null)} />
    <//>
  </nav>`;
}
