// concierge: the browser's own WebSocket behind API Gateway, and fetch for files, which go to S3 by a presigned URL.

import { keptOpen } from "./again.js";

export const library = "WebSocket and fetch, which every browser has";
export const lacks = "concierge has no typing and no queue: an agent who has joined is all that it tells.";
export const takes = "image/*";

/** Seconds between two signs of life: a session without them may be closed. */
const PING = 30;

/** Numbers of the wire; `seen` is told by the history alone. */
const STATES = { 1: "sending", 2: "sent", 3: "delivered", 4: "read" };

export const sample = ({ connect, url }) => `const ws = new WebSocket("${connect}");
const ask = (route, body) => ws.send(JSON.stringify({ action: "api", data: { route, body } }));
ws.onopen = () => ask("client/init-chat-with-concierge", { newSession: true });
ws.onmessage = ({ data }) => {
  const { channel, body, payload } = JSON.parse(data); // an answer has a body, a push a payload
  if (channel === "client/init-chat-with-concierge")
    ask("client/send-message", { chatSessionId: body.chatSessionId, contentType: "TEXT", messageContent: "Hello" });
  if (channel.startsWith("chat-message-")) console.log(payload.chatMessage.messageContent);
};
// A picture: POST ${url}/file-new/get-upload-url, PUT the file to its uploadURL, send resourceUrl as IMAGE.`;

export function connect(backend, chat) {
  let session = chat.remembered("session");
  const ask = (route, body) => socket.send(JSON.stringify({ action: "api", data: { route: `client/${route}`, body } }));

  function of({ id, senderEntityType, messageContent, contentType, sentAt, status, metadata }) {
    const mine = senderEntityType === "TENANT";
    const text = messageContent;
    const name = metadata?.file?.name;
    const files = contentType === "TEXT" ? [] : [{ type: contentType === "IMAGE" ? "image/" : contentType, url: text, name }];
    return { id, mine, who: mine ? "You" : "Concierge", text, bare: files.length > 0, files, at: Number(sentAt), state: mine ? STATES[status] : undefined };
  }

  function known({ isSessionClosed, chatJoinedByEntityId }) {
    if (isSessionClosed) chat.place.value = "This chat has ended.";
    else chat.place.value = chatJoinedByEntityId === null ? "Nobody has joined yet." : `Agent ${chatJoinedByEntityId} is here.`;
  }

  const begin = () => ask("init-chat-with-concierge", session ? { newSession: false, chatSessionId: session } : { newSession: true });
  const history = () => ask("get-chat-messages?page=1&limit=50", { chatSessionId: session });

  const answers = {
    "init-chat-with-concierge"({ chatSessionId, chatSession, tenant }) {
      const again = session === chatSessionId;
      session = chatSessionId;
      chat.remember("session", session);
      chat.opened(`session ${session}, as ${tenant.email}`);
      known(chatSession);
      if (again) history();
    },
    "get-chat-messages": ({ messages }) => chat.earlier(messages.map(of)),
    "send-message": ({ chatMessage }) => chat.said(of(chatMessage)),
    "delete-message": ({ messageId }) => chat.changed(String(messageId), null),
    "end-chat-with-concierge": ({ chatSession }) => known(chatSession),
  };

  function refused(name, body) {
    if (name === "init-chat-with-concierge" && session) {
      chat.forgotten("concierge does not know the old session any more: this is a new one.");
      session = undefined;
      begin();
    } else chat.noted(`${name} was refused: ${body?.message}`);
  }

  function heard({ channel = "", status, body, payload, message }) {
    const [, name] = /^client\/([^?]*)/.exec(channel) ?? [];
    if (name !== undefined) return status === 200 ? answers[name]?.(body) : refused(name, body);
    if (channel === `chat-message-${session}`) {
      const { chatMessage } = payload;
      chat.said(of(chatMessage));
      if (chatMessage.senderEntityType !== "TENANT")
        ask("update-message-seen-at", { chatSessionId: session, messageId: chatMessage.id });
    } else if (channel === `chat-session-update-${session}`) known(payload.chatSession);
    else if (channel === "chat-message-delete") chat.changed(String(payload.messageId), null);
    else if (message !== undefined) chat.noted(`The gateway says: ${message}`);
  }

  const socket = keptOpen((opened) => {
    const made = new WebSocket(backend.connect);
    made.onopen = () => {
      opened();
      begin();
    };
    made.onmessage = chat.hears(({ data }) => heard(JSON.parse(data)));
    return made;
  }, chat);
  const alive = setInterval(() => session && ask("ping-on-chat-session", { chatSessionId: session }), PING * 1000);

  function say(text, contentType = "TEXT", metadata = {}) {
    chat.said({ mine: true, who: "You", text, bare: contentType !== "TEXT", state: "sending" });
    ask("send-message", { chatSessionId: session, contentType, messageContent: text, metadata });
  }

  return {
    say,
    async picture(file) {
      const asked = await fetch(`${backend.url}/file-new/get-upload-url`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ filename: file.name, mimeType: file.type, type: "chat-images" }),
      });
      if (!asked.ok) throw new Error(`no URL to upload to: ${asked.status}`);
      const { uploadURL, resourceUrl } = (await asked.json()).data.uploadUrlData;
      // The type is signed: it has to be the same again.
      const put = await fetch(uploadURL, { method: "PUT", headers: { "Content-Type": file.type }, body: file });
      if (!put.ok) throw new Error(`the object store refused it: ${put.status}`);
      say(resourceUrl, "IMAGE", { file: { name: file.name, size: file.size } });
    },
    actions: [
      { label: "Ask for the history", does: history },
      {
        label: "Take back my last message",
        does() {
          const last = chat.messages.value.findLast(({ mine, id }) => mine && id !== undefined);
          if (last) ask("delete-message", { chatSessionId: session, messageId: Number(last.id) });
        },
      },
      { label: "End the chat", does: () => ask("end-chat-with-concierge", { chatSessionId: session }) },
    ],
    leave() {
      clearInterval(alive);
      socket.leave();
    },
  };
}
