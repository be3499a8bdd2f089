// Preloaded into a client (node --import ./rawlog.mjs ...): what its library gives to the wire and gets from it, as lines
// of JSON in the file $RAWLOG: ["client" | "server", "websocket" | "polling", "text" | "hex", data]. A poll's body is one.

import { appendFileSync } from "node:fs";
import { transports } from "engine.io-client";
import WebSocket from "ws";

const log = (sender, via, data) => {
  const line = typeof data === "string" ? ["text", data] : ["hex", Buffer.from(data).toString("hex")];
  appendFileSync(process.env.RAWLOG, `${JSON.stringify([sender, via, ...line])}\n`);
};

// Before what was there: its callback may send at once.
const before = (prototype, name, note) => {
  const method = prototype[name];
  prototype[name] = function noted(...args) {
    note.apply(this, args);
    return method.apply(this, args);
  };
};

before(transports.polling.prototype, "doWrite", (data) => log("client", "polling", data));
before(transports.polling.prototype, "onData", (data) => log("server", "polling", data));
before(transports.websocket.prototype, "doWrite", (_, data) => log("client", "websocket", data));
before(transports.websocket.prototype, "onData", (data) => log("server", "websocket", data));

// Clients without Engine.IO, which has a ws of its own.
before(WebSocket.prototype, "send", (data) => log("client", "websocket", data));
before(WebSocket.prototype, "emit", (name, data, binary) => {
  if (name === "message") log("server", "websocket", binary ? data : data.toString());
});
