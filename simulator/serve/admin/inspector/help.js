// The keys, for who presses "?".
import { html } from "./lib.js";
import { Dialog } from "./widgets.js";

const KEYS = [
  ["Everywhere", [["?", "these keys"], ["/", "search frames"], ["t", "the list of frames"], ["c", "connections"], ["s", "send a message"], ["a", "do an act: say, typing, hand-off …"], ["f", "faults"], ["y", "scenario"], ["p", "pause, go on"], ["x", "clear the list"], ["1 2", "live, cassettes"], ["Esc", "back to the list"]]],
  ["In the list of frames", [["↑ ↓, k j", "one frame up, down"], ["PgUp PgDn", "a page"], ["Home End", "first, newest"], ["n N", "next, previous of this name"], ["v", "next violation"], ["Enter", "to its details"]]],
  ["In lanes of a cassette", [["← →", "previous, next frame"], ["+ −", "more, less detail"]]],
];

export function Help({ open, onClose }) {
  return html`<${Dialog} title="Keys" open=${open} onClose=${onClose} wide>
    <div class="keys">${KEYS.map(
      ([title, keys]) => html`<section key=${title}><h3>${title}</h3><dl>${keys.map(
        ([key, does]) => html`<dt key=${key}>${key.split(/(?<=\S)[, ]+/).map((one) => html`<kbd>${one}</kbd> `)}</dt><dd>${does}</dd>`,
      )}</dl></section>`,
    )}</div>
  <//>`;
}
