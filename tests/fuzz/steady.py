"""One target in a process of its own, the same inputs over and over: `python -m tests.fuzz.steady TARGET FOLDER SECONDS`.

What is kept of an input is kept anew each time, so that memory grows from pass to pass. Nothing else does here: no corpus is
built, caches were filled in the passes before, and what was freed and not given back is not counted.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from time import monotonic

WARM = 3
"""Passes in which whatever is filled once is filled."""
PASSES = 4
"""At least so many are measured."""
LEAST = 50
"""Inputs of a pass: of fewer what a heap of timers or a dict leaves until the next time is too much, and nothing is judged."""
SLOW = 8.0
"""Seconds that so many may take on a busy machine beyond what was asked for."""
SAMPLES = 200
"""Inputs where nothing was found that is worth more."""
NOISE = 2 << 10
"""Bytes that one pass may have more than the one before by chance: timers that are cancelled and still in a heap, and such."""
PER = 10_000


@dataclass(slots=True)
class Growth:
    """What a target keeps."""

    inputs: int
    """Of one pass."""
    passes: int
    bytes: float
    """In each pass at least, made into what it is for 10,000 inputs; beyond what is noise."""
    judged: bool = True
    """Whether there were inputs enough."""
    lines: list[str] = field(default_factory=list)
    """Who made what is there more, the most first."""


def growth(check: Callable[[bytes], object], inputs: Sequence[bytes], seconds: float) -> Growth:
    """Play inputs over and over, as many as can be played often enough in that time. Python's own memory is counted."""
    ours = not tracemalloc.is_tracing()
    if ours:
        # Before anything is played: of what was made earlier nobody would see the end.
        tracemalloc.start()
    try:
        return _growth(check, inputs, seconds)
    finally:
        if ours:
            tracemalloc.stop()


def _growth(check: Callable[[bytes], object], inputs: Sequence[bytes], seconds: float) -> Growth:
    began = monotonic()
    chosen: list[bytes] = []
    for data in inputs:
        # Each pass after the first one takes as long as that at most.
        passed = monotonic() - began
        if passed > (seconds / (WARM + PASSES) if len(chosen) >= LEAST else seconds + SLOW):
            break
        chosen.append(data)
        check(_own(data))
    for _ in range(WARM - 1):
        _play(check, chosen)
    gc.collect()
    before = tracemalloc.take_snapshot()
    sizes = [_size()]
    while len(sizes) <= (PASSES if len(chosen) >= LEAST else 1) or monotonic() - began < seconds:
        _play(check, chosen)
        sizes.append(_size())
    # What a cache takes once is in one of the differences, what a leak takes is in all.
    least = min(after - size for size, after in pairwise(sizes))
    made = Growth(len(chosen), len(sizes) - 1, max(0, least - NOISE) * PER / len(chosen), len(chosen) >= LEAST)
    if made.bytes:
        made.lines = _lines(before, tracemalloc.take_snapshot())
    return made


def _play(check: Callable[[bytes], object], inputs: Sequence[bytes]) -> None:
    for data in inputs:
        check(_own(data))


def _own(data: bytes) -> bytes:
    """A copy: of one that is kept everybody would have the same."""
    return bytes(bytearray(data))


def _size() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _lines(before: tracemalloc.Snapshot, after: tracemalloc.Snapshot) -> list[str]:
    found = after.compare_to(before, "lineno")
    here = Path.cwd()
    told = []
    for one in sorted(found, key=lambda one: -one.size_diff)[:8]:
        frame, path = one.traceback[0], Path(one.traceback[0].filename)
        if one.size_diff > 0 and path.name not in ("tracemalloc.py", Path(__file__).name):
            name = path.relative_to(here) if path.is_relative_to(here) else Path(*path.parts[-2:])
            told.append(f"{name}:{frame.lineno} ({one.size_diff / 1024:.1f} KiB)")
    return told[:5]


def main() -> None:
    from tests.fuzz.found import Found
    from tests.fuzz.targets import TARGETS

    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    target = TARGETS[name]
    found = Found(folder, target, "steady")
    dice = Random(name)
    inputs = [path.read_bytes() for path in sorted((folder / "corpus").glob("*"))]
    dice.shuffle(inputs)
    inputs = inputs or [target.mutate(target.sample(dice), dice) for _ in range(SAMPLES)]
    found.grown = growth(found.check, inputs, seconds)
    found.write()
    made = found.grown
    told = [f"{made.bytes:,.0f} bytes in {PER:,} inputs, {made.passes} passes of {made.inputs} inputs", *made.lines]
    print("\n".join(told))  # noqa: T201


if __name__ == "__main__":
    main()
