"""How late a process's own loop is: what it was too busy to see is not the server's fault, and is not waited for."""

from __future__ import annotations

import asyncio
from collections import deque

TICK = 0.1
"""Seconds between two looks."""
WINDOW, STARVED = 15.0, 5.0
"""A loop that was away for so many seconds of the last ones cannot keep a session: the shortest deadline of a backend is
aida's, which forgets a session that has not polled for fifteen seconds."""


class Lag:
    """Of the running loop, once `watch` runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + TICK
        self._stalls: deque[tuple[float, float]] = deque()
        self.lost = 0.0
        """Seconds in all."""
        self.worst = self.recent = 0.0
        """Seconds at once: ever, and since `take_recent`."""

    async def watch(self) -> None:
        """For ever."""
        while True:
            self._due = self._loop.time() + TICK
            await asyncio.sleep(TICK)
            self.note(self._loop.time())

    def note(self, now: float) -> None:
        """Look at the clock, at a time that was due before."""
        late = max(0.0, now - self._due)
        self.lost += late
        self.worst, self.recent = max(self.worst, late), max(self.recent, late)
        if late > TICK:
            self._stalls.append((now, late))
        while self._stalls and self._stalls[0][0] < now - WINDOW:
            self._stalls.popleft()
        self._due = now + TICK

    def take_recent(self) -> float:
        """The worst since this was asked last."""
        recent, self.recent = self.recent, 0.0
        return recent

    def attended(self) -> float:
        """The time, without that in which the loop was away; also before `watch` has noticed."""
        now = self._loop.time()
        return now - self.lost - max(0.0, now - self._due)

    @property
    def starved(self) -> bool:
        """Whether a session that was lost now may have been lost by us."""
        now = self._loop.time()
        away = sum(late for at, late in self._stalls if at > now - WINDOW)
        return away + max(0.0, now - self._due) >= STARVED
