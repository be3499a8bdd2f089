// Ends connections with a code, as a server that restarts, throws somebody out or breaks.
import { html, useState } from "./lib.js";
import { ask, attempt, lookSoon } from "./store.js";
import { plural } from "./text.js";

const CODES = [
  ["1000", "1000 · normal end"],
  ["1001", "1001 · the server goes away"],
  ["1008", "1008 · policy"],
  ["1011", "1011 · an error of the server"],
  ["1012", "1012 · the server restarts"],
  ["1013", "1013 · try again later"],
  ["4000", "4000 · an application's own"],
];

export function CloseForm({ channels, onDone }) {
  const [code, setCode] = useState("1001");
  const [reason, setReason] = useState("");
  const end = async (event) => {
    event.preventDefault();
    const body = { code: Number(code), reason };
    await attempt(
      () => Promise.all(channels.map((channel) => ask("POST", `channels/${channel.id}/close`, body))),
      `Closed ${plural(channels.length, "connection")} with ${code}`,
    );
    lookSoon();
    onDone?.();
  };
  return html`<form class="form" onSubmit=${end}>
    <label class="field"><span>Code</span>
      <input id="close-code" list="close-codes" inputmode="numeric" pattern="[0-9]{4}" required value=${code} onInput=${(event) => setCode(event.currentTarget.value)} />
      <datalist id="close-codes">${CODES.map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}</datalist>
    </label>
    <p class="hint">${CODES.find(([value]) => value === code)?.[1].slice(7) ?? "what the client's close event will have"}</p>
    <label class="field"><span>Reason</span><input value=${reason} maxlength="123" onInput=${(event) => setReason(event.currentTarget.value)} /></label>
    <div class="codes">${CODES.map(
      ([value, label]) => html`<button type="button" key=${value} class="toggle" aria-pressed=${String(value === code)} title=${label} onClick=${() => setCode(value)}>${value}</button>`,
    )}</div>
    <div class="actions"><button class="primary danger" disabled=${!channels.length}>Close ${channels.length === 1 ? `#${channels[0].id}` : plural(channels.length, "connection")}</button></div>
    ${channels.length ? null : html`<p class="hint">Nobody is connected.</p>`}
  </form>`;
}
