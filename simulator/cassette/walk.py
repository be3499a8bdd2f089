"""One client's way through its own copy of a tape, and its places on the tape's connections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import Any, Final, TypeAlias

from simulator.cassette import finding, opaque
from simulator.cassette.bindings import Bindings
from simulator.cassette.envelopes import ENGINE, PHOENIX, PLAIN, TYPED
from simulator.cassette.finding import Found
from simulator.cassette.match import Comparison, Masks, Mode
from simulator.cassette.short_ids import ShortIds
from simulator.cassette.strands import Line, Part, Plan, Served, Strand, nearest_of
from simulator.cassette.targets import candidates, compared, fits, looked_into, target
from simulator.core.events import Conn
from simulator.core.ids import Ids
from simulator.core.message import Json, Message, Request

_ORDERED: Final = (Part.SAID, Part.LEAVE, Part.CLOSE)
"""What comes after all that the server said before it; answers come when they can."""

Args: TypeAlias = "tuple[Json | bytes, ...]"


@dataclass(slots=True, frozen=True)
class Manner:
    """How to play."""

    match: Mode = Mode.LOOSE
    factor: float = 1.0
    """What the tape's seconds are multiplied with; 0 is as fast as it goes."""
    on_miss: str = "error"
    """`error`, `ignore` or `close`."""
    ignore: tuple[str, ...] = ()
    """Paths that are not looked at, beside the backend's own."""
    now: bool = False
    """Times are moved as if the tape had been recorded now."""
    loop: bool = False
    """A connection whose client has said everything begins anew."""
    keep: frozenset[str] = frozenset()
    """Values that stay what they are on the tape."""
    beyond: Callable[[Any], Any] | None = None
    """Makes the `Beyond` of a playback."""


class Walk:
    """One client's."""

    __slots__ = (
        "asked",
        "bindings",
        "calls",
        "ids",
        "number",
        "open",
        "plan",
        "seats",
        "shift",
        "turned_away",
        "values",
    )

    def __init__(self, number: int, plan: Plan, ids: Ids, shift: float) -> None:
        self.number = number
        self.plan = plan
        self.ids = ids
        self.shift = shift
        """Seconds by which its times are moved; 0 for not."""
        self.seats: dict[Strand, Seat] = {}
        self.turned_away: dict[Strand, None] = {}
        """Refusals that it was given."""
        self.asked: set[Served] = set()
        """Exchanges that it had."""
        self.values: list[str] = []
        """Live values by which it is found again."""
        self.bindings = Bindings(self.values.append)
        self.open = 0
        """Places that are taken now."""
        self.calls: list[int] = []
        """Its requests."""

    def next(self, path: str, distance: Callable[[Strand], int] = lambda strand: 0) -> Strand | None:
        """Where it goes on with a new connection: the nearest on the tape that it had not, or that broke off."""
        fitting = [strand for strand in self.plan.strands if fits(strand.path, path)]
        fresh = [strand for strand in fitting if strand not in self.seats and strand not in self.turned_away]
        over = [strand for strand in fitting if (seat := self.seats.get(strand)) is not None and seat.over]
        return nearest_of(fresh + over, distance, 0)

    def served(self, request: Request, masks: Masks, again: bool) -> tuple[Served, Comparison] | None:
        """The exchange that a request is, of those that it had not, and with `again` of those that it had."""
        best: tuple[Served, Comparison] | None = None
        least = (0, False)
        for served, comparison in self.held_against(request, masks):
            had = served in self.asked
            if comparison.differences or (had and not again):
                continue
            distance = len(comparison.pairs), had
            # Who asks again what was answered in several ways gets what he got last.
            if best is None or distance < least or (had and distance == least):
                best, least = (served, comparison), distance
                if least == (0, False):
                    break
        return best

    def held_against(self, request: Request, masks: Masks) -> Iterator[tuple[Served, Comparison]]:
        """A request and each exchange of that method and place."""
        live = () if request.upload is not None else (looked_into(request.body),)
        for served in candidates(self.plan, request):
            taped = (looked_into(served.asked),) if live else ()
            yield served, compared(self, served.exchange.request.path, request, masks, taped, live)


@dataclass(slots=True, eq=False)
class Seat:
    """A live connection in the place of a taped one."""

    number: int
    walk: Walk
    strand: Strand
    request: Request
    conns: dict[str, Conn] = field(default_factory=dict)
    """By the tape's topic, who is in."""
    knocking: dict[str, Conn] = field(default_factory=dict)
    """By the tape's topic, who waits at the door."""
    recovers: dict[str, Conn] = field(default_factory=dict)
    """By the tape's topic, whom the wire has it that one goes on from."""
    topics: dict[str, str] = field(default_factory=dict)
    """By the tape's topic, the live one."""
    refs: dict[int, object] = field(default_factory=dict)
    """By what the client said, the live ref under which it is answered."""
    used: set[int] = field(default_factory=set)
    """What the client has said."""
    at: int = 0
    """And what of it last."""
    short: ShortIds = field(default_factory=ShortIds)
    broke: set[str] = field(default_factory=set)
    """By the tape's topic, what it was in and is no more."""
    away: set[str] = field(default_factory=set)
    """Of these, while it goes on where it broke off, what it is not in again."""
    held: list[tuple[int, int]] = field(default_factory=list)
    """What is due for one who is not let in yet, and what it follows."""
    over: bool = False
    fresh: bool = True
    """Nothing was said yet: it may still turn out to be the place of another walk."""
    kin: list[Seat] = field(default_factory=list)
    """Itself, and what was grafted on it (`grafts.py`): places of one live connection, which share who is in."""
    elsewhere: bool = False
    """A real server speaks with this client (`beyond.py`)."""
    _left: list[tuple[float, int, int, int, float, float]] = field(default_factory=list)
    """What was due when it broke off."""
    _due: list[tuple[float, int, int, int, float, float]] = field(default_factory=list)
    """Instant, line, which one of what follows, of which line, the instant of that one, and before when it is not."""
    _floor: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By topic, the last line that is to come, and when."""
    _place: dict[str | None, int] = field(default_factory=dict)
    _first: dict[tuple[str, str], int] = field(default_factory=dict)
    """Of the lines of a name, how many are used up without a gap."""
    _unsaid: int = 0
    """Of all lines of the client, from where any are left."""

    # --- what is due

    def follow(self, index: int, now: float, factor: float) -> None:
        """What the server said after this line is due from now on, each at its own distance."""
        lines, following = self.strand.lines, self.strand.follows.get(index, ())
        last = next((at for at in reversed(following) if lines[at].part in _ORDERED), None)
        floor = 0.0
        if last is not None:
            # What was said later stays later, also where the client is quicker than it was on the tape.
            line = lines[last]
            before, high = self._floor.get(line.topic, (-1, 0.0))
            if before < last:
                floor = high
                self._floor[line.topic] = (last, max(high, now + max(0.0, line.at - lines[index].at) * factor))
        self._push(index, 0, now, floor, factor)

    def _push(self, cause: int, which: int, base: float, floor: float, factor: float) -> None:
        lines = self.strand.lines
        following = self.strand.follows.get(cause, ())
        if which >= len(following):
            return
        index = following[which]
        line = lines[index]
        due = base + max(0.0, line.at - lines[cause].at) * factor
        if line.part in _ORDERED:
            due = max(due, floor)
        if line.part is Part.CLOSE:
            due = max(due, *(high for before, high in self._floor.values() if before < index), 0.0)
        heappush(self._due, (due, index, which, cause, base, floor))

    def due(self) -> float | None:
        """When the next is due."""
        return self._due[0][0] if self._due else None

    def pending(self) -> list[int]:
        """What is still to come of what the server said on the tape."""
        follows = self.strand.follows
        return [index for _, _, which, cause, *_ in self._due for index in follows[cause][which:]]

    def take(self, now: float, factor: float) -> Iterator[tuple[int, int]]:
        """What is due by now, in order, and what of the client's it follows."""
        while self._due and self._due[0][0] <= now + 1e-6:
            _, index, which, cause, base, floor = heappop(self._due)
            self._push(cause, which + 1, base, floor, factor)
            yield index, cause

    def leave(self) -> list[int]:
        """It breaks off: what is not heard now, in order. It falls due all the same for who goes on from here."""
        # What a real server says to it is its own, and not the tape's.
        self._left = [] if self.elsewhere else [*self._due]
        return [index for index, _ in self.take(inf, 0.0)]

    def resume(self) -> None:
        """It goes on where it broke off; acknowledgements that were owed then reach nobody."""
        self._due, self._left = self._left, []
        self.over = False
        self.refs.clear()

    def anew(self, topic: str, join: int | None, factor: float) -> None:
        """That is joined once more: what was still to come there for who was in before reaches nobody.

        With `join`, the line of it, all that follows it on the tape is about to follow it again.
        """
        lines, follows = self.strand.lines, self.strand.follows
        self.held = [(at, cause) for at, cause in self.held if lines[at].topic != topic and cause != join]
        self._floor.pop(topic, None)
        before, self._due = self._due, []
        for _, _, which, cause, base, floor in before:
            following = follows[cause]
            while which < len(following) and lines[following[which]].topic == topic:
                which += 1
            if cause != join:
                self._push(cause, which, base, floor, factor)

    # --- what the client says

    def topic(self, message: Message, topic: str) -> str:
        """The topic under which the tape has a message of a conn of that topic."""
        return topic if self.strand.kind in (ENGINE, PHOENIX) else self.walk.bindings.to_taped(message.topic)

    def find(self, message: Message, topic: str, args: Args, masks: Masks, mode: Mode) -> Found:
        """The line that a message is; `args` have the tape's values in them."""
        key = (self.topic(message, topic), message.name)
        if mode is Mode.LOOSE:
            return self._loosely(key, args, masks)
        index = self._next(key[0] if self.strand.kind in (ENGINE, PHOENIX) else None)
        if index is None:
            return Found(None, None, why="is one more than on the tape")
        line = self.strand.lines[index]
        if (line.topic, line.name) != key:
            found = Found(index, None, index, why=f"is not what comes next on the tape, which is {line.told()}")
        else:
            comparison = Comparison(masks.of(line.name), mode is Mode.POSITION).args(line.args, args)
            why = "is not as it is on the tape" if comparison.differences else ""
            found = Found(index, comparison, index, why=why)
        if found.why and mode is Mode.STRICT:
            found.index = None
        return found

    def _next(self, topic: str | None) -> int | None:
        """The client's next message in the tape's order."""
        lines, index = self.strand.lines, self._place.get(topic, 0)
        while index < len(lines) and not self._may_be_next(index, topic):
            index += 1
        self._place[topic] = index
        return index if index < len(lines) else None

    def _may_be_next(self, index: int, topic: str | None) -> bool:
        line = self.strand.lines[index]
        fitting = line.client and line.part in (Part.SAID, Part.BROKEN) and index not in self.used
        return fitting and (topic is None or line.topic == topic)

    def _loosely(self, key: tuple[str, str], args: Args, masks: Masks) -> Found:
        lines, known = self.strand.lines, self.strand.named.get(key, ())
        start = self._first.get(key, 0)
        while start < len(known) and known[start] in self.used:
            start += 1
        if start:
            self._first[key] = start
        best = finding.fitting(lines, finding.ahead(known, start, self.at, self.used), args, masks)
        if best is not None and (not best.pairs or self.strand.kind in (TYPED, PLAIN)):
            return best
        # The very same was said before: another one that only looks like it is not meant.
        again = self._again(known, args, masks, finding.LOOKED_AT if best is None else finding.BETTER)
        if best is not None:
            return again if again is not None and again.again and not again.pairs else best
        if again is not None:
            return again
        left = start < len(known)
        near = finding.around(known, start, self.at, self.used) if left else reversed(known)
        best = finding.nearest(lines, near, args, masks)
        if best is not None:
            best.why = "is not as it is on the tape" if left else "is not on the tape like this"
            return best
        elsewhere = next((indexes[0] for (_, name), indexes in self.strand.named.items() if name == key[1]), None)
        why = "is on the tape, but not there" if elsewhere is not None else "is not on the tape"
        return Found(None, None, elsewhere, why=why)

    def _again(self, known: Sequence[int], args: Args, masks: Masks, most: int) -> Found | None:
        """What was said before may be said again where its answer is one by its envelope."""
        strand = self.strand
        used = (index for index in reversed(known[-most:]) if index in self.used)
        best = finding.fitting(strand.lines, used, args, masks)
        if best is None:
            return None
        assert best.index is not None
        if any(strand.lines[at].part is Part.ANSWER for at in strand.follows.get(best.index, ())):
            best.again = True
            return best
        return Found(None, None, best.index, why="is said more often than on the tape", often=True)

    def unsaid(self) -> Line | None:
        """What the client said first on the tape of what it has not said now."""
        lines, index = self.strand.lines, self._unsaid
        while index < len(lines) and (
            not lines[index].client or lines[index].part in (Part.OPEN, Part.ACK) or index in self.used
        ):
            index += 1
        self._unsaid = index
        return lines[index] if index < len(lines) else None

    @property
    def said_all(self) -> bool:
        """Whether the client has said everything that it said on the tape."""
        return all(index in self.used for indexes in self.strand.named.values() for index in indexes)

    def begin_again(self) -> None:
        """Everything can be said once more."""
        lines = self.strand.lines
        self.used = {index for index in self.used if lines[index].part in (Part.OPEN, Part.JOIN)}
        self._first.clear()
        self._place.clear()
        self._floor.clear()
        self._unsaid = self.at = 0

    def restart(self, used: set[int]) -> None:
        """In another place, of which this was said already."""
        self.used = used
        for kept in (self.refs, self._first, self._place, self._floor):
            kept.clear()
        self._unsaid = self.at = 0
        self._due.clear()
        self.held.clear()

    def others(self) -> Iterator[Strand]:
        """Connections of the tape through the same door that this client has not had."""
        walk, path = self.walk, target(self.request)
        for strand in walk.plan.strands:
            if strand not in walk.seats and strand.refusal is None and fits(strand.path, path):
                yield strand

    def like(self, strand: Strand) -> Seat:
        """The same in another place, to see what would be."""
        return Seat(0, self.walk, strand, self.request)

    def join(self, topic: str) -> tuple[str, int | None]:
        """The tape's topic for a live one, and the line of its join; the last one where all are used."""
        joins = self.joins(topic)
        if not joins:
            other = next(
                (
                    line.topic
                    for line in self._every_join()
                    if line.topic not in self.conns and _like(line.topic, topic)
                ),
                None,
            )
            if other is None:
                return topic, None
            topic, joins = other, self.joins(other)
        return topic, next((index for index in joins if index not in self.used), joins[-1])

    def joins(self, topic: str) -> list[int]:
        """The lines in which that very topic is joined."""
        known = self.strand.named
        if self.strand.kind not in (ENGINE, PHOENIX):
            return []
        return [*known.get((topic, "connect"), ()), *known.get((topic, "phx_join"), ())]

    def _every_join(self) -> Iterable[Line]:
        return (
            self.strand.lines[indexes[0]]
            for (_, name), indexes in self.strand.named.items()
            if name in ("connect", "phx_join")
        )


def _like(taped: str, live: str) -> bool:
    old, new = (re.split("[:/]", topic) for topic in (taped, live))
    same = (a == b or opaque.alike(a, b, "") or (a.isdigit() and b.isdigit()) for a, b in zip(old, new, strict=False))
    return len(old) == len(new) > 1 and all(same)
