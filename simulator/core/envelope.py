"""What stands around a message on the wire, for who breaks it: faults strike some frames and spare others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from simulator.core.message import Frame, Ping, Pong, Request, Response

Data: TypeAlias = "str | bytes"
"""A text or binary frame, or a packet of a poll's body."""

MESSAGE, ACK, HEARTBEAT, CONTROL = "message", "ack", "heartbeat", "control"


@dataclass(slots=True, frozen=True)
class Look:
    """What a frame is at a glance."""

    kind: str = MESSAGE
    """`message`, `ack` for an answer to one, `heartbeat`, or `control` for the envelope's own business."""
    name: str = ""
    """As in Message; empty where there is none."""
    more: int = 0
    """So many frames behind it belong to it: a Socket.IO packet's attachments."""


class Envelope(Protocol):
    """One kind of envelope, seen from outside. None of this raises: what can't be read is a message without a name."""

    garbage: str
    """A text that is none of its messages, in either direction."""
    names: frozenset[str]
    """Names of its own, beside those of a backend's messages."""
    acks: frozenset[str]
    """Who acknowledges: `client`, `server`, both or none."""

    def look(self, sender: str, data: Data) -> Look:
        """A frame of `client` or `server`."""
        ...

    def opens(self, request: Request, polls: bool) -> bool:
        """Whether a request asks for a connection: an upgrade, or a session that polls."""
        ...

    def split(self, sender: str, request: Request, body: bytes) -> list[Data]:
        """The packets of a poll's body; none where it carries no messages."""
        ...

    def posted(self, request: Request, parts: Sequence[Data]) -> Request | Response:
        """The request with these packets in place of its own; with none of them, perhaps the answer to it."""
        ...

    def answered(self, body: bytes, parts: Sequence[Data]) -> bytes:
        """The body of an answer with these packets in place of its own."""
        ...

    def farewell(self) -> Response:
        """The answer to a poll by which a session ends."""
        ...


def glance(envelope: Envelope, sender: str, item: Frame | Ping | Pong) -> Look:
    """Whatever `client` or `server` sends: pings and pongs of WebSocket itself are heartbeats in any envelope."""
    if isinstance(item, Frame):
        return envelope.look(sender, item.data)
    return Look(HEARTBEAT, "ping" if isinstance(item, Ping) else "pong")


class Bare:
    """No envelope that anybody knows: every frame is a message without a name, nothing polls."""

    __slots__ = ()

    garbage = "?"
    names: frozenset[str] = frozenset()
    acks: frozenset[str] = frozenset()

    def look(self, sender: str, data: Data) -> Look:
        """A message."""
        return Look()

    def opens(self, request: Request, polls: bool) -> bool:
        """An upgrade."""
        return "websocket" in request.tokens("Upgrade")

    def split(self, sender: str, request: Request, body: bytes) -> list[Data]:
        """None."""
        return []

    def posted(self, request: Request, parts: Sequence[Data]) -> Request | Response:
        """As it was."""
        return request

    def answered(self, body: bytes, parts: Sequence[Data]) -> bytes:
        """As it was."""
        return body

    def farewell(self) -> Response:
        """Nothing polls, so nothing says more than this."""
        return Response(410)
