"""A client shows only by what it says, or joins, whose place it is in: it moves there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from simulator.cassette.bindings import changed, dumps
from simulator.cassette.coverage import Coverage
from simulator.cassette.envelopes import PHOENIX
from simulator.cassette.match import Comparison, Masks
from simulator.cassette.speaking import Speaking
from simulator.cassette.strands import Line, Part, Strand
from simulator.cassette.targets import target
from simulator.cassette.walk import Args, Manner, Seat, Walk
from simulator.cassette.walks import Walks
from simulator.core.actions import Action, Cancel
from simulator.core.message import Message
from simulator.core.world import World


class Moves:
    """From the place that its handshake spoke for to the one that its words do."""

    def __init__(
        self, world: World, walks: Walks, masks: Masks, manner: Manner, coverage: Coverage, speaking: Speaking
    ) -> None:
        self._world = world
        self._walks = walks
        self._masks = masks
        self._manner = manner
        self._coverage = coverage
        self._speaking = speaking

    def returns(self, seat: Seat, message: Message, topic: str) -> list[Action]:
        """The first that a client says may show that it was here before: then its place is the next one there."""
        seat.fresh = False
        walk = self._walks.owner(dumps(message.args, repr))
        if walk is None or walk is seat.walk or len(seat.walk.seats) > 1:
            return []
        args = changed(message.args, walk.bindings.to_taped)

        def distance(strand: Strand) -> int:
            there = Seat(0, walk, strand, seat.request)
            if (known := walk.seats.get(strand)) is not None:
                there.used |= known.used
            found = there.find(message, topic, args, self._masks, self._manner.match)
            # Who has said it there already was cut off there, and says once more who it is.
            return 0 if found.index is not None else 1 if found.often else 2

        strand = walk.next(target(seat.request), distance)
        if strand is None:
            return []
        self._walks.forget(seat.walk)
        self._coverage.walks -= 1
        known = walk.seats.get(strand)
        self._world.log("debug", f"client {walk.number} is back, for {walk.plan.path}:{strand.lines[0].line}")
        return self._move(seat, walk, strand, set() if known is None else known.used - doors(strand))

    def by_topic(self, seat: Seat, topic: str) -> list[Action]:
        """Where somebody else joins that topic on the tape, and nobody does here: then it is in that one's place."""
        if seat.strand.kind != PHOENIX or seat.conns.keys() - {""} or seat.knocking or seat.joins(topic):
            return []
        strand = next((strand for strand in seat.others() if seat.like(strand).joins(topic)), None)
        return [] if strand is None else self._move(seat, seat.walk, strand)

    def by_words(self, seat: Seat, message: Message, topic: str, args: Args) -> list[Action]:
        """What a client says first may be what another one says on the tape: then it is in that one's place."""
        for strand in seat.others():
            found = seat.like(strand).find(message, topic, args, self._masks, self._manner.match)
            if found.index is not None and not found.again:
                place = f"conn {strand.conn}, {seat.walk.plan.path}:{strand.lines[0].line}"
                self._world.log("debug", f"client {seat.walk.number} is in the place of {place}, by what it says")
                return self._move(seat, seat.walk, strand)
        return []

    def _move(self, seat: Seat, walk: Walk, strand: Strand, used: Collection[int] = ()) -> list[Action]:
        """To the place of another connection, where this was said already."""
        told = self._told(seat)
        del seat.walk.seats[seat.strand]
        seat.walk.open -= 1
        seat.walk, seat.strand = walk, strand
        walk.seats[strand] = seat
        walk.open += 1
        self._coverage.did(strand.lines[0])
        seat.restart(set(used))
        for topic in seat.conns:
            # It is in already, and has heard what is said to who comes in.
            _, index = seat.join(topic)
            if index is not None:
                seat.used.add(index)
                self._coverage.did(strand.lines[index])
                for at in strand.follows.get(index, ()):
                    if self._was_heard(strand.lines[at], told):
                        self._coverage.did(strand.lines[at])
        return [Cancel(("seat", seat.number)), *self._speaking.go_on(seat, 0)]

    @staticmethod
    def _told(seat: Seat) -> list[Line]:
        """What the server said where the client came in."""
        strand = seat.strand
        joins = [index for topic in seat.conns for index in seat.joins(topic)]
        return [strand.lines[at] for index in joins for at in strand.follows.get(index, ())]

    def _was_heard(self, line: Line, told: Sequence[Line]) -> bool:
        """Another one of a burst was not: its rest, where the recording broke off."""
        known = [one for one in told if (one.part, one.name) == (line.part, line.name)]
        masks = self._masks.of(line.name)
        return len(known) < 2 or any(not Comparison(masks, True).args(line.args, one.args).otherwise for one in known)


def doors(strand: Strand) -> set[int]:
    """Where namespaces and topics are joined: who comes back has to do it once more."""
    return {index for index, line in enumerate(strand.lines) if line.part is Part.JOIN}
