"""All clients' walks: who began one, who is back in his, and what is bound in which."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from simulator.cassette import opaque
from simulator.cassette.bindings import SHORTEST, dumps
from simulator.cassette.coverage import Coverage
from simulator.cassette.envelopes import ENGINE
from simulator.cassette.match import TOO_DEEP, Comparison, Masks
from simulator.cassette.pseudonyms import is_ours
from simulator.cassette.strands import Part, Plan, Strand, nearest_of
from simulator.cassette.targets import compared, fits, target
from simulator.cassette.walk import Manner, Walk
from simulator.core.message import Json, Request
from simulator.core.world import World

LATER: Final = 200
"""Walks, the latest first, in which what has no id is looked for."""

VALUES: Final = 500_000
"""Live values of all walks together, some 300 bytes each: beyond them who is gone longest is forgotten."""
_COUNTED: Final = 100
"""New walks after which they are counted, and of which as many go then."""


class Walks:
    """Of one playback."""

    def __init__(
        self,
        world: World,
        plans: Sequence[Plan],
        masks: Masks,
        manner: Manner,
        coverage: Coverage,
        most: int,
    ) -> None:
        """Of walks that are over, `most` are remembered."""
        self._most = most
        self._began = dict.fromkeys(plans, 0)
        self._world = world
        self._plans = plans
        self._masks = masks
        self._manner = manner
        self._coverage = coverage
        self._walks: OrderedDict[int, Walk] = OrderedDict()
        self._owners: dict[str, tuple[Walk, bool]] = {}
        """By a live value whose walk it is of, and whether that server made it."""
        self._number = 0

    def begin(self, plan: Plan, *key: object) -> Walk:
        """A new client's walk."""
        self._coverage.walks += 1
        self._number += 1
        world, recorded = self._world, plan.recorded
        shift = world.now() - recorded if self._manner.now and recorded is not None else 0.0
        walk = Walk(self._number, plan, world.ids.nth("walk", *key), shift)
        self._walks[walk.number] = walk
        self._began[plan] += 1
        if len(self._walks) > self._most:
            self._make_room(walk, 1)
        if self._number % _COUNTED == 0 and sum(len(one.values) for one in self._walks.values()) > VALUES:
            self._make_room(walk, _COUNTED)
        return walk

    def _make_room(self, walk: Walk, count: int) -> None:
        for old in [old for old in self._walks.values() if not old.open and old is not walk][:count]:
            self.forget(old)

    def forget(self, walk: Walk) -> None:
        """It is over, or was none."""
        self._walks.pop(walk.number, None)
        self._began[walk.plan] -= 1
        for value in map(_handle, walk.values):
            if self._owners.get(value, (None,))[0] is walk:
                del self._owners[value]

    def latest(self) -> list[Walk]:
        """Those that began last, the very last first."""
        return [self._walks[number] for number, _ in zip(reversed(self._walks), range(LATER), strict=False)]

    def owner(self, text: str) -> Walk | None:
        """The walk in which a value of this text is bound already."""
        if not self._owners:
            return None
        for value in opaque.TOKENS.findall(text):
            found = self._owners.get(value)
            if found is not None and (found[1] or not found[0].open):
                return found[0]
        return None

    def lender(self, walk: Walk, text: str) -> Walk | None:
        """Another client of the same tape, to whom the server said a value of this text."""
        for value in opaque.TOKENS.findall(text):
            other, server = self._owners.get(value, (walk, False))
            if server and other is not walk and other.plan is walk.plan:
                return other
        return None

    def given(self, walk: Walk, pairs: Sequence[tuple[str, str]]) -> None:
        """Bind what was another one's."""
        for _, live in pairs:
            self._owners.pop(_handle(live), None)
        before = len(walk.values)
        for taped, live in pairs:
            walk.bindings.bind(taped, live)
        self.own(walk, before, server=True)

    def own(self, walk: Walk, before: int, server: bool) -> None:
        """What was bound since then can be presented."""
        for value in walk.values[before:]:
            self._owners.setdefault(_handle(value), (walk, server))

    def bind(self, walk: Walk, comparison: Comparison) -> None:
        """Values that may differ are bound, if they do.

        A secret that redaction took is no sign of who comes back: many clients may have it.
        """
        before = len(walk.values)
        for taped, live in comparison.pairs:
            count = len(walk.values)
            walk.bindings.bind(taped, live)
            if isinstance(taped, str) and is_ours(taped):
                del walk.values[count:]
        self.own(walk, before, server=False)

    def mint(self, walk: Walk, values: Sequence[str]) -> None:
        """The server makes these values anew."""
        before = len(walk.values)
        for value in values:
            if value not in self._manner.keep:
                walk.bindings.mint(value, walk.ids)
        self.own(walk, before, server=True)

    def spoken(self, walk: Walk, text: str, base: str) -> str:
        """A text of the tape as this client gets it."""
        text = walk.bindings.to_live(text)
        upstream = walk.plan.header.upstream
        if upstream and base and upstream in text:
            text = text.replace(upstream.rstrip("/"), base)
        return opaque.moved(text, walk.plan.recorded or 0.0, walk.shift) if walk.shift else text

    def place(self, request: Request, auth: Json) -> tuple[Walk, Strand | None]:
        """The walk of a new connection, and the taped connection in whose place it is."""
        path = target(request)
        brought = _told(auth)
        told = f"{path} {request.header('Authorization') or ''} {request.header('Cookie') or ''} {brought}"
        walk = self.owner(told)
        if walk is not None:
            back = walk
            near = walk.next(path, lambda strand: self._distance(back, strand, request, auth)[0])
            if near is not None:
                return walk, near
        for turned in self.latest():
            if turned.turned_away and not turned.seats and (strand := turned.next(path)) is not None:
                return turned, strand
        fitting = [plan for plan in self._plans if any(fits(strand.path, path) for strand in plan.strands)]
        plan = min(
            fitting or [plan for plan in self._plans if plan.strands] or self._plans, key=self._began.__getitem__
        )
        walk = self.begin(plan, request.path, request.query, brought)
        candidates = [strand for strand in plan.strands if fits(strand.path, path)] or plan.strands[:1]
        if not candidates:
            return walk, None
        return walk, nearest_of(candidates, lambda strand: self._distance(walk, strand, request, auth), (0, 0))

    def _distance(self, walk: Walk, strand: Strand, request: Request, auth: Json) -> tuple[int, int]:
        """In how many places it is another, and in how many it only looks so."""
        joins = [line for line in strand.lines if line.part is Part.JOIN][:1]
        taped = joins[0].args[0] if joins and joins[0].args else None
        looks = (taped,) if strand.kind == ENGINE else ()
        live = (auth or None,) if strand.kind == ENGINE else ()
        comparison = compared(walk, strand.path, request, self._masks, looks, live)
        return len(comparison.differences), len(comparison.pairs)


def _told(auth: Json) -> str:
    try:
        return dumps(auth)
    except RecursionError:
        return TOO_DEEP


def _handle(value: str) -> str:
    """Of a value that is several words, a JWT say, the last one that tells it from others: `png` and `host` do not."""
    words = opaque.TOKENS.findall(value)
    telling = (word for word in reversed(words) if len(word) >= SHORTEST and not word.isalpha())
    return next(telling, max(words, key=len, default=value))
