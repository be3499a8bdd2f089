"""What stands in a cassette: its header, and one kind of entry for everything that can happen on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from simulator.core.message import Headers

FORMAT = 1
"""The number of the format that is written; `migrate.py` reads older ones."""


@dataclass(slots=True)
class Header:
    """The head of a cassette."""

    backend: str | None = None
    """None when nobody knows."""
    recorded: str | None = None
    """When the recording began, ISO 8601 in UTC."""
    by_hand: str | None = None
    """In place of `recorded`: after which document somebody wrote it."""
    upstream: str | None = None
    """What was recorded: its address."""
    recorder: str | None = None
    """What wrote it, with versions."""
    redacted: tuple[str, ...] = ()
    """The rules in force; none means that nothing was taken out."""


@dataclass(slots=True)
class Beside:
    """A body that does not stand in the cassette itself."""

    path: str | None
    """Relative to the cassette's folder, with slashes; None when it was too big and only counted and hashed."""
    size: int
    """Bytes."""
    sha256: str
    """In hexadecimal digits."""


Body: TypeAlias = "str | bytes | Beside | None"
"""Text is UTF-8, bytes are what is not; None where there was no body."""


@dataclass(slots=True)
class TapedRequest:
    """The client's half of an exchange."""

    method: str
    """As on the wire."""
    path: str
    """As on the wire, the query behind it."""
    headers: Headers = ()
    """Names and values, in the order of the wire."""
    body: Body = None
    """In the cassette itself, or in a file beside it."""


@dataclass(slots=True)
class TapedResponse:
    """The server's half."""

    status: int
    """Three digits."""
    headers: Headers = ()
    body: Body = None


@dataclass(slots=True)
class Passed:
    """One frame: a WebSocket message, or a packet out of the body of a poll."""

    at: float
    """Seconds since the recording began, as in every entry."""
    conn: int
    """Which connection, counted from 1 in one row with the numbers of exchanges."""
    sender: str
    """`client` or `server`."""
    data: str | bytes
    """As in `core.message.Frame`: a text that is not UTF-8 has each wrong byte as a lone surrogate."""
    via: str = "websocket"
    """`websocket`, `polling` or `longpoll`."""
    body: int | None = None
    """Frames of one conn with the same number came in one payload."""
    link: int = 1
    """Which of its conn's links it took; the one it began with is 1."""
    redacted: bool = False
    """Something was taken out of this entry."""
    line: int = 0
    """Where the entry begins in the file it was read from, as in every entry; 0 for one that was not read."""


@dataclass(slots=True)
class Opened:
    """A conn began: a WebSocket was accepted, or a polling session."""

    at: float
    conn: int
    path: str
    """As on the wire, the query behind it."""
    headers: Headers = ()
    """Of the request."""
    answer: Headers = ()
    """Of the 101, where they are known."""
    redacted: bool = False
    line: int = 0


@dataclass(slots=True)
class Refused:
    """A handshake was answered with something other than 101."""

    at: float
    conn: int
    path: str
    headers: Headers
    """Of the request."""
    response: TapedResponse
    """What the client got in place of a 101."""
    redacted: bool = False
    line: int = 0


@dataclass(slots=True)
class Upgraded:
    """A conn has one more link: the WebSocket of a session that began by polling."""

    at: float
    conn: int
    link: int
    """Its number, from 2."""
    path: str
    headers: Headers = ()
    """Of the request."""
    answer: Headers = ()
    """Of the 101, where they are known."""
    redacted: bool = False
    line: int = 0


@dataclass(slots=True)
class Closed:
    """A link ended."""

    at: float
    conn: int
    code: int | None
    """1005 for a close frame without a code, 1006 for an end without a frame; None for a polling session."""
    reason: str
    """Of the close frame."""
    by: str
    """`client` or `server`."""
    link: int = 1
    redacted: bool = False
    line: int = 0


@dataclass(slots=True)
class Cut:
    """The recorder stopped while this conn was open, or, when `conn` is None, stopped before everything had ended."""

    at: float
    conn: int | None
    why: str
    """In words, for whoever reads the cassette."""
    line: int = 0


@dataclass(slots=True)
class Lost:
    """Something passed here that could not be recorded, or could not be made safe to record."""

    at: float
    conn: int | None
    count: int
    """How many records."""
    why: str
    line: int = 0


@dataclass(slots=True)
class Exchange:
    """One HTTP request with its answer."""

    at: float
    """When it was over."""
    http: int
    """Its number, out of the same row as those of conns."""
    took: float
    """Seconds from the request's first byte to the answer's last."""
    request: TapedRequest
    """What the client asked."""
    response: TapedResponse | None
    """None when the client got no answer."""
    redacted: bool = False
    line: int = 0


Entry: TypeAlias = "Passed | Opened | Refused | Upgraded | Closed | Cut | Lost | Exchange"
