"""A tape as it is played: plans, of strands, of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, TypeVar

import orjson

from simulator.cassette import opaque
from simulator.cassette.bindings import Found, dumps
from simulator.cassette.entries import Exchange, Header, TapedResponse
from simulator.cassette.tape import Torn
from simulator.core.message import Json

D = TypeVar("D", int, tuple[int, int])


class Part(Enum):
    """What a line of the tape is to who plays it."""

    OPEN = auto()
    """A connection begins."""
    JOIN = auto()
    """The client wants to be let into a namespace or topic."""
    SAID = auto()
    """A message, of either side."""
    ANSWER = auto()
    """The server's answer to a message, where the envelope says so."""
    ACK = auto()
    """The client's acknowledgement."""
    ADMIT = auto()
    """The server lets the client in."""
    REFUSE = auto()
    LEAVE = auto()
    """The server ends a namespace or topic; its argument is a close code."""
    CLOSE = auto()
    """The server closes the connection: code and reason."""
    BROKEN = auto()
    """The client says what is not of the wire's kind."""


@dataclass(slots=True, eq=False)
class Line:
    """One thing that was said."""

    line: int
    """Where in the file."""
    at: float
    """Seconds since the recording began."""
    part: Part
    client: bool
    name: str = ""
    topic: str = ""
    packed: bytes | tuple[Json | bytes, ...] = ()
    """The arguments, as JSON where that can hold them: a long tape has many."""
    answers: int | None = None
    """The line, by its place in its strand, that this one answers or acknowledges."""
    asks: bool = False
    """The server wants an acknowledgement."""
    mints: tuple[str, ...] = ()
    """Values that the server says first here, and the client says later."""
    wide: bool = False
    """A broadcast, where the envelope tells one from a push."""

    @property
    def args(self) -> tuple[Json | bytes, ...]:
        """The arguments of its message."""
        return tuple(orjson.loads(self.packed)) if isinstance(self.packed, bytes) else self.packed

    def told(self) -> str:
        """What it is called, for people."""
        if self.part in (Part.SAID, Part.ANSWER):
            return self.name or "a frame"
        if self.part is Part.BROKEN:
            return "a frame that is no message"
        word = self.part.name.lower()
        return self.name if self.name == word else f"{self.name} ({word})"


@dataclass(slots=True, eq=False)
class Strand:
    """One connection of a tape."""

    conn: int
    path: str
    """As on the wire, the query behind it."""
    kind: str = ""
    """Of its envelope, as `envelopes` names them."""
    foreign: bool = False
    """It is none of the backend's: neither its path nor its frames."""
    refusal: TapedResponse | None = None
    """It was turned away before it began."""
    cut: str = ""
    """Why it has no end on the tape."""
    profile: str = ""
    """Of a Phoenix, its version as far as its frames show, as `phoenix_profile` names it."""
    handshake: dict[str, Any] = field(default_factory=dict)
    """Of an Engine.IO session, what the server opened it with."""
    lines: list[Line] = field(default_factory=list)
    """The first is its OPEN."""
    follows: dict[int, list[int]] = field(default_factory=dict)
    """By a line of the client, what the server said after it and before the next one."""
    named: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """By topic and name, what the client said."""
    acks: dict[int, int] = field(default_factory=dict)
    """By what the server said, its acknowledgement."""


@dataclass(slots=True, eq=False)
class Served:
    """One HTTP exchange of a tape."""

    exchange: Exchange
    body: bytes
    """Of the answer."""
    asked: bytes
    """The body of the request."""
    mints: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Plan:
    """One tape."""

    path: str
    header: Header
    strands: list[Strand] = field(default_factory=list)
    exchanges: list[Served] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    """Values that go both ways."""
    remarks: list[tuple[int, str]] = field(default_factory=list)
    """Lines that can't be played, and why."""
    torn: Torn | None = None
    last: float = 0.0
    """When the last entry was, in seconds since the recording began."""

    @property
    def recorded(self) -> float | None:
        """Unix seconds, where the tape says it."""
        return None if self.header.recorded is None else opaque.epoch(self.header.recorded)

    def mint(self, value: str) -> bool:
        """Let the server make this value anew for each client, where it says it first; whether it says it at all."""
        for strand in self.strands:
            for line in strand.lines:
                if not line.client and line.part is not Part.ADMIT and value in dumps(line.args, repr):
                    line.mints = (*line.mints, value)
                    return True
        for served in self.exchanges:
            if value in served.body.decode(errors="replace"):
                served.mints = (*served.mints, value)
                return True
        return False

    def lines(self) -> int:
        """How many there are."""
        return sum(len(strand.lines) for strand in self.strands)


def pack(args: tuple[Json | bytes, ...]) -> bytes | tuple[Json | bytes, ...]:
    """Small, and the same again when it is read."""
    try:
        # A copy: what orjson gives back has room for kilobytes more.
        return bytes(memoryview(orjson.dumps(args))) if args else ()
    except TypeError:
        return args


UNMATCHED: Final = pack(("error", {"reason": "unmatched topic"}))
"""What a Phoenix socket itself says of a topic that nobody has joined."""


def nearest_of(strands: Iterable[Strand], distance: Callable[[Strand], D], nothing: D) -> Strand | None:
    """The first one at the least distance; at none at all the others are not looked at."""
    best: tuple[D, Strand] | None = None
    for strand in strands:
        found = distance(strand)
        if best is None or found < best[0]:
            best = found, strand
            if found == nothing:
                break
    return None if best is None else best[1]
