// Drives npm `socket.io-client` by lines of JSON: commands come on stdin, and what happens to the socket goes to stdout.
//
//   node socketio.mjs [package]              `socket.io-client` unless told otherwise
//   {"open": url, "options": {...}}          options are those of `io`; `auth` as well
//   {"emit": [name, ...args]} {"ask": [name, ...args]} {"many": [count, name]}      ask waits 0.3 s for its callback; many counts in `content`
//   {"bytes": [name, hex]}                   `content` is a Buffer
//   {"cut": true}                            the connection is gone: a WebSocket without a word, a poll with its last one
//   {"disconnect": true} {"state": true}
//
//   ["event", name, ...args] ["event", "(connect)", sid, recovered, transport] ["event", "(upgrade)", transport] ["acked", timeout, ...args]
//   ["disconnect", reason, active] ["connect_error", message, data] ["state", {...}] ["failed", message]

import { createInterface } from "node:readline";

const tell = (...event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const { io } = await import(process.argv[2] ?? "socket.io-client");
let socket;

const commands = {
  open(url, { options = {} }) {
    socket = io(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options });
    socket.io.on("open", () => socket.io.engine.on("upgrade", (transport) => tell("event", "(upgrade)", transport.name)));
    socket.on("connect", () => tell("event", "(connect)", socket.id, socket.recovered, socket.io.engine.transport.name));
    socket.on("disconnect", (reason) => tell("disconnect", reason, socket.active));
    socket.on("connect_error", (error) => tell("connect_error", error.message, error.data));
    // What peers.mjs asks.
    socket.on("question", (text, ...rest) => {
      const answer = rest.findLast((one) => typeof one === "function");
      answer?.("because", text, Buffer.from([9]));
    });
    socket.onAny((name, ...args) => tell("event", name, ...args));
  },
  emit: (args) => socket.emit(...args),
  ask([name, ...args]) {
    socket.timeout(300).emit(name, ...args, (error, ...got) => tell("acked", error !== null, ...got));
  },
  bytes: ([name, hex]) => socket.emit(name, { content: Buffer.from(hex, "hex") }),
  many([count, name]) {
    for (let i = 0; i < count; i += 1) socket.emit(name, { content: `${i}` });
  },
  cut() {
    const { transport } = socket.io.engine;
    if (transport.name === "websocket") transport.ws.terminate();
    else socket.io.engine.close();
  },
  disconnect: () => socket.disconnect(),
  state: () => tell("state", { connected: socket.connected, active: socket.active, recovered: socket.recovered }),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    const [name] = Object.keys(command);
    try {
      commands[name](command[name], command);
    } catch (error) {
      tell("failed", error.message);
    }
  })
  .on("close", () => process.exit());
