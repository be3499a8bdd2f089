// Three clients from npm in one process, to see what each observes of a fault: node faults.mjs
//
// A line of stdin is one command: {"id": case, "do": verb, ...}
//
//   ws      url                       `ws`; says {"type":"start_chat"} when it is open, acknowledges what it is told
//   io      url, transports, auth     `socket.io-client`; options shorten its waits
//   phoenix url, topic, token, longpoll, heartbeat, timeout   `phoenix-1.8`: joins, asks for a session
//   send    args                      ws: a text; io: an event; phoenix: [event, payload], with its reply
//   ask     args                      io: an event, and its acknowledgement within `timeout` ms
//   put     url, headers, body        fetch
//   end                               closes; what is told before ["ended"] is all there was
//
// To stdout: [case, what, ...] for each thing that the client tells its user.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import WebSocket from "ws";

const { Socket, LongPoll } = createRequire(import.meta.url)("phoenix-1.8");
const tell = (...event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const open = new Map();
console.log = () => {}; // Phoenix says there what it could not read.
let current;

// A frame that can't be read is thrown out of the client's own code: its user sees it here.
process.on("uncaughtException", (error) => tell(current, "thrown", error.constructor.name));

const clients = {
  ws(id, { url, options }) {
    const socket = new WebSocket(url, options);
    socket.on("open", () => socket.send('{"type":"start_chat"}'));
    socket.on("unexpected-response", (_, response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => tell(id, "refused", response.statusCode, Buffer.concat(chunks).toString()));
    });
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.msg_out) socket.send(JSON.stringify({ type: "ack_chat", msg_id: message.msg_out.id }));
      tell(id, "message", message.type, message.msg_out?.text ?? null);
    });
    socket.on("ping", () => tell(id, "ping"));
    socket.on("pong", () => tell(id, "pong"));
    socket.on("close", (code, reason) => tell(id, "close", code, reason.toString()));
    socket.on("error", (error) => tell(id, "error", error.code ?? error.message));
    return { send: (text) => (text === null ? socket.ping() : socket.send(text)), end: () => socket.terminate() };
  },
  io(id, { url, transports, auth, timeout = 100 }) {
    const socket = io(url, { forceNew: true, transports, auth, reconnectionDelay: 5, reconnectionDelayMax: 10 });
    socket.on("connect", () => tell(id, "connect", socket.io.engine.transport.name));
    socket.on("disconnect", (reason) => tell(id, "disconnect", reason));
    socket.on("connect_error", (error) => tell(id, "connect_error", error.message));
    socket.onAny((name, body) => tell(id, "event", name, body?.content ?? null));
    return {
      send: (args) => socket.emit(...args),
      ask: (args) => socket.timeout(timeout).emit(...args, (error) => tell(id, error ? "no ack" : "ack")),
      end: () => socket.disconnect(),
    };
  },
  phoenix(id, { url, topic, token, longpoll = false, heartbeat = 3_600_000, timeout = 400 }) {
    const socket = new Socket(url, {
      transport: longpoll ? LongPoll : WebSocket,
      reconnectAfterMs: () => 5,
      rejoinAfterMs: () => 5,
      heartbeatIntervalMs: heartbeat,
      timeout,
    });
    socket.onClose((event) => tell(id, "close", event?.code ?? null));
    socket.onError((error) => tell(id, "error", error?.error?.code ?? error?.message ?? String(error)));
    const channel = socket.channel(topic, { access_token: token });
    channel.on("btu_msg", ({ text }) => tell(id, "event", text));
    channel.onError(() => tell(id, "channel error"));
    socket.connect();
    const join = channel.join();
    for (const status of ["ok", "error", "timeout"]) join.receive(status, () => tell(id, "join", status));
    return {
      send([event, payload]) {
        const push = channel.push(event, payload);
        for (const status of ["ok", "error", "timeout"]) push.receive(status, () => tell(id, event, status));
      },
      end: () => socket.disconnect(),
    };
  },
};

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const { id, do: verb, ...rest } = JSON.parse(line);
    current = id;
    if (verb in clients) {
      open.set(id, clients[verb](id, rest));
    } else if (verb === "put") {
      const { url, method = "PUT", headers, body } = rest;
      try {
        const response = await fetch(url, { method, headers, body });
        tell(id, "answer", response.status, (await response.text()).match(/<Code>(.*?)<\/Code>/)?.[1] ?? null);
      } catch (error) {
        tell(id, "failed", error.cause?.code ?? error.message);
      }
    } else {
      if (verb === "end") tell(id, "ended");
      open.get(id)[verb](rest.args);
    }
  })
  .on("close", () => process.exit());
