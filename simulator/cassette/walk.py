"""One client's way through its own copy of a tape, and its places on the tape's connections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from simulator.cassette import opaque
from simulator.cassette.bindings import Bindings, loads
from simulator.cassette.envelopes import ENGINE, PHOENIX
from simulator.cassette.match import Comparison, Masks, Mode
from simulator.cassette.strands import Line, Part, Plan, Served, Strand
from simulator.core.events import Conn
from simulator.core.ids import Ids
from simulator.core.message import Json, Message, Request

_LOOKED_AT: Final = 2000
"""Candidates of one name that a message is held against."""

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

    def next(self, path: str) -> Strand | None:
        """Where it goes on with a new connection: a connection of the tape that it had not, or one that broke off."""
        fitting = [strand for strand in self.plan.strands if fits(strand.path, path)]
        fresh = (strand for strand in fitting if strand not in self.seats and strand not in self.turned_away)
        over = (strand for strand in fitting if (seat := self.seats.get(strand)) is not None and seat.over)
        return next(fresh, None) or next(over, None)

    def served(self, request: Request, masks: Masks, again: bool) -> tuple[Served, Comparison] | None:
        """The exchange that a request is, of those that it had not, or had (`again`)."""
        path = request.path
        for served in self.plan.exchanges:
            taped = served.exchange.request
            if taped.method != request.method or (served in self.asked) is not again or not fits(taped.path, path):
                continue
            # What was stored is not read: only its edge has seen it.
            bodies = () if request.upload is not None else (_read(served.asked), _read(request.body))
            comparison = compared(self, taped.path, request, masks, bodies[:1], bodies[1:])
            if not comparison.differences:
                return served, comparison
        return None


def _read(body: bytes) -> object:
    """A body as far as it can be looked into."""
    try:
        return loads(body.decode()) if body else None
    except ValueError:
        return body


def target(request: Request) -> str:
    """Path and query of a request."""
    return f"{request.path}?{request.query}" if request.query else request.path


def fits(taped: str, live: str) -> bool:
    """Whether two paths lead to the same: ids in them may be others."""
    old, new = (_parts(path.partition("?")[0]) for path in (taped, live))
    return len(old) == len(new) and all(a == b or opaque.alike(a, b, "") for a, b in zip(old, new, strict=True))


_DRAWN: Final = frozenset(("t", "sid", "transport", "EIO", "b64"))
"""Parameters of Engine.IO that are the wire's."""


def compared(
    walk: Walk, taped: str, request: Request, masks: Masks, old: tuple[object, ...] = (), new: tuple[object, ...] = ()
) -> Comparison:
    """A request, and what it brought, held against those of the tape."""
    path, _, query = taped.partition("?")
    live = walk.bindings.to_taped(target(request))
    bare, _, asked = live.partition("?")
    before = [_parts(path), _query(query), *old]
    after = [_parts(bare), _query(asked), *new]
    return Comparison(masks.of(path), True).args(before, after)


def _parts(path: str) -> list[str]:
    parts = path.rstrip("/").split("/")
    # Phoenix has a door for each transport.
    return [*parts[:-1], "websocket"] if parts[-1] == "longpoll" else parts


def _query(query: str) -> dict[str, str]:
    return {key: value for key, value in parse_qsl(query, keep_blank_values=True) if key not in _DRAWN}


@dataclass(slots=True)
class Found:
    """What a client's message is on the tape."""

    index: int | None
    """The line of its strand; None for none."""
    comparison: Comparison | None
    """With that line, or with the one that comes nearest."""
    nearest: int | None = None
    again: bool = False
    """It was said before, and is answered as it was then."""
    why: str = ""


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
    refs: dict[int, object] = field(default_factory=dict)
    """By what the client said, the live ref under which it is answered."""
    used: set[int] = field(default_factory=set)
    """What the client has said."""
    held: list[int] = field(default_factory=list)
    """What is due for one who is not let in yet."""
    over: bool = False
    fresh: bool = True
    """Nothing was said yet: it may still turn out to be the place of another walk."""
    kin: list[Seat] = field(default_factory=list)
    """Itself, and what was grafted on it (`grafts.py`): places of one live connection, which share who is in."""
    elsewhere: bool = False
    """A real server speaks with this client (`beyond.py`)."""
    _due: list[tuple[float, int, int, int, float]] = field(default_factory=list)
    """Instant, line, which one of what follows, of which line, and the instant of that one."""
    _floor: dict[str, tuple[int, float]] = field(default_factory=dict)
    _place: dict[str | None, int] = field(default_factory=dict)
    _first: dict[tuple[str, str], int] = field(default_factory=dict)
    """Of the lines of a name, how many are used up without a gap."""

    # --- what is due

    def follow(self, index: int, now: float, factor: float) -> None:
        """What the server said after this line is due from now on, each at its own distance."""
        self._push(index, 0, now, factor)

    def _push(self, cause: int, which: int, base: float, factor: float) -> None:
        lines = self.strand.lines
        following = self.strand.follows.get(cause, ())
        if which >= len(following):
            return
        index = following[which]
        line = lines[index]
        due = base + max(0.0, line.at - lines[cause].at) * factor
        if line.part in (Part.SAID, Part.LEAVE, Part.CLOSE):
            # What was said later stays later, also where the client is quicker than it was on the tape.
            before, floor = self._floor.get(line.topic, (-1, 0.0))
            if before < index:
                due = max(due, floor)
                self._floor[line.topic] = (index, due)
        heappush(self._due, (due, index, which, cause, base))

    def due(self) -> float | None:
        """When the next is due."""
        return self._due[0][0] if self._due else None

    def pending(self) -> list[int]:
        """What is still to come of what the server said on the tape."""
        follows = self.strand.follows
        return [index for _, _, which, cause, _ in self._due for index in follows[cause][which:]]

    def take(self, now: float, factor: float) -> Iterator[int]:
        """What is due by now, in order."""
        while self._due and self._due[0][0] <= now + 1e-6:
            _, index, which, cause, base = heappop(self._due)
            self._push(cause, which + 1, base, factor)
            yield index

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
            return Found(None, None, why="comes after the client's last message on the tape")
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
        strand = self.strand
        known = strand.named.get(key, ())
        start = self._first.get(key, 0)
        while start < len(known) and known[start] in self.used:
            start += 1
        self._first[key] = start
        best: Found | None = None
        for index in known[start : start + _LOOKED_AT]:
            if index not in self.used:
                comparison = self._against(index, args, masks)
                if not comparison.differences:
                    return Found(index, comparison)
                if (
                    best is None
                    or best.comparison is None
                    or len(comparison.differences) < len(best.comparison.differences)
                ):
                    best = Found(None, comparison, index, why="is not as it is on the tape")
        if best is not None:
            return best
        return self._again(key, args, masks)

    def _again(self, key: tuple[str, str], args: Args, masks: Masks) -> Found:
        """What was said before may be said again where its answer is one by its envelope."""
        strand = self.strand
        known = strand.named.get(key, ())
        for index in reversed(known[-_LOOKED_AT:]):
            comparison = self._against(index, args, masks)
            if not comparison.differences:
                answers = [strand.lines[at].part is Part.ANSWER for at in strand.follows.get(index, ())]
                if any(answers):
                    return Found(index, comparison, index, again=True)
                return Found(None, None, index, why="is said more often than on the tape")
        if known:
            return Found(None, self._against(known[-1], args, masks), known[-1], why="is not on the tape like this")
        elsewhere = next((indexes[0] for (_, name), indexes in strand.named.items() if name == key[1]), None)
        why = "is on the tape, but not there" if elsewhere is not None else "is not on the tape"
        return Found(None, None, elsewhere, why=why)

    def _against(self, index: int, args: Args, masks: Masks) -> Comparison:
        line = self.strand.lines[index]
        return Comparison(masks.of(line.name), True).args(line.args, args)

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

    def restart(self, used: set[int]) -> None:
        """In another place, of which this was said already."""
        self.used = used
        for kept in (self.refs, self._first, self._place, self._floor):
            kept.clear()
        self._due.clear()
        self.held.clear()

    def join(self, topic: str) -> tuple[str, int | None]:
        """The tape's topic for a live one, and the line of its join; the last one where all are used."""
        joins = self._joins(topic)
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
            topic, joins = other, self._joins(other)
        return topic, next((index for index in joins if index not in self.used), joins[-1])

    def _joins(self, topic: str) -> list[int]:
        known = self.strand.named
        return (
            [*known.get((topic, "connect"), ()), *known.get((topic, "phx_join"), ())]
            if self.strand.kind in (ENGINE, PHOENIX)
            else []
        )

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
