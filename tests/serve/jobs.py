"""A job of a parallel test run: one script over all five backends, with other people's clients, in a space of its own.

What it sees is a transcript, byte by byte: each text says which job said it, so that nothing of one can hide in another's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import socketio  # type: ignore[import-untyped]
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from yarl import URL

from simulator.serve.app import Server
from tests import reading
from tests.backends.concierge.speak import frame

SECONDS = 30.0
HOST = "simulator.test"
"""What the clients call the server, so that signatures are the same on every port."""
LOTS = {
    "rules": [
        {
            "when": "message",
            "then": [
                {"choose": [{"then": [{"say": f"{{{{ text }}}} {n}", "after": 0.1}]} for n in ("one", "two", "three")]},
                {"say": "You said: {{ text }}", "after": 0.5},
            ],
        }
    ]
}
"""A scenario that draws lots; odd jobs play it, even ones have the backends' own bots."""
HISTORY = '{"type":"get_history","before":"2099-01-01T00:00:00Z"}'
STREET = "8a2d6c1e-90b4-4f37-8e55-1b7f3c9d2a08"


@dataclass(frozen=True)
class Where:
    """A server for somebody in another thread."""

    urls: dict[str, str]
    connects: dict[str, str]
    mia: dict[str, Any]

    @classmethod
    def of(cls, simulator: Server) -> Where:
        first = simulator.space.running["mia"].seed.instances[0]
        return cls(
            {served.name: served.url for served in simulator.served},
            {served.name: served.connect for served in simulator.served},
            {"instance": {"chatId": first.chat_id, "token": first.client_token}},
        )


@dataclass
class Job:
    """One job. Which selector it uses, and which backend it begins with, are of its number."""

    number: int
    where: Where
    seed: int
    lines: list[str] = field(default_factory=list)

    @property
    def space(self) -> str:
        return f"job-{chr(ord('a') + self.number)}"

    def run(self) -> list[str]:
        """All of it, in a loop of its own: what it has seen."""
        asyncio.run(self._run())
        return self.lines

    async def _run(self) -> None:
        async with asyncio.timeout(2 * SECONDS), aiohttp.ClientSession() as web:
            self._web = web
            asked: dict[str, Any] = {"name": self.space, "seed": self.seed, "clock": "manual"}
            if self.number % 2:
                asked["scenario"] = LOTS
            made = await self._control("POST", "spaces", asked)
            self.lines.append(json.dumps({**made, "idle": 0}))
            begun = len(self.lines)
            await self._half()
            again = len(self.lines)
            await self._half()
            first, second = self.lines[begun:again], self.lines[again:]
            assert first == second, f"{self.space}: after a reset all is as at the start"

    async def _half(self) -> None:
        parts = [self._chip, self._concierge, self._aida, self._mia, self._chatbot]
        turn = self.number % len(parts)
        async with AsyncExitStack() as stack:
            sockets: list[ClientConnection] = []

            async def socket(name: str) -> ClientConnection:
                url, headers = self._at(self.where.connects[name])
                opened = connect(url, additional_headers=headers, proxy=None)
                sockets.append(await stack.enter_async_context(opened))
                return sockets[-1]

            for part in [*parts[turn:], *parts[:turn], self._faulty]:
                await part(socket)
            await self._journal()
            await self._control("POST", "reset")
            for ws in sockets:
                try:
                    while True:
                        self._note("late", await ws.recv())
                except ConnectionClosed as closed:
                    self._note("closed", str(closed.rcvd and closed.rcvd.code))

    # ---- the ways in

    def _at(self, url: str) -> tuple[str, dict[str, str]]:
        """A URL in this job's space, and the headers that it needs."""
        split = urlsplit(url)
        match self.number % 3:
            case 0:
                return split._replace(path=f"/~space/{self.space}{split.path}").geturl(), {}
            case 1:
                query = f"{split.query}&simulator_space={self.space}".lstrip("&")
                return split._replace(query=query).geturl(), {}
            case _:
                return url, {"X-Simulator-Space": self.space}

    async def _control(self, method: str, path: str, body: object = None) -> Any:
        url, headers = self._at(f"{self.where.urls['chip']}/__admin/{path}")
        async with self._web.request(method, url, headers=headers, json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def _after(self, seconds: float) -> None:
        told = await self._control("POST", "clock/advance", {"seconds": seconds})
        self._note("clock", told["time"])

    def _note(self, who: str, what: object) -> None:
        self.lines.append(f"{who} {what if isinstance(what, str) else json.dumps(what)}")

    async def _heard(self, who: str, ws: ClientConnection, text: str, last: str) -> list[str]:
        """Says something and notes all that comes, up to what has `last` in it."""
        await ws.send(text)
        got: list[str] = []
        async with asyncio.timeout(SECONDS):
            while not got or last not in got[-1]:
                got.append(str(await ws.recv()))
                self._note(who, got[-1])
        return got

    # ---- the backends

    async def _chip(self, socket: Callable[[str], Awaitable[ClientConnection]]) -> None:
        ws = await socket("chip")
        await self._heard("chip", ws, '{"type":"start_chat"}', "chat_started")
        await ws.send(json.dumps({"type": "send_msg", "text": f"hello of {self.space}"}))
        # Half a minute: its pings too.
        await self._after(31 + self.number)
        got = str(await ws.recv())
        self._note("chip", got)
        ack = {"type": "ack_chat", "msg_id": json.loads(got)["msg_out"]["id"]}
        await ws.send(json.dumps(ack))
        await self._heard("chip", ws, HISTORY, "history")

    async def _faulty(self, socket: Callable[[str], Awaitable[ClientConnection]]) -> None:
        """Answers are lost by lot or come twice, the connection is closed; the last fault a reset takes away."""
        asked = [
            {"type": "drop", "match": {"message": "btu_msg"}, "toxicity": 0.4},
            {"type": "duplicate", "match": {"message": "btu_msg"}, "toxicity": 0.4},
        ]
        self._note("faults", await self._control("POST", "faults", asked))
        ws = await socket("aida")
        topic, beat = f"bot:{STREET}", '[null,"b","phoenix","heartbeat",{}]'
        join = json.dumps(["1", "1", topic, "phx_join", {"access_token": "street-web-token"}])
        await self._heard("faulty", ws, join, "phx_reply")
        got = await self._heard("faulty", ws, json.dumps(["1", "2", topic, "new_session", {}]), "phx_reply")
        session = json.loads(got[-1])[4]["response"]["session"]
        for n in range(8):
            said = {"session": session, "text": "lamp" if n else f"hello of {self.space}"}
            await ws.send(json.dumps(["1", f"s{n}", topic, "utb_msg", said]))
            await self._after(3)
            await self._heard("faulty", ws, beat, '"phoenix"')
        self._note("faults", await self._control("DELETE", "faults"))
        code = {"code": 4000 + self.number}
        ends = {"type": "close", "attributes": code, "match": {"message": "btu_msg"}, "backend": "aida"}
        await self._control("POST", "faults", ends)
        await ws.send(json.dumps(["1", "9", topic, "utb_msg", said]))
        await self._after(3)
        with suppress(ConnectionClosed):
            while True:
                self._note("faulty", await asyncio.wait_for(ws.recv(), SECONDS))
        self._note("faulty", str(ws.close_code))
        assert ws.close_code == 4000 + self.number
        await self._control("DELETE", "faults/close_downstream")
        never = {"type": "refused_handshake", "attributes": {"status": 503}, "name": self.space}
        self._note("faults", await self._control("POST", "faults", never))

    async def _concierge(self, socket: Callable[[str], Awaitable[ClientConnection]]) -> None:
        ws = await socket("concierge")
        got = await self._heard("concierge", ws, frame("init-chat-with-concierge", {"newSession": True}), "-update-")
        session = json.loads(got[0])["body"]["chatSessionId"]
        body = {"chatSessionId": session, "contentType": "TEXT", "messageContent": f"hello of {self.space}"}
        await ws.send(frame("send-message", {**body, "metadata": {}}))
        await self._after(2)
        listed = "get-chat-messages?page=1&limit=50"
        await self._heard("concierge", ws, frame(listed, {"chatSessionId": session}), f'"client/{listed}"')

        url, headers = self._at(f"{self.where.urls['concierge']}/file-new/get-upload-url")
        wanted = {"filename": f"{self.space}.png", "mimeType": "image/png", "type": "chat"}
        async with self._web.post(url, json=wanted, headers={**headers, "Host": HOST}) as response:
            minted = await response.json()
        self._note("minted", minted)
        upload, picture = (minted["data"]["uploadUrlData"][key] for key in ("uploadURL", "resourceUrl"))
        data = self.space.encode() * 1000
        # Nothing names the space any more but the URL itself.
        for method, to, type, given in (
            ("PUT", upload, {"Content-Type": "image/png"}, data),
            ("GET", picture, {}, None),
        ):
            there = URL(to.replace(f"http://{HOST}", self.where.urls["concierge"]), encoded=True)
            async with self._web.request(method, there, data=given, headers={**type, "Host": HOST}) as response:
                found = await response.read()
                self._note(method, [response.status, dict(response.headers), found.decode()])
            assert response.status == 200
        assert found == data

    async def _aida(self, socket: Callable[[str], Awaitable[ClientConnection]]) -> None:
        ws = await socket("aida")
        topic, beat = f"bot:{STREET}", '[null,"b","phoenix","heartbeat",{}]'
        join = json.dumps(["1", "1", topic, "phx_join", {"access_token": "street-web-token"}])
        await self._heard("aida", ws, join, "phx_reply")
        got = await self._heard("aida", ws, json.dumps(["1", "2", topic, "new_session", {}]), "phx_reply")
        session = json.loads(got[-1])[4]["response"]["session"]
        said = {"session": session, "text": f"hello of {self.space}"}
        await ws.send(json.dumps(["1", "3", topic, "utb_msg", said]))
        await self._after(5)
        await self._heard("aida", ws, beat, '"phoenix"')
        form = aiohttp.FormData()
        form.add_field("file", self.space.encode() * 100, filename="lamp.png", content_type="image/png")
        url, headers = self._at(f"{self.where.urls['aida']}/content/image/{STREET}/{session}")
        async with self._web.post(url, data=form, headers=headers) as response:
            self._note("upload", [response.status, await response.text()])

    @asynccontextmanager
    async def _person(self, name: str, auth: object, heard: asyncio.Queue[list[Any]]) -> AsyncIterator[Any]:
        client = socketio.AsyncClient(reconnection=False, http_session=reading.session)

        async def hear(event: str, *args: Any) -> None:
            heard.put_nowait([event, *args])

        client.on("*", hear)
        url, headers = self._at(self.where.urls[name])
        path = urlsplit(url).path
        there = urlsplit(url)._replace(path="").geturl()
        ways = [["websocket"], ["polling", "websocket"], ["polling"]][self.number // 3 % 3]
        await client.connect(
            there, auth=auth, headers=headers, socketio_path=f"{path}/socket.io".lstrip("/"), transports=ways
        )
        try:
            yield client
        finally:
            await client.disconnect()

    async def _listen(self, who: str, heard: asyncio.Queue[list[Any]], last: str) -> Any:
        """Notes all events up to one that has `last` in it."""
        async with asyncio.timeout(SECONDS):
            while True:
                event = await heard.get()
                self._note(who, event)
                if last in json.dumps(event):
                    return event

    async def _mia(self, socket: object) -> None:
        heard: asyncio.Queue[list[Any]] = asyncio.Queue()
        async with self._person("mia", self.where.mia, heard) as client:
            await self._listen("mia", heard, "EVENT_INIT_ROOM")
            await client.emit("EVENT_CLIENT_SEND_MESSAGE", {"content": f"hello of {self.space}"})
            await self._listen("mia", heard, f'"hello of {self.space}"')
            await self._after(30)
            await self._listen("mia", heard, f'"You said: hello of {self.space}"')

    async def _chatbot(self, socket: object) -> None:
        heard: asyncio.Queue[list[Any]] = asyncio.Queue()
        auth = {"widgetKey": "wk-harbour-1", "chatbotId": "bot-harbour"}
        async with self._person("chatbot", auth, heard) as client:
            await client.emit("join-conversation", {})
            talk = (await self._listen("chatbot", heard, "conversation-started"))[1]["conversationId"]
            said = {"conversationId": talk, "content": f"hello of {self.space}"}
            await client.emit("send-message", said)
            await self._listen("chatbot", heard, '"status-change"')
            await client.emit("escalate", {"conversationId": talk, "reason": "a person please"})
            await self._listen("chatbot", heard, '"escalated"')
            await self._after(22)
            await self._listen("chatbot", heard, 'How can I help you?"')

    async def _journal(self) -> None:
        """What passed over WebSockets, link by link: which of two answers its ping first nobody decides."""
        journal = await self._control("GET", "messages?limit=10000")
        mine = [m for m in journal["messages"] if m["backend"] in ("chip", "concierge", "aida")]
        for link in sorted({m["link"] for m in mine}):
            self._note("journal", [[m["time"], m["backend"], m["kind"], m["raw"]] for m in mine if m["link"] == link])
