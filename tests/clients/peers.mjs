// Servers of other people to be recorded, and what passed them: node peers.mjs [key.pem cert.pem], by TLS with these.
//
//   /socket.io/   socket.io 4.8: two namespaces, acknowledgements both ways, binary, connection state recovery, deflate
//   /echo         ws: every message comes back, text as text; {"close": [code, reason]} ends it; /refused is no socket
//   POST /post    gives back how many bytes came; GET /sse is an event stream of three, /big?n= so many bytes
//
// The first line says where it listens. A line `log` on stdin gives ["log", [...]]: of each socket and poll
// [session or path, "client" | "server", "websocket" | "polling", "text" | "hex", data]. A line `otherwise` begins and ends
// a time in which two things are said otherwise, as after a deployment: ["otherwise", true | false].

import { createServer as createPlain } from "node:http";
import { createServer as createSecure } from "node:https";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { gunzipSync } from "node:zlib";
import { Server } from "socket.io";
import { WebSocketServer } from "ws";

const tell = (...event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const [key, cert] = process.argv.slice(2).map((path) => readFileSync(path));
const entries = [];
let otherwise = false;
const note = (session, sender, via, data, binary = typeof data !== "string") =>
  entries.push([session, sender, via, ...(binary ? ["hex", Buffer.from(data).toString("hex")] : ["text", data.toString()])]);

const watch = (ws, session) => {
  ws.on("message", (data, binary) => note(session(), "client", "websocket", data, binary));
  const { send } = ws;
  ws.send = (data, ...rest) => {
    note(session(), "server", "websocket", data);
    return send.call(ws, data, ...rest);
  };
};

class Watched extends WebSocketServer {
  handleUpgrade(request, socket, head, done) {
    super.handleUpgrade(request, socket, head, (ws) => {
      let sid = new URL(request.url, "http://x").searchParams.get("sid");
      const named = (data) => {
        if (sid === null && typeof data === "string" && data.startsWith("0")) ({ sid } = JSON.parse(data.slice(1)));
      };
      watch(ws, () => sid);
      const { send } = ws;
      ws.send = (data, ...rest) => {
        named(data);
        return send.call(ws, data, ...rest);
      };
      done(ws);
    });
  }
}

const poll = (request, response) => {
  const query = new URL(request.url, "http://x").searchParams;
  let sid = query.get("sid");
  const body = [];
  // A listener would have the body flow before socket.io listens.
  const { emit } = request;
  request.emit = (name, ...args) => {
    if (name === "data") body.push(args[0]);
    if (name === "end" && request.method === "POST") note(sid, "client", "polling", Buffer.concat(body).toString());
    return emit.call(request, name, ...args);
  };
  const { end } = response;
  response.end = (data, ...rest) => {
    if (request.method === "GET" && response.statusCode === 200 && data) {
      const coded = response.getHeader("content-encoding") ?? response._header?.includes("gzip");
      const text = (coded ? gunzipSync(data) : Buffer.from(data)).toString();
      sid ??= JSON.parse(text.split("\x1e")[0].slice(1)).sid;
      note(sid, "server", "polling", text);
    }
    return end.call(response, data, ...rest);
  };
};

const server = key ? createSecure({ key, cert }) : createPlain();
const io = new Server(server, {
  wsEngine: Watched,
  cors: {},
  perMessageDeflate: { threshold: 64 },
  connectionStateRecovery: {},
  pingInterval: 300,
  // Node's own default. With two seconds recordings on a starved machine had sessions that no story tells of: a ping stood
  // behind the burst in mitmproxy, 125 frames in 2.7 s, and client and server, both Node's, gave each other up.
  pingTimeout: 20000,
});
for (const namespace of [io, io.of("/admin")]) {
  namespace.on("connection", (socket) => {
    const { auth } = socket.handshake;
    socket.emit("auth", otherwise && auth.who ? { ...auth, who: auth.who.length } : auth);
    socket.on("say", (...args) => socket.emit("said", ...args));
    socket.on("ask", (...args) => args.pop()(...args));
    socket.on("asked", (...args) => socket.emit("question", ...args, (...got) => socket.emit("answered", ...got)));
    socket.on("burst", (count) => {
      for (let i = 0; i < count; i += 1) socket.emit("tick", i, `text ${i} with a line\nbreak and 👍`);
    });
    socket.on("leave", () => socket.disconnect(true));
  });
}

// socket.io answers what is its own alone, so whoever watches has to come first.
server.prependListener("request", (request, response) => {
  const url = new URL(request.url, "http://x");
  if (url.searchParams.get("transport") === "polling") poll(request, response);
});

const echo = new WebSocketServer({ noServer: true, perMessageDeflate: true });
server.on("upgrade", (request, socket, head) => {
  const { pathname } = new URL(request.url, "http://x");
  if (pathname === "/refused") {
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\nConnection: close\r\n\r\nnot today");
  } else if (pathname === "/echo") {
    echo.handleUpgrade(request, socket, head, (ws) => {
      watch(ws, () => request.url);
      ws.on("message", (data, binary) => {
        const text = binary ? null : data.toString();
        if (text?.startsWith('{"close"')) {
          const [code, reason] = JSON.parse(text).close;
          ws.close(otherwise ? code + 1 : code, reason);
        }
        else if (text?.startsWith('{"burst"')) for (let i = 0; i < JSON.parse(text).burst; i += 1) ws.send(`frame ${i}`);
        else ws.send(binary ? data : text);
      });
    });
  }
});

server.on("request", async (request, response) => {
  const url = new URL(request.url, "http://x");
  if (url.pathname === "/post") {
    let size = 0;
    for await (const chunk of request) size += chunk.length;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ size }));
  } else if (url.pathname === "/sse") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const next = url.searchParams.get("pace");
    for (let i = 0; i < 3; i += 1) {
      response.write(`data: ${i}\n\n`);
      await new Promise((done) => setTimeout(done, Number(next ?? 0)));
    }
    if (!url.searchParams.has("stay")) response.end();
  } else if (url.pathname === "/big") {
    const body = Buffer.alloc(Number(url.searchParams.get("n")), "0123456789");
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": body.length });
    response.end(body);
  }
});

server.listen(0, "127.0.0.1", () => tell("listens", server.address().port));
createInterface({ input: process.stdin })
  .on("line", (word) => (word === "otherwise" ? tell(word, (otherwise = !otherwise)) : tell("log", entries.splice(0))))
  .on("close", () => process.exit());
