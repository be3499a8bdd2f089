// What differs in meaning between two cassettes.
import { html } from "./lib.js";
import { flat, plural, visible } from "./text.js";
import { Empty } from "./widgets.js";

const SIGNS = { new: "+", missing: "−", moved: "↕", shape: "~", value: "~" };
const WORDS = { new: "new", missing: "missing", moved: "moved", shape: "other shape", value: "other value" };

const half = (side) => (side ? html`<td class="mono"><span class="faint">line ${side.line}</span> ${flat(side.payload, 400)}</td>` : html`<td class="faint">—</td>`);

export function Compared({ told }) {
  return html`<section class="compared" aria-label="Comparison">
    <header><div class="titles"><h2>${visible(told.a)} <span class="faint">and</span> ${visible(told.b)}</h2>
      <p class="faint">${visible(told.summary)} · ${plural(told.messages[0], "message")} and ${told.messages[1].toLocaleString("en")}</p></div></header>
    ${told.total
      ? html`<div class="table" tabindex="0" role="region" aria-label="Differences"><table>
          <thead><tr><th scope="col">What</th><th scope="col">Message</th><th scope="col">${visible(told.a)}</th><th scope="col">${visible(told.b)}</th></tr></thead>
          <tbody>${told.differences.map(
            (one, i) => html`<tr key=${i} class=${one.kind}>
              <td><span class="badge">${SIGNS[one.kind]} ${WORDS[one.kind]}</span></td>
              <td><b class=${one.from}>${one.from === "client" ? "↑" : "↓"} ${visible(one.name)}</b><div class="faint">${one.conn ? `#${one.conn}` : "HTTP"}${one.topic ? ` ${visible(one.topic)}` : ""}</div></td>
              ${one.changes.length
                ? html`<td colspan="2"><ul>${one.changes.map((change, j) => html`<li key=${j}><code>${visible(change.path || "all of it")}</code> ${visible(change.what)}</li>`)}</ul><div class="faint">${[one.a && `line ${one.a.line}`, one.b && `line ${one.b.line}`].filter(Boolean).join(" and ")}</div></td>`
                : html`${half(one.a)}${half(one.b)}`}
            </tr>`,
          )}</tbody></table>
          ${told.total > told.differences.length ? html`<p class="notice">The first ${told.differences.length} of ${plural(told.total, "difference")}.</p>` : null}
        </div>`
      : html`<${Empty} title="They say the same"><p>Ids and times that differ from run to run count as equal where they refer to the same.</p><//>`}
  </section>`;
}
