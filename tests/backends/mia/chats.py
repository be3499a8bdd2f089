"""What the tests of mia share: people at the door, and what the fixtures hold."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from simulator import backends
from simulator.core.message import Json, Response
from simulator.serve import seeds
from tests.talk import Socket, Talk

GARDEN: dict[str, Json] = {"chatId": "garden-homes", "token": "garden-web-token"}
HARBOUR: dict[str, Json] = {"chatId": "harbour-lofts", "token": "harbour-web-token"}
ANA = "52a932d8-286d-46b6-a094-6d0202578b05"
BRUNO = "0f8a51c6-93d2-4c6e-8d8b-0c7f1f2b9e10"

SYSTEM = (("Host", "127.0.0.1"), ("Content-Type", "application/json"), ("token", "garden-system-token"))


@cache
def fixtures() -> dict[str, Any]:
    """Read once: YAML is slow."""
    dumped: dict[str, Any] = seeds.load(backends.load("mia"), None, []).model_dump()
    return dumped


def chat(**settings: object) -> Talk:
    """A mia without offsets behind its events, so that they can be written down."""
    return Talk("mia", seeded=fixtures(), settings={"recovery": 0, **settings})


def enter(talk: Talk, name: str = "client", room: Json = None, instance: Json = None, **more: Json) -> Socket:
    """A client at the door with its auth; None for nothing."""
    socket = talk.connect(name)
    auth = {**({} if room is None else {"roomId": room}), "instance": instance or GARDEN, **more}
    socket.send(f"40{json.dumps(auth)}")
    return socket


def inside(talk: Talk, name: str = "client", room: Json = None, instance: Json = None, **more: Json) -> Socket:
    """A client who has heard all that comes at first."""
    socket = enter(talk, name, room, instance, **more)
    socket.got.clear()
    return socket


def events(socket: Socket) -> list[tuple[str, Any]]:
    """Name and body of every event that came, offsets taken off."""
    found = [json.loads(text[2:]) for text in socket.texts() if text.startswith("42")]
    return [(event[0], event[1] if len(event) > 1 else None) for event in found]


def names(socket: Socket) -> list[str]:
    return [name for name, _ in events(socket)]


def say(socket: Socket, content: Json) -> None:
    socket.send(f"42{json.dumps(['EVENT_CLIENT_SEND_MESSAGE', {'content': content}])}")


def push(
    talk: Talk, body: object, instance: object = 34, headers: Any = SYSTEM, path: str = "receive-message"
) -> Response:
    """What Mia sends over HTTP."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return talk.request("POST", f"/{path}/{instance}", raw, headers)
