// M.I.A. by morada.ai: socket.io-client, as the server itself hands it out.

import { io } from "../../socket.io/socket.io.esm.min.js";
import { origin, path } from "./socketio.js";

export const library = "socket.io-client (npm: socket.io-client, or /socket.io/socket.io.js of the server)";
export const lacks = "M.I.A. has no queue, and takes no files from visitors.";
export const takes = "";

export const sample = (backend) => `import { io } from "socket.io-client";
const socket = io("${origin(backend)}", {${path(backend)}
  auth: { instance: ${JSON.stringify(backend.credentials.instance)} }, // and roomId, to come back
});
socket.on("EVENT_INIT_ROOM", ({ roomId, instance }) => {
  console.log(\`\${instance.name} in room \${roomId}\`);
  socket.emit("EVENT_CLIENT_SEND_MESSAGE", { content: "Hello Mia!" });
});
socket.on("EVENT_SERVER_SEND_MESSAGE", ({ from, content, direction }) => console.log(direction, from, content));
socket.on("EVENT_SERVER_SEND_MESSAGE_STATUS", ({ messageId, status }) => console.log(messageId, status));`;

export function connect(backend, chat) {
  const auth = { ...backend.credentials };
  const remembered = chat.remembered("room");
  if (remembered) auth.roomId = remembered;
  let instance = "Mia";
  let left = false;

  // What is refused is closed by the server, and then socket.io-client does not come back by itself.
  const socket = io(origin(backend), { path: new URL(backend.connect).pathname, auth, forceNew: true });

  const on = (name, listener) => socket.on(name, chat.hears(listener));

  function of({ id, content, from, createdAt, status, direction, type }) {
    const mine = direction === "outgoing";
    const media = type === "application/vnd.lime.media-link+json";
    const text = media ? (content?.title ?? "") : typeof content === "string" ? content : JSON.stringify(content);
    const files = media ? [{ type: content?.type ?? "", url: content?.uri ?? "", name: content?.title }] : [];
    return { id, mine, who: mine ? (from ?? "You") : from, text, bare: media, files, at: Date.parse(createdAt), state: mine ? status : undefined };
  }

  on("EVENT_INIT_ROOM", ({ roomId, instance: { name } }) => {
    instance = name;
    auth.roomId = roomId;
    chat.remember("room", roomId);
    chat.opened(`${name}, room ${roomId}`);
  });
  on("EVENT_SERVER_SEND_USER_DATA", ({ name, email }) => {
    chat.place.value = `${instance} knows you as ${name ?? email ?? "somebody"}.`;
  });
  on("EVENT_SERVER_INIT_MESSAGE_LIST", (list) => {
    const here = new Set(list.map(({ id }) => id));
    const known = chat.messages.value.filter(({ id }) => id !== undefined);
    if (known.length > 0 && !known.some(({ id }) => here.has(id)))
      chat.forgotten("M.I.A. does not know what was said any more: this is a new beginning.");
    chat.earlier(list.map((message) => of({ ...message, from: message.direction === "outgoing" ? "You" : instance })));
  });
  on("EVENT_SERVER_SEND_MESSAGE", (message) => chat.said(of(message)));
  on("EVENT_SERVER_SEND_MESSAGE_STATUS", ({ messageId, status }) => chat.changed(messageId, { state: status }));
  on("EVENT_SERVER_SEND_CHAT_STATE", ({ from, state }) => chat.types(state === "composing" ? from : ""));
  on("EVENT_ERROR", ({ message }) => chat.noted(`M.I.A. says: ${message}`));
  socket.on("connect", () => socket.recovered && chat.opened(`${instance}, room ${auth.roomId}, nothing was missed`));
  socket.on("connect_error", ({ message }) => left || chat.closed(message, socket.active ? "soon" : undefined));
  socket.on("disconnect", (reason) => left || chat.closed(reason, socket.active ? "soon" : undefined));

  return {
    say(text) {
      chat.said({ mine: true, who: "You", text, state: "sending" });
      socket.emit("EVENT_CLIENT_SEND_MESSAGE", { content: text });
    },
    actions: [],
    leave() {
      left = true;
      socket.disconnect();
    },
  };
}
