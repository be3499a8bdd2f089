"""What rules ask for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from msgspec import Struct

from simulator.core.events import CallId, Conn
from simulator.core.message import Headers, Json, Message, Response


@dataclass(slots=True)
class Accept:
    """Open the door to a conn that knocked; the wire still checks the upgrade itself."""

    conn: Conn
    headers: Headers = ()
    """More lines for the 101."""
    body: Json = None
    """Behind the handshake, what a Phoenix join is answered with; None is `{}`."""


@dataclass(slots=True)
class Refuse:
    """Turn a conn away that knocked."""

    conn: Conn
    response: Response | Json
    """An HTTP answer before the handshake; behind it (a Phoenix join, a Socket.IO namespace) the reason as JSON."""


@final
class Send(Struct, gc=False):
    """Send one message to several conns, encoded once; those that are gone are passed over."""

    conns: Sequence[Conn]
    message: Message
    ack: Hashable = None
    """With a key the wire asks the peer for an acknowledgement, which comes back as Acked."""
    volatile: bool = False
    """Lost where it can't leave at once, and never sent again, on wires that know the difference."""


class _ByHand:
    __slots__ = ()

    def __repr__(self) -> str:
        return "BY_HAND"


BY_HAND: Final = _ByHand()
"""The ack of what somebody at the controls sends: no rules hear of its answer."""


@final
class Reply(Struct, gc=False):
    """Answer a message by its ref."""

    conn: Conn
    ref: object
    args: tuple[Json | bytes, ...] = ()


@dataclass(slots=True)
class Close:
    """Close a conn; code None gives a close frame without a code, 1006 ends the connection without any.

    Where a conn is not a whole socket (a Phoenix channel), 1000 is its orderly end and any other code its crash.
    """

    conn: Conn
    code: int | None = 1000
    reason: str = ""
    whole: bool = True
    """False leaves the session and ends the conn alone, where the wire knows the difference."""
    bare: bool = False
    """The connection alone is closed, and the envelope says no goodbye: to its client that is a break, not an end."""


@dataclass(slots=True)
class Hold:
    """Take no more input from a conn until Release: what a server does whose read loop is busy."""

    conn: Conn


@dataclass(slots=True)
class Release:
    """Go on reading from a conn."""

    conn: Conn


@dataclass(slots=True)
class Respond:
    """Answer an HTTP request."""

    call: CallId
    response: Response


class After(Struct, gc=False):
    """Fire a timer in so many seconds; the same owner and name again replaces it."""

    seconds: float
    owner: Hashable
    name: Hashable


@dataclass(slots=True)
class Cancel:
    """Take back a timer, or with name None all of that owner."""

    owner: Hashable
    name: Hashable = None


class Began(Struct, gc=False):
    """Tell the bot that a person has come into a talk, or is back in it."""

    talk: str
    conn: Conn
    again: bool = False
    """The talk was there before."""


class Ended(Struct, gc=False):
    """Tell the bot that a talk is over, whoever ended it: whatever it does there would be refused."""

    talk: str


@final
class Heard(Struct, gc=False):
    """Tell the bot what a person said in a talk."""

    talk: str
    text: str
    message: Message
    """The client's message, for bots that look closer."""
    conn: Conn | None = None
    """Who said it, where an answer goes to that conn alone."""
    about: Mapping[str, Json] | None = None
    """What the backend keeps of the person, as it is now."""


@dataclass(slots=True)
class Call:
    """Ask another server by HTTP; the end comes back as Called with the same key."""

    key: Hashable
    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    timeout: float | None = 10.0
    """Seconds, None for no limit."""


Action: TypeAlias = (
    Accept | Refuse | Send | Reply | Close | Hold | Release | Respond | After | Cancel | Heard | Began | Ended | Call
)
