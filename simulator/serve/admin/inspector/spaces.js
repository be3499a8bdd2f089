// Which space is looked at, a new one, and all anew.
import { html, useState } from "./lib.js";
import { ask, attempt, goTo, look, scenarios, space, spaces } from "./store.js";
import { plural } from "./text.js";
import { Dialog, IconButton } from "./widgets.js";

function NewSpace({ onDone }) {
  const [name, setName] = useState("");
  const [time, setTime] = useState("");
  const [scenario, setScenario] = useState("");
  const make = async (event) => {
    event.preventDefault();
    const body = { name: name.trim(), ...(time ? { clock: time } : {}), ...(scenario ? { scenario } : {}) };
    const made = await attempt(() => ask("POST", "spaces", body), `${name} is ready`);
    if (!made) return;
    goTo(made.name);
    onDone();
  };
  return html`<form class="form" onSubmit=${make}>
    <p class="hint">A copy of everything: state, ids, clock, faults, journal. Clients come in by <code>/~space/NAME</code> before the path.</p>
    <label class="field"><span>Name</span><input required maxlength="64" autofocus value=${name} onInput=${(event) => setName(event.currentTarget.value)} /></label>
    <label class="field"><span>Clock</span><select value=${time} onChange=${(event) => setTime(event.currentTarget.value)}><option value="">like the server's</option><option value="wall">wall</option><option value="manual">manual</option></select></label>
    <label class="field"><span>Scenario</span><select value=${scenario} onChange=${(event) => setScenario(event.currentTarget.value)}><option value="">like the server's</option>${(scenarios.value ?? []).map((one) => html`<option key=${one.name}>${one.name}</option>`)}</select></label>
    <div class="actions"><button class="primary">Make it</button></div>
  </form>`;
}

export function Spaces() {
  const [making, setMaking] = useState(false);
  const [resetting, setResetting] = useState(false);
  const names = [...new Set(["", ...spaces.value.map((one) => one.name), space.value])];
  const told = (name) => spaces.value.find((one) => one.name === name);
  const choose = (event) => {
    const to = event.currentTarget.value;
    if (to === "+") {
      event.currentTarget.value = `=${space.value}`;
      setMaking(true);
    } else goTo(to.slice(1));
  };
  const reset = async () => {
    setResetting(false);
    await attempt(() => ask("POST", "reset", {}), "All is as at the start");
    look().catch(() => {});
  };
  return html`<label class="space"><span class="faint">Space</span>
      <select id="space" value=${`=${space.value}`} onChange=${choose}>
        ${names.map((name) => html`<option key=${name} value=${`=${name}`}>${name || "default"}${told(name)?.connections ? ` (${told(name).connections})` : ""}</option>`)}
        <option value="+">New space …</option>
      </select>
    </label>
    <${IconButton} icon="again" label="Reset this space …" onClick=${() => setResetting(true)} />
    <${Dialog} title="New space" open=${making} onClose=${() => setMaking(false)}><${NewSpace} onDone=${() => setMaking(false)} /><//>
    <${Dialog} title=${`Reset ${space.value || "the default space"}?`} open=${resetting} onClose=${() => setResetting(false)}>
      <p>State, ids, journal and uploads begin anew, and ${plural(told(space.value)?.connections ?? 0, "connection is", "connections are")} closed.</p>
      <div class="actions"><button type="button" class="primary danger" onClick=${reset}>Reset</button><button type="button" onClick=${() => setResetting(false)}>Cancel</button></div>
    <//>`;
}
