"""Who waits for messages of a space, and who looks on: a tap on the journal that is there only while somebody does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.reading import Line, Reading

if TYPE_CHECKING:
    from simulator.serve.spaces import Place

MOST = 1000
"""Who waits or looks on, of one space."""
_REST = 60.0
"""Seconds after which what was read is let go, when nobody has asked again: the journal still has it."""
_NEWS = 1000
"""Other things than messages that are remembered for those who read slowly."""
_TICK = 0.5
"""Seconds between two looks for polling sessions that came or went, while somebody looks on: no socket tells of them."""

Test: TypeAlias = Callable[[Line], bool]


@dataclass(slots=True)
class News:
    """Something else than a message."""

    serial: int
    at: int
    """The number of the last message before it."""
    kind: str
    """`channel`, `clock`, `reset`."""
    data: dict[str, Any]


class Waiter:
    """Somebody who waits for messages."""

    __slots__ = ("after", "count", "done", "found", "test")

    def __init__(self, test: Test, after: int, count: int) -> None:
        self.test = test
        self.after = after
        self.count = count
        self.found: list[Line] = []
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def look(self, lines: list[Line]) -> None:
        """See whether these are what it waits for."""
        for line in lines:
            if len(self.found) >= self.count:
                break
            if line.number > self.after and self.test(line):
                self.found.append(line)
        if len(self.found) >= self.count and not self.done.done():
            self.done.set_result(True)


class Feed:
    """Of one space."""

    def __init__(self, place: Place) -> None:
        self._driver = place.driver
        self._journal = place.driver.space.journal
        self._loop = asyncio.get_running_loop()
        self.reading = Reading(place.driver.space)
        self._waiters: dict[Waiter, None] = {}
        self._onlookers: dict[asyncio.Event, None] = {}
        self._stirred = False
        self._used = 0.0
        self._resting: asyncio.TimerHandle | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._polling: dict[int, dict[str, Any]] = {}
        self.news: deque[News] = deque(maxlen=_NEWS)
        self.told = 0
        """How much news there was."""
        self.over = False
        """The space is gone, or the server stops."""

    # --- reading

    async def catch_up(self) -> None:
        """Read all that is there."""
        self._used = self._loop.time()
        if self._resting is None:
            self._resting = self._loop.call_later(_REST, self._rest)
        await self.reading.catch_up()

    def _rest(self) -> None:
        left = self._used + _REST - self._loop.time()
        if left > 0 or self.busy:
            self._resting = self._loop.call_later(max(left, _REST / 10), self._rest)
        else:
            self._resting = None
            self.reading = Reading(self._driver.space)

    # --- waiting

    @property
    def busy(self) -> int:
        """How many wait or look on."""
        return len(self._waiters) + len(self._onlookers)

    async def wait(self, test: Test, after: int | None, count: int, seconds: float) -> list[Line]:
        """The first so many messages that pass, behind that number or, with None, from now on; fewer after a time out.

        Seconds are of real time, whatever the clock of the space does. Raises Complaint.
        """
        self._admit()
        waiter = Waiter(test, self._journal.total if after is None else after, count)
        # Already among those who wait: nothing is missed, and nobody else is admitted in its place.
        self._waiters[waiter] = None
        self._listen()
        try:
            async with asyncio.timeout(seconds):
                await self._look_back(waiter)
                await waiter.done
        except TimeoutError:
            pass
        finally:
            del self._waiters[waiter]
            self._listen()
        if self.over:
            raise Complaint(409, "the space has ended meanwhile")
        return waiter.found

    async def _look_back(self, waiter: Waiter) -> None:
        """Let a waiter see what is there already, in pieces: others have their turns."""
        await self.catch_up()
        waiter.found.clear()
        at = waiter.after
        reading = self.reading
        while lines := reading.after(at, 500):
            waiter.look(lines)
            at = lines[-1].number
            if waiter.done.done() or at >= reading.last:
                break
            await asyncio.sleep(0)
