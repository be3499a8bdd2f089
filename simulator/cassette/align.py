"""Which items of two sequences belong together: the longest common subsequence, found fast where they are alike."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeAlias

Look: TypeAlias = Callable[[], None]
"""Called ever again while it is worked; it raises where that has taken too long."""

MOST_STEPS: Final = 400
"""Differences up to which the shortest way is looked for; it costs their square."""


def unwatched() -> None:
    """It may take its time."""


def align(
    ours: Sequence[Hashable], theirs: Sequence[Hashable], most: int = MOST_STEPS, look: Look = unwatched
) -> list[tuple[int, int]]:
    """Pairs of places of equal items, both rising.

    Where two sequences differ in more than `most` places, the k-th of a kind goes with the k-th of it, and of these
    pairs the longest rising row is kept: not always the longest that there is, but 10,000 items take no longer than to
    be sorted.
    """
    start, ours_end, theirs_end = 0, len(ours), len(theirs)
    while start < min(ours_end, theirs_end) and ours[start] == theirs[start]:
        start += 1
    while min(ours_end, theirs_end) > start and ours[ours_end - 1] == theirs[theirs_end - 1]:
        ours_end -= 1
        theirs_end -= 1
    a, b = ours[start:ours_end], theirs[start:theirs_end]
    middle = _shortest(a, b, most, look)
    if middle is None:
        middle = _paired(a, b)
    tail = len(ours) - ours_end
    return [
        *((place, place) for place in range(start)),
        *((start + i, start + j) for i, j in middle),
        *((ours_end + place, theirs_end + place) for place in range(tail)),
    ]


def _shortest(a: Sequence[Hashable], b: Sequence[Hashable], most: int, look: Look) -> list[tuple[int, int]] | None:
    """E. Myers' algorithm (An O(N*D) Difference Algorithm, 1986); None where it takes more than `most` steps."""
    size_a, size_b = len(a), len(b)
    # The furthest place in `a` on each diagonal, and how it was before each step.
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    for steps in range(min(most, size_a + size_b) + 1):
        look()
        trace.append(furthest.copy())
        for diagonal in range(-steps, steps + 1, 2):
            if diagonal == -steps or (diagonal != steps and furthest[diagonal - 1] < furthest[diagonal + 1]):
                i = furthest[diagonal + 1]
            else:
                i = furthest[diagonal - 1] + 1
            j = i - diagonal
            while i < size_a and j < size_b and a[i] == b[j]:
                i += 1
                j += 1
            furthest[diagonal] = i
            if i >= size_a and j >= size_b:
                return _back(trace, size_a, size_b)
    return None


def _back(trace: list[dict[int, int]], i: int, j: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for steps in range(len(trace) - 1, -1, -1):
        furthest, diagonal = trace[steps], i - j
        down = diagonal == -steps or (diagonal != steps and furthest[diagonal - 1] < furthest[diagonal + 1])
        before = diagonal + 1 if down else diagonal - 1
        from_i = furthest[before]
        from_j = from_i - before
        while i > from_i and j > from_j and i > 0 and j > 0:
            i -= 1
            j -= 1
            pairs.append((i, j))
        i, j = from_i, from_j
    pairs.reverse()
    return pairs


def _paired(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[int, int]]:
    waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for j, item in enumerate(b):
        waiting[item].append(j)
    return _rising([(i, waiting[item].popleft()) for i, item in enumerate(a) if waiting.get(item)])


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of it whose second numbers rise; the first ones do already."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for place, (_, j) in enumerate(pairs):
        size = bisect_left(ends, j)
        before.append(last[size - 1] if size else -1)
        if size == len(ends):
            ends.append(j)
            last.append(place)
        else:
            ends[size] = j
            last[size] = place
    found: list[tuple[int, int]] = []
    place = last[-1] if last else -1
    while place >= 0:
        found.append(pairs[place])
        place = before[place]
    found.reverse()
    return found
