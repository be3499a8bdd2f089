"""The pages: a small chat of our own in place of the real server's public/index.html and chat.html."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from simulator.backends.mia.state import Instance

LIVE = b"<!DOCTYPE html><title>M.I.A. live</title><p>Here the real server has a page for operators, ours has none.\n"

_CHAT = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>M.I.A. chat</title>
<style>
  body { font-family: sans-serif; max-width: 40em; margin: 2em auto }
  #messages { list-style: none; padding: 0 }
  .outgoing { text-align: right }
  small { color: #777 }
</style>
<h1 id="instance">M.I.A. chat</h1>
<p id="person"></p>
<ul id="messages"></ul>
<p id="state">&nbsp;</p>
<form id="form"><input id="text" autocomplete="off" size="50"> <button>Send</button></form>
<script src="socket.io/socket.io.js"></script>
<script>
  // ?chatId=...&token=...&roomId=... say who you are; without them you are a stranger at the first instance.
  const query = new URLSearchParams(location.search);
  const first = INSTANCE;
  const auth = {
    instance: { chatId: query.get("chatId") ?? first.chatId, token: query.get("token") ?? first.token },
  };
  if (query.get("roomId")) auth.roomId = query.get("roomId");
  const path = new URL("socket.io/", location.href).pathname;
  const socket = io({ auth, path });
  const at = (id) => document.getElementById(id);

  function show({ id, content, from, direction, status, type }) {
    const item = at(`message_${id}`) ?? at("messages").appendChild(document.createElement("li"));
    item.id = `message_${id}`;
    item.className = direction;
    if (type === "application/vnd.lime.media-link+json") {
      // Somebody wrote it: a link of another kind, such as javascript:, would run here.
      const web = URL.canParse(content.uri) && ["http:", "https:"].includes(new URL(content.uri).protocol);
      const link = document.createElement(web ? "a" : "span");
      if (web) link.href = content.uri;
      link.textContent = content.title ?? content.uri;
      item.replaceChildren(link);
    } else {
      item.replaceChildren(String(content));
    }
    const small = document.createElement("small");
    small.textContent = ` ${from ?? "you"}, ${status}`;
    item.append(small);
    item.show = { id, content, from, direction, status, type };
  }

  socket.on("EVENT_INIT_ROOM", ({ roomId, instance }) => {
    // Whoever comes back says which room is theirs.
    auth.roomId = roomId;
    at("instance").textContent = instance.name;
  });
  socket.on("EVENT_SERVER_SEND_USER_DATA", ({ name, email }) => (at("person").textContent = name ?? email ?? ""));
  socket.on("EVENT_SERVER_INIT_MESSAGE_LIST", (list) => list.forEach(show));
  socket.on("EVENT_SERVER_SEND_MESSAGE", show);
  socket.on("EVENT_SERVER_SEND_MESSAGE_STATUS", ({ messageId, status }) => {
    const item = at(`message_${messageId}`);
    if (item) show({ ...item.show, status });
  });
  socket.on("EVENT_SERVER_SEND_CHAT_STATE", ({ from, state }) => {
    at("state").textContent = state === "composing" ? `${from} is composing` : "\\u00a0";
  });
  socket.on("EVENT_ERROR", ({ message }) => (at("state").textContent = message));
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    socket.emit("EVENT_CLIENT_SEND_MESSAGE", { content: at("text").value });
    at("text").value = "";
  });
</script>
"""


def chat(instances: Sequence[Instance]) -> bytes:
    """The chat with the first instance that is enabled."""
    first = next((instance for instance in instances if instance.enabled), instances[0])
    said = orjson.dumps({"chatId": first.chat_id, "token": first.client_token}).replace(b"<", b"\\u003c")
    return _CHAT.encode().replace(b"INSTANCE", said)
