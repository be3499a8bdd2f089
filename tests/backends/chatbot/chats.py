"""What the tests of chatbot share: people at the door, and what the fixtures hold."""

from __future__ import annotations

import gc
import json
import sys
from functools import cache
from types import FrameType
from typing import Any

from simulator.backends import load
from simulator.backends.chatbot import jwt
from simulator.core.message import Json
from simulator.serve import seeds
from tests.talk import UPGRADE, Socket, Talk

NOW = 1767225600
"""The clock of these tests when they begin: 2026-01-01T00:00:00Z."""
SECRET = "invented-secret"
HARBOUR: dict[str, Json] = {"widgetKey": "wk-harbour-1", "chatbotId": "bot-harbour"}
WORKSHOP: dict[str, Json] = {"widgetKey": "wk-workshop-1", "chatbotId": "bot-workshop"}
HILL: dict[str, Json] = {"widgetKey": "wk-hill-1", "chatbotId": "bot-hill"}
STATES = ["new", "active", "ai", "queued", "agent", "escalated", "ended", "closed"]

Event = tuple[str, Any]


def token(user: str, **claims: Json) -> str:
    return jwt.sign({"sub": user, **claims}, SECRET)


def as_user(user: str) -> dict[str, Json]:
    return {"token": token(user)}


def chat(**settings: object) -> Talk:
    return Talk("chatbot", settings=settings, seeded=fixtures())


@cache
def fixtures() -> dict[str, Any]:
    """What the file holds, read once; whoever changes it takes a copy."""
    return seeds.load(load("chatbot"), None, []).model_dump()


class Person:
    """Someone with a socket: says events, and reads what came."""

    def __init__(self, talk: Talk, name: str, auth: dict[str, Json] | None, headers: Any = UPGRADE) -> None:
        self.talk = talk
        self.socket: Socket = talk.connect(name, headers=headers)
        self.socket.send("40" if auth is None else f"40{json.dumps(auth)}")

    def emit(self, event: str, *args: Any) -> list[Event]:
        """Sends an event; what came of it at once."""
        self.socket.send(f"42{json.dumps([event, *args])}")
        return self.events()

    def events(self) -> list[Event]:
        """Name and body of every event that came."""
        found = [json.loads(text[2:]) for text in self.socket.texts() if text.startswith("42")]
        return [(event[0], event[1] if len(event) > 1 else None) for event in found]

    def after(self, seconds: float) -> list[Event]:
        """Lets time pass; what came meanwhile. The person's client answers pings."""
        left = seconds
        while left > 0:
            step = min(left, 20.0)
            self.talk.after(step)
            left -= step
            for socket in self.talk.sockets.values():
                if socket.open:
                    socket.send("3")
        return self.events()

    def join(self, **body: Json) -> Any:
        """Joins a conversation; the body of conversation-started."""
        found = self.emit("join-conversation", body)
        return next(body for name, body in found if name == "conversation-started")

    def frames(self) -> list[str]:
        return self.socket.texts()


def person(talk: Talk, name: str = "client", auth: dict[str, Json] | None = None, **more: Any) -> Person:
    """Somebody who was let in, and has read that."""
    found = Person(talk, name, HARBOUR if auth is None else auth, **more)
    assert [event for event, _ in found.events()] == ["connected"]
    return found


def user(talk: Talk, name: str) -> Person:
    # Each socket has a name of its own: all of them answer pings.
    return person(talk, f"{name} {len(talk.sockets)}", as_user(name))


def names(events: list[Event]) -> list[str]:
    return [name for name, _ in events]


def codes(events: list[Event]) -> list[str]:
    return [body["code"] for name, body in events if name == "error"]


def one(events: list[Event], name: str) -> Any:
    """The body of the only event of that name."""
    [body] = [body for found, body in events if found == name]
    return body


def checked(talk: Talk, events: list[Event]) -> None:
    """Each event fits its model."""
    for name, body in events:
        talk.backend.events[name].model_validate(body)


def cost(who: Person, event: str, **body: Json) -> int:
    """How many functions an event calls, ours and built in ones: the same on every machine, however busy it is."""
    calls = 0

    def seen(frame: FrameType, kind: str, arg: Any) -> None:
        nonlocal calls
        calls += kind in ("call", "c_call")

    before = sys.getprofile()
    # A collection calls its own.
    gc.disable()
    sys.setprofile(seen)
    try:
        who.emit(event, body)
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls
