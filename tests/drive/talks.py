"""One conversation with each backend, such as its real client has: with ids that are given back, and acks."""

from __future__ import annotations

import json
from typing import Any

from tests.backends.concierge.live import png
from tests.drive.taping import Client
from tests.served import WEBSITE

BOT, BOT_TOKEN = "3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60", "harbour-web-token"
QUICK: dict[str, dict[str, Any]] = {
    "chip": {"bot_delay": 0.05, "outbox_interval": 0.02},
    "aida": {},
    "mia": {"bot_delay": 0.05, "bot_typing": 0.02, "delivered_after": 0.005, "read_after": 0.005},
    "chatbot": {},
    "concierge": {"bot_delay": 0.05},
}


async def chip(client: Client, connect: str) -> None:
    talk = await client.connect(f"/wc/connect/{WEBSITE}/")
    await talk.say({"type": "start_chat"})
    chat = json.loads(await talk.hear())["chat_id"]
    for text in ("hello", "and again"):
        await talk.say({"type": "send_msg", "text": text})
        said = json.loads(await talk.has('"chat_out"'))
        await talk.say({"type": "ack_chat", "msg_id": said["msg_out"]["id"]})
    await talk.leave()
    # A second tab comes back to the same chat.
    talk = await client.connect(f"/wc/connect/{WEBSITE}/")
    await talk.say({"type": "start_chat", "chat_id": chat})
    await talk.has('"chat_resumed"')
    await talk.say({"type": "get_history", "before": "2099-01-01T00:00:00Z"})
    await talk.has('"history"')
    await talk.leave()


async def aida(client: Client, connect: str) -> None:
    talk = await client.connect("/socket/websocket?vsn=2.0.0")
    await talk.say(["1", "1", f"bot:{BOT}", "phx_join", {"access_token": BOT_TOKEN}])
    await talk.hear()
    await talk.say([None, "2", "phoenix", "heartbeat", {}])
    await talk.hear()
    await talk.say(["1", "3", f"bot:{BOT}", "new_session", {}])
    session = json.loads(await talk.has('"3"'))[4]["response"]["session"]
    await talk.say(["1", "4", f"bot:{BOT}", "utb_msg", {"session": session, "text": "menu"}])
    await talk.has('"btu_msg"')
    await talk.leave()


async def long_polled(client: Client) -> None:
    """aida by long polling."""
    door = "/socket/longpoll?vsn=2.0.0"
    _, opened = await client.ask("GET", door)
    url = f"{door}&token={json.loads(opened)['token']}"

    async def until(part: str) -> Any:
        while True:
            status, body = await client.ask("GET", url)
            assert status == 200, body
            for text in json.loads(body)["messages"]:
                if part in text:
                    return json.loads(text)

    async def post(*frames: Any) -> None:
        body = "\n".join(json.dumps(frame, separators=(",", ":")) for frame in frames)
        kind = "application/x-ndjson" if len(frames) > 1 else "application/json"
        assert (await client.ask("POST", url, body.encode(), **{"Content-Type": kind}))[0] == 200

    await post(["1", "1", f"bot:{BOT}", "phx_join", {"access_token": BOT_TOKEN}])
    await until('"phx_reply"')
    await post([None, "2", "phoenix", "heartbeat", {}], ["1", "3", f"bot:{BOT}", "new_session", {}])
    session = (await until('"session"'))[4]["response"]["session"]
    await post(["1", "4", f"bot:{BOT}", "utb_msg", {"session": session, "text": "menu"}])
    await until('"btu_msg"')


async def mia(client: Client, connect: str) -> None:
    talk = await client.connect("/socket.io/?EIO=4&transport=websocket")
    await talk.has('0{"sid"')
    await talk.say('40{"instance":{"chatId":"garden-homes","token":"garden-web-token"}}')
    await talk.has("EVENT_SERVER_INIT_MESSAGE_LIST")
    await talk.say('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"Hello Mia!"}]')
    await talk.has("You said")
    await talk.say('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"Bye"}]')
    await talk.has("You said: Bye")
    await talk.leave()


async def polled(client: Client) -> None:
    """mia again, over polls alone."""
    base = "/socket.io/?EIO=4&transport=polling"
    _, opened = await client.ask("GET", base)
    sid = f"{base}&sid={json.loads(opened[1:])['sid']}"

    async def until(part: bytes) -> None:
        status, body = await client.ask("GET", sid)
        while part not in body:
            assert status == 200, body
            status, body = await client.ask("GET", sid)

    async def post(body: str) -> None:
        answer = await client.ask("POST", sid, body.encode(), **{"Content-Type": "text/plain;charset=UTF-8"})
        assert answer == (200, b"ok")

    await post('40{"instance":{"chatId":"garden-homes","token":"garden-web-token"}}')
    await until(b"EVENT_SERVER_INIT_MESSAGE_LIST")
    await post('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"Olá"}]')
    await until("You said: Olá".encode())
    await post("1")


async def chatbot(client: Client, connect: str) -> None:
    talk = await client.connect("/socket.io/?EIO=4&transport=websocket")
    await talk.has('0{"sid"')
    await talk.say('40{"widgetKey":"wk-harbour-1","chatbotId":"bot-harbour"}')
    await talk.has('"connected"')
    await talk.say('42["join-conversation",{"sessionId":"session-123"}]')
    begun = json.loads((await talk.has('"conversation-started"'))[2:])[1]["conversationId"]
    await talk.say('42["ping"]')
    await talk.has('"pong"')
    await talk.say("42" + json.dumps(["send-message", {"conversationId": begun, "content": "What of my delivery?"}]))
    await talk.has('"sender":"ai"')
    await talk.say("42" + json.dumps(["end-conversation", {"conversationId": begun}]))
    await talk.has('"conversation-ended"')
    await talk.leave()


async def concierge(client: Client, connect: str) -> None:
    talk = await client.connect("/uat?" + connect.partition("?")[2])

    async def ask(route: str, **body: Any) -> Any:
        await talk.say({"action": "api", "data": {"route": f"client/{route}", "body": body}})
        return json.loads(await talk.has(f'"channel":"client/{route}'))

    begun = await ask("init-chat-with-concierge", newSession=True)
    session = begun["body"]["chatSessionId"]
    body = {"filename": "a.png", "mimeType": "image/png", "type": "chat-images"}
    kind = {"Content-Type": "application/json"}
    status, answer = await client.ask("POST", "/file-new/get-upload-url", json.dumps(body).encode(), **kind)
    assert status == 200, answer
    upload = json.loads(answer)["data"]["uploadUrlData"]
    status, answer = await client.ask("PUT", upload["uploadURL"], png(), **{"Content-Type": "image/png"})
    assert status == 200, answer
    said = {"chatSessionId": session, "contentType": "TEXT", "messageContent": "hi", "metadata": {"key": "1"}}
    await ask("send-message", **said)
    await talk.has("You said: hi")
    await ask("get-chat-messages?page=1&limit=50", chatSessionId=session)
    await ask("end-chat-with-concierge", chatSessionId=session)
    await talk.leave()


ALL = {talk.__name__: talk for talk in (chip, aida, mia, chatbot, concierge)}
