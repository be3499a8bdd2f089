// Says the server's half of a cassette to a client, and shows how far it is.
import { html, useEffect, useState } from "./lib.js";
import { ask, attempt, channels, clock } from "./store.js";
import { plural, visible } from "./text.js";
import { Empty, Icon } from "./widgets.js";

const leftOut = (told) => (told.answers_left_out ? `, ${plural(told.answers_left_out, "answer")} left out` : "");

export function PlayForm({ tape, source }) {
  const fitting = channels.value.filter((channel) => !tape.backend || channel.backend === tape.backend);
  const [channel, setChannel] = useState("");
  const [conn, setConn] = useState("");
  const [timing, setTiming] = useState("recorded");
  const [close, setClose] = useState(true);
  const [plays, setPlays] = useState([]);
  const conns = [...new Set(tape.rows.filter((row) => row.kind === "frame" && row.from === "server").map((row) => row.conn))];
  const chosen = fitting.some((one) => String(one.id) === channel) ? channel : String(fitting.at(-1)?.id ?? "");
  const look = async () => {
    try {
      setPlays((await ask("GET", "cassettes/play")).plays.slice(-3).reverse());
    } catch {
      // The page tells already that nobody answers.
    }
  };
  const under = plays.some((one) => !one.over);
  useEffect(() => {
    look();
    const timer = setInterval(look, 500);
    return () => clearInterval(timer);
  }, []);
  const play = async (event) => {
    event.preventDefault();
    const factor = Number(timing);
    const asked = { cassette: source, channel: chosen, timing: Number.isFinite(factor) ? factor : timing, close, ...(conn ? { conn: Number(conn) } : {}) };
    await attempt(() => ask("POST", "cassettes/play", asked), (told) => `${plural(told.messages, "message")} to #${chosen}${leftOut(told)}`);
    look();
  };
  if (!fitting.length) {
    return html`<div class="playing-to"><${Empty} title=${`No client of ${tape.backend ?? "this kind"} is connected`}><p>Connect one, and it hears what the server said on this tape, with the tape's pauses.</p><//></div>`;
  }
  return html`<form class="playing-to" onSubmit=${play}>
    <label class="field"><span>To</span><select value=${chosen} onChange=${(event) => setChannel(event.currentTarget.value)}>${fitting.map((one) => html`<option key=${one.id} value=${String(one.id)}>#${one.id} · ${one.backend}</option>`)}</select></label>
    <label class="field"><span>Of the tape</span><select value=${conn} onChange=${(event) => setConn(event.currentTarget.value)}><option value="">the fullest one</option>${conns.map((one) => html`<option key=${one} value=${String(one)}>#${one}</option>`)}</select></label>
    <label class="field"><span>Timing</span><select value=${timing} onChange=${(event) => setTiming(event.currentTarget.value)}><option value="recorded">as recorded</option><option value="0.5">twice as fast</option><option value="0.1">ten times as fast</option><option value="2">half as fast</option><option value="burst">all at once</option></select></label>
    <label class="check"><input type="checkbox" checked=${close} onChange=${(event) => setClose(event.currentTarget.checked)} /> close as on the tape</label>
    <button class="primary"><${Icon} name="play" />Play</button>
    ${under ? html`<button type="button" onClick=${() => attempt(() => ask("DELETE", "cassettes/play"), "Stopped").then(look)}>Stop</button>` : null}
    ${plays.length
      ? html`<ul class="progress">${plays.map((one) => html`<li key=${one.number}><progress max=${one.messages} value=${one.said} aria-label=${`${one.cassette} to connection ${one.channel}`}></progress> <span class="faint">${visible(one.cassette)} to #${one.channel}: ${one.said} of ${one.messages}${one.over && one.said < one.messages ? ", stopped" : ""}${leftOut(one)}</span></li>`)}</ul>`
      : null}
    ${plays.some((one) => one.answers_left_out) ? html`<p class="hint">Answers are left out, since nobody has asked: <code>simulator replay</code> goes through the whole talk.</p>` : null}
    ${under && clock.value?.mode === "manual" ? html`<p class="hint">The clock stands: advance it, and the tape goes on.</p>` : null}
  </form>`;
}
