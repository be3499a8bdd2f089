// What the bot plays, where each talk stands in it, and how to move one.
import { html, useState } from "./lib.js";
import { ask, attempt, lookAtScenarios, scenarios, states } from "./store.js";
import { flat, plural, visible } from "./text.js";
import { Empty, Icon } from "./widgets.js";

function Playing({ one }) {
  const talks = states.value[one.name] ?? [];
  const [chosen, setChosen] = useState({});
  const known = one.states ?? [];
  const move = async (talk, state) => {
    await attempt(() => ask("PUT", `scenarios/${encodeURIComponent(one.name)}/state`, { ...(talk === null ? {} : { talk }), state }), `${talk === null ? "Every talk" : flat(talk, 40)} is in ${state}`);
    lookAtScenarios().catch(() => {});
  };
  return html`<section class="playing">
    <div class="bar"><h3>${visible(one.name)}</h3><span class="badge spoken">playing</span><span class="grow"></span>
      <button type="button" class="small" onClick=${() => lookAtScenarios().catch(() => {})}><${Icon} name="again" />Refresh</button></div>
    ${one.file ? html`<p class="hint mono cut" title=${visible(one.file)}>${visible(one.file)}</p>` : null}
    ${one.about ? html`<p class="hint">${visible(one.about)}</p>` : null}
    ${talks.length
      ? html`<ul class="cards">${talks.map(
          (talk) => html`<li key=${talk.talk}><div>
            <div class="mono cut" title=${visible(talk.talk)}>${flat(talk.talk.split("/").pop(), 60)}</div>
            <form class="inline" onSubmit=${(event) => {
              event.preventDefault();
              move(talk.talk, chosen[talk.talk] ?? talk.state);
            }}>
              <span class="badge state">${visible(talk.state ?? "no state")}</span><span class="faint" aria-hidden="true">→</span>
              <select aria-label=${`New state of ${talk.talk}`} value=${chosen[talk.talk] ?? talk.state} onChange=${(event) => setChosen({ ...chosen, [talk.talk]: event.currentTarget.value })}>${[...new Set([...known, talk.state].filter(Boolean))].map((state) => html`<option key=${state}>${state}</option>`)}</select>
              <button>Move</button>
            </form>
          </div></li>`,
        )}</ul>`
      : html`<${Empty} title="No talk yet"><p>Each talk shows its state here once a client is in it.</p><//>`}
  </section>`;
}

export function Scenario() {
  const all = scenarios.value;
  if (!all) return html`<${Empty} title="Looking …" />`;
  const playing = all.filter((one) => one.playing);
  const others = all.filter((one) => !one.playing);
  return html`<div class="scenario">
    ${playing.length ? playing.map((one) => html`<${Playing} key=${one.name} one=${one} />`) : html`<${Empty} title="The backend's own bot answers"><p>Start with <code>--scenario NAME</code> to play a story, or make a space with one.</p><//>`}
    ${others.length
      ? html`<details class="section" open=${!playing.length}><summary><h3>${plural(others.length, "scenario comes along", "scenarios come along")}</h3></summary>
          <ul class="cards">${others.map((one) => html`<li key=${one.name}><div><b class="mono">${visible(one.name)}</b>${one.about ? html`<div class="faint">${visible(one.about)}</div>` : null}</div></li>`)}</ul></details>`
      : null}
  </div>`;
}
