"""One whole talk per backend, played by other people's clients for the sample cassettes (`samples.py`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
from websockets.asyncio.client import ClientConnection, connect

from tests.backends.aida.test_live import KITCHEN, KITCHEN_TOKEN, STREET, STREET_TOKEN, WELCOME, Phoenix
from tests.backends.chatbot.chats import HARBOUR, as_user
from tests.backends.concierge.live import png, received, until
from tests.backends.concierge.speak import frame
from tests.backends.mia.chats import GARDEN
from tests.served import SECONDS, WEBSITE, Node


class Places(NamedTuple):
    """Where things are while it is recorded."""

    server: str
    recorder: str
    whole: Callable[[], Any]
    """Returns when every conn that is on the tape has ended there."""


class Story(NamedTuple):
    """What is played, and how it is recorded."""

    backend: str
    name: str
    play: Callable[[Places], Coroutine[Any, Any, None]]
    settings: tuple[str, ...] = ()
    mode: str = "reverse"


async def chip(places: Places) -> None:
    """A chat, what was said in it, and the same chat again on another connection."""
    url = f"{places.recorder}/wc/connect/{WEBSITE}/".replace("http", "ws")
    async with connect(url) as ws:
        chat = (await _asked(ws, type="start_chat"))["chat_id"]
        for text in ("Hello, is the bicycle shop open?", "Can you mend a flat tyre? 🚲"):
            await _chip_says(ws, text)
    async with connect(url) as ws:
        assert (await _asked(ws, type="start_chat", chat_id=chat))["type"] == "chat_resumed"
        told = await _asked(ws, type="get_history", before="2099-01-01T00:00:00Z")
        assert len(told["history"]) == 4, told
        await ws.send(json.dumps({"type": "set_email", "email": "ana@example.com"}))
        await _chip_says(ws, "Write to me when it is done.")


async def _asked(ws: ClientConnection, **command: object) -> Any:
    await ws.send(json.dumps(command))
    return await received(ws)


async def _chip_says(ws: ClientConnection, text: str) -> None:
    await ws.send(json.dumps({"type": "send_msg", "text": text}))
    while (event := await received(ws))["type"] != "chat_out":
        pass
    await ws.send(json.dumps({"type": "ack_chat", "msg_id": event["msg_out"]["id"]}))


async def concierge(places: Places) -> None:
    """A tenant gets a token, asks for help, sends a picture by a presigned URL, looks back, ends it; all of it over a proxy."""
    async with aiohttp.ClientSession() as session:

        async def post(path: str, **body: str) -> Any:
            async with session.post(f"{places.server}{path}", json=body, proxy=places.recorder) as response:
                assert response.status in (200, 201), await response.text()
                return await response.json(content_type=None)

        token = (await post("/client/auth/authorize-tenant", clientSecret="client-secret", tenantId="34"))[
            "accessToken"
        ]
        query = urlencode({"Auth": token, "deviceId": "device-1"})
        async with connect(f"{places.server}/uat?{query}".replace("http", "ws"), proxy=places.recorder) as ws:
            body = await _concierge_asks(ws, "init-chat-with-concierge", newSession=True)
            chat = body["chatSession"]["chatSessionId"]
            await _concierge_asks(
                ws,
                "send-message",
                chatSessionId=chat,
                contentType="TEXT",
                messageContent="The lamp in the hall is broken",
            )
            answered = await _concierge_answers(ws)
            await _concierge_asks(ws, "update-message-seen-at", chatSessionId=chat, messageId=answered["id"])
            given = await post(
                "/file-new/get-upload-url", filename="lamp.png", mimeType="image/png", type="chat-images"
            )
            upload = given["data"]["uploadUrlData"]
            picture, kind = png(), {"Content-Type": "image/png"}
            async with session.put(upload["uploadURL"], data=picture, headers=kind, proxy=places.recorder) as put:
                assert put.status == 200, await put.text()
            await _concierge_asks(
                ws, "send-message", chatSessionId=chat, contentType="IMAGE", messageContent=upload["resourceUrl"],
                metadata={"file": {"name": "lamp.png", "type": "image/png", "size": len(picture)}},
            )  # fmt: skip
            async with session.get(upload["resourceUrl"], proxy=places.recorder) as seen:
                assert await seen.read() == picture
            await _concierge_answers(ws)
            history = await _concierge_asks(ws, "get-chat-messages?page=1&limit=50", chatSessionId=chat)
            assert len(history["messages"]) == 4, history
            await _concierge_asks(ws, "end-chat-with-concierge", chatSessionId=chat)


async def _concierge_asks(ws: ClientConnection, route: str, **body: object) -> Any:
    await ws.send(frame(route, body))
    answer = await until(ws, f"client/{route.partition('?')[0]}")
    assert answer["status"] == 200, answer
    return answer["body"]


async def _concierge_answers(ws: ClientConnection) -> Any:
    """The next message that is not the tenant's own."""
    while True:
        message = (await until(ws, "chat-message-"))["payload"]["chatMessage"]
        if message["senderEntityType"] == "BACKEND_USER":
            return message


async def aida(places: Places) -> None:
    """Two bots over one socket: a guest of a kitchen whose name is known, and somebody who reports a lamp with a picture."""
    async with Phoenix.running("phoenix-1.8") as who:
        who.do(["socket", "s", f"{places.recorder}/socket".replace("http", "ws"), {}])
        await who.until("open", "s")
        await who.join("kitchen", KITCHEN, KITCHEN_TOKEN)
        guest = await who.session("kitchen", {"data": {"language": "en"}})
        await who.ask("kitchen", "put_data", {"session": guest, "data": {"first_name": "Zoë"}})
        who.push("kitchen", "utb_msg", guest, text="hours")
        await who.hears("kitchen", guest, "Open from noon to ten, Zoë")
        await who.join("street", STREET, STREET_TOKEN)
        passer_by = await who.session("street")
        await who.talk("street", passer_by, "hello", *WELCOME)
        await who.talk("street", passer_by, "report", "Send me a picture of it")
        status, _, body = await who.upload(f"{places.recorder}/content/image/{STREET}/{passer_by}")
        assert status == 200, body
        who.push("street", "utb_img", passer_by, image=json.loads(body)["id"])
        await who.hears("street", passer_by, "Nice! Where is that?")
        await who.talk("street", passer_by, "Mill Lane", "Thank you, we look after Mill Lane")
        who.do(["leave", "street"])
        await who.until("left", "street")


async def mia(places: Places) -> None:
    """A visitor over a WebSocket whose connection breaks and is recovered, and one who only polls."""
    options = {"transports": ["websocket"], "auth": {"instance": GARDEN, "roomId": "room-of-the-first"}}
    async with Node.running("socketio.mjs") as node:
        node.write({"open": places.recorder, "options": options})
        await _told(node, "EVENT_SERVER_INIT_MESSAGE_LIST")
        await _mia_says(node, "Hi! Is the garden flat still free?")
        node.write({"cut": True})
        await node.event("disconnect")
        missed = {
            "id": "m-1",
            "type": "text/plain",
            "content": "It is, until Friday.",
            "to": "room-of-the-first@chat.channel.morada.ai",
        }
        async with (
            aiohttp.ClientSession(headers={"token": "garden-system-token"}) as session,
            session.post(f"{places.recorder}/receive-message/34", json=missed) as response,
        ):
            assert response.status == 200, await response.text()
        # Behind its connection or before it: it may be back already.
        seen = [await _told(node, "(connect)", "EVENT_SERVER_SEND_MESSAGE") for _ in range(2)]
        assert [args[1] for name, args in seen if name == "(connect)"] == [True], "recovered"
        await _mia_says(node, "Then I come on Thursday 👍")
        node.write({"disconnect": True})
        # It tells at once, and says goodbye to the server afterwards.
        await asyncio.to_thread(places.whole)
    options = {"transports": ["polling"], "auth": {"instance": GARDEN, "roomId": "room-of-the-second"}}
    async with Node.running("socketio.mjs") as node:
        node.write({"open": places.recorder, "options": options})
        await _told(node, "EVENT_SERVER_INIT_MESSAGE_LIST")
        await _mia_says(node, "Has it got a balcony?")
        node.write({"disconnect": True})
        await asyncio.to_thread(places.whole)


async def _mia_says(node: Node, text: str) -> None:
    """Until Mia has answered."""
    node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": text}]})
    while (await _told(node, "EVENT_SERVER_SEND_MESSAGE"))[1][0].get("from") != "Mia":
        pass


async def chatbot(places: Places) -> None:
    """A visitor asks the AI, is answered in pieces, wants a person, waits in the queue, is helped by an agent, and rates."""
    async with AsyncExitStack() as nodes:
        visitor = await nodes.enter_async_context(Node.running("socketio.mjs"))
        visitor.write({"open": places.recorder, "options": {"auth": dict(HARBOUR)}})
        upgraded = [await _told(visitor, "connected", "(upgrade)") for _ in range(2)]
        assert {name for name, _ in upgraded} == {"connected", "(upgrade)"}
        visitor.write({"emit": ["join-conversation", {"sessionId": "session-of-the-visitor"}]})
        chat = (await _told(visitor, "conversation-started"))[1][0]["conversationId"]

        def says(who: Node, name: str, **body: object) -> None:
            who.write({"emit": [name, {"conversationId": chat, **body}]})

        says(visitor, "send-message", content="Do you sell umbrellas?")
        await _until_message(visitor, "ai")
        visitor.write(
            {
                "emit": [
                    "request-rag-response-stream",
                    {"query": "Where is my order?", "context": {"conversationId": chat}},
                ]
            }
        )
        await _told(visitor, "rag-stream-complete")
        says(visitor, "escalate", reason="a person please")
        await _told(visitor, "queue-update")
        agent = await nodes.enter_async_context(Node.running("socketio.mjs"))
        agent.write({"open": places.recorder, "options": {"transports": ["websocket"], "auth": as_user("agent-bob")}})
        await _told(agent, "connected")
        says(agent, "join-conversation")
        await _told(visitor, "agent-joined")
        says(agent, "send-message", content="Hello, Bob here. Your umbrella is on its way.")
        await _until_message(visitor, "agent")
        says(visitor, "send-message", content="Thank you! ☂")
        await _until_message(agent, "user")
        says(visitor, "rate", rating="good")
        says(visitor, "end-conversation")
        await _told(visitor, "conversation-ended")
        await _told(agent, "conversation-ended")
        for who in (visitor, agent):
            who.write({"disconnect": True})
        await asyncio.to_thread(places.whole)


async def _until_message(node: Node, sender: str) -> None:
    while (await _told(node, "message"))[1][0]["message"]["sender"] != sender:
        pass


async def _told(node: Node, *names: str) -> tuple[str, list[Any]]:
    """The next of these events; what else comes is passed over."""
    async with asyncio.timeout(SECONDS):
        while True:
            name, *args = await node.event("event")
            if name in names:
                return name, args


STORIES = [
    Story("chip", "resume", chip),
    Story("concierge", "picture", concierge, mode="regular"),
    Story("aida", "two-bots", aida),
    Story("mia", "recovery", mia),
    Story("chatbot", "agent", chatbot, ("agent_after=0",)),
]
