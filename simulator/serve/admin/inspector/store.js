// What the simulator is like right now, kept up to date by its stream of events.
import { batch, effect, signal } from "./lib.js";
import { call, events, givenToken, Refusal, useToken } from "./api.js";
import * as journal from "./journal.js";

const PAGE = 10_000;
const EVERY = 2_000;

const fragment = new URLSearchParams(location.hash.slice(1));
const query = new URLSearchParams(location.search);

export const state = signal("connecting"); // live, connecting, down, locked, ended
export const trouble = signal("");
export const space = signal(fragment.get("space") ?? query.get("simulator_space") ?? "");
export const view = signal(fragment.get("view") === "cassettes" ? "cassettes" : "live");
export const panel = signal("send");
export const spaces = signal([]);
export const backends = signal([]);
export const channels = signal([]);
export const clock = signal(null);
export const faults = signal([]);
export const scenarios = signal(null);
export const states = signal({});
export const version = signal("");
export const toast = signal(null);

export const backendOf = (name) => backends.value.find((backend) => backend.name === name);
export const ask = (method, path, body, signal) => call(space.peek(), method, path, body, signal);

let toasts = 0;
export function say(text, kind = "good") {
  const mine = ++toasts;
  toast.value = { text, kind };
  setTimeout(() => {
    if (mine === toasts) toast.value = null;
  }, kind === "bad" ? 8_000 : 3_000);
}

// What an operator does: what went wrong is told, and nothing else happens.
export async function attempt(deed, done) {
  try {
    const value = await deed();
    if (done) say(typeof done === "function" ? done(value) : done);
    return value;
  } catch (error) {
    say(error.message, "bad");
    return undefined;
  }
}

const silent = async (deed) => {
  try {
    return await deed();
  } catch (error) {
    if (error.status === 401 || error.status === 0) throw error;
    return undefined;
  }
};

export async function look() {
  const mine = space.peek();
  const known = await silent(() => ask("GET", "spaces"));
  const open = await silent(() => ask("GET", "channels"));
  const time = await silent(() => ask("GET", "clock"));
  if (mine !== space.peek()) return;
  batch(() => {
    if (known) spaces.value = known.spaces;
    if (open) {
      channels.value = open.channels;
      open.channels.forEach(journal.know);
    }
    if (time) clock.value = { ...time, at: performance.now() };
  });
}

export async function lookAtFaults() {
  const mine = space.peek();
  const told = await silent(() => ask("GET", "faults"));
  if (told && mine === space.peek()) faults.value = told.faults;
}

export async function lookAtScenarios() {
  const mine = space.peek();
  const told = await silent(() => ask("GET", "scenarios"));
  if (!told || mine !== space.peek()) return;
  scenarios.value = told.scenarios;
  const playing = told.scenarios.find((one) => one.playing);
  if (!playing) return;
  const talks = await silent(() => ask("GET", `scenarios/${encodeURIComponent(playing.name)}/state`));
  if (talks && mine === space.peek()) states.value = { ...states.peek(), [playing.name]: talks.talks };
}

let soon = 0;
let when = Infinity;
export function lookSoon(within = 100) {
  const due = performance.now() + within;
  if (due >= when) return;
  clearTimeout(soon);
  when = due;
  soon = setTimeout(() => {
    when = Infinity;
    if (state.peek() !== "live") return;
    look().catch(() => {});
    if (panel.peek() === "faults") lookAtFaults().catch(() => {});
    if (panel.peek() === "scenario") lookAtScenarios().catch(() => {});
  }, within);
}

const WORDS = { opened: "connected", upgraded: "upgraded", closed: "closed" };

function met({ event, channel, code, reason }) {
  const told = clock.peek();
  const now = told ? told.now + (told.mode === "wall" ? (performance.now() - told.at) / 1000 : 0) : Date.now() / 1000;
  const time = event === "opened" && channel.since ? channel.since : new Date(now * 1000).toISOString();
  journal.know(channel);
  const body = event === "closed" ? [{ code, reason: reason ?? "" }] : [{ transport: channel.transport, url: channel.url }];
  journal.note(WORDS[event] ?? event, channel, time, body);
}

function take(event) {
  switch (event.name) {
    case "message":
      journal.add([event.data]);
      // Counters and states of talks: in a flood of frames now and then is enough.
      lookSoon(400);
      break;
    case "channel":
      met(event.data);
      lookSoon();
      break;
    case "clock":
      clock.value = { ...event.data, at: performance.now() };
      break;
    case "reset":
      journal.clear(null);
      lookSoon();
      break;
    case "gap":
      journal.lost.value += event.data?.lost ?? 1;
      break;
  }
}

const wait = (ms, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });

// A question of the default space, which is there whoever asks.
const there = async (signal) => (await call("", "GET", "spaces", undefined, signal)).spaces.some((one) => one.name === space.peek());

// A simulator that was started anew has forgotten this page: its pages have another token.
function anew() {
  const before = Number(sessionStorage.getItem("simulator-reload") ?? 0);
  if (Date.now() - before < 10_000) return false;
  sessionStorage.setItem("simulator-reload", String(Date.now()));
  location.reload();
  return true;
}

async function follow(signal) {
  while (!signal.aborted) {
    try {
      version.value = (await ask("GET", "version", undefined, signal)).version;
      const told = await ask("GET", "backends", undefined, signal);
      const before = await ask("GET", `messages?limit=${PAGE}`, undefined, signal);
      await look();
      if (signal.aborted) return;
      // Of a simulator that was started anew, or that has let go of more than this page has missed.
      if (!journal.continues(before)) journal.clear(null);
      const after = journal.newest();
      batch(() => {
        backends.value = told.backends;
        journal.add(before.messages.filter((line) => after === null || line.number > after));
      });
      for await (const event of events(space.peek(), journal.newest() ?? 0, signal)) {
        if (event.name === "open") {
          batch(() => {
            state.value = "live";
            trouble.value = "";
          });
          lookAtFaults().catch(() => {});
          lookAtScenarios().catch(() => {});
        } else take(event);
      }
      if (signal.aborted) return;
      state.value = "connecting";
      // Whoever asks for a space makes it: one that was ended must not come back because somebody looks on.
      while (space.peek() && !(await there(signal))) {
        batch(() => {
          state.value = "ended";
          channels.value = [];
        });
        await wait(1_000, signal);
      }
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      if (error instanceof Refusal && (error.status === 401 || error.status === 403)) {
        if (!givenToken() && anew()) return;
        batch(() => {
          state.value = "locked";
          trouble.value = error.message;
        });
        return;
      }
      batch(() => {
        state.value = "down";
        trouble.value = error.message;
        channels.value = [];
      });
    }
    await wait(1_000, signal);
  }
}

let current = null;
export function start() {
  current?.abort();
  current = new AbortController();
  state.value = "connecting";
  follow(current.signal);
}

export function unlock(token) {
  useToken(token);
  start();
}

export function goTo(name) {
  if (name === space.peek()) return;
  batch(() => {
    space.value = name;
    channels.value = [];
    faults.value = [];
    scenarios.value = null;
    states.value = {};
    journal.clear(null);
    journal.narrow({ link: null });
  });
  start();
}

effect(() => {
  const told = new URLSearchParams();
  if (space.value) told.set("space", space.value);
  if (view.value !== "live") told.set("view", view.value);
  const text = told.toString();
  history.replaceState(null, "", location.pathname + location.search + (text ? `#${text}` : ""));
});

effect(() => {
  if (state.value !== "live") return;
  if (panel.value === "faults") lookAtFaults().catch(() => {});
  if (panel.value === "scenario") lookAtScenarios().catch(() => {});
});

setInterval(() => {
  // Idle seconds of spaces and a wall clock that somebody set pass without an event.
  if (state.peek() === "live" && !document.hidden) look().catch(() => {});
}, EVERY);
