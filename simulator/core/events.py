"""What rules hear. A wire makes the first seven, the engine the rest."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

from msgspec import Struct

from simulator.core.message import Json, Message, Request

if TYPE_CHECKING:
    from simulator.core.actions import Heard
    from simulator.core.backend import Route
    from simulator.core.bot import Act
    from simulator.core.errors import WireError

Conn: TypeAlias = Hashable
"""What the rules see of a peer: opaque, made by the wire."""

CallId: TypeAlias = int
"""One HTTP request, which may be answered later."""


@dataclass(slots=True)
class Knocked:
    """Someone is at the door; answered by exactly one Accept or Refuse, at once or later."""

    conn: Conn
    request: Request
    auth: Json = None
    """What the client brought along: a Phoenix join's payload, a Socket.IO CONNECT's."""
    topic: str = ""
    """Phoenix topic or Socket.IO namespace; empty at the socket's own door."""
    recovers: Conn | None = None
    """The closed conn that this one goes on from, with all that it missed, once it is accepted."""


@dataclass(slots=True)
class Opened:
    """The connection is open, its handshake written."""

    conn: Conn


@final
class Received(Struct, gc=False):
    """A message came."""

    conn: Conn
    message: Message


@dataclass(slots=True)
class Malformed:
    """Something came that is not of the wire's kind, or was to be sent and can't be written."""

    conn: Conn
    error: WireError


class Acked(Struct, gc=False):
    """The peer acknowledged what was sent with that key."""

    conn: Conn
    key: Hashable
    args: tuple[Json | bytes, ...] = ()


@dataclass(slots=True)
class Closed:
    """The connection is over, or an accepted one never opened; said once for each Knocked that was accepted."""

    conn: Conn
    code: int = 1006
    """The close code that came or went, 1005 for a close without one, 1006 for none at all."""


@dataclass(slots=True)
class Requested:
    """An HTTP request which is not the wire's door; answered by exactly one Respond, at once or later."""

    call: CallId
    request: Request
    route: Route


class Fired(Struct, gc=False):
    """A timer of the rules is due."""

    owner: Hashable
    name: Hashable


@final
class Acted(Struct, gc=False):
    """The bot, or the operator, does something in a talk."""

    talk: str
    act: Act
    heard: Heard | None = None
    """What the bot answers; None for the operator and for what nobody asked."""


@final
@dataclass(slots=True)
class Called:
    """An outgoing Call has ended: with a status, or with an error and status 0."""

    key: Hashable
    status: int
    body: bytes = b""
    error: str = ""


Event: TypeAlias = Knocked | Opened | Received | Malformed | Acked | Closed | Requested | Fired | Acted | Called
