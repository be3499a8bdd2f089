"""Who sits where: live connections in the places of a tape, and how many of those that are over are remembered."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from simulator.cassette.moves import doors
from simulator.cassette.strands import Strand
from simulator.cassette.targets import bare, compared, weight
from simulator.cassette.walk import Seat, Walk
from simulator.core.message import Request

if TYPE_CHECKING:
    from simulator.cassette.playback import Playback

KEPT: Final = 10_000
"""Places that are remembered; those that are over go first."""
HELD: Final = 64 << 20
"""Bytes of the requests with which they began: each may have many header lines."""


class Seats:
    """Of one playback."""

    def __init__(self, playback: Playback, most: int) -> None:
        """Of what is over, `most` are remembered."""
        self._playback = playback
        self._most = most
        self._numbered: OrderedDict[int, Seat] = OrderedDict()
        self._of_request: dict[int, Seat] = {}
        """By the identity of their requests, which they keep."""
        self._numbers = self._held = 0

    def numbered(self, number: int) -> Seat | None:
        """The one that has this number, if it is remembered."""
        return self._numbered.get(number)

    def of(self, request: Request) -> Seat | None:
        """The one that began with this very request."""
        return self._of_request.get(id(request))

    def sit(self, request: Request, walk: Walk, strand: Strand) -> Seat:
        """A connection takes its place."""
        self._numbers += 1
        known = walk.seats.get(strand)
        seat = Seat(self._numbers, walk, strand, request)
        if known is not None:
            # It broke off, and goes on from there.
            seat.used, seat.fresh = known.used - doors(strand), False
        seat.kin.append(seat)
        walk.seats[strand] = seat
        walk.open += 1
        self._numbered[seat.number] = seat
        self._of_request[id(request)] = seat
        seat.elsewhere = self._elsewhere(seat)
        self._held += weight(request)
        if len(self._numbered) > self._most or self._held > HELD:
            for old in [old for old in self._numbered.values() if old.over][:100]:
                self.forget(old)
        playback = self._playback
        playback.walks.bind(walk, compared(walk, strand.path, request, playback.masks))
        playback.coverage.did(strand.lines[0])
        place = f"conn {strand.conn}, {walk.plan.path}:{strand.lines[0].line}"
        goes_on = "" if known is None else f", and goes on after line {strand.lines[max(known.used, default=0)].line}"
        playback.world.log("debug", f"client {walk.number} is in the place of {place}{goes_on}")
        return seat

    def back(self, request: Request, seat: Seat) -> Seat:
        """Once more than on the tape, a session goes on where it broke off: nothing is said twice."""
        self._let_go(seat)
        for one in seat.kin:
            one.resume()
            one.request = request
            self._numbered[one.number] = one
            one.elsewhere = self._elsewhere(seat)
        seat.walk.open += 1
        seat.away.update(seat.broke)
        self._of_request[id(request)] = seat
        self._held += weight(request)
        place = f"conn {seat.strand.conn}, {seat.walk.plan.path}:{seat.strand.lines[max(seat.used, default=0)].line}"
        self._playback.world.log("debug", f"client {seat.walk.number} is recovered, and goes on after {place}")
        return seat

    def _let_go(self, seat: Seat) -> None:
        if self._of_request.pop(id(seat.request), None) is not None:
            self._held -= weight(seat.request)

    def more(self, seat: Seat, strand: Strand) -> Seat:
        """The same live connection in the place of one more on the tape."""
        self._numbers += 1
        other = Seat(self._numbers, seat.walk, strand, seat.request, seat.conns, seat.knocking, kin=seat.kin)
        other.fresh, other.broke, other.away = False, seat.broke, seat.away
        seat.kin.append(other)
        seat.walk.seats[strand] = self._numbered[other.number] = other
        place = f"{seat.walk.plan.path}:{strand.lines[0].line}"
        self._playback.world.log("debug", f"client {seat.walk.number} goes on as conn {strand.conn} of {place}")
        return other

    def forget(self, seat: Seat) -> None:
        """It is over, or has to make room."""
        self._numbered.pop(seat.number, None)
        self._let_go(seat)
        if self._playback.beyond is None:
            # The walk still knows the place: header lines are no part of it.
            seat.request = bare(seat.request)

    def _elsewhere(self, seat: Seat) -> bool:
        beyond = self._playback.beyond
        return beyond is not None and beyond.opened(seat)
