// Runs temba-webchat, the real client of chip, unmodified in jsdom: node temba.mjs <package> <channel uuid> <ws base>.
//
// The bundle has its server's address built in, so the page's WebSocket sends it to ours; nothing else is changed.
// Commands come on stdin as lines of JSON: {"show": true} opens the widget, {"type": text} types and presses Enter,
// {"reconnect": true} clicks on "reconnect", {"shows": text} asks what is on the page once this text is there.
// To stdout go ["socket", url], ["out", frame], ["in", frame], ["close", code], ["page", {...}], ["error", ...].

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { JSDOM, VirtualConsole } from "jsdom";
import WebSocket from "ws";

const [name, channel, base] = process.argv.slice(2);
const tell = (...event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const virtualConsole = new VirtualConsole();
virtualConsole.on("jsdomError", (error) => tell("error", String(error.cause ?? error.message)));
const { window } = new JSDOM("<!DOCTYPE html><body></body>", {
  url: "http://localhost/",
  runScripts: "outside-only",
  pretendToBeVisual: true,
  virtualConsole,
});

// What every browser has and jsdom has not.
class Observer {
  observe() {}
  unobserve() {}
  disconnect() {}
}
window.matchMedia = () => ({ matches: false, addListener() {}, addEventListener() {} });
window.ResizeObserver = Observer;
window.IntersectionObserver = Observer;
window.Element.prototype.scrollIntoView ??= () => {};

window.WebSocket = class extends WebSocket {
  constructor(url) {
    const { pathname, search } = new URL(url);
    super(`${base}${pathname}${search}`, { origin: "https://example.com" });
    tell("socket", `${pathname}${search}`);
    this.addEventListener("message", ({ data }) => tell("in", data));
    this.addEventListener("close", ({ code }) => tell("close", code));
  }
  send(data) {
    tell("out", data);
    super.send(data);
  }
};

const require = createRequire(import.meta.url);
const bundle = require.resolve(`${name}/package.json`).replace("package.json", "dist/temba-components.js");
window.eval(readFileSync(bundle, "utf8"));

const chat = window.document.createElement("temba-webchat");
chat.setAttribute("channel", channel);
window.document.body.append(chat);
await chat.updateComplete;

// All text below a node, in open shadow roots too, style sheets left out.
const text = (node) =>
  node.nodeType === 3
    ? node.data
    : node.nodeName === "STYLE"
      ? ""
      : [...(node.shadowRoot?.childNodes ?? []), ...(node.childNodes ?? [])].map(text).join(" ");

const commands = {
  async show() {
    chat.open = true;
  },
  async type(words) {
    const input = chat.shadowRoot.querySelector("input.input");
    input.value = words;
    for (const key of [words.at(-1), "Enter"]) {
      input.dispatchEvent(new window.KeyboardEvent("keydown", { key, bubbles: true, composed: true }));
      await chat.updateComplete;
    }
  },
  async reconnect() {
    chat.shadowRoot.querySelector(".reconnect").click();
  },
  // Until the page shows these words; the widget takes its time over what a bot says.
  async shows(words) {
    const inner = chat.shadowRoot.querySelector("temba-chat");
    for (;;) {
      await chat.updateComplete;
      await inner.updateComplete;
      const shown = text(inner).replace(/\s+/g, " ").trim();
      if (shown.includes(words)) {
        tell("page", { status: chat.status, urn: chat.urn ?? null, cookie: window.document.cookie, shown });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
};

tell("ready", name);
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const [verb] = Object.keys(command);
  await commands[verb](command[verb]);
}
process.exit();
