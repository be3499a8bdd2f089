"""Clients of a Socket.IO or Engine.IO server that is an engine in a manual clock's hands: polls, posts and sockets."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from simulator.core.actions import Action
from simulator.core.backend import Route
from simulator.core.bot import SilentBot
from simulator.core.engine import Engine, Given
from simulator.core.events import Event, Opened
from simulator.core.ids import Ids
from simulator.core.message import Frame, Headers, Ping, Pong, Request, Response
from simulator.core.wire import (
    Aborted,
    Answer,
    Asked,
    Attached,
    Detached,
    Drop,
    Effect,
    Got,
    Pause,
    Shut,
    Upgrade,
    Write,
)
from simulator.core.world import World
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio import SocketIO
from simulator.wire.socketio_socket import Settings, routes
from tests.conformance.socketio_server import EngineEcho, Suite

KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""RFC 6455, section 1.3."""
UPGRADE: Headers = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", KEY),
)
POLLING, WEBSOCKET = "EIO=4&transport=polling", "EIO=4&transport=websocket"
NOON = 1767225600.0


class Noted(Suite):
    """The suite's rules, and all they heard."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.heard: list[Event] = []
        self.answer: Callable[[Event], list[Action]] = super().handle

    def handle(self, event: Event) -> list[Action]:
        self.heard.append(event)
        return self.answer(event)

    def all(self, kind: type[Any]) -> list[Any]:
        """What was heard of that kind."""
        return [event for event in self.heard if isinstance(event, kind)]


class Socket:
    """The client's end of a WebSocket."""

    def __init__(self, server: Server, call: int, upgrade: Upgrade) -> None:
        self.server = server
        self.link = call
        self.upgrade = upgrade
        self.items: deque[Frame | Ping | Pong | Shut | Drop | Pause] = deque()

    def send(self, *frames: str | bytes) -> list[str | bytes]:
        """Send frames; what came back."""
        for frame in frames:
            self.server.take(Got(self.link, Frame(frame)))
        return self.got()

    def got(self) -> list[str | bytes]:
        """What came since last time; a close frame is `shut`, and a word for anything else."""
        got: list[str | bytes] = []
        while self.items:
            item = self.items.popleft()
            if isinstance(item, Shut):
                assert (item.code, item.reason) == (None, "")
                got.append("shut")
            else:
                got.append(item.data if isinstance(item, Frame) else type(item).__name__.lower())
        return got

    def close(self, code: int = 1005) -> None:
        self.server.take(Detached(self.link, code))


class Server:
    """One server and its time."""

    def __init__(
        self, settings: Settings | None = None, echo: bool = False, by_hand: bool = False, **engine: Any
    ) -> None:
        self.settings = settings or Settings(EngineSettings(**engine))
        self.world = World(now=NOON, ids=Ids.seeded(7), seed=0, settings=0, by_hand=by_hand)
        self.rules = Noted(self.world)
        self.wire: Any = EngineEcho(self.settings.engine, self.world) if echo else SocketIO(self.settings, self.world)
        self.engine = Engine(self.wire, self.rules, SilentBot(), self.world)
        self.route: Route = routes(self.settings)[-1]
        self.sockets: dict[int, Socket] = {}
        self.answers: dict[int, Response | None] = {}
        self.calls = 0

    # ---- time and effects

    def after(self, seconds: float) -> None:
        t = round(self.world.now() + seconds, 6)
        while (due := self.engine.next_due()) is not None and due <= t:
            self._carry(self.engine.run_until(due))
        self._carry(self.engine.run_until(t))

    def take(self, given: Given) -> None:
        self._carry(self.engine.take(given))

    def _carry(self, effects: list[Any]) -> None:
        for effect in effects:
            self._one(effect)

    def _one(self, effect: Effect) -> None:
        match effect:
            case Answer():
                assert effect.call not in self.answers, "answered once"
                self.answers[effect.call] = effect.response
            case Upgrade():
                self.sockets[effect.call] = Socket(self, effect.call, effect)
            case Write():
                self.sockets[effect.link].items.append(effect.item)
            case Shut() | Drop() | Pause():
                self.sockets[effect.link].items.append(effect)
            case _:
                raise AssertionError(f"{effect} is for faults alone")

    # ---- requests

    def ask(self, method: str, query: str, body: bytes = b"", headers: Headers = (), path: str = "/socket.io/") -> int:
        """A request that may be answered later."""
        self.calls += 1
        self.take(Asked(self.calls, Request(method, path, query, headers, body), self.route))
        return self.calls

    def request(self, method: str, query: str, body: bytes = b"", headers: Headers = (), **more: str) -> Response:
        """A request that is answered at once."""
        response = self.answers[self.ask(method, query, body, headers, **more)]
        assert response is not None
        return response

    def waiting(self, sid: str) -> int:
        """A poll that is not answered at once."""
        call = self.ask("GET", f"{POLLING}&sid={sid}")
        assert call not in self.answers
        return call

    def body(self, call: int) -> str:
        """The answer to a poll."""
        response = self.answers[call]
        assert response is not None
        assert response.status == 200, response
        return response.body.decode()

    def poll(self, sid: str) -> str:
        return self.body(self.ask("GET", f"{POLLING}&sid={sid}"))

    def status(self, sid: str) -> int:
        """Of a poll that is refused."""
        return self.request("GET", f"{POLLING}&sid={sid}").status

    def post(self, sid: str, body: str | bytes) -> None:
        data = body.encode() if isinstance(body, str) else body
        response = self.request("POST", f"{POLLING}&sid={sid}", data)
        assert (response.status, response.body) == (200, b"ok")

    def abort(self, call: int) -> None:
        self.take(Aborted(call))

    # ---- sessions

    def open(self) -> str:
        """A new polling session's sid."""
        response = self.request("GET", POLLING)
        assert response.status == 200, response
        return str(json.loads(response.body[1:])["sid"])

    def joined(self, auth: str = "") -> str:
        """A polling session that joined the root namespace, and read all that came of it."""
        sid = self.open()
        self.post(sid, f"40{auth}")
        self.poll(sid)
        return sid

    def socket(self, query: str = WEBSOCKET, headers: Headers = UPGRADE) -> Socket:
        """A WebSocket, whatever the server does with it then."""
        call = self.ask("GET", query, headers=headers)
        self.take(Attached(call, call))
        return self.sockets[call]

    def connected(self, auth: str = "") -> Socket:
        """A WebSocket that joined the root namespace."""
        socket = self.socket()
        socket.send(f"40{auth}")
        return socket

    def probe(self, sid: str) -> Socket:
        """A WebSocket that wants to take a polling session over, and was told that it may."""
        socket = self.socket(f"{WEBSOCKET}&sid={sid}")
        assert socket.send("2probe") == ["3probe"]
        return socket


def code_of(response: Response) -> int:
    """The engine's code for what is wrong."""
    assert dict(response.headers)["Content-Type"] == "application/json"
    return int(json.loads(response.body)["code"])


def query_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query))


def do(server: Server, action: Action) -> None:
    """What rules ask for between two inputs."""
    server.engine._effects = []
    server.engine._do([action])
    server._carry(server.engine._effects)


def conn(server: Server, index: int = -1) -> Any:
    return server.rules.all(Opened)[index].conn


def later(server: Server) -> None:
    """The rules answer nothing by themselves."""
    server.rules.answer = lambda event: []
