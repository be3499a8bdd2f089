"""What the pure side orders of the network, and what the network brings back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from simulator.cassette.entries import Beside
from simulator.core.events import CallId
from simulator.core.message import Headers, Response
from simulator.core.wire import Attached, Drop, Got, Link, Shut, Write


@dataclass(slots=True)
class Fetch:
    """Make an HTTP request."""

    call: CallId
    method: str
    url: str
    headers: Headers
    body: bytes | Beside
    seconds: float | None
    """Until it is given up; None leaves that to who ordered it."""


@dataclass(slots=True)
class Dial:
    """Make a WebSocket handshake."""

    call: CallId
    url: str
    headers: Headers


@dataclass(slots=True)
class Over:
    """Everything is done: let go of what is left."""


Order: TypeAlias = "Fetch | Dial | Write | Shut | Drop | Over"


@dataclass(slots=True)
class Answered:
    """An HTTP answer, to a handshake too, where it is no 101."""

    call: CallId
    response: Response


@dataclass(slots=True)
class Failed:
    """There was no answer."""

    call: CallId
    why: str


@dataclass(slots=True)
class Gone:
    """A socket has ended: the code of the server's close frame, 1005 for one without, 1006 for none."""

    link: Link
    code: int
    reason: str = ""


News: TypeAlias = "Answered | Failed | Attached | Got | Gone"
