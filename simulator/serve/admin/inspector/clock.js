// The time of the space: what it is, and moved by hand.
import { html, useEffect, useRef, useState } from "./lib.js";
import { ask, attempt, clock } from "./store.js";
import { seconds } from "./text.js";
import { Icon } from "./widgets.js";

const STEPS = { "1 s": 1, "10 s": 10, "1 min": 60, "10 min": 600, "1 h": 3600 };
const UNITS = { s: 1, min: 60, h: 3600, d: 86400 };

const move = (by) =>
  attempt(async () => {
    clock.value = { ...(await ask("POST", "clock/advance", { seconds: by })), at: performance.now() };
  }, `The clock moved on by ${seconds(by)}`);

export function Clock() {
  const told = clock.value;
  const [, tick] = useState(0);
  const [amount, setAmount] = useState("30");
  const [unit, setUnit] = useState("s");
  const [instant, setInstant] = useState("");
  const box = useRef(null);
  const wall = told?.mode === "wall";
  useEffect(() => {
    if (!wall) return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [wall]);
  useEffect(() => {
    const away = (event) => {
      if (box.current?.open && !box.current.contains(event.target)) box.current.open = false;
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, []);
  if (!told) return null;
  const now = new Date((told.now + (wall ? (performance.now() - told.at) / 1000 : 0)) * 1000);
  const iso = Number.isNaN(now.getTime()) ? told.time : now.toISOString();
  const custom = (event) => {
    event.preventDefault();
    const by = Number(amount) * UNITS[unit];
    if (Number.isFinite(by) && by >= 0) move(by);
  };
  const set = (event) => {
    event.preventDefault();
    attempt(async () => {
      clock.value = { ...(await ask("PUT", "clock", { time: instant.trim() })), at: performance.now() };
    }, "The clock was set");
  };
  const close = (event) => {
    if (event.key !== "Escape" || !box.current.open) return;
    event.stopPropagation();
    box.current.open = false;
    box.current.querySelector("summary").focus();
  };
  return html`<details class="clock" ref=${box} onKeyDown=${close}>
    <summary id="clock" title=${`${told.mode} clock`}><${Icon} name="clock" /><time class="mono" datetime=${iso}>${iso.slice(0, 10)} ${iso.slice(11, 19)}</time><span class="badge">${told.mode}</span></summary>
    <div class="popover">
      ${wall
        ? html`<p>This clock runs by itself.</p><p class="hint">Start with <code>--clock manual</code>, or make a space that has a manual clock, to jump over timeouts, typing delays and pings.</p>`
        : html`<div class="steps" role="group" aria-label="Advance">${Object.entries(STEPS).map(([label, by]) => html`<button type="button" key=${by} onClick=${() => move(by)}>+${label}</button>`)}</div>
            <form class="inline" onSubmit=${custom}>
              <input id="advance" aria-label="How much" inputmode="decimal" value=${amount} onInput=${(event) => setAmount(event.currentTarget.value)} />
              <select aria-label="Unit" value=${unit} onChange=${(event) => setUnit(event.currentTarget.value)}>${Object.keys(UNITS).map((one) => html`<option key=${one}>${one}</option>`)}</select>
              <button class="primary">Advance</button>
            </form>
            <form class="inline" onSubmit=${set}>
              <input aria-label="Set the clock to" class="mono" placeholder=${iso.slice(0, 19) + "Z"} required value=${instant} onInput=${(event) => setInstant(event.currentTarget.value)} />
              <button>Set</button>
            </form>
            <p class="hint">All that falls due on the way happens, in order. Time goes forward only.</p>`}
    </div>
  </details>`;
}
