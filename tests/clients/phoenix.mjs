// Runs a client of Phoenix channels from npm, unmodified: node phoenix.mjs <package>, one of package.json's phoenix*.
//
// A line of stdin is a JSON array of commands, which are carried out in one turn; each is [verb, ...arguments]:
//
//   ["socket", name, url, options] ["reconnect", name]             options are those of `new Socket`, times in ms;
//                                                                  "longpoll": true is its LongPoll transport
//   ["channel", name, socket, topic, params] ["join", name] ["leave", name] ["push", name, label, event, payload]
//   ["chat", name, socket, topic, token]                           what aida-ui does, see below
//   ["upload", label, url, type, bytes]                            a form as aida-ui sends it
//   ["page", label, url, type, bytes]                              the same from a page elsewhere, with a preflight
//   ["fetch", label, method, url] ["mark", label] ["paste", code]
//
// To stdout: ["open", socket] ["closed", socket, code] ["out", socket, frame] ["in", socket, frame]
// ["joined", channel, status, response] ["left", channel, status] ["reply", label, status, response]
// ["said", channel, payload] ["over", channel, "error" | "close"] ["answer", label, status, headers, latin-1 body]
// ["page", label, status, body] ["marked", label] ["logged", text]

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const require = createRequire(import.meta.url);
const name = process.argv[2];
const { Socket, LongPoll } = require(name);
const tell = (...event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const PAGE = "http://aida-ui.example.com";
const STATUSES = ["ok", "error", "timeout"];
const sockets = new Map();
const channels = new Map();

// The V1 client brings its own WebSocket; the others are browsers' and take what they are given.
const Base = name === "phoenix-channels" ? require("websocket").w3cwebsocket : WebSocket;
const tapped = (socket) =>
  class extends Base {
    constructor(url, protocols) {
      super(url, protocols, ...(Base === WebSocket ? [{ origin: PAGE }] : [PAGE]));
      this.addEventListener("message", ({ data }) => tell("in", socket, data));
    }
    send(data) {
      tell("out", socket, data);
      super.send(data);
    }
  };

const hooked = (push, report) => STATUSES.forEach((status) => push.receive(status, (said) => report(status, said)));

const form = (type, bytes) => {
  const data = new FormData();
  data.append("file", new Blob([Buffer.alloc(bytes, "picture ")], { type }), "picture.png");
  return data;
};

const commands = {
  socket(socket, url, { longpoll = false, reconnectMs = 10, rejoinMs = 10, heartbeatMs = 3_600_000 } = {}) {
    const made = new Socket(url, {
      transport: longpoll ? LongPoll : tapped(socket),
      reconnectAfterMs: () => reconnectMs,
      rejoinAfterMs: () => rejoinMs,
      heartbeatIntervalMs: heartbeatMs,
    });
    made.onOpen(() => tell("open", socket));
    made.onClose((event) => tell("closed", socket, event.code));
    sockets.set(socket, made);
    made.connect();
  },
  reconnect(socket) {
    sockets.get(socket).disconnect(() => sockets.get(socket).connect());
  },
  // What its timer would do: how late a reply may be is then nobody's real time.
  beat(socket) {
    sockets.get(socket).sendHeartbeat();
  },
  channel(channel, socket, topic, params) {
    const made = sockets.get(socket).channel(topic, params);
    made.on("btu_msg", (payload) => tell("said", channel, payload));
    made.onError(() => tell("over", channel, "error"));
    made.onClose(() => tell("over", channel, "close"));
    channels.set(channel, made);
  },
  join(channel) {
    hooked(channels.get(channel).join(), (...said) => tell("joined", channel, ...said));
  },
  leave(channel) {
    hooked(channels.get(channel).leave(), (status) => tell("left", channel, status));
  },
  push(channel, label, event, payload) {
    hooked(channels.get(channel).push(event, payload), (...said) => tell("reply", label, ...said));
  },
  mark: (label) => tell("marked", label),
  // A line of code for a page that has the client as `Phoenix`.
  paste(code) {
    globalThis.WebSocket = WebSocket;
    new Function("Phoenix", "console", `let socket, channel; ${code}`)({ Socket }, { log: (text) => tell("logged", text) });
  },

  // What ChatClient of instedd/aida-ui does with its channel: it opens a new one where a bot is still starting, and
  // leaves and opens a new one after an error. (It waits five seconds; here it is less.)
  chat(channel, socket, topic, token) {
    const made = sockets.get(socket).channel(topic, { access_token: token });
    channels.set(channel, made);
    made
      .join()
      .receive("ok", () => {
        made.on("btu_msg", (payload) => tell("said", channel, payload));
        tell("joined", channel, "ok", {});
      })
      .receive("error", (why) => {
        tell("joined", channel, "error", why);
        if (why.retry) setTimeout(() => commands.chat(channel, socket, topic, token), 20);
      });
    made.onError(() => {
      tell("over", channel, "error");
      made.leave();
      commands.chat(channel, socket, topic, token);
    });
  },

  async upload(label, url, type, bytes) {
    await commands.fetch(label, "POST", url, { headers: { Accept: "application/json" }, body: form(type, bytes) });
  },
  async fetch(label, method, url, options = {}) {
    const response = await fetch(url, { method, ...options });
    const body = Buffer.from(await response.arrayBuffer()).toString("latin1");
    tell("answer", label, response.status, Object.fromEntries(response.headers), body);
  },
  // jsdom keeps to CORS as browsers do. A header of their own is what makes them ask beforehand.
  async page(label, url, type, bytes) {
    const { JSDOM, VirtualConsole } = await import("jsdom");
    const virtualConsole = new VirtualConsole();
    virtualConsole.on("jsdomError", (error) => tell("error", String(error.message)));
    const { window } = new JSDOM("", { url: `${PAGE}/`, virtualConsole });
    const data = new window.FormData();
    data.append("file", new window.Blob([Buffer.alloc(bytes, "picture ")], { type }), "picture.png");
    const request = new window.XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    request.addEventListener("loadend", () => tell("page", label, request.status, request.responseText));
    request.send(data);
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    for (const [verb, ...rest] of JSON.parse(line)) {
      // What fails later: nobody else waits for it.
      Promise.resolve(commands[verb](...rest)).catch((error) => tell("error", `${verb}: ${error.cause ?? error}`));
    }
  })
  .on("close", () => process.exit());
