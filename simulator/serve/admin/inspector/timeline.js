// The frames as they pass: only as many rows as fit the window, however many there are.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./lib.js";
import { playground } from "./api.js";
import * as journal from "./journal.js";
import { backends, channels, panel, space, state } from "./store.js";
import { flat, nameWidth, plural, time } from "./text.js";
import { CodeLine, Empty, Icon, IconButton } from "./widgets.js";

export const HEIGHT = 26;
const OVER = 8;

const WAYS = { client: ["↑", "from the client"], server: ["↓", "from the server"], "": ["·", "connection"] };
export const nameOf = (line) =>
  line.kind === "ack"
    ? `ack of ${line.answers ?? line.name ?? "?"}`
    : line.name === "phx_reply" && line.answers
      ? `${line.name} to ${line.answers}`
      : line.name ?? (line.error ? "unreadable" : line.kind);

const about = ({ name, args: [told] }) => (name === "closed" ? [told.code ?? "without a code", told.reason].filter(Boolean).join(" ") : `${told.transport} ${told.url ?? ""}`);

function Row({ line, index, total, selected, several }) {
  const wrong = line.violations.length > 0 || Boolean(line.error);
  const kind = line.kind === "event" ? "event" : line.beat ? "beat" : line.sender;
  const name = nameOf(line);
  return html`<div
    id=${`frame-${line.key}`}
    role="option"
    aria-selected=${String(selected)}
    aria-setsize=${total}
    aria-posinset=${index + 1}
    class=${`row ${kind}${line.beat ? " quiet" : ""}${wrong ? " wrong" : ""}`}
    data-key=${line.key}
    style=${{ transform: `translateY(${index * HEIGHT}px)` }}
  >
    <span class="time">${time(line.time)}</span>
    <span class="conn">${several ? `${line.backend} ` : ""}#${journal.idOf(line.link)}</span>
    <span class="way" role="img" aria-label=${WAYS[line.sender][1]}>${WAYS[line.sender][0]}</span>
    <span class="name">${flat(name, 80)}</span>
    <span class="said">${flat(line.kind === "event" ? about(line) : journal.preview(line))}</span>
    ${wrong ? html`<span class="mark" role="img" aria-label="violation" title=${line.violations[0]?.words ?? line.error ?? ""}><${Icon} name="warn" /></span>` : null}
  </div>`;
}

function NoFrames() {
  const { text, sender, backend, name, link, wrong } = journal.filter.value;
  if (journal.all().length && (text || sender || backend || name || link !== null || wrong)) {
    return html`<${Empty} title="No frame fits the filter">
      <p>${plural(journal.all().length, "frame")} passed; none is what you look for.</p>
      <button type="button" onClick=${() => journal.narrow(journal.NOTHING)}>Show all frames</button>
    <//>`;
  }
  if (journal.all().length) {
    return html`<${Empty} title="Only heartbeats so far"><p>Pings and pongs are hidden: choose <b>Pings</b> above to see them.</p><//>`;
  }
  if (state.value === "ended") return html`<${Empty} title="This space has ended" />`;
  if (state.value !== "live") return html`<${Empty} title="Connecting to the simulator …" />`;
  if (channels.value.length) {
    return html`<${Empty} title="Connected, and silent so far"><p>Let the client say something, or push a message from the <b>Send</b> panel on the right.</p><//>`;
  }
  return html`<${Empty} title="No client yet: connect one to">
    ${backends.value.map(
      (backend) =>
        html`<div class="teach" key=${backend.name}>
          <p><b>${backend.name}</b> <span class="faint">${backend.transport}</span></p>
          <${CodeLine} text=${backend.connect} label=${`Copy the address of ${backend.name}`} />
          <${CodeLine} text=${backend.example} label=${`Copy a line of code for ${backend.name}`} />
        </div>`,
    )}
    <p class="faint">Every frame appears here the moment it passes, decoded. No client at hand? <a href=${playground(space.value)} target="_blank" rel="noopener">The playground</a> has one for each backend.</p>
  <//>`;
}

export function Timeline() {
  journal.changed.value;
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const [room, setRoom] = useState(600);
  const [following, setFollowing] = useState(true);
  const [seen, setSeen] = useState(0);
  const shown = journal.visibleFrames();
  const chosen = journal.chosen.value;
  const several = backends.value.length > 1;

  useEffect(() => {
    const watch = new ResizeObserver(() => setRoom(box.current?.clientHeight ?? 600));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (following && box.current) box.current.scrollTop = shown.length * HEIGHT;
    if (following) setSeen(shown.length);
  }, [shown.length, following, room]);

  useEffect(() => journal.filter.subscribe(() => setFollowing(true)), []);

  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    setTop(scrollTop);
    const atEnd = scrollHeight - scrollTop - clientHeight < HEIGHT;
    if (atEnd !== following) {
      setFollowing(atEnd);
      setSeen(shown.length);
    }
  };

  const reveal = (at) => {
    const place = at * HEIGHT;
    const { scrollTop, clientHeight } = box.current;
    if (place < scrollTop) box.current.scrollTop = place;
    else if (place + HEIGHT > scrollTop + clientHeight) box.current.scrollTop = place + HEIGHT - clientHeight;
  };
  const pick = (at) => {
    const line = shown[Math.max(0, Math.min(shown.length - 1, at))];
    if (!line) return;
    journal.chosen.value = line;
    panel.value = "frame";
    reveal(shown.indexOf(line));
  };
  const key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = chosen ? shown.indexOf(chosen) : -1;
    const page = Math.max(1, Math.floor(room / HEIGHT) - 1);
    const to = {
      ArrowDown: at + 1,
      j: at + 1,
      ArrowUp: at < 0 ? shown.length - 1 : at - 1,
      k: at < 0 ? shown.length - 1 : at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: shown.length - 1,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      pick(to);
    } else if (event.key === "n" || event.key === "N") {
      const by = event.key === "n" ? 1 : -1;
      for (let i = at + by; chosen && i >= 0 && i < shown.length; i += by) {
        if (shown[i].name === chosen.name) return pick(i);
      }
    } else if (event.key === "v") {
      for (let i = 1; i <= shown.length; i++) {
        const line = shown[(at + i) % shown.length];
        if (line.violations.length || line.error) return pick(shown.indexOf(line));
      }
    } else if (event.key === "Enter") document.getElementById("panel")?.focus();
  };

  // The browser tells of its scrolling a frame late: what it will be is known already.
  const end = Math.max(0, shown.length * HEIGHT - room);
  const at = following ? end : Math.min(top, end);
  const first = Math.max(0, Math.floor(at / HEIGHT) - OVER);
  const last = Math.min(shown.length, Math.ceil((at + room) / HEIGHT) + OVER);
  const rows = shown.slice(first, last);
  const fresh = following ? 0 : shown.length - seen;
  const active = chosen && rows.includes(chosen) ? `frame-${chosen.key}` : undefined;
  return html`<div class="timeline">
    ${shown.length ? null : html`<${NoFrames} />`}
    <div
      id="frames"
      class=${`frames${several ? " several" : ""}`}
      ref=${box}
      tabindex="0"
      role="listbox"
      aria-label="Frames"
      aria-activedescendant=${active}
      hidden=${!shown.length}
      onScroll=${scrolled}
      onKeyDown=${key}
      onClick=${(event) => {
        const row = event.target.closest("[data-key]");
        const line = row && shown.find((one) => one.key === row.dataset.key);
        if (line) pick(shown.indexOf(line));
      }}
    >
      <div class="spread" role="presentation" style=${{ height: `${shown.length * HEIGHT}px`, "--name": nameWidth(journal.nameCounts().keys()) }}>
        ${rows.map(
          (line, i) =>
            html`<${Row} key=${line.key} line=${line} index=${first + i} total=${shown.length} selected=${line === chosen} several=${several} />`,
        )}
      </div>
    </div>
    ${fresh > 0 || journal.waiting()
      ? html`<button type="button" class="fresh" onClick=${() => (journal.paused.value ? journal.pause(false) : setFollowing(true))}>
          <${Icon} name=${journal.paused.value ? "play" : "down"} />${plural(fresh > 0 ? fresh : journal.waiting(), "new frame")}
        </button>`
      : null}
  </div>`;
}

export function Filters() {
  journal.changed.value;
  const wanted = journal.filter.value;
  const set = (key) => (event) => journal.narrow({ [key]: event.currentTarget.value });
  const names = [...journal.nameCounts()].sort((a, b) => a[0].localeCompare(b[0]));
  const wrong = journal.violationCount();
  return html`<div class="filters" role="search" aria-label="Which frames are shown">
    <div class="find">
      <${Icon} name="search" />
      <input id="find" type="search" placeholder="Search" aria-label="Search frames" value=${wanted.text} onInput=${set("text")} />
      <kbd aria-hidden="true">/</kbd>
    </div>
    <select aria-label="Sender" value=${wanted.sender} onChange=${set("sender")}>
      <option value="">↑↓ Both</option><option value="client">↑ Client</option><option value="server">↓ Server</option>
    </select>
    <select aria-label="Message" value=${wanted.name} onChange=${set("name")}>
      <option value="">Messages</option>
      ${names.map(([name, count]) => html`<option key=${name} value=${name}>${flat(name, 60)} (${count})</option>`)}
    </select>
    ${backends.value.length > 1
      ? html`<select aria-label="Backend" value=${wanted.backend} onChange=${set("backend")}>
          <option value="">Backends</option>
          ${backends.value.map((backend) => html`<option key=${backend.name} value=${backend.name}>${backend.name}</option>`)}
        </select>`
      : null}
    <button type="button" class="toggle" aria-pressed=${String(wanted.beats)} onClick=${() => journal.narrow({ beats: !wanted.beats })}>Pings</button>
    <button type="button" class=${`toggle${wrong ? " alarm" : ""}`} aria-label=${`Violations: ${wrong}`} title="Only frames that break the documented model" aria-pressed=${String(wanted.wrong)} onClick=${() => journal.narrow({ wrong: !wanted.wrong })}>
      <${Icon} name="warn" /><span class="long">Violations</span>${wrong ? html` <b>${wrong}</b>` : null}
    </button>
    ${wanted.link === null
      ? null
      : html`<button type="button" class="toggle" aria-pressed="true" aria-label=${`Only connection ${wanted.link[0]}: show all`} onClick=${() => journal.narrow({ link: null })}>#${wanted.link[0]}<${Icon} name="close" /></button>`}
    <span class="grow"></span>
    <${IconButton} icon=${journal.paused.value ? "play" : "pause"} label=${journal.paused.value ? "Go on (p)" : "Pause (p)"} aria-pressed=${String(journal.paused.value)} onClick=${() => journal.pause(!journal.paused.value)} />
    <${IconButton} icon="trash" label="Clear this list (x); the journal keeps its frames" onClick=${() => journal.clear()} />
  </div>`;
}

export function Counted() {
  journal.changed.value;
  const wanted = journal.filter.value;
  const shown = journal.visibleFrames().length;
  const total = journal.all().length;
  const wrong = journal.violationCount();
  const narrowed = Object.entries(journal.NOTHING).some(([key, value]) => wanted[key] !== value);
  const beats = total - shown - journal.waiting();
  return html`<footer class="counted">
    <output id="counted" aria-live="off">${narrowed ? `${shown.toLocaleString("en")} of ${plural(total, "row")}` : `${plural(shown, "row")}${beats && !journal.paused.value ? `, ${plural(beats, "ping")} hidden` : ""}`}</output>
    ${wrong ? html`<span class="alarm">${plural(wrong, "violation")}</span>` : null}
    ${journal.paused.value ? html`<span class="alarm">paused, ${journal.waiting()} waiting</span>` : null}
    <span class="grow"></span>
    ${narrowed ? html`<button type="button" class="link" onClick=${() => journal.narrow(journal.NOTHING)}>Show all</button>` : html`<span><kbd>?</kbd> keys</span>`}
  </footer>`;
}
