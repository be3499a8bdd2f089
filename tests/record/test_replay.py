"""Recorded through the proxy with one client, replayed to another: of another language, over another transport.

And the same cassette, redacted as it is, verified against the backend that was recorded.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import phxsocket  # type: ignore[import-untyped]
import pytest
import socketio  # type: ignore[import-untyped]
from websockets.asyncio.client import connect

from simulator.cassette.coverage import Coverage
from simulator.cassette.entries import Closed, Cut, Entry, Exchange, Lost
from simulator.cassette.tape import dump, dump_header
from simulator.cassette.walk import Manner
from simulator.serve.app import Options, Server
from simulator.serve.replay import prepare
from tests import reading
from tests.backends.aida.test_live import STREET, STREET_TOKEN, WELCOME, Phoenix, aside
from tests.backends.chatbot.chats import HARBOUR
from tests.backends.concierge.live import at, upload_body
from tests.backends.mia.chats import GARDEN
from tests.record.proxied import Peers, Proxied, Simulated, needs_recorder, wait_for
from tests.record.test_live import heard, through
from tests.record.verified import Change, held_against, proven, stands
from tests.served import SECONDS, Node

pytestmark = [pytest.mark.live, pytest.mark.node, needs_recorder]


def number(entry: Entry) -> int:
    """Of its connection, or its own."""
    return entry.http if isinstance(entry, Exchange) else (entry.conn or 0)


@dataclass
class Played:
    """A tape that is served, and what came of it."""

    simulator: Server
    coverage: Coverage
    name: str

    @property
    def url(self) -> str:
        return self.simulator.served[0].url

    @property
    def connect(self) -> str:
        return self.simulator.served[0].connect

    def complete(self, *but: str) -> None:
        """All was said, and played; what is in `but` alone may be missing."""
        assert self.coverage.misses == [], self.coverage.text()
        left = {what for _, _, _, _, what in self.coverage.unplayed()}
        assert left <= {*but}, self.coverage.text()


class Recorder:
    """What passes the proxy from now on."""

    def __init__(self, proxied: Proxied, folder: Path) -> None:
        self._cassette = proxied.cassette
        # The very first has not even written its head.
        begun = self._cassette.path.stat().st_size > 0
        self._mark = max((number(entry) for entry in self._cassette.entries), default=0) if begun else 0
        self.path = folder / "tape.yaml"

    def until_closed(self, count: int = 1) -> None:
        wait_for(lambda: len([e for e in self._entries() if isinstance(e, Closed)]) >= count)

    def _entries(self) -> list[Entry]:
        return [entry for entry in self._cassette.entries if number(entry) > self._mark]

    def tape(self, backend: str | None, wants: Callable[[Entry], bool] = lambda entry: True) -> Path:
        entries = [entry for entry in self._entries() if wants(entry) and not isinstance(entry, Cut | Lost)]
        head = replace(self._cassette.read()[0], backend=backend)
        self.path.write_bytes(dump_header(head) + b"".join(dump(replace(e, at=e.at - entries[0].at)) for e in entries))
        return self.path

    @asynccontextmanager
    async def played(self, backend: str | None, *settings: tuple[str, str]) -> AsyncIterator[Played]:
        path = self.tape(backend)
        complaints: list[str] = []
        stand_in, coverage = prepare([path], None, Manner(factor=0.2), complaints.append)
        async with Server(Options([stand_in], port=0, seed=11, settings=settings)) as simulator:
            yield Played(simulator, coverage, stand_in.name)
        assert complaints == []


@pytest.fixture
def proxied(redacting: Proxied) -> Proxied:
    """As users record: secrets are replaced."""
    return redacting


@pytest.fixture
def recorder(proxied: Proxied, tmp_path: Path) -> Recorder:
    return Recorder(proxied, tmp_path)


async def test_chip(proxied: Proxied, served: Simulated, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """`websockets`, then npm's ws."""
    async with connect(through(proxied, served, "chip")) as ws:
        await ws.send('{"type":"start_chat"}')
        first = str(await ws.recv())
        await ws.send('{"type":"send_msg","text":"Zoë 👍"}')
        said = json.loads(await ws.recv())
        await ws.send(json.dumps({"type": "ack_chat", "msg_id": said["msg_out"]["id"]}))
    async with connect(through(proxied, served, "chip")) as ws:
        await ws.send(json.dumps({"type": "start_chat", "chat_id": json.loads(first)["chat_id"]}))
        assert json.loads(await ws.recv())["type"] == "chat_resumed"
    await asyncio.to_thread(recorder.until_closed, 2)
    chats = set()
    async with recorder.played("chip") as played, Node.running("ws.mjs") as one, Node.running("ws.mjs") as two:
        for node in (one, two):
            node.write({"open": played.connect})
            await node.event("open")
            node.write({"send": '{"type":"start_chat"}'})
            [started] = await node.event("text")
            chat = json.loads(started)["chat_id"]
            chats.add(chat)
            node.write({"send": '{"type":"send_msg","text":"Zoë 👍"}'})
            [out] = await node.event("text")
            assert json.loads(out)["msg_out"]["text"] == "You said: Zoë 👍"
            node.write({"send": json.dumps({"type": "ack_chat", "msg_id": json.loads(out)["msg_out"]["id"]})})
            node.write({"close": [1000, ""]})
            await node.event("close")
            # A second tab comes back to the chat that it knows.
            node.write({"open": played.connect})
            await node.event("open")
            node.write({"send": json.dumps({"type": "start_chat", "chat_id": chat})})
            [resumed] = await node.event("text")
            assert json.loads(resumed) == {"type": "chat_resumed", "chat_id": chat, "email": ""}
            node.write({"close": [1000, ""]})
            await node.event("close")
        played.complete()
    assert len(chats - {json.loads(first)["chat_id"]}) == 2
    await proven(recorder.path, "chip", Change("chat_out", "msg_out.origin", 7), monkeypatch)


@pytest.mark.parametrize("longpoll", [False, True], ids=["websocket", "longpoll"])
async def test_aida(proxied: Proxied, recorder: Recorder, longpoll: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """npm's phoenix, then phxsocket in Python, then npm's over the other transport."""
    monkeypatch.setenv("NO_PROXY", "*")

    async def talk(base: str, longpoll: bool) -> str:
        async with Phoenix.running("phoenix-1.8") as client:
            client.do(["socket", "s", f"{base.replace('http', 'ws')}/socket", {"longpoll": longpoll}])
            await client.until("open", "s")
            await client.join("street")
            session = await client.session("street")
            await client.talk("street", session, "Zoë 👍", *WELCOME)
            await client.talk("street", session, "lamp", "Lamps are mended within two days")
            return session

    sessions = {await talk(proxied.url["aida"], longpoll)}
    if not longpoll:
        recorder.until_closed()
    async with recorder.played("aida", ("profile", "1.8")) as played:
        sessions.add(await talk(played.url, not longpoll))
        played.complete()
        sessions.add(await aside(lambda: by_phxsocket(played.url)))
        assert played.coverage.misses == []
    assert len(sessions) == 3
    await proven(recorder.path, "aida", Change("btu_msg", "text", None), monkeypatch)


def by_phxsocket(base: str) -> str:
    """The same in Python, in V1."""
    client = phxsocket.Client(f"{base.replace('http', 'ws')}/socket/websocket", {})
    assert client.connect()
    try:
        channel = client.channel(f"bot:{STREET}", {"access_token": STREET_TOKEN})
        assert channel.join() == {}
        session = channel.push("new_session", {}, reply=True).wait_for_response()["response"]["session"]
        return str(session)
    finally:
        client.close()


class Python:
    """python-socketio's client."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False, http_session=reading.session)
        self._got: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.client.on("*", self._hear)

    async def _hear(self, *event: Any) -> None:
        await self._got.put(event)

    async def event(self, name: str) -> Any:
        """The body of the next event of that name; others are passed over."""
        async with asyncio.timeout(SECONDS):
            while (event := await self._got.get())[0] != name:
                pass
        return event[1] if len(event) > 1 else None


POLLING, WEBSOCKET, UPGRADE = ["polling"], ["websocket"], ["polling", "websocket"]


@pytest.mark.parametrize(
    ("recorded", "played_over"), [(POLLING, WEBSOCKET), (WEBSOCKET, POLLING), (UPGRADE, WEBSOCKET)],
    ids=["polling to websocket", "websocket to polling", "upgrade to websocket"],
)  # fmt: skip
async def test_mia(
    proxied: Proxied, recorder: Recorder, recorded: list[str], played_over: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """npm's socket.io-client, then python-socketio."""
    async with Node.running("socketio.mjs") as node:
        options = {"transports": recorded, "auth": {"instance": GARDEN}}
        node.write({"open": proxied.url["mia"], "options": options})
        left, taped = {"EVENT_SERVER_INIT_MESSAGE_LIST", *(["(upgrade)"] if len(recorded) > 1 else [])}, ""
        while left or not taped:
            name, *args = await node.event("event")
            left.discard(name)
            taped = args[0]["roomId"] if name == "EVENT_INIT_ROOM" else taped
        node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "Hello Mia! 👍"}]})
        for _ in range(2):
            await heard(node, "EVENT_SERVER_SEND_MESSAGE")
        node.write({"disconnect": True})
        await asyncio.to_thread(recorder.until_closed)
    async with Node.running("socketio.mjs") as node:
        options = {"transports": ["websocket"], "auth": {"instance": GARDEN, "roomId": taped}}
        node.write({"open": proxied.url["mia"], "options": options})
        await heard(node, "EVENT_SERVER_INIT_MESSAGE_LIST")
        node.write({"disconnect": True})
        await asyncio.to_thread(recorder.until_closed, 2)
    async with recorder.played("mia") as played:
        rooms = {taped}
        for _ in range(2):
            python = Python()
            await python.client.connect(played.url, auth={"instance": GARDEN}, transports=played_over)
            room = (await python.event("EVENT_INIT_ROOM"))["roomId"]
            rooms.add(room)
            await python.client.emit("EVENT_CLIENT_SEND_MESSAGE", {"content": "Hello Mia! 👍"})
            echo = await python.event("EVENT_SERVER_SEND_MESSAGE")
            assert (echo["content"], echo["direction"]) == ("Hello Mia! 👍", "outgoing")
            reply = await python.event("EVENT_SERVER_SEND_MESSAGE")
            assert reply["content"] == "You said: Hello Mia! 👍"
            await python.client.disconnect()
            # It comes back to its room, and finds what was said there.
            auth = {"instance": GARDEN, "roomId": room}
            await python.client.connect(played.url, auth=auth, transports=["websocket"])
            assert (await python.event("EVENT_INIT_ROOM"))["roomId"] == room
            earlier = await python.event("EVENT_SERVER_INIT_MESSAGE_LIST")
            assert [message["content"] for message in earlier] == ["Hello Mia! 👍", "You said: Hello Mia! 👍"]
            await python.client.disconnect()
        # A recorded client that was slow to leave has seen how its message fares.
        played.complete("EVENT_SERVER_SEND_MESSAGE_STATUS")
    assert len(rooms) == 3
    await proven(recorder.path, "mia", Change("EVENT_SERVER_SEND_MESSAGE", "direction", False), monkeypatch)


async def test_chatbot(proxied: Proxied, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """python-socketio over polling, then npm's with the upgrade; each has a conversation of its own."""
    python = Python()
    await python.client.connect(proxied.url["chatbot"], auth=dict(HARBOUR), transports=POLLING)
    await python.event("connected")
    await python.client.emit("join-conversation", {"sessionId": "session-of-python-1"})
    taped = (await python.event("conversation-started"))["conversationId"]
    await python.client.emit("send-message", {"conversationId": taped, "content": "When do you open?"})
    await python.event("message")
    await python.event("message")
    await python.client.disconnect()
    await asyncio.to_thread(recorder.until_closed)
    conversations = {taped}
    async with recorder.played("chatbot") as played:
        for name in ("session-of-node-1", "session-of-node-2"):
            async with Node.running("socketio.mjs") as node:
                node.write({"open": played.url, "options": {"transports": UPGRADE, "auth": dict(HARBOUR)}})
                await heard(node, "connected", "(upgrade)")
                node.write({"emit": ["join-conversation", {"sessionId": name}]})
                while (event := await node.event("event"))[0] != "conversation-started":
                    pass
                conversation = event[1]["conversationId"]
                assert event[1]["sessionId"] == name
                conversations.add(conversation)
                node.write({"emit": ["send-message", {"conversationId": conversation, "content": "When do you open?"}]})
                for _ in range(2):
                    while (event := await node.event("event"))[0] != "message":
                        pass
                    assert event[1]["conversationId"] == conversation
        played.complete()
    assert len(conversations) == 3
    await proven(recorder.path, "chatbot", Change("message", "message.sender", ["ai"]), monkeypatch)


async def test_concierge(
    proxied: Proxied, served: Simulated, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`websockets`, then npm's ws, each with a picture of its own."""
    picture = bytes(range(256)) * 20

    async def upload(url: str, direct: str) -> Any:
        _, body = await at(f"{url}/file-new/get-upload-url", "POST", upload_body())
        data = json.loads(body)["data"]["uploadUrlData"]
        head, _ = await at(data["uploadURL"].replace(direct, url), "PUT", picture, "Content-Type: image/png")
        assert head[0].split()[1] == "200", head
        return data["resourceUrl"]

    def frame(route: str, body: Any) -> str:
        return json.dumps({"action": "api", "data": {"route": f"client/{route}", "body": body}})

    async with connect(through(proxied, served, "concierge")) as ws:
        await ws.send(frame("init-chat-with-concierge", {"newSession": True}))
        session = json.loads(await ws.recv())["body"]["chatSessionId"]
        resource = await upload(proxied.url["concierge"], served.url["concierge"])
        body = {"chatSessionId": session, "contentType": "IMAGE", "messageContent": resource}
        await ws.send(frame("send-message", body))
        while '"client/send-message"' not in str(await ws.recv()):
            pass
    recorder.until_closed()
    async with recorder.played("concierge") as played, Node.running("ws.mjs") as node:
        node.write({"open": played.connect})
        await node.event("open")
        node.write({"send": frame("init-chat-with-concierge", {"newSession": True})})
        mine = json.loads((await node.event("text"))[0])["body"]["chatSessionId"]
        mine_too = await upload(played.url, played.url)
        node.write(
            {"send": frame("send-message", {"chatSessionId": mine, "contentType": "IMAGE", "messageContent": mine_too})}
        )
        while '"client/send-message"' not in (text := (await node.event("text"))[0]):
            pass
        said = json.loads(text)["body"]["chatMessage"]
        assert (said["chatSessionId"], said["messageContent"]) == (mine, mine_too)
        assert mine_too.startswith(played.url)
        _, there = await at(mine_too, "GET")
        assert there == picture
        played.complete()
    assert (mine, mine_too) != (session, resource)
    change = Change("client/send-message", "body.chatMessage.messageContent", 7)
    await proven(recorder.path, "concierge", change, monkeypatch)


@pytest.mark.parametrize(
    ("recorded", "played_over"), [(POLLING, WEBSOCKET), (WEBSOCKET, UPGRADE), (UPGRADE, POLLING)],
    ids=["polling to websocket", "websocket to upgrade", "upgrade to polling"],
)  # fmt: skip
async def test_a_server_of_nodes(
    proxied: Proxied, peers: Peers, recorder: Recorder, recorded: list[str], played_over: list[str]
) -> None:
    """Two namespaces, binary, acknowledgements both ways, a burst, heartbeats, a refusal, a break that is recovered."""

    async def story(url: str, transports: list[str], ended: Callable[[], None] = lambda: None) -> Any:
        async with Node.running("story.mjs", url, json.dumps(transports), "replayed") as node:
            done = await node.event("done", seconds=3 * SECONDS)
            # It has to say goodbye yet.
            await asyncio.to_thread(ended)
            return done

    told = await story(proxied.url["peers"], recorded, lambda: recorder.until_closed(2))
    async with recorder.played(None) as played:
        assert await story(played.url, played_over) == told
        played.complete()
    # And the server itself is still the one of the tape, until it is not.
    if recorded == UPGRADE:
        await held_against(peers, recorder.path, "auth", "who: text became number: ")
    else:
        await stands(peers, recorder.path)


async def test_ws_of_node(proxied: Proxied, peers: Peers, recorder: Recorder) -> None:
    """Text, binary and a close code of a raw server, to npm's ws."""
    async with connect(f"{proxied.url['peers']}/echo?case=replayed".replace("http", "ws")) as ws:
        for data in ("text", b"\x00\xff", '{"close": [4321, "as you wish"]}'):
            await ws.send(data)
            if isinstance(data, bytes) or "close" not in data:
                assert await ws.recv() == data
        await ws.wait_closed()
    recorder.until_closed()
    async with recorder.played(None) as played, Node.running("ws.mjs") as node:
        node.write({"open": f"{played.url}/echo?case=replayed".replace("http", "ws")})
        await node.event("open")
        node.write({"send": "text"})
        assert await node.event("text") == ["text"]
        node.write({"binary": "00ff"})
        assert await node.event("binary") == ["00ff"]
        node.write({"send": '{"close": [4321, "as you wish"]}'})
        assert await node.event("close") == [4321, "as you wish"]
        played.complete()
    await held_against(peers, recorder.path, "(close)", "code: 4321 became 4322")
