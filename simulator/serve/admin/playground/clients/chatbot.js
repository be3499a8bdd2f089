// The Chatbot Backend: socket.io-client, as its widget uses it.

import { io } from "../../socket.io/socket.io.esm.min.js";
import { signal } from "../../vendor/signals.js";
import { origin, path } from "./socketio.js";

export const library = "socket.io-client (npm: socket.io-client)";
export const lacks = "The Chatbot Backend takes no files, and tells what was read with the message itself alone.";
export const takes = "";

/** Milliseconds after the last key until nobody types any more. */
const PAUSE = 2000;

export const sample = (backend) => `import { io } from "socket.io-client";
const socket = io("${origin(backend)}", {${path(backend)}
  auth: ${JSON.stringify(backend.credentials)},
});
socket.on("conversation-started", ({ conversationId }) => {
  socket.emit("send-message", { conversationId, content: "How do I reset my password?" });
});
socket.on("message", ({ message: { sender, content } }) => console.log(sender, content));
socket.on("typing", ({ sender, isTyping }) => console.log(sender, isTyping ? "types" : "is still"));
socket.on("queue-update", ({ position, estimatedWait }) => console.log(position, estimatedWait));
socket.emit("join-conversation", { sessionId: "session-of-a-visitor" });`;

export function connect(backend, chat) {
  const sessionId = chat.remembered("session") ?? `playground-${crypto.randomUUID()}`;
  chat.remember("session", sessionId);
  let conversationId;
  let left = false;
  let typing = null;
  let parts = 0;
  const streams = signal(false);

  const socket = io(origin(backend), { path: new URL(backend.connect).pathname, auth: backend.credentials, forceNew: true });

  const NAMES = { user: "You", ai: "AI Assistant", system: "System", agent: "Agent" };

  function of({ messageId, sender, senderName, content, timestamp, status }) {
    const mine = sender === "user";
    const state = mine ? (status.read ? "read" : status.delivered ? "delivered" : "sent") : undefined;
    return { id: messageId, mine, who: mine ? "You" : (senderName ?? NAMES[sender]), text: content, at: Date.parse(timestamp), state };
  }

  const on = (name, listener) => socket.on(name, chat.hears(listener));
  const ours = (name, listener) => on(name, (event) => event.conversationId === conversationId && listener(event));
  const streaming = () => chat.messages.value.findLast(({ id }) => String(id).startsWith("stream-"));

  const join = () => socket.emit("join-conversation", { sessionId, ...(conversationId ? { conversationId } : {}) });
  socket.on("connect", join);
  on("conversation-started", ({ conversationId: id, messages, status, displayName }) => {
    conversationId = id;
    chat.opened(`${displayName ? `${displayName}, ` : ""}conversation ${id}`);
    chat.place.value = `Status: ${status}`;
    chat.earlier(messages.map(of));
  });
  ours("message", ({ message }) => {
    // The whole of what came in parts takes their place.
    const said = message.sender === "ai" ? streaming() : undefined;
    if (said) chat.changed(said.id, of(message));
    else chat.said(of(message));
  });
  ours("rag-stream-chunk", ({ chunk }) => chat.streamed(streaming()?.id ?? `stream-${++parts}`, NAMES.ai, chunk));
  ours("rag-stream-complete", () => {
    const said = streaming();
    if (said) chat.changed(said.id, { id: `streamed-${parts}` });
  });
  ours("typing", ({ sender, senderName, isTyping }) => chat.types(isTyping ? (senderName ?? NAMES[sender]) : ""));
  ours("status-change", ({ status, agentName }) => {
    chat.place.value = agentName ? `Status: ${status}, with ${agentName}` : `Status: ${status}`;
  });
  ours("queue-update", ({ position, estimatedWait }) => {
    chat.place.value = `In the queue: number ${position}, about ${estimatedWait} s to wait`;
  });
  ours("agent-joined", ({ agentName }) => chat.noted(`${agentName} has joined.`));
  ours("conversation-ended", ({ reason }) => {
    chat.place.value = `Ended: ${reason}`;
    chat.noted(`This conversation has ended (${reason}).`);
  });
  on("error", ({ message, code }) => {
    if (code === "CONVERSATION_NOT_FOUND" && conversationId !== undefined) {
      conversationId = undefined;
      chat.forgotten("The server does not know the old conversation any more: this is a new one.");
      join();
    } else chat.noted(`The server says: ${message} (${code})`);
  });
  socket.on("connect_error", ({ message }) => left || chat.closed(message, socket.active ? "soon" : undefined));
  socket.on("disconnect", (reason) => left || chat.closed(reason, socket.active ? "soon" : undefined));

  function types(isTyping) {
    clearTimeout(typing);
    if (isTyping && typing === null) socket.emit("typing", { conversationId, isTyping: true });
    if (isTyping) typing = setTimeout(() => types(false), PAUSE);
    else if (typing !== null) {
      typing = null;
      socket.emit("typing", { conversationId, isTyping: false });
    }
  }

  return {
    say(text) {
      types(false);
      if (!streams.value) {
        chat.said({ mine: true, who: "You", text, state: "sending" });
        socket.emit("send-message", { conversationId, content: text });
        return;
      }
      // The widget's way: the question is not given back to who asked it.
      chat.said({ mine: true, who: "You", text });
      socket.emit("request-rag-response-stream", { query: text, context: { conversationId } });
    },
    types: () => types(true),
    actions: [
      { label: "Stream answers", does: () => (streams.value = !streams.value), on: streams },
      { label: "Ask for a person", does: () => socket.emit("escalate", { conversationId, reason: "asked in the playground" }) },
      { label: "Rate it good", does: () => socket.emit("rate", { conversationId, rating: "good" }) },
      { label: "End it", does: () => socket.emit("end-conversation", { conversationId }) },
    ],
    leave() {
      left = true;
      clearTimeout(typing);
      socket.disconnect();
    },
  };
}
