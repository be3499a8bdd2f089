"""The one timer of real time that a space's engines have together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from math import inf

from simulator.core.space import Running
from simulator.serve.clock import ManualClock, WallClock


class Alarm:
    """Rings when the first engine wants it. Under a manual clock nothing is ever due by itself: it never rings."""

    __slots__ = ("_clock", "_loop", "_never", "_ring", "_running", "_timer", "due")

    def __init__(
        self, running: Collection[Running], clock: WallClock | ManualClock, ring: Callable[[], object]
    ) -> None:
        self._running = running
        self._clock = clock if isinstance(clock, WallClock) else None
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._never = inf if self._clock is not None else -inf
        self.due = self._never
        """When it rings; whoever has an engine that is due sooner calls `arm`."""

    def arm(self) -> None:
        """Look at all engines. It may ring for a timer that was cancelled: that does no harm."""
        for running in self._running:
            due = running.engine.due
            if due < self.due:
                clock = self._clock
                assert clock is not None
                if self._timer is not None:
                    self._timer.cancel()
                self.due = due
                self._timer = self._loop.call_at(clock.loop_time(due), self._rung)

    def _rung(self) -> None:
        self._timer = None
        self.due = self._never
        self._ring()
        self.arm()

    def again(self) -> None:
        """The engines are other ones."""
        self._cancel()
        self.arm()

    def close(self) -> None:
        """Never ring any more, whatever engines want."""
        self._cancel()
        self.due = self._never = -inf

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.due = self._never
