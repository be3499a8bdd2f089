// npm's socket.io-client plays one story against peers.mjs: node --import ./rawlog.mjs story.mjs URL '["polling", ...]' CASE [TOKEN TOKEN]
//
// Two namespaces of one session, acknowledgements both ways, binary both ways, a burst, a refused namespace, heartbeats,
// a connection that breaks and is recovered. Says ["done", {...}] with what it saw.

import { once } from "node:events";
import { Manager } from "socket.io-client";

const [url, transports, name] = [process.argv[2], JSON.parse(process.argv[3]), process.argv[4]];
const [rootToken, adminToken] = process.argv.length > 5 ? process.argv.slice(5) : ["root-token", "admin-token"];
const manager = new Manager(url, {
  transports,
  query: { case: name },
  reconnectionDelay: 20,
  reconnectionDelayMax: 50,
  rejectUnauthorized: false,
});
const root = manager.socket("/", { auth: { token: rootToken, who: "Zoë 👍" } });
const admin = manager.socket("/admin", { auth: { token: adminToken } });
const heard = (socket, event) => new Promise((done) => socket.once(event, (...args) => done(args)));
const seen = {};

// Recovery is known to whoever has got an event.
const welcome = [heard(root, "auth"), heard(admin, "auth")];
const upgrade = () => transports.length > 1 && new Promise((done) => manager.once("open", () => manager.engine.once("upgrade", done)));
const upgraded = upgrade();
await Promise.all(welcome);
await upgraded;

for (const socket of [root, admin]) {
  const said = heard(socket, "said");
  socket.emit("say", "text", 1.5, null, { deep: [true] });
  await said;
  const back = heard(socket, "said");
  socket.emit("say", Buffer.from([0, 255, 30, 1]), { also: Buffer.from("second") });
  seen.binary = (await back)[1].also.toString();
  seen.ack = await socket.emitWithAck("ask", "why", Buffer.from([1, 2, 3]));
  socket.once("question", (text, answer) => answer("because", text, Buffer.from([9])));
  const answered = heard(socket, "answered");
  socket.emit("asked", "what");
  seen.answered = (await answered).slice(0, 2);
}
const last = new Promise((done) => root.on("tick", (i) => i === 199 && done()));
root.emit("burst", 200);
for (let i = 0; i < 50; i += 1) admin.volatile.emit("say", i);
await last;

const stranger = manager.socket("/nowhere");
[seen.refused] = (await heard(stranger, "connect_error")).map((error) => error.message);
// Two heartbeats.
for (let i = 0; i < 2; i += 1) await new Promise((done) => manager.engine.once("ping", done));

const again = [heard(root, "connect"), heard(admin, "connect"), upgrade()];
manager.engine.close();
await Promise.all(again);
seen.recovered = root.recovered;

const end = once(manager.engine, "close");
root.emit("leave");
await end;
manager._close();
process.stdout.write(`${JSON.stringify(["done", seen])}\n`);
