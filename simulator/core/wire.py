"""What goes into a wire and what comes out: one Wire per running engine, pure, its sessions inside."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias, final

from msgspec import Struct

from simulator.core.actions import Accept, After, Cancel, Close, Hold, Refuse, Release, Reply, Send
from simulator.core.events import Acked, CallId, Closed, Conn, Knocked, Malformed, Opened, Received, Requested
from simulator.core.message import Frame, Headers, Message, Ping, Pong, Request, Response

if TYPE_CHECKING:
    from simulator.core.backend import Route

Link: TypeAlias = int
"""One socket, numbered by the driver."""


@final
class Asked(Struct):
    """An HTTP request came, its body read."""

    call: CallId
    request: Request
    route: Route


class Attached(Struct):
    """The Upgrade of a call was carried out: this is its socket."""

    link: Link
    call: CallId


@final
class Got(Struct, gc=False):
    """Something came over a socket."""

    link: Link
    item: Frame | Ping | Pong


class Detached(Struct):
    """A socket has ended, with the code of the peer's close frame, 1005 without a code, 1006 without a frame."""

    link: Link
    code: int = 1006


class Aborted(Struct):
    """The client of a call went away before its Answer or Upgrade could be written."""

    call: CallId


class Beat(Struct):
    """Under a manual clock: a ping interval of real time passed. Ping every live peer, owe nothing, arm nothing."""


class Put(Struct):
    """Somebody at the controls writes this frame to a client, as it is; a client that is gone is passed over."""

    client: CallId
    frame: Frame


class Hangup(Struct):
    """Somebody at the controls ends a client's session, whatever carries it."""

    client: CallId
    code: int | None = 1000


class Later(Struct, eq=False):
    """Somebody at the controls: do this in so many seconds. A Cancel of its owner takes it back."""

    seconds: float
    owner: Hashable
    given: Send | Put | Hangup | Shut


class Drain(Struct):
    """The server stops: say goodbye to everyone as the real one does."""


class Aside(Struct, frozen=True):
    """Owns a timer that is not the wire's own but of what stands where the wire stands."""

    owner: Hashable


class Due(Struct, gc=False):
    """A timer of the wire is due."""

    owner: Hashable
    name: Hashable


@final
class Answer(Struct):
    """Answer an HTTP request."""

    call: CallId
    response: Response | None
    """None ends the connection without a word."""


class Upgrade(Struct):
    """Turn a request into a WebSocket: followed by exactly one Attached or Aborted."""

    call: CallId
    headers: Headers
    """All lines of the 101, in order."""


@final
class Write(Struct, gc=False):
    """Write to a socket."""

    link: Link
    item: Frame | Ping | Pong


class Shut(Struct):
    """Send a close frame (code None: an empty one) and end the socket."""

    link: Link
    code: int | None
    reason: str = ""


class Drop(Struct):
    """End a socket without a close frame."""

    link: Link


class Pause(Struct):
    """Read nothing more from a socket, or go on (`on` False)."""

    link: Link
    on: bool = True


class Raw(Struct):
    """Write bytes to a socket that are no whole frame, or a broken one: what only faults do."""

    link: Link
    data: bytes
    shown: Frame | None = None
    """The message that is out with these bytes."""


class Reset(Struct):
    """End the TCP connection of a link or a call by an RST: what only faults do."""

    number: Link | CallId


def ended(deed: Shut | Reset | Drop) -> Detached:
    """What a wire is told of a socket that somebody else has ended."""
    if isinstance(deed, Reset):
        return Detached(deed.number)
    if isinstance(deed, Drop):
        return Detached(deed.link)
    return Detached(deed.link, 1005 if deed.code is None else deed.code)


Outside: TypeAlias = Asked | Attached | Got | Detached | Aborted | Beat | Drain
"""What the driver brings."""
Input: TypeAlias = Outside | Due | Accept | Refuse | Send | Reply | Close | Hold | Release | Put | Hangup
Effect: TypeAlias = Write | Answer | Upgrade | Shut | Drop | Pause | Raw | Reset
"""What the driver carries out."""
Output: TypeAlias = Effect | Knocked | Opened | Received | Malformed | Acked | Closed | Requested | After | Cancel


class Present(Struct):
    """Who is connected now, as a wire knows them."""

    number: CallId
    """Of the call with which it came; a WebSocket's link has the same."""
    link: Link | None
    """Its socket; None while it polls."""
    transport: str
    """`websocket`, `polling` or `longpoll`."""
    conns: Mapping[str, Conn]
    """By Phoenix topic or Socket.IO namespace; by \"\" where a socket is all there is."""
    session: str = ""
    """What its requests name it by, where it may poll."""
    request: Request | None = None
    """With which it came, where the wire keeps that."""
    since: float | None = None
    """When, where the wire knows."""


class Wire(Protocol):
    """The server's face of one kind of envelope."""

    def take(self, given: Input) -> list[Output]:
        """Work one input wholly; what it causes, in order."""
        ...

    def owes(self) -> Collection[tuple[Hashable, int]]:
        """Server pings that no pong has answered yet, as (peer, number of the ping)."""
        ...

    def clients(self) -> Iterator[Present]:
        """Everybody whose connection is open, in the order in which they came."""
        ...

    def number(self, session: str) -> CallId | None:
        """The number of the client whose requests name that session."""
        ...


class Straight(Protocol):
    """What a wire may have besides, for what passes all the time: `take` without what every input needs."""

    def heard(self, link: Link, frame: Frame) -> Received | None:
        """The message that this frame is, where it is one and causes nothing else; None leaves all to `take`."""
        ...

    def said(self, send: Send | Reply) -> Write | None:
        """The frame for one socket in which this leaves; None, with nothing done, leaves all to `take`."""
        ...


class Turn(Struct):
    """One message of a conversation, as a Reader understands it."""

    sender: str
    """`client` or `server`."""
    message: Message | None
    """None where the frame is not of the wire's kind; `why` says why."""
    why: str = ""
    answers: Message | None = None
    """The message that this one answers, where the envelope says so."""
    offset: str = ""
    """What a client names to go on from here after a break, on wires that know of it."""
    wide: bool = False
    """It went to everyone in its topic, as far as the envelope shows."""


class Reader(Protocol):
    """The onlooker's face: frames of both directions become turns."""

    def read(self, sender: str, link: Link, item: Frame) -> list[Turn]:
        """The turns that this frame completes."""
        ...
