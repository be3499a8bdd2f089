// nyaruka/chip: the browser's own WebSocket, and JSON objects with a type.

import { keptOpen } from "./again.js";

// Whatever the simulator's clock says, all is before that.
const END_OF_TIME = "2999-01-01T00:00:00Z";

export const library = "WebSocket, which every browser has";
export const lacks = "chip tells no typing, no delivery and no queue, and takes no files from visitors.";
export const takes = "";

export const sample = ({ connect }) => `const ws = new WebSocket("${connect}");
const send = (command) => ws.send(JSON.stringify(command));
ws.onopen = () => send({ type: "start_chat" }); // with chat_id: an old chat again
ws.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type === "chat_started") send({ type: "send_msg", text: "Hello" });
  if (event.type !== "chat_out") return;
  console.log(event.msg_out.text, event.msg_out.attachments ?? []);
  send({ type: "ack_chat", msg_id: event.msg_out.id }); // the next one waits for this
};`;

export function connect(backend, chat) {
  const send = (command) => socket.send(JSON.stringify(command));

  const of = ({ id, text, time, user, attachments = [] }, mine) => {
    const files = attachments.map((attachment) => {
      const at = attachment.indexOf(":");
      return { type: attachment.slice(0, at), url: attachment.slice(at + 1) };
    });
    return { id, mine, who: mine ? "You" : (user?.name ?? "Bot"), text, files, at: Date.parse(time), time };
  };

  const events = {
    chat_started({ chat_id }) {
      if (chat.remembered("chat_id")) chat.forgotten("chip does not know the old chat any more: this is a new one.");
      chat.remember("chat_id", chat_id);
      chat.opened(`chat ${chat_id}`);
    },
    chat_resumed({ chat_id }) {
      chat.opened(`chat ${chat_id}, resumed`);
      // Nobody else knows what was said here before.
      if (chat.messages.value.length === 0) history();
    },
    chat_out({ msg_out }) {
      chat.said(of(msg_out, false));
      send({ type: "ack_chat", msg_id: msg_out.id });
    },
    history({ history }) {
      const said = history.map(({ msg_in, msg_out }) => of(msg_in ?? msg_out, Boolean(msg_in)));
      if (chat.earlier(said.reverse()) === 0) chat.noted("There is nothing earlier.");
    },
  };

  const socket = keptOpen((opened) => {
    const made = new WebSocket(backend.connect);
    made.onopen = () => {
      opened();
      made.send(JSON.stringify({ type: "start_chat", chat_id: chat.remembered("chat_id") }));
    };
    made.onmessage = chat.hears(({ data }) => {
      const event = JSON.parse(data);
      events[event.type]?.(event);
    });
    return made;
  }, chat);

  function history() {
    const known = chat.messages.value.find(({ time, past }) => time !== undefined && !past);
    send({ type: "get_history", before: known?.time ?? END_OF_TIME });
  }

  return {
    say(text) {
      chat.said({ mine: true, who: "You", text });
      send({ type: "send_msg", text });
    },
    actions: [{ label: "Earlier messages", does: history }],
    leave: () => socket.leave(),
  };
}
