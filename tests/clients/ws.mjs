// Drives npm `ws` by lines of JSON: commands come on stdin, and what happens to the socket goes to stdout.
//
//   {"open": url, "protocols": [...], "options": {...}}     options are those of `new WebSocket`
//   {"send": text} {"binary": hex} {"ping": text} {"close": [code, reason]} {"terminate": true}
//
//   ["upgrade", status, headers] ["open", protocol, extensions] ["text", ...] ["binary", hex] ["ping", ...] ["pong", ...]
//   ["close", code, reason] ["refused", status, body] ["error", message]

import { createInterface } from "node:readline";
import WebSocket from "ws";

const tell = (...event) => process.stdout.write(`${JSON.stringify(event)}\n`);
let socket;

const commands = {
  open(url, { protocols = [], options = {} }) {
    socket = new WebSocket(url, protocols, options);
    socket.on("upgrade", (response) => tell("upgrade", response.statusCode, response.rawHeaders));
    socket.on("unexpected-response", (_, response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => tell("refused", response.statusCode, Buffer.concat(chunks).toString()));
    });
    socket.on("open", () => tell("open", socket.protocol, socket.extensions));
    socket.on("message", (data, binary) => tell(binary ? "binary" : "text", data.toString(binary ? "hex" : "utf8")));
    socket.on("ping", (data) => tell("ping", data.toString()));
    socket.on("pong", (data) => tell("pong", data.toString()));
    socket.on("close", (code, reason) => tell("close", code, reason.toString()));
    socket.on("error", (error) => tell("error", error.message));
  },
  send: (text) => socket.send(text),
  binary: (hex) => socket.send(Buffer.from(hex, "hex")),
  ping: (text) => socket.ping(text),
  close: ([code, reason]) => socket.close(code, reason),
  terminate: () => socket.terminate(),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    const [name] = Object.keys(command);
    commands[name](command[name], command);
  })
  .on("close", () => process.exit());
