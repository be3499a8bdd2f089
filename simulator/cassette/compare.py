"""What differs between two conversations in meaning: messages that are new or missing, other shapes, other values.

Ids and times differ from run to run and mean the same (`masks.py`); order counts within a connection and direction,
where the network keeps it, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import orjson

from simulator.cassette.align import Look, align, unwatched
from simulator.cassette.conversation import Said
from simulator.cassette.masks import Bonds, Path, Volatile, masked
from simulator.cassette.pseudonyms import is_shaped
from simulator.core.message import Json

NEW, MISSING, MOVED, SHAPE, VALUE = "new", "missing", "moved", "shape", "value"

_ROOT: Final[Path] = ()


@dataclass(slots=True)
class Change:
    """One place in a message."""

    path: str
    """As `msg_out.user.*`, empty for the whole."""
    what: str
    """In words."""


@dataclass(slots=True)
class Difference:
    """One message that is not what it was."""

    kind: str
    """`new`, `missing`, `moved`, `shape` or `value`."""
    ours: Said | None
    """In the first conversation; None for a new one."""
    theirs: Said | None
    changes: list[Change] = field(default_factory=list)


def compare(
    ours: Iterable[Said],
    theirs: Iterable[Said],
    volatile: Iterable[str] = (),
    values: bool = True,
    look: Look = unwatched,
) -> list[Difference]:
    """How the second conversation differs from the first, in the order of the tapes.

    Messages are aligned by connection and direction: by what they say, then by shape, then by name. `volatile` are
    `Backend.volatile`; `values` False compares shapes alone. Connections go together by what opened
    them, then by their order. What `look` raises ends it.
    """
    return _Comparison(volatile, values, look).run([*ours], [*theirs])


class _Comparison:
    def __init__(self, volatile: Iterable[str], values: bool, look: Look) -> None:
        self._volatile = Volatile(volatile)
        self._values = values
        self._watch = look
        self._bonds = Bonds()
        self._found: list[Difference] = []

    def run(self, ours: list[Said], theirs: list[Said]) -> list[Difference]:
        a, b = _conns(ours), _conns(theirs)
        couples: list[tuple[Said, Said]] = []
        for i, j in _filled(align([*map(_door, a)], [*map(_door, b)], look=self._watch), len(a), len(b)):
            for sender in ("client", "server"):
                mine = [] if i is None else [one for one in a[i] if one.sender == sender]
                yours = [] if j is None else [one for one in b[j] if one.sender == sender]
                couples += self._aligned(mine, yours)
        # Bonds arise in the order in which ids were first told.
        places = {id(one): place for talk in (ours, theirs) for place, one in enumerate(talk)}
        for one, other in sorted(couples, key=lambda couple: places[id(couple[0])]):
            self._pair(one, other)
        return sorted(self._found, key=lambda found: places[id(found.ours or found.theirs)])

    def _aligned(self, mine: list[Said], yours: list[Said]) -> list[tuple[Said, Said]]:
        """What says the same goes together first; between that what has the same shape, then what has the same name."""
        looks = (self._meaning, _look, lambda one: (one.name, one.topic))
        keys = [self._numbered(look, mine, yours) for look in looks]
        pairs = _by_levels(keys, (0, len(mine)), (0, len(yours)), self._watch)
        left, right = {i for i, _ in pairs}, {j for _, j in pairs}
        free: dict[int, list[int]] = {}
        for j in range(len(yours) - 1, -1, -1):
            if j not in right:
                free.setdefault(keys[0][1][j], []).append(j)
        for i in range(len(mine)):
            if i not in left:
                moved = free.get(keys[0][0][i])
                self._found.append(
                    Difference(MOVED, mine[i], yours[moved.pop()]) if moved else Difference(MISSING, mine[i], None)
                )
        self._found += [Difference(NEW, None, yours[j]) for rest in free.values() for j in rest]
        return [(mine[i], yours[j]) for i, j in pairs]

    def _numbered(
        self, look: Callable[[Said], Hashable], mine: list[Said], yours: list[Said]
    ) -> tuple[list[int], list[int]]:
        """Equal keys have equal numbers: each is compared with many others, and it may be as long as its message."""
        numbers: dict[Hashable, int] = {}

        def number(one: Said) -> int:
            self._watch()
            return numbers.setdefault(look(one), len(numbers))

        return [*map(number, mine)], [*map(number, yours)]

    def _meaning(self, one: Said) -> Hashable:
        if not self._values:
            return _look(one)
        volatile = self._volatile.of(one.message)
        return one.name, one.topic, tuple(_meant(arg, _ROOT, volatile) for arg in one.args)

    def _pair(self, mine: Said, yours: Said) -> None:
        changes: list[Change] = []
        for number, (x, y) in enumerate(zip(mine.args, yours.args, strict=False)):
            _reshaped(x, y, _start(number, mine), changes, self._watch)
        if len(mine.args) != len(yours.args):
            changes.append(Change("", f"{len(mine.args)} arguments became {len(yours.args)}"))
        if changes:
            self._found.append(Difference(SHAPE, mine, yours, changes))
        elif self._values:
            volatile = self._volatile.of(mine.message)
            for number, (x, y) in enumerate(zip(mine.args, yours.args, strict=True)):
                self._revalued(x, y, _ROOT, volatile, _start(number, mine), changes, mine.redacted and yours.redacted)
            if changes:
                self._found.append(Difference(VALUE, mine, yours, changes))

    def _revalued(
        self,
        x: Json | bytes,
        y: Json | bytes,
        path: Path,
        volatile: frozenset[Path],
        start: Path,
        changes: list[Change],
        redacted: bool,
    ) -> None:
        if isinstance(x, dict) and isinstance(y, dict):
            for key in x:
                if key in y:
                    self._revalued(x[key], y[key], (*path, key), volatile, start, changes, redacted)
                else:
                    # An item of a list whose others have it.
                    changes.append(Change(_dotted(start, (*path, key)), f"missing, was {_told(x[key])}"))
            changes += [Change(_dotted(start, (*path, key)), f"new, {_told(y[key])}") for key in y if key not in x]
        elif isinstance(x, list) and isinstance(y, list):
            if len(x) != len(y):
                changes.append(Change(_dotted(start, path), f"{len(x)} items became {len(y)}"))
            for one, other in zip(x, y, strict=False):
                self._revalued(one, other, (*path, "*"), volatile, start, changes, redacted)
        elif not self._bonds.agree(x, y, path in volatile or (redacted and _placeholders(x, y))):
            changes.append(Change(_dotted(start, path), f"{_told(x)} became {_told(y)}"))


def _placeholders(x: object, y: object) -> bool:
    """Whether both are numbers of cards, papers or people as redaction makes them, anew for each cassette."""
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in (x, y)):
        return False
    a, b = str(x), str(y)
    return len(a) == len(b) > 3 and is_shaped(a) and is_shaped(b)


Keys: TypeAlias = "list[tuple[list[int], list[int]]]"


def _by_levels(keys: Keys, ours: tuple[int, int], theirs: tuple[int, int], look: Look) -> list[tuple[int, int]]:
    """Pairs by the first kind of key; in the gaps between them by the next one."""
    (a, b), rest = keys[0], keys[1:]
    pairs = [(ours[0] + i, theirs[0] + j) for i, j in align(a[slice(*ours)], b[slice(*theirs)], look=look)]
    if not rest:
        return pairs
    found: list[tuple[int, int]] = []
    from_i, from_j = ours[0], theirs[0]
    for i, j in [*pairs, (ours[1], theirs[1])]:
        if from_i < i and from_j < j:
            found += _by_levels(rest, (from_i, i), (from_j, j), look)
        found.append((i, j))
        from_i, from_j = i + 1, j + 1
    return found[:-1]


def _meant(value: Json | bytes, path: Path, volatile: frozenset[Path]) -> Hashable:
    """The value, a mark in place of what differs from run to run."""
    if isinstance(value, dict):
        return frozenset((key, _meant(inner, (*path, key), volatile)) for key, inner in value.items())
    if isinstance(value, list):
        return ("list", *(_meant(inner, (*path, "*"), volatile) for inner in value))
    return (_kind(value), "*" if path in volatile else masked(value))


def _conns(talk: list[Said]) -> list[list[Said]]:
    """By connection, in order of their beginning; what is of none comes first."""
    found: dict[int, list[Said]] = {0: []}
    for one in talk:
        found.setdefault(one.conn, []).append(one)
    return [talk for talk in found.values() if talk]


def _door(talk: list[Said]) -> Hashable:
    first = talk[0]
    path = first.args[0] if first.name == "(open)" and isinstance(first.args[0], str) else ""
    return first.conn == 0, path.partition("?")[0]


def _filled(pairs: list[tuple[int, int]], ours: int, theirs: int) -> list[tuple[int | None, int | None]]:
    """Connections that opened differently still go together, in their order; what is over goes with none."""
    mine, yours = {i for i, _ in pairs}, {j for _, j in pairs}
    left = [i for i in range(ours) if i not in mine]
    right = [j for j in range(theirs) if j not in yours]
    both = min(len(left), len(right))
    filled: list[tuple[int | None, int | None]] = [*pairs, *zip(left, right, strict=False)]
    filled += [(i, None) for i in left[both:]]
    filled += [(None, j) for j in right[both:]]
    return filled


def _look(one: Said) -> Hashable:
    return one.name, one.topic, tuple(map(shape, one.args))


def shape(value: Json | bytes) -> Hashable:
    """What kind of value it is, all the way down; of a list which kinds its items have."""
    if isinstance(value, dict):
        return frozenset((key, shape(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return ("list", frozenset(map(shape, value)))
    return _kind(value)


def _kind(value: Json | bytes) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case bytes():
            return "bytes"
        case dict():
            return "object"
        case _:
            return "list"


def _reshaped(x: Json | bytes, y: Json | bytes, path: Path, changes: list[Change], look: Look) -> None:
    look()
    if isinstance(x, dict) and isinstance(y, dict):
        for key in x:
            if key in y:
                _reshaped(x[key], y[key], (*path, key), changes, look)
            else:
                changes.append(Change(_dotted(path, (key,)), f"missing, was {_told(x[key])}"))
        changes += [Change(_dotted(path, (key,)), f"new, {_told(y[key])}") for key in y if key not in x]
    elif isinstance(x, list) and isinstance(y, list):
        if shape(x) == shape(y):
            return
        before = len(changes)
        for one, other in zip(x, y, strict=False):
            _reshaped(one, other, (*path, "*"), changes, look)
        if len(changes) == before:
            changes.append(Change(_dotted(path, ()), f"{_told(x)} became {_told(y)}"))
    elif _kind(x) != _kind(y):
        changes.append(Change(_dotted(path, ()), f"{_kind(x)} became {_kind(y)}: {_told(x)}, {_told(y)}"))


def _start(number: int, one: Said) -> Path:
    """Several arguments are told by their number."""
    return (str(number),) if len(one.args) > 1 else ()


def _dotted(start: Path, path: Path) -> str:
    return ".".join((*start, *path))


def _told(value: Json | bytes) -> str:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
