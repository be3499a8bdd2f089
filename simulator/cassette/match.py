"""Messages held against each other by meaning: what differs, and what only looks different."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from itertools import islice
from typing import Final

from simulator.cassette import opaque
from simulator.cassette.bindings import SHORTEST
from simulator.cassette.short_ids import Short, is_id

MOST: Final = 20
"""Differences of one message that are told."""
_SHOWN: Final = 80
TOO_DEEP: Final = "too many lists and objects in each other"
"""What is told of JSON that may be some thousand levels deep, where what walks through it may not be."""
_NAMES: Final = 300
_BYTES: Final = 16
_MASKED: Final = 1000
_OF_IDS: Final = (str, int)
_NAMED: Final = 1000
"""Names whose masks are remembered, and characters of the longest: clients may say any, of any length."""


class Mode(StrEnum):
    """How closely a client has to keep to the tape."""

    STRICT = "strict"
    """The tape's order, and every field that is not masked."""
    LOOSE = "loose"
    """Any order; ids, times and tokens may be others."""
    POSITION = "position"
    """The tape's order alone, whatever is said."""


class _Absent:
    __slots__ = ()

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()


@dataclass(slots=True, frozen=True)
class Difference:
    """One place in which a message is not what the tape has."""

    path: str
    """Such as `messages.0.text`; empty for the whole."""
    expected: object
    """On the tape; ABSENT where it has nothing there."""
    got: object

    def told(self) -> str:
        """For people."""
        return f"{self.path or 'it'}: expected {shown(self.expected)}, got {shown(self.got)}"


def shown(value: object) -> str:
    """A value, short."""
    if value is ABSENT:
        return "nothing"
    if isinstance(value, bytes):
        more = "..." if len(value) > _BYTES else ""
        return f"{len(value)} byte{'' if len(value) == 1 else 's'} {value[:_BYTES].hex(' ')}{more}".rstrip()
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except RecursionError:
        return TOO_DEEP
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


class Masks:
    """Which places are not looked at: paths as `message.field.*.field`, where `*` is any one name or number."""

    __slots__ = ("_by_name", "_paths")

    def __init__(self, paths: Iterable[str]) -> None:
        """With `*.` in front a path counts for all messages."""
        self._paths = tuple(paths)
        self._by_name: dict[str, tuple[tuple[str, ...], ...]] = {}

    def of(self, name: str) -> tuple[tuple[str, ...], ...]:
        """The paths into messages of that name."""
        found = self._by_name.get(name)
        if found is None:
            starts = (f"{name}.", "*.")
            found = tuple(
                tuple(path[len(start) :].split("."))
                for path in self._paths
                for start in starts
                if path.startswith(start)
            )
            if len(self._by_name) < _MASKED and len(name) <= _NAMED:
                self._by_name[name] = found
        return found


class Comparison:
    """What came of one: the differences, and the pairs of values that may differ."""

    __slots__ = ("_brief", "_loose", "_masks", "differences", "pairs", "short")

    def __init__(self, masks: tuple[tuple[str, ...], ...], loose: bool, brief: bool = False) -> None:
        """`brief` is for who only wants to know whether there is any difference: it looks no further than the first."""
        self._masks = masks
        self._loose = loose
        self._brief = brief
        self.differences: list[Difference] = []
        self.pairs: list[tuple[object, object]] = []
        """Taped and live."""
        self.short: list[Short] = []
        """Those of them that are too short to be bound, with their keys."""

    def args(self, taped: Sequence[object], live: Sequence[object]) -> Comparison:
        """Compare the arguments of two messages: paths lead into the first, others begin with their number."""
        for i in range(max(len(taped), len(live))):
            one = taped[i] if i < len(taped) else ABSENT
            other = live[i] if i < len(live) else ABSENT
            self._value((str(i),) if i else (), one, other)
        return self

    @property
    def otherwise(self) -> bool:
        """Whether both have a value somewhere, and another one; not only one of them has any."""
        return any(ABSENT not in (found.expected, found.got) for found in self.differences)

    def _value(self, path: tuple[str, ...], taped: object, live: object) -> None:
        if isinstance(taped, dict) and isinstance(live, dict):
            for key in {**taped, **live}:
                self._value((*path, key), taped.get(key, ABSENT), live.get(key, ABSENT))
                if self._brief and self.differences:
                    return
        elif isinstance(taped, list) and isinstance(live, list):
            for i in range(max(len(taped), len(live))):
                one = taped[i] if i < len(taped) else ABSENT
                other = live[i] if i < len(live) else ABSENT
                self._value((*path, str(i)), one, other)
                if self._brief and self.differences:
                    return
        elif (
            taped is ABSENT or live is ABSENT or taped != live or isinstance(taped, bool) is not isinstance(live, bool)
        ):
            self._scalar(path, taped, live)

    def _scalar(self, path: tuple[str, ...], taped: object, live: object) -> None:
        masked = any(covers(mask, path) for mask in self._masks)
        if masked or (self._loose and _same(taped, live, path[-1] if path else "")):
            self.pairs.append((taped, live))
            self._shortly(path, taped, live)
        elif len(self.differences) < MOST:
            self.differences.append(Difference(".".join(path), taped, live))

    def _shortly(self, path: tuple[str, ...], taped: object, live: object) -> None:
        if not path or not isinstance(taped, str | int) or not isinstance(live, str | int):
            return
        short = min(len(str(taped)), len(str(live))) < SHORTEST
        if short and is_id(path[-1]) and bool not in (type(taped), type(live)):
            self.short.append((path, taped, live))


def _same(taped: object, live: object, key: str) -> bool:
    if type(taped) in _OF_IDS and type(live) in _OF_IDS and is_id(key):
        # Libraries count their requests from 0 or from 1, as numbers or as texts.
        return True
    if taped is ABSENT or live is ABSENT:
        return taped is None or live is None
    return opaque.alike(taped, live, key)


def covers(mask: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether a path lies in what a mask names."""
    return len(mask) <= len(path) and all(part in ("*", name) for part, name in zip(mask, path, strict=False))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name that was probably meant, of the first few hundred."""
    found = get_close_matches(name, [*islice(known, _NAMES)], 1, 0.6) if len(name) <= _SHOWN else []
    return found[0] if found else None
