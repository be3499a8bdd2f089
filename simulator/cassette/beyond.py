"""A real server behind the tapes, as a playback sees it: what is on none of them may go there."""

from __future__ import annotations

from typing import Final, Protocol

from simulator.cassette.envelopes import home_of
from simulator.cassette.strands import Line, Part, Strand
from simulator.cassette.targets import target
from simulator.cassette.walk import Seat, Walk
from simulator.core.actions import Action
from simulator.core.backend import Backend
from simulator.core.events import Conn, Knocked, Requested
from simulator.core.message import Message, Request

COUNTED: Final = "by the upstream"
"""How reports call what went there."""


class Beyond(Protocol):
    """Methods that give None leave it to the tape. What comes back is given by `news`, when a Called has said so."""

    def unknown(self, seat: Seat, conn: Conn, message: Message) -> list[Action] | None:
        """A message is on no tape: from now on all of this client goes to the server, if it can."""
        ...

    def said(self, seat: Seat, conn: Conn, message: Message) -> list[Action]:
        """A message of a client that is there already."""
        ...

    def joins(self, seat: Seat, knocked: Knocked) -> list[Action] | None:
        """A namespace or topic that is on no tape, or any of a client that is there already."""
        ...

    def opened(self, seat: Seat) -> bool:
        """A client has one connection more; whether it is the server's."""
        ...

    def left(self, seat: Seat) -> None:
        """A connection is over."""
        ...

    def asked(self, asked: Requested, walk: Walk | None, known: bool) -> list[Action] | None:
        """A request: of whom, where that shows, and whether it is on a tape."""
        ...

    def news(self) -> list[Action]:
        """What the server has said meanwhile."""
        ...


def stranger(request: Request, backend: Backend) -> Strand:
    """In the place of a connection that is on no tape."""
    strand = Strand(0, target(request), home_of(backend.reader()))
    strand.lines.append(Line(0, 0.0, Part.OPEN, True, "open"))
    return strand
