"""Where time comes from: the wall, or a hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from time import monotonic

from simulator.core.errors import SimulatorError

LAST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
"""Where a manual clock stops: near the end of Python's calendar a step would leave it."""
START = 1767225600.0
"""2026-01-01T00:00:00Z: where a manual clock starts when nobody says where."""


class WallClock:
    """Unix time that never goes back: read once, then carried on by the monotonic clock that the loop uses."""

    __slots__ = ("_offset",)

    mode = "wall"

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Unix seconds."""
        return self._offset + monotonic()

    def loop_time(self, t: float) -> float:
        """When that is on the loop's clock."""
        return t - self._offset

    def restart(self) -> None:
        """Nothing: real time goes on."""

    def again(self) -> WallClock:
        """For another space: it is the same time everywhere."""
        return self


class ManualClock:
    """Stands still until it is advanced."""

    __slots__ = ("_now", "_start")

    mode = "manual"

    def __init__(self, start: float = START) -> None:
        self._start = start
        self._now = start

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def set(self, t: float) -> None:
        """Go there; to microseconds, as timers are."""
        self._now = max(self._now, round(t, 6))

    def restart(self) -> None:
        """Back to where it started."""
        self._now = self._start

    def again(self) -> ManualClock:
        """For another space: one of its own that starts where this one did."""
        return ManualClock(self._start)


def parse(text: str, name: str = "--clock") -> WallClock | ManualClock:
    """The clock for `--clock`: wall, manual, or an RFC 3339 instant at which a manual clock starts."""
    if text == "wall":
        return WallClock()
    if text == "manual":
        return ManualClock()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    # Near the ends of Python's calendar a step would leave it.
    if moment is None or moment.tzinfo is None or not 1 < moment.year < 9000:
        why = "expected wall, manual, or an instant such as 2026-01-01T00:00:00Z"
        raise SimulatorError(f"{name} {text}: {why}")
    return ManualClock(round(moment.timestamp(), 6))


def written(t: float) -> str:
    """An instant for people: RFC 3339 in UTC, to microseconds."""
    return datetime.fromtimestamp(t, UTC).isoformat().replace("+00:00", "Z")
