"""Which of the lines of one name a message is: the one that fits best, or else the one to name as the nearest."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from simulator.cassette.match import Comparison, Masks
from simulator.cassette.strands import Line

LOOKED_AT: Final = 2000
"""Candidates of one name that a message is held against, each as far as its first difference."""
BETTER: Final = 50
"""Further ones, once one fits."""
_NEAR: Final = 50
"""Candidates of which all differences are counted, where none fits."""


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
    often: bool = False
    """It was said before, and that was all of it."""

    @property
    def pairs(self) -> list[tuple[object, object]]:
        """Values that only look alike."""
        return [] if self.comparison is None else self.comparison.pairs


def ahead(known: Sequence[int], start: int, at: int, used: Collection[int]) -> Iterator[int]:
    """Of the lines of a name those that may be meant: the first of what is left, from `start`, and behind line `at`.

    Whoever has left out a message goes on far behind it, on a long tape.
    """
    half = LOOKED_AT // 2
    for index in known[start : start + half]:
        if index not in used:
            yield index
    on = max(bisect_right(known, at), start + half)
    for index in known[on : on + half]:
        if index not in used:
            yield index


def around(known: Sequence[int], start: int, at: int, used: Collection[int]) -> Iterator[int]:
    """Those left that are next to line `at`, nearest first, and the first that was left out."""
    near = islice(_outwards(known, at), LOOKED_AT)
    return chain(islice((index for index in near if index not in used), _NEAR), known[start : start + 1])


def _outwards(known: Sequence[int], at: int) -> Iterator[int]:
    on = bisect_right(known, at)
    back = on - 1
    while on < len(known) or back >= 0:
        if on < len(known):
            yield known[on]
            on += 1
        if back >= 0:
            yield known[back]
            back -= 1


def fitting(lines: Sequence[Line], indexes: Iterable[int], args: Sequence[object], masks: Masks) -> Found | None:
    """Of those that differ in nothing that matters the one with the fewest values that only look alike."""
    best, least, left = None, 0, BETTER
    for index in indexes:
        line = lines[index]
        comparison = Comparison(masks.of(line.name), True, brief=True).args(line.args, args)
        if comparison.differences:
            continue
        pairs = len(comparison.pairs)
        if best is None or pairs < least:
            best, least = Found(index, comparison, index), pairs
        # It fits, but another may fit better: that other item, of which an id is the same.
        left -= 1
        if not left or not least:
            break
    return best


def nearest(lines: Sequence[Line], indexes: Iterable[int], args: Sequence[object], masks: Masks) -> Found | None:
    """Of the first few dozen, which all differ, the one with the fewest differences."""
    best, least = None, (0, 0)
    for index in islice(indexes, _NEAR + 1):
        line = lines[index]
        comparison = Comparison(masks.of(line.name), True).args(line.args, args)
        distance = len(comparison.differences), len(comparison.pairs)
        if best is None or distance < least:
            best, least = Found(None, comparison, index), distance
    return best
