"""Who waits for messages of a space, and who looks on: a tap on the journal that is there only while somebody does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from simulator.serve.admin.channels import brief
from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.reading import AT_ONCE, Line, Reading
from simulator.serve.admin.time import told as clock_told

if TYPE_CHECKING:
    from simulator.serve.spaces import Place

MOST = 1000
"""Who waits or looks on, of one space."""
_REST = 60.0
"""Seconds after which what was read is let go, when nobody has asked again: the journal still has it."""
_NEWS = 1000
"""Other things than messages that are remembered for those who read slowly."""
_TICK = 0.5
"""Seconds between two looks for sessions that poll, while somebody looks on: no socket tells of them."""
_SOME = 20
"""Waiters up to which it costs more to read a line than to show it to them all."""
_FEW = 200
"""Channels up to which each that comes or goes is looked for at once; with more, once in a tick."""

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

    __slots__ = ("at", "count", "done", "found", "ready", "test")

    def __init__(self, test: Test, at: int, count: int) -> None:
        self.test = test
        self.at = at
        """The number of the last frame that it has seen, or does not want to see."""
        self.count = count
        self.found: list[Line] = []
        self.ready = False
        """It has seen what was there before, and is shown what comes."""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def look(self, lines: list[Line]) -> None:
        """See whether these are what it waits for."""
        for line in lines:
            if line.number > self.at and self.test(line):
                self.found.append(line)
                if len(self.found) >= self.count:
                    break
        if lines:
            self.at = max(self.at, lines[-1].number)
        if len(self.found) >= self.count and not self.done.done():
            self.done.set_result(None)


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
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._there: dict[int, dict[str, Any]] = {}
        """The channels that onlookers know of, by their numbers."""
        self._ends: dict[int, tuple[int, str]] = {}
        self.news: deque[News] = deque(maxlen=_NEWS)
        self.told = 0
        """How much news there was."""
        self.over = False
        """The space is gone, or the server stops."""

    # --- reading

    async def catch_up(self) -> None:
        """Read all that is there, and give others their turns meanwhile."""
        self._used = self._loop.time()
        if "rest" not in self._timers:
            self._timers["rest"] = self._loop.call_later(_REST, self._rest)
        self._step()
        while self.reading.behind:
            await asyncio.sleep(0)
            self._step()

    def read(self) -> Reading:
        """The same at once, for who can't give others their turns; also when the space is gone."""
        self._step()
        while self.reading.behind:
            self._step()
        return self.reading

    def _step(self) -> None:
        # Each waiter looks at each line, and others want their turn.
        lines = self.reading.step(max(1, AT_ONCE // (1 + len(self._waiters) // _SOME)))
        if not lines:
            return
        for waiter in [waiter for waiter in self._waiters if waiter.ready]:
            waiter.look(lines)
        self._wake()

    def _rest(self) -> None:
        left = self._used + _REST - self._loop.time()
        if left > 0 or self.busy:
            self._timers["rest"] = self._loop.call_later(max(left, _REST / 10), self._rest)
        else:
            del self._timers["rest"]
            self.reading = Reading(self._driver.space)

    # --- the tap

    @property
    def busy(self) -> int:
        """How many wait or look on."""
        return len(self._waiters) + len(self._onlookers)

    @property
    def onlookers(self) -> int:
        """How many look on."""
        return len(self._onlookers)

    def _admit(self) -> None:
        if self.over:
            raise Complaint(409, "the space has ended")
        if not self._journal.most:
            raise Complaint(409, "the journal keeps no frames here: serve with --journal N to wait for messages")
        if self.busy >= MOST:
            raise Complaint(503, f"{MOST} wait for messages of this space already: let some of them go first")

    def _listen(self) -> None:
        """Have the tap while somebody waits, and no longer: frames pay nothing for it otherwise."""
        self._journal.listen(self._stir if self.busy else None)

    def _stir(self) -> None:
        if self._journal.most < AT_ONCE:
            # So few that they are gone again before anybody has a turn.
            self._step()
        elif not self._stirred:
            self._stirred = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._stirred = False
        self._step()
        if self.reading.behind and self.busy:
            self._stir()

    def _wake(self) -> None:
        for event in self._onlookers:
            event.set()

    # --- waiting

    async def wait(self, test: Test, after: int | None, count: int, seconds: float) -> list[Line]:
        """The first so many messages that pass, behind that number or, with None, from now on; fewer after a time out.

        Seconds are of real time, whatever the clock of the space does. Raises Complaint.
        """
        self._admit()
        waiter = Waiter(test, self._journal.total if after is None else after, count)
        self._waiters[waiter] = None
        self._listen()
        try:
            # However long that takes: who waits for no time at all wants to know what has passed.
            await self._look_back(waiter)
            async with asyncio.timeout(seconds):
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
        while not waiter.done.done() and (lines := self.reading.after(waiter.at, AT_ONCE)):
            waiter.look(lines)
            if waiter.at < self.reading.last:
                await asyncio.sleep(0)
        waiter.ready = True

    # --- looking on

    def begin(self, event: asyncio.Event) -> None:
        """Set this event whenever there is something new. Raises Complaint."""
        self._admit()
        if not self._onlookers:
            self._there = dict(self._channels())
            if any(route.via for running in self._driver.running for route in running.backend.routes):
                self._timers["tick"] = self._loop.call_later(_TICK, self._tick)
        self._onlookers[event] = None
        self._listen()

    def end(self, event: asyncio.Event) -> None:
        """No more."""
        del self._onlookers[event]
        if not self._onlookers:
            self._cancel("tick")
            self._cancel("look")
        self._listen()

    def _cancel(self, timer: str) -> None:
        handle = self._timers.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def _channels(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for running in self._driver.running:
            for present in running.engine.wire.clients():
                yield present.number, brief(self._driver, running, present)

    def _tick(self) -> None:
        self._timers["tick"] = self._loop.call_later(_TICK, self._tick)
        self._look()

    def _look(self) -> None:
        """See who came and who went."""
        self._cancel("look")
        there = dict(self._channels())
        for number, told in there.items():
            known = self._there.get(number)
            if known is None:
                self._tell("channel", {"event": "opened", "channel": told})
            elif known["transport"] != told["transport"]:
                self._tell("channel", {"event": "upgraded", "channel": told})
        for number, told in self._there.items():
            if number not in there:
                code, reason = self._ends.get(told["link"] or number, (None, ""))
                self._tell("channel", {"event": "closed", "channel": told, "code": code, "reason": reason})
        self._there = there
        self._ends.clear()

    def _look_soon(self) -> None:
        if not self._onlookers:
            return
        if len(self._there) < _FEW:
            self._look()
        elif "look" not in self._timers:
            self._timers["look"] = self._loop.call_later(_TICK, self._look)

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        if not self._onlookers:
            return
        self.told += 1
        self.news.append(News(self.told, self._journal.total, kind, data))
        self._wake()

    # --- what the driver tells

    def opened(self, link: int) -> None:
        """A socket is there."""
        self._look_soon()

    def closed(self, link: int, code: int, reason: str) -> None:
        """A socket is gone."""
        if self._onlookers:
            self._ends[link] = (code, reason)
            self._look_soon()

    def moved(self) -> None:
        """The clock was moved by hand."""
        self._tell("clock", clock_told(self._driver.clock))

    def began_anew(self) -> None:
        """There was a reset: whoever waits, waits for what comes now."""
        for waiter in self._waiters:
            waiter.found.clear()
            waiter.at = 0
        self.news.clear()
        self._there = {}
        self._ends.clear()
        self._tell("reset", clock_told(self._driver.clock))

    def ended(self) -> None:
        """The space is gone, or the server stops."""
        self.over = True
        for waiter in self._waiters:
            if not waiter.done.done():
                waiter.done.set_result(None)
        for timer in [*self._timers]:
            self._cancel(timer)
        self._wake()


def feed_of(place: Place) -> Feed:
    """The one of a space, made when it is first asked for."""
    if place.feed is None:
        place.feed = place.driver.onlooker = Feed(place)
    return place.feed
