"""The support desk on all five backends of one server, with other people's clients, under a clock by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import phxsocket  # type: ignore[import-untyped]
import pytest
import socketio  # type: ignore[import-untyped]
from websockets.asyncio.client import ClientConnection, connect

from simulator import backends
from tests import reading
from tests.scenario.people import KITCHEN
from tests.served import SECONDS, admin, command

pytestmark = pytest.mark.live

PNG = b"\x89PNG\r\n\x1a\n and more"
STORY = [
    (None, "Welcome to the support desk. What can we do for you?"),
    ("my tap drips", "Sorry, I don't know about that. I'll find somebody for you."),
    (None, 'Hello, Sam here. I\'ve read "my tap drips". This is what you need.'),
    (None, "Page 4 of the manual https://example.com/manual/page-4.jpg"),
    (None, "Does that help?"),
    ("no, it does not", "Then please send the device to us, at https://example.com/returns."),
    (None, "Thank you, and have a nice day!"),
]


class Client:
    """What has been said to one of them, and by which it says something."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.over = False

    async def say(self, text: str) -> None:
        raise NotImplementedError

    def heard(self, place: int) -> bool:
        """Whether the story has come so far; a picture with a text is one message or two."""
        said = "\n".join(self.told).replace("\n", " ")
        story = [text for _, text in STORY[: place + 1]]
        assert " ".join(story).startswith(said) or said.startswith(" ".join(story)), self.told
        return said.startswith(" ".join(story))


class _Socket(Client):
    """The library `websockets`."""

    def __init__(self, ws: ClientConnection) -> None:
        super().__init__()
        self._ws = ws
        self._session = ""

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Client]:
        async with connect(url) as ws:
            client = cls(ws)
            reading = asyncio.create_task(client._read())
            await client._enter()
            yield client
            assert not reading.done(), reading
            reading.cancel()

    async def _read(self) -> None:
        async for frame in self._ws:
            await self._took(json.loads(frame))

    async def _enter(self) -> None:
        raise NotImplementedError

    async def _took(self, event: Any) -> None:
        raise NotImplementedError

    async def _send(self, frame: object) -> None:
        await self._ws.send(json.dumps(frame))


class Chip(_Socket):
    async def _enter(self) -> None:
        await self._send({"type": "start_chat"})

    async def say(self, text: str) -> None:
        await self._send({"type": "send_msg", "text": text})

    async def _took(self, event: Any) -> None:
        if event["type"] == "chat_out":
            said = event["msg_out"]
            urls = [attachment.partition(":")[2] for attachment in said.get("attachments", [])]
            self.told.append(" ".join([said["text"], *urls]))
            await self._send({"type": "ack_chat", "msg_id": said["id"]})


class Concierge(_Socket):
    async def _enter(self) -> None:
        await self._ask("init-chat-with-concierge", newSession=True)

    async def say(self, text: str) -> None:
        await self._ask("send-message", chatSessionId=self._session, contentType="TEXT", messageContent=text)

    async def picture(self, url: str) -> None:
        """An upload URL, the upload, and a message that names it."""
        wanted = {"filename": "bike.png", "mimeType": "image/png", "type": "chat-images"}
        async with aiohttp.ClientSession() as http:
            async with http.post(f"{url}/file-new/get-upload-url", json=wanted) as answer:
                data = (await answer.json())["data"]["uploadUrlData"]
            async with http.put(data["uploadURL"], data=PNG, headers={"Content-Type": "image/png"}) as answer:
                assert answer.status == 200
        file = {"file": {"name": "bike.png", "type": "image/png"}}
        body = {"contentType": "IMAGE", "messageContent": data["resourceUrl"], "metadata": file}
        await self._ask("send-message", chatSessionId=self._session, **body)

    async def _ask(self, route: str, **body: object) -> None:
        await self._send({"action": "api", "data": {"route": f"client/{route}", "body": body}})

    async def _took(self, event: Any) -> None:
        if event["channel"] == "client/init-chat-with-concierge":
            self._session = event["body"]["chatSessionId"]
        elif event["channel"].startswith("chat-message") and event["senderType"] == "BACKEND_USER":
            self.told.append(event["payload"]["chatMessage"]["messageContent"])
        elif event["channel"].startswith("chat-session-update"):
            self.over = event["payload"]["chatSession"]["isSessionClosed"]


class _SocketIO(Client):
    """python-socketio."""

    auth: Any

    def __init__(self) -> None:
        super().__init__()
        self.io = socketio.AsyncClient(reconnection=False, http_session=reading.session)
        self._listen()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Client]:
        client = cls()
        await client.io.connect(url, auth=cls.auth, transports=["websocket"])
        try:
            yield client
        finally:
            await client.io.disconnect()

    def _listen(self) -> None:
        raise NotImplementedError


class Mia(_SocketIO):
    auth = {"instance": {"chatId": "garden-homes", "token": "garden-web-token"}}  # noqa: RUF012

    def _listen(self) -> None:
        @self.io.on("EVENT_SERVER_SEND_MESSAGE")  # type: ignore[untyped-decorator]
        async def said(body: Any, offset: str) -> None:
            if body["direction"] == "incoming":
                content = body["content"]
                self.told.append(content if isinstance(content, str) else f"{content['title']} {content['uri']}")

    async def say(self, text: str) -> None:
        await self.io.emit("EVENT_CLIENT_SEND_MESSAGE", {"content": text})


class Chatbot(_SocketIO):
    auth = {"widgetKey": "wk-harbour-1", "chatbotId": "bot-harbour"}  # noqa: RUF012
    _conversation = ""

    def _listen(self) -> None:
        @self.io.on("connected")  # type: ignore[untyped-decorator]
        async def connected(body: Any) -> None:
            await self.io.emit("join-conversation", {})

        @self.io.on("conversation-started")  # type: ignore[untyped-decorator]
        async def started(body: Any) -> None:
            self._conversation = body["conversationId"]

        @self.io.on("message")  # type: ignore[untyped-decorator]
        async def said(body: Any) -> None:
            if body["message"]["sender"] in ("ai", "agent"):
                self.told.append(body["message"]["content"])

        @self.io.on("conversation-ended")  # type: ignore[untyped-decorator]
        async def ended(body: Any) -> None:
            self.over = True

    async def say(self, text: str) -> None:
        await self.io.emit("send-message", {"conversationId": self._conversation, "content": text})


class Aida(Client):
    """phxsocket, whose calls block, each in a thread."""

    def __init__(self, channel: Any, session: str) -> None:
        super().__init__()
        self._channel, self._session = channel, session

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Client]:
        socket = phxsocket.Client(url.partition("?")[0], {})
        assert await asyncio.to_thread(socket.connect)
        channel = socket.channel(f"bot:{KITCHEN}", {"access_token": "harbour-web-token"})
        await asyncio.to_thread(channel.join)
        answer = await asyncio.to_thread(lambda: channel.push("new_session", {}, reply=True).wait_for_response())
        client = cls(channel, answer["response"]["session"])
        loop = asyncio.get_running_loop()
        channel.on_message = lambda _, event, payload: loop.call_soon_threadsafe(client.told.append, payload["text"])
        try:
            yield client
        finally:
            await asyncio.to_thread(socket.close)

    async def say(self, text: str) -> None:
        await self._push("utb_msg", text=text)

    async def picture(self, url: str) -> None:
        """An upload, and a message with the id that came back."""
        form = aiohttp.FormData()
        form.add_field("file", PNG, filename="bike.png", content_type="image/png")
        path = f"{url}/content/image/{KITCHEN}/{self._session}"
        async with aiohttp.ClientSession() as http, http.post(path, data=form) as answer:
            assert answer.status == 200
            image = (await answer.json())["id"]
        await self._push("utb_img", image=image)

    async def _push(self, event: str, **payload: str) -> None:
        await asyncio.to_thread(self._channel.push, event, {"session": self._session, **payload})


CLIENTS: dict[str, Any] = {"aida": Aida, "chatbot": Chatbot, "chip": Chip, "concierge": Concierge, "mia": Mia}


async def test_the_support_desk_on_all_five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    others = [option for name in backends.names() if name != "chip" for option in ("--backend", name)]
    options = [*others, "--scenario", "support-desk", "--clock", "manual", "--seed", "7"]
    async with command(tmp_path, *options) as run, AsyncExitStack() as stack:
        served = {one["name"]: one for one in run.ready["backends"]}
        assert sorted(served) == backends.names()
        clients: list[Client] = []
        for name, kind in CLIENTS.items():
            url = served[name]["connect"] if name in ("aida", "chip", "concierge") else served[name]["url"]
            clients.append(await stack.enter_async_context(kind.open(url)))

        async def until(there: Any) -> None:
            """Move the clock on, a second each time: chip's next message leaves after the acknowledgement of the last."""
            async with asyncio.timeout(3 * SECONDS):
                while not all(map(there, clients)):
                    status, _ = await admin(run.url, "POST", "clock/advance", {"seconds": 1})
                    assert status == 200

        for place, (said, _) in enumerate(STORY):
            if said is not None:
                for client in clients:
                    await client.say(said)
            await until(lambda client, place=place: client.heard(place))
        # The others have no word for it.
        await until(lambda client: client.over or not isinstance(client, Chatbot | Concierge))
        status, clock = await admin(run.url, "GET", "clock")
        assert status == 200
        assert clock["now"] - 1767225600 < 180


@pytest.mark.parametrize("name", ["aida", "concierge"])
async def test_the_image_survey_where_pictures_are_uploaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    options = ["--backend", name, "--scenario", "image-survey", "--clock", "manual", "--seed", "7"]
    async with command(tmp_path, *options) as run:
        served = next(one for one in run.ready["backends"] if one["name"] == name)
        async with CLIENTS[name].open(served["connect"]) as client:
            for said in ("sample.jpg", "Picture 1 of 3", "Picture 2 of 3", "Got 3."):
                async with asyncio.timeout(SECONDS):
                    while said not in " ".join(client.told):
                        await admin(run.url, "POST", "clock/advance", {"seconds": 1})
                if said != "Got 3.":
                    await client.picture(served["url"])
