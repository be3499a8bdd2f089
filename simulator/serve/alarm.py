"""The one timer of real time that a space's engines have together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from math import inf
from typing import TypeAlias

from simulator.core.actions import Call
from simulator.core.space import Running
from simulator.core.wire import Effect
from simulator.serve.clock import ManualClock, WallClock

Carry: TypeAlias = Callable[[Running, Sequence[Effect | Call], bool], None]
"""Carries out what an engine answers."""


AWAY = 0.5
"""Seconds by which it rings late where this process was stopped, or had no turn: less is what a busy loop takes."""
LOOKS, LOOK = 3, 0.002
"""So many looks that brought nothing, each of so many seconds, it has at what lies in the sockets before it rings then:
a pong that came in time is none that is missing. Node, too, asks sockets before timers (libuv from 1.45 on).
"""
MOST = 50
"""Looks in all: there may always be something."""
AGAIN = 1.0
"""Seconds in which it does not look once more: a loop that is always that late has looked, and is not to be later."""


class Alarm:
    """Rings when the first engine wants it. Under a manual clock nothing is ever due by itself: it never rings."""

    __slots__ = (
        "_came",
        "_clock",
        "_idle",
        "_late",
        "_looks",
        "_loop",
        "_never",
        "_ring",
        "_running",
        "_seen",
        "_timer",
        "due",
    )

    def __init__(
        self,
        running: Collection[Running],
        clock: WallClock | ManualClock,
        ring: Callable[[], object],
        came: Callable[[], int],
    ) -> None:
        """`came` counts what clients have sent."""
        self._running = running
        self._came = came
        self._clock = clock if isinstance(clock, WallClock) else None
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._looks = 0
        self._idle = 0
        """Looks that brought nothing."""
        self._seen = 0
        self._late = -inf
        """When it last rang where this process had been away."""
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

    def work(self, running: Running, time: float, carry: Carry) -> float:
        """Carry out what is due before an input that comes now, and tell when it comes.

        Where this process was away it came before what is due since then, as far as anybody knows.
        """
        engine = running.engine
        if self.away(engine.due, time):
            return engine.due - 1e-6
        carry(running, engine.run_until(time), False)
        return time

    def away(self, due: float, now: float) -> bool:
        """Whether what was due then could not fire until now because this process was away."""
        return self._clock is not None and now - due > AWAY

    def catch_up(self) -> None:
        """Ring now, unless this process was away: then it will soon, and until then inputs come before what is due."""
        clock = self._clock
        if clock is not None and any(self.away(running.engine.due, clock.now()) for running in self._running):
            return
        self._ring()
        self.arm()

    def _rung(self) -> None:
        clock = self._clock
        assert clock is not None
        now = clock.now()
        if self.away(self.due, now):
            if now - self._late >= AGAIN and self._look():
                return
            self._late = now
        self._looks = self._idle = 0
        self._timer = None
        self.due = self._never
        self._ring()
        self.arm()

    def _look(self) -> bool:
        """Whether there is one more look before it rings."""
        came = self._came()
        if self._looks and came == self._seen:
            self._idle += 1
        if self._idle >= LOOKS or self._looks >= MOST:
            return False
        self._looks += 1
        self._seen = came
        self._timer = self._loop.call_later(LOOK, self._rung)
        return True

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
        self._looks = self._idle = 0
        self.due = self._never
