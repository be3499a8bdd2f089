"""Server and Client, face to face: the same talk over every transport, and the Reader that looks on."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Any

import pytest

from simulator.core.actions import After, Cancel, Close, Send
from simulator.core.events import Acked, Closed, Malformed, Opened, Received
from simulator.core.message import NO_REF, Frame, Json, Message, Request
from simulator.core.wire import Answer, Asked, Attached, Detached, Drain, Drop, Due, Got, Shut, Write
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio_client import SocketIOClient
from simulator.wire.socketio_reader import SocketIOReader
from simulator.wire.socketio_recovery import Recovery
from simulator.wire.socketio_socket import Settings
from tests.wire.sio import UPGRADE, Server

TRANSPORTS = [("websocket",), ("polling",), ("polling", "websocket")]
over_all = pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)


class Pair:
    """A client and a server, and what passes between them; the client's time is the server's."""

    def __init__(self, transports: tuple[str, ...], joins: Any = (("/", None),), settings: Any = None) -> None:
        self.server = Server(settings or Settings())
        self.client = SocketIOClient(joins, transports=transports)
        self.reader = SocketIOReader()
        self.heard: list[Any] = []
        self.read: list[tuple[str, str]] = []
        self.calls: dict[int, int] = {}
        """By the server's number the client's."""
        self.methods: dict[int, str] = {}
        self.timers: dict[Hashable, float] = {}
        self.waiting: deque[Any] = deque()
        self.links: set[int] = set()
        self.note(self.client.begin())

    def note(self, out: list[Any]) -> None:
        self.waiting += out

    def take(self, given: Any) -> Pair:
        """Let the client do something, and everything that comes of it pass."""
        self.note(self.client.take(given))
        return self.settle()

    def send(self, name: str, *args: Any, ack: Hashable = None) -> Pair:
        return self.take(Send((self.client.conns[0],), Message(name, args), ack))

    def settle(self) -> Pair:
        while True:
            while self.waiting:
                self.one(self.waiting.popleft())
            if not self.back():
                return self

    def one(self, output: Any) -> None:
        """What the client did, carried to the server."""
        match output:
            case Asked(call, request):
                self.ask(call, request)
            case Write(link, item):
                self.seen("client", link, item)
                self.server.take(Got(link, item))
            case Shut(link) | Drop(link):
                self.cut(link)
            case After(seconds, owner, name):
                assert owner is self.client
                self.timers[name] = self.server.world.now() + seconds
            case Cancel(owner, None):
                assert owner is self.client
                self.timers.clear()
            case Opened() | Received() | Acked() | Closed() | Malformed():
                self.heard.append(output)
            case _:
                raise AssertionError(output)

    def ask(self, call: int, request: Request) -> None:
        server = self.server
        socket = request.header("Upgrade") is not None
        number = server.calls + 1
        self.reader.asked(number, request)
        if request.body:
            self.seen("client", number, Frame(request.body.decode(), "polling"))
        self.calls[number], self.methods[number] = call, request.method
        server.ask(request.method, request.query, request.body, UPGRADE if socket else request.headers)
        if number in server.sockets:
            del self.calls[number]
            self.links.add(number)
            server.take(Attached(number, number))
            self.note(self.client.take(Attached(number, call)))

    def back(self) -> bool:
        """Carry what the server did to the client; whether there was anything."""
        moved = False
        for number in [number for number in self.calls if number in self.server.answers]:
            response = self.server.answers[number]
            assert response is not None
            if response.status == 200:
                self.seen("server", number, Frame(response.body.decode(), "polling"))
            self.note(self.client.take(Answer(self.calls.pop(number), response)))
            moved = True
        for link in [*self.links]:
            items = self.server.sockets[link].items
            while items and link in self.links:
                item: Any = items.popleft()
                moved = True
                if isinstance(item, Shut | Drop):
                    self.links.discard(link)
                    self.note(self.client.take(Detached(link, 1005)))
                    self.server.take(Detached(link))
                else:
                    self.seen("server", link, item)
                    self.note(self.client.take(Got(link, item)))
        return moved

    def seen(self, sender: str, link: int, item: Any) -> None:
        for turn in self.reader.read(sender, link, item):
            assert turn.message is not None, turn.why
            self.read.append((turn.sender, turn.message.name))

    def cut(self, link: int) -> None:
        """The client's end of a socket goes."""
        if link in self.links:
            self.links.discard(link)
            self.server.take(Detached(link))

    def after(self, seconds: float) -> Pair:
        """Let time pass for both, in tenths of a second."""
        for _ in range(round(seconds * 10)):
            self.server.after(0.1)
            for name in [name for name, due in self.timers.items() if due <= self.server.world.now()]:
                del self.timers[name]
                self.note(self.client.take(Due(self.client, name)))
            self.settle()
        return self

    def messages(self) -> list[tuple[Any, ...]]:
        """What the client received since last time."""
        found = [event for event in self.heard if isinstance(event, Received)]
        self.heard = [event for event in self.heard if not isinstance(event, Received)]
        return [(event.message.name, *event.message.args) for event in found]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.heard]

    @property
    def carried(self) -> str:
        """What carries the server's only session now."""
        [session] = self.server.wire._engine.sessions.values()
        return "polling" if session.link is None else "websocket"


@over_all
def test_a_talk(transports: tuple[str, ...]) -> None:
    pair = Pair(transports, [("/", {"token": 1}), ("/custom", None), ("/strict", None)]).settle().after(0.2)
    assert pair.messages() == [("auth", {"token": 1}), ("auth", {}), ("connect_error", {"message": "no"})]
    assert pair.kinds() == ["Opened", "Opened"]
    assert pair.carried == transports[-1]
    pair.send("message", 1, "é", {"a": [b"\x00\xff", None]}, b"x").send("ask", 2)
    assert pair.messages() == [("message-back", 1, "é", {"a": [b"\x00\xff", None]}, b"x"), ("question", 2)]
    asked = next(event for event in pair.server.rules.all(Received) if event.message.name == "ask")
    assert asked.message.ref is NO_REF
    pair.send("message-with-ack", b"y", ack="mine")
    assert pair.heard[-1] == Acked(pair.client.conns[0], "mine", (b"y",))
    pair.send("many", 1000)
    assert pair.messages() == [("n", number) for number in range(1000)]
    names = [name for _, name in pair.read]
    assert names[:2] == ["connect", "connect"]
    assert names.count("n") == 1000
    assert ("client", "message") in pair.read


@over_all
def test_a_thousand_emits_in_a_burst(transports: tuple[str, ...]) -> None:
    pair = Pair(transports).settle()
    pair.messages()
    for number in range(1000):
        pair.note(pair.client.take(Send((pair.client.conns[0],), Message("message", (number,)))))
        if number == 500:
            pair.server.after(0.1)
    pair.settle().after(0.2)
    assert pair.messages() == [("message-back", number) for number in range(1000)]
    assert pair.carried == transports[-1]


@over_all
def test_a_minute_of_heartbeats(transports: tuple[str, ...]) -> None:
    pair = Pair(transports, settings=Settings(EngineSettings(ping_interval=2.5, ping_timeout=2))).settle().after(60)
    pair.messages()
    assert pair.send("message", 1).messages() == [("message-back", 1)]
    assert pair.kinds() == ["Opened"]


@over_all
def test_the_ends(transports: tuple[str, ...]) -> None:
    pair = Pair(transports, [("/", None), ("/custom", None)]).settle().after(0.2)
    one, two = pair.client.conns
    pair.take(Close(two, whole=False)).messages()
    assert pair.heard[-1] == Closed(two, 1000)
    assert pair.send("message", 1).messages() == [("message-back", 1)]
    pair.send("kick").after(0.2)
    assert pair.heard[-1] == Closed(one, 1005)
    assert [event.code for event in pair.server.rules.all(Closed)] == [1000, 1000]
    pair.note(pair.client.begin())
    pair.settle().after(0.2)
    assert pair.messages() == [("auth", {}), ("auth", {})]
    pair.take(Drain())
    assert pair.server.wire._engine.sessions == {}
    assert not pair.links
    assert len(pair.server.rules.all(Closed)) == 4


@over_all
def test_the_server_stops(transports: tuple[str, ...]) -> None:
    pair = Pair(transports).settle().after(0.2)
    pair.server.take(Drain())
    pair.settle()
    assert [type(event) for event in pair.heard[1:]] == [Received, Closed]
    assert not pair.links


@over_all
@pytest.mark.parametrize("auth", [None, {"token": 1}])
def test_coming_back(transports: tuple[str, ...], auth: Json) -> None:
    settings = Settings(EngineSettings(ping_interval=5, ping_timeout=5), recovery=Recovery())
    pair = Pair(transports, [("/", auth)], settings).settle().after(0.2)
    [conn] = pair.client.conns
    pair.send("later", 20_000, "missed").send("message", 1)
    sid = conn.sid
    # The wire is cut: nothing passes, until both notice.
    for link in [*pair.links]:
        pair.links.discard(link)
    pair.calls.clear()
    pair.after(15)
    assert pair.kinds()[-1] == "Closed"
    assert len(pair.server.rules.all(Closed)) == 1
    pair.after(10)
    pair.messages()
    pair.note(pair.client.begin())
    pair.settle().after(0.2)
    assert pair.messages() == [("late", "missed")]
    assert (conn.sid, pair.kinds()[-1]) == (sid, "Opened")
