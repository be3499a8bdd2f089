"""An engine around the Phoenix wire, with rules that do what joins and events are called."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.core.actions import Accept, Action, Close, Refuse, Reply, Send
from simulator.core.backend import Route
from simulator.core.bot import SilentBot
from simulator.core.engine import Engine, Given
from simulator.core.events import Closed, Event, Knocked, Opened, Received, Requested
from simulator.core.ids import Ids
from simulator.core.message import Frame, Message, Request
from simulator.core.wire import (
    Asked,
    Attached,
    Upgrade,
    Write,
)
from simulator.core.world import World
from simulator.wire.phoenix import Phoenix
from simulator.wire.phoenix_profile import PROFILES
from tests.talkless import Talkless

WEBSOCKET, LONGPOLL, ELSEWHERE = Route("websocket", "/w"), Route("longpoll", "/l"), Route("image", "/i")
GOOD = {
    "Host": "example.com",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
HANDSHAKE = (
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
)
HANDSHAKE_18 = tuple(
    sorted(
        (
            *HANDSHAKE,
            ("cache-control", "max-age=0, private, must-revalidate"),
            ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("server", "Cowboy"),
        )
    )
)
JOIN = '["1","1","bot:a","phx_join",{}]'
OK13, OK18 = '{"status":"ok","response":{}}', '{"response":{},"status":"ok"}'

both = pytest.mark.parametrize("profile", ["1.3", "1.8"])


def upgraded(profile: str) -> list[Upgrade]:
    return [Upgrade(1, HANDSHAKE if profile == "1.3" else HANDSHAKE_18)]


def ok(profile: str) -> str:
    return OK13 if profile == "1.3" else OK18


def error(profile: str, reason: str) -> str:
    response = f'"response":{{"reason":"{reason}"}}'
    return f'{{"status":"error",{response}}}' if profile == "1.3" else f'{{{response},"status":"error"}}'


def asking(query: str = "vsn=2.0.0", method: str = "GET", changes: dict[str, str | None] | None = None) -> Request:
    headers = [(name, value) for name, value in {**GOOD, **(changes or {})}.items() if value is not None]
    return Request(method, "/socket/websocket", query, tuple(headers))


class Host(Talkless):
    """An engine whose rules do what joins and events are called; what comes out is kept."""

    def __init__(self, profile: str = "1.3", mark: str = "", by_hand: bool = False, **options: Any) -> None:
        self.profile = profile
        self.events: list[Event] = []
        self.todo: list[Action] = []
        self.out: list[tuple[float, object]] = []
        world = World(now=0.0, ids=Ids.seeded(1), seed=0, settings=0, mark=mark, by_hand=by_hand)
        self.wire = Phoenix(world, **{"topics": ("bot:*", "exact"), "profile": PROFILES[profile], **options})
        self.engine = Engine(self.wire, self, SilentBot(), world)

    def handle(self, event: Event) -> list[Action]:
        self.events.append(event)
        if isinstance(event, Knocked):
            auth: dict[str, Any] = event.auth if isinstance(event.auth, dict) else {}
            if auth.get("later") or "later" in event.request.query:
                return []
            if auth.get("refuse"):
                return [Refuse(event.conn, {"reason": auth["refuse"]})]
            return [Accept(event.conn)]
        if not isinstance(event, Received):
            return self.todo if isinstance(event, Requested) else []
        conn, message = event.conn, event.message
        match message.name:
            case "ok":
                return [Reply(conn, message.ref, ("ok", {}))]
            case "say":
                return [Reply(conn, message.ref, ("ok", message.args[0]))]
            case "push":
                return [Send((conn,), Message("news", message.args))]
            case "bye":
                return [Close(conn, 1011, "not on the tape")]
            case "crash":
                return [Close(conn, 1011, whole=False)]
            case "end":
                return [Close(conn, 1000, whole=False)]
        return []

    def take(self, given: Given) -> list[object]:
        effects: list[object] = [*self.engine.take(given)]
        self.out += [(self.engine.world.now(), effect) for effect in effects]
        return effects

    def act(self, *actions: Action) -> list[object]:
        """What rules do when a request comes that has nothing to do with sockets."""
        self.todo = [*actions]
        return self.take(Asked(999, Request("GET", "/"), ELSEWHERE))

    def at(self, t: float) -> list[object]:
        """Let time pass."""
        start = len(self.out)
        while (due := self.engine.next_due()) is not None and due <= t:
            self.out += [(due, effect) for effect in self.engine.run_until(due)]
        self.out += [(t, effect) for effect in self.engine.run_until(t)]
        return [effect for _, effect in self.out[start:]]

    def connect(self, link: int = 1, query: str = "vsn=2.0.0") -> None:
        [upgrade] = self.take(Asked(link, asking(query), WEBSOCKET))
        assert isinstance(upgrade, Upgrade)
        assert self.take(Attached(link, link)) == []

    def says(self, *frames: str | bytes, link: int = 1) -> list[object]:
        """What comes back: the data of frames, everything else as it is."""
        effects: list[object] = []
        for frame in frames:
            # As the driver does it.
            heard = self.engine.hear(link, Frame(frame), self.engine.world.now())
            self.out += [(self.engine.world.now(), effect) for effect in heard]
            effects += heard
        return [
            effect.item.data if isinstance(effect, Write) and isinstance(effect.item, Frame) else effect
            for effect in effects
        ]

    def conns(self, kind: type[Knocked | Opened | Closed]) -> list[Any]:
        return [event.conn for event in self.events if isinstance(event, kind)]

    def closed(self) -> list[tuple[str, int]]:
        return [(repr(event.conn), event.code) for event in self.events if isinstance(event, Closed)]


def host(profile: str = "1.3", *frames: str, **options: Any) -> Host:
    """With an open V2 socket, to which these frames came."""
    it = Host(profile, **options)
    it.connect()
    it.says(*frames)
    return it
