// The page: asks the simulator which backends it has, and shows a chat with one of them.

import { listen } from "./tap.js";
import { call, spaceName, TokenNeeded } from "./api.js";
import { h, render } from "../vendor/preact.js";
import { signal } from "../vendor/signals.js";
import htm from "../vendor/htm.js";
import { Chat } from "./chat.js";
import { Page, TokenForm, Trouble } from "./view.js";

const html = htm.bind(h);
const app = document.getElementById("app");

const CLIENTS = ["aida", "chatbot", "chip", "concierge", "mia"];

/** By the backend's name: a chat goes on while another one is shown. */
const chats = new Map();
const shown = signal(null);
let started = false;

const httpOrigin = (url) => new URL(url.replace(/^ws/, "http")).origin;

listen(({ url, way, text }) => {
  for (const chat of chats.values()) if (httpOrigin(chat.backend.url) === httpOrigin(url)) chat.passed(way, text);
});

async function show(backend) {
  let chat = chats.get(backend.name);
  if (chat === undefined) {
    const client = CLIENTS.includes(backend.name) ? await import(`./clients/${backend.name}.js`) : null;
    chat = new Chat(backend, client);
    chats.set(backend.name, chat);
    if (client !== null) chat.begin();
  }
  const there = new URL(location.href);
  if (there.searchParams.get("backend") !== backend.name) {
    there.searchParams.set("backend", backend.name);
    history.replaceState(null, "", there);
  }
  document.title = `${backend.name} · Playground`;
  shown.value = chat;
}

async function start() {
  const { backends } = await call("GET", "backends");
  const clock = signal(await call("GET", "clock"));
  const advance = async (seconds) => {
    clock.value = await call("POST", "clock/advance", { seconds });
  };
  // Somebody else may have moved it meanwhile.
  if (clock.value.mode === "manual") addEventListener("focus", () => call("GET", "clock").then((now) => (clock.value = now), () => {}));
  const asked = new URLSearchParams(location.search).get("backend");
  const first = backends.find(({ name }) => name === asked) ?? backends.find(({ url }) => httpOrigin(url) === location.origin) ?? backends[0];
  await show(first);
  put(html`<${Page} backends=${backends} shown=${shown} show=${show} clock=${clock} advance=${advance} space=${spaceName} />`);
}

/** In place of what the page came with, or of what was put there before. */
function put(view) {
  if (!started) app.replaceChildren();
  started = true;
  render(view, app);
}

async function tryToStart() {
  try {
    await start();
  } catch (error) {
    const view = error instanceof TokenNeeded ? html`<${TokenForm} why=${error.message} again=${tryToStart} />` : html`<${Trouble} why=${error.message} again=${tryToStart} />`;
    put(view);
  }
}

await tryToStart();
