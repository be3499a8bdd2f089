// The chosen frame: what it means, what breaks its model, and the bytes as they were on demand.
import { html, useState } from "./lib.js";
import * as journal from "./journal.js";
import { compose } from "./drafts.js";
import { bytes, time, visible } from "./text.js";
import { nameOf } from "./timeline.js";
import { Copy, Empty, Icon } from "./widgets.js";
import { pretty, Value } from "./values.js";

const SHOWN = 65_536;

function Violation({ violation }) {
  return html`<li>
    <div class="where"><code>${visible(violation.path || "the whole message")}</code></div>
    ${violation.expected ? html`<div>expected ${visible(violation.expected)}${violation.got === undefined ? "" : `, got ${visible(String(violation.got))}`}</div>` : null}
    ${violation.words ? html`<blockquote>${visible(violation.words)}</blockquote>` : null}
    ${violation.protocol ? html`<div class="faint">${visible(violation.protocol)}</div>` : null}
    ${violation.source ? html`<div class="faint">${visible(violation.source)}</div>` : null}
  </li>`;
}

function Raw({ raw }) {
  const [whole, setWhole] = useState(false);
  const cut = !whole && raw.length > SHOWN;
  return html`<pre class="raw mono" tabindex="0">${visible(cut ? raw.slice(0, SHOWN) : raw)}</pre>
    ${cut ? html`<button type="button" class="small" onClick=${() => setWhole(true)}>All ${raw.length.toLocaleString("en")} characters</button>` : null}`;
}

// Where they stand in the body; a name or a topic that is wrong stands nowhere in it.
const marks = (line) => new Set(line.violations.map(({ path }) => path));

export function Frame() {
  const line = journal.chosen.value;
  if (!line) {
    return html`<${Empty} title="No frame chosen">
      <p>Choose one in the list: click it, or press <kbd>t</kbd> and walk with <kbd>↑</kbd> <kbd>↓</kbd>.</p>
      <p><kbd>n</kbd> and <kbd>N</kbd> go to the next and the previous of the same name, <kbd>v</kbd> to the next violation.</p>
    <//>`;
  }
  const args = line.args ?? [];
  const event = line.kind === "event";
  const sent = line.sender === "server" && line.kind === "message" && line.name;
  return html`<article class="frame" key=${line.key}>
    <header>
      <h2 class=${line.beat ? "" : line.sender}>${visible(nameOf(line))}</h2>
      <dl>
        ${event ? null : html`<dt>Number</dt><dd>${line.number}</dd>`}
        <dt>Time</dt><dd class="mono">${time(line.time)} <span class="faint">${line.time.slice(0, 10)}</span></dd>
        ${event ? null : html`<dt>From</dt><dd>${line.sender === "client" ? "client to server" : "server to client"}</dd>`}
        <dt>Connection</dt>
        <dd><button type="button" class="link" onClick=${() => journal.narrow({ link: journal.linksOf(line.link) })}>#${journal.idOf(line.link)}</button> of ${line.backend}</dd>
        ${line.topic ? html`<dt>Topic</dt><dd class="mono">${visible(line.topic)}</dd>` : null}
        ${event ? null : html`<dt>Size</dt><dd>${bytes(new TextEncoder().encode(line.raw).length)}</dd>`}
      </dl>
      <div class="actions">
        ${args.length ? html`<${Copy} text=${() => pretty(args.length === 1 ? args[0] : args)} label="Copy JSON" />` : null}
        ${event ? null : html`<${Copy} text=${line.raw} label="Copy raw" />`}
        ${sent ? html`<button type="button" class="small" onClick=${() => compose(line)}><${Icon} name="send" />Edit and send</button>` : null}
        ${line.name && !event ? html`<button type="button" class="small" onClick=${() => journal.narrow({ name: line.name })}>Only ${visible(line.name.slice(0, 30))}</button>` : null}
      </div>
    </header>
    ${line.error ? html`<section class="violations"><h3><${Icon} name="warn" />Can't be read</h3><p>${visible(line.error)}</p></section>` : null}
    ${line.violations.length
      ? html`<section class="violations">
          <h3><${Icon} name="warn" />Breaks the documented model</h3>
          <ul>${line.violations.map((one, i) => html`<${Violation} key=${i} violation=${one} />`)}</ul>
        </section>`
      : null}
    ${args.length
      ? html`<section><h3>${event ? "What is known of it" : "Decoded"}</h3>${args.map((arg, i) => html`<${Value} key=${`${line.key}/${i}`} value=${arg} marks=${marks(line)} />`)}</section>`
      : null}
    ${event ? null : html`<details class="section" open=${!args.length}>
      <summary><h3>Raw</h3></summary>
      <${Raw} key=${line.key} raw=${line.raw} />
    </details>`}
  </article>`;
}
