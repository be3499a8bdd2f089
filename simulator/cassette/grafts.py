"""Connections of a tape that begin alike and go on differently: a client that leaves one goes on in another.

Such are the ones that `--mode new_episodes` appends: the same client's words once more, and behind them the new ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from simulator.cassette.coverage import Coverage
from simulator.cassette.finding import Found
from simulator.cassette.match import Comparison, Masks, Mode
from simulator.cassette.strands import Line, Strand
from simulator.cassette.targets import fits
from simulator.cassette.walk import Args, Seat
from simulator.core.message import Message

_LOOKED_AT: Final = 500
"""Messages that one is held against, of all those connections."""


class Grafts:
    """Of one playback."""

    def __init__(self, masks: Masks, coverage: Coverage, sit: Callable[[Seat, Strand], Seat]) -> None:
        """`sit` puts a client into one strand more."""
        self._masks = masks
        self._coverage = coverage
        self._sit = sit

    def find(self, seat: Seat, message: Message, topic: str, args: Args) -> tuple[Seat, Found] | None:
        """Where on another connection the client goes on with this message; he is there from then on."""
        for other in seat.kin:
            found = None if other is seat else self._found(other, message, topic, args)
            if found is not None:
                return other, found
        key = (seat.topic(message, topic), message.name)
        left = _LOOKED_AT
        for strand in self._alike(seat, {key}):
            for index in strand.named[key][:left]:
                left -= 1
                if not self._compared(strand.lines[index], args).differences:
                    other = self._grafted(seat, strand)
                    found = self._found(other, message, topic, args)
                    if found is not None:
                        return other, found
                    break
            if not left:
                break
        return None

    def further(self, seat: Seat, message: Message, topic: str, args: Args) -> tuple[Seat, Found] | None:
        """The same where the client went over last: what a server says there is what it says after all this.

        Said again is only what is nowhere else.
        """
        other = seat.kin[-1]
        found = None if other is seat else self._found(other, message, topic, args)
        return None if found is None or found.again else (other, found)

    def _found(self, other: Seat, message: Message, topic: str, args: Args) -> Found | None:
        found = other.find(message, topic, args, self._masks, Mode.LOOSE)
        if found.index is None or found.comparison is None:
            return None
        # What was said has the values of the first connection, which are those of a live one only through it.
        live = other.walk.bindings.to_live
        pairs = [(taped, live(said) if isinstance(said, str) else said) for taped, said in found.comparison.pairs]
        found.comparison.pairs = [*pairs]
        return found

    def joining(self, seat: Seat, topic: str) -> Seat | None:
        """Where on another connection the client comes into a namespace or topic."""
        for other in seat.kin:
            if other.join(topic)[1] is not None:
                return other
        strand = next(self._alike(seat, {(topic, "connect"), (topic, "phx_join")}), None)
        return None if strand is None else self._grafted(seat, strand)

    def _alike(self, seat: Seat, keys: set[tuple[str, str]]) -> Iterator[Strand]:
        """Connections of the same kind that lead to the same, where this is said, and that this client did not have."""
        walk, own = seat.walk, seat.strand
        for strand in [*walk.plan.strands]:
            if (
                keys.isdisjoint(strand.named)
                or strand in walk.seats
                or strand.refusal is not None
                or strand.kind != own.kind
            ):
                continue
            if fits(strand.path, own.path):
                yield strand

    def _grafted(self, seat: Seat, strand: Strand) -> Seat:
        other = self._sit(seat, strand)
        self._coverage.did(strand.lines[0])
        for known in seat.kin:
            for index in sorted(known.used):
                self.also(known, index, other)
        return other

    def also(self, seat: Seat, index: int, other: Seat) -> None:
        """What was said in one place was said in the other, too, where that has it: values of both are the same."""
        if other is seat:
            return
        line = seat.strand.lines[index]
        for at in other.strand.named.get((line.topic, line.name), ()):
            twin = other.strand.lines[at]
            if at not in other.used and not (comparison := self._compared(twin, line.args)).differences:
                other.used.add(at)
                self._same(other, twin, comparison)
                self._heard(seat, index, other, at)
                return

    def _heard(self, seat: Seat, index: int, other: Seat, at: int) -> None:
        """The same for what the server said then."""
        told = [seat.strand.lines[one] for one in seat.strand.follows.get(index, ())]
        times = Counter((known.part, known.name) for known in told)
        for one in other.strand.follows.get(at, ()):
            line = other.strand.lines[one]
            for twin in told:
                if (twin.part, twin.name) != (line.part, line.name):
                    continue
                comparison = self._compared(line, twin.args)
                if comparison.otherwise and times[line.part, line.name] > 1:
                    # Another one of a burst: its rest, where the first connection broke off.
                    continue
                told.remove(twin)
                self._same(other, line, comparison)
                break

    def _same(self, other: Seat, line: Line, comparison: Comparison) -> None:
        bindings = other.walk.bindings
        for taped, known in comparison.pairs:
            bindings.bind(taped, bindings.to_live(known) if isinstance(known, str) else known)
        self._coverage.did(line)

    def _compared(self, line: Line, args: Args) -> Comparison:
        return Comparison(self._masks.of(line.name), True).args(line.args, args)
