"""What the recorder in mitmdump tells the command that started it: lines of JSON over a socket, read as they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import orjson

from simulator.record import size


@dataclass(slots=True)
class Listening:
    """The port is open, and the cassette too."""

    port: int


@dataclass(slots=True)
class Counts:
    """All so far."""

    conns: int = 0
    frames: int = 0
    exchanges: int = 0
    bytes: int = 0
    """Written, the bodies beside the cassette with them."""
    redacted: int = 0
    """Secrets that were replaced."""
    failures: int = 0
    """What passed and could not be recorded."""
    stopped: str = ""
    """Why nothing is recorded any more."""


@dataclass(slots=True)
class Failed:
    """Something could not be recorded; it went on to the other side all the same."""

    text: str


@dataclass(slots=True)
class Noticed:
    """Something that the operator should know, and no failure of ours."""

    text: str


@dataclass(slots=True)
class Refused:
    """Nothing can be recorded at all: mitmdump ends."""

    text: str


@dataclass(slots=True)
class Ended:
    """The cassette is closed."""


Report: TypeAlias = "Listening | Counts | Failed | Noticed | Refused | Ended"
_KINDS: dict[str, Callable[..., Report]] = {
    kind.__name__: kind for kind in (Listening, Counts, Failed, Noticed, Refused, Ended)
}


def line(report: Report) -> bytes:
    """One report as one line."""
    return orjson.dumps({"kind": type(report).__name__, **asdict(report)}) + b"\n"


def parse(text: bytes) -> Report:
    """The report of a line."""
    said: dict[str, Any] = orjson.loads(text)
    return _KINDS[said.pop("kind")](**said)


def told(counts: Counts) -> list[str]:
    """The counts for people, without what could not be recorded."""
    return [
        _many(counts.conns, "connection"),
        _many(counts.frames, "frame"),
        _many(counts.exchanges, "HTTP exchange"),
        size.told(counts.bytes),
        f"{counts.redacted} redacted",
    ]


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
