// The page: what is where, and the keys.
import { html, render, useEffect, useState } from "./lib.js";
import { playground } from "./api.js";
import { Cassettes } from "./cassettes.js";
import { Clock } from "./clock.js";
import { Connections } from "./connections.js";
import * as drafts from "./drafts.js";
import { Faults } from "./faults.js";
import { Frame } from "./frame.js";
import { Help } from "./help.js";
import * as journal from "./journal.js";
import { Scenario } from "./scenario.js";
import { Send } from "./send.js";
import { Spaces } from "./spaces.js";
import { faults, goTo, panel, space, start, state, toast, trouble, unlock, version, view } from "./store.js";
import { plural, visible } from "./text.js";
import { ICONS, next, theme } from "./theme.js";
import { Counted, Filters, Timeline } from "./timeline.js";
import { Icon, IconButton, Tabs } from "./widgets.js";

const STATES = { live: "Live", connecting: "Connecting", down: "Not running", locked: "Locked", ended: "Ended" };

const VIEWS = [
  { id: "live", label: "Live" },
  { id: "cassettes", label: "Cassettes" },
];

function Header({ onHelp }) {
  return html`<header class="top">
    <h1><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" /><path d="M8 12.5h12m0 0-4-4m4 4-4 4M24 19.5H12m0 0 4-4m-4 4 4 4" /></svg>Inspector</h1>
    <span class=${`state ${state.value}`} role="status"><span class="dot" aria-hidden="true"></span>${STATES[state.value]}</span>
    ${state.value === "locked" ? null : html`<${Tabs} label="View" value=${view.value} onChange=${(id) => (view.value = id)} controls="view" tabs=${VIEWS} />`}
    <span class="grow"></span>
    <${Clock} />
    <span class="group"><${Spaces} /></span>
    <a class="button" href=${playground(space.value)} target="_blank" rel="noopener"><${Icon} name="chat" />Playground</a>
    <${IconButton} icon=${ICONS[theme.value]} label=${`Theme: ${theme.value}`} onClick=${next} />
    <${IconButton} icon="help" label="Keys (?)" onClick=${onHelp} />
  </header>`;
}

function Unlock() {
  const [token, setToken] = useState("");
  return html`<main class="unlock">
    <form onSubmit=${(event) => {
      event.preventDefault();
      unlock(token.trim());
    }}>
      <h2>This simulator asks for a token</h2>
      <p>It is the one of <code>--admin-token</code>, or the one that <code>serve</code> printed at its start. The link printed there brings it along.</p>
      <label class="field"><span>Token</span><input id="token" type="password" autocomplete="off" required autofocus value=${token} onInput=${(event) => setToken(event.currentTarget.value)} /></label>
      <div class="actions"><button class="primary">Open</button></div>
      ${trouble.value ? html`<p class="wrong" role="alert">${visible(trouble.value)}</p>` : null}
    </form>
  </main>`;
}

const PANELS = { frame: Frame, send: Send, faults: Faults, scenario: Scenario };

function Live() {
  const Panel = PANELS[panel.value];
  const tabs = [
    { id: "frame", label: "Frame" },
    { id: "send", label: "Send" },
    { id: "faults", label: "Faults", count: faults.value.length, alarm: true },
    { id: "scenario", label: "Scenario" },
  ];
  return html`<main class="live" id="view">
    <${Connections} />
    <section class="middle" aria-label="Timeline">
      <${Filters} />
      ${journal.lost.value ? html`<p class="notice closable"><span>${plural(journal.lost.value, "frame")} passed faster than this page could take them; the journal has the last ones.</span><${IconButton} icon="close" label="Dismiss" onClick=${() => (journal.lost.value = 0)} /></p>` : null}
      <${Timeline} />
      <${Counted} />
    </section>
    <aside aria-label="Tools">
      <${Tabs} label="Tools" value=${panel.value} onChange=${(id) => (panel.value = id)} tabs=${tabs} controls="panel" />
      <div class="panel" id="panel" role="tabpanel" aria-labelledby=${`tab-${panel.value}`} tabindex="0" key=${panel.value}><${Panel} /></div>
    </aside>
  </main>`;
}

// At once where it is there: the next key may already be on its way.
function focus(selector) {
  const found = document.querySelector(selector);
  if (found) found.focus();
  else requestAnimationFrame(() => document.querySelector(selector)?.focus());
}

function App() {
  const [help, setHelp] = useState(false);
  useEffect(() => {
    const tool = (name, selector = "#panel") => {
      view.value = "live";
      panel.value = name;
      focus(selector);
    };
    const keys = {
      "?": () => setHelp(true),
      "/": () => ((view.value = "live"), focus("#find")),
      t: () => ((view.value = "live"), focus("#frames")),
      c: () => ((view.value = "live"), focus(".connections [data-roving][tabindex='0']")),
      s: () => ((drafts.mode.value = "message"), tool("send", "#message-name")),
      a: () => ((drafts.mode.value = "act"), tool("send", ".acts [aria-pressed='true']")),
      f: () => tool("faults"),
      y: () => tool("scenario"),
      p: () => journal.pause(!journal.paused.peek()),
      x: () => journal.clear(),
      1: () => (view.value = "live"),
      2: () => (view.value = "cassettes"),
    };
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const writing = event.target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select");
      if (document.querySelector("dialog[open]")) return;
      if (event.key === "Escape") focus(view.peek() === "live" ? "#frames" : "#lanes");
      else if (!writing && keys[event.key]) {
        event.preventDefault();
        keys[event.key]();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  const told = toast.value;
  return html`<${Header} onHelp=${() => setHelp(true)} />
    ${state.value === "down" ? html`<p class="notice bad" role="alert">${visible(trouble.value)} This page comes back by itself as soon as it does.</p>` : null}
    ${state.value === "ended"
      ? html`<p class="notice closable" role="alert"><span>The space ${visible(space.value)} has ended. When a client makes it anew, this page goes on with it.</span>
          <span class="group"><button type="button" class="small" onClick=${start}>Make it anew</button><button type="button" class="small" onClick=${() => goTo("")}>Default space</button></span></p>`
      : null}
    ${state.value === "locked" ? html`<${Unlock} />` : view.value === "cassettes" ? html`<${Cassettes} />` : html`<${Live} />`}
    <${Help} open=${help} onClose=${() => setHelp(false)} />
    <div class="toasts" role="status">${told ? html`<div class=${`toast ${told.kind}`}>${visible(told.text)}<${IconButton} icon="close" label="Dismiss" onClick=${() => (toast.value = null)} /></div>` : null}</div>
    <footer class="unseen">simulator ${version.value}</footer>`;
}

const page = document.getElementById("page");
page.replaceChildren();
render(html`<${App} />`, page);
start();
