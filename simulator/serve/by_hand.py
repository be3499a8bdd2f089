"""How a manual clock moves on, and how clients that count on pings are kept while it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Hashable
from contextlib import suppress
from typing import Protocol

from simulator.core.space import Running
from simulator.core.wire import Beat
from simulator.serve.clock import ManualClock

FLUSH = 0.1
"""Seconds of real time that an advancing clock waits, at each instant, for sockets and for other servers."""
PATIENCE = 0.5
"""And for pongs: long, for a busy machine may run many tests. Who has let it pass is not waited for until he pays."""


LONGEST = 30.0
"""Seconds of real time of one way: years of pings to somebody who answers them are millions of steps."""


class Unfinished(Exception):
    """A clock that is not where it should go, and stays where it has come to."""


class Moved(Protocol):
    """What a hand moves: the driver."""

    stirred: asyncio.Event | None
    """Set by the driver after each input, while there is one."""

    @property
    def running(self) -> Collection[Running]: ...
    @property
    def busy(self) -> bool:
        """Whether something is under way that real time alone ends."""
        ...

    @property
    def unsent(self) -> bool:
        """Whether a socket still holds something."""
        ...

    def run_due(self) -> None: ...
    def take(self, running: Running, given: Beat) -> None: ...


class Hand:
    """Moves one clock. Two who do so at once wait for each other, and both count."""

    def __init__(self, driver: Moved, clock: ManualClock) -> None:
        self._driver = driver
        self._clock = clock
        self._lock = asyncio.Lock()
        self._starts = 0
        self._silent: set[tuple[str, Hashable]] = set()
        """Who owes a pong that was waited for in vain."""
        self._beat: asyncio.TimerHandle | None = None

    async def advance(self, seconds: float) -> bool:
        """Move on, instant by instant, and let the peers answer each instant's pings.

        It returns when everything that fell due is written: True, or False when a reset came between. Raises
        Unfinished after `LONGEST`.
        """
        clock, driver, time = self._clock, self._driver, asyncio.get_running_loop().time
        async with self._lock:
            begun = time()
            target, starts = clock.now() + seconds, self._starts
            while (due := self._due()) is not None and due <= target:
                # Before the next pings: with one of these in hand nobody could tell who has paid.
                self._silent &= self._debtors()
                clock.set(due)
                driver.run_due()
                await self._settle()
                # Let others have a turn: the way may be long.
                await asyncio.sleep(0)
                if self._starts != starts:
                    return False
                if time() - begun > LONGEST:
                    raise Unfinished(f"{LONGEST:g} s were not enough: {target - due:g} s of the way are left")
            clock.set(target)
            driver.run_due()
            await self._settle()
            return self._starts == starts

    def _due(self) -> float | None:
        dues = [due for running in self._driver.running if (due := running.engine.next_due()) is not None]
        return min(dues) if dues else None

    def _debtors(self) -> set[tuple[str, Hashable]]:
        return {(running.name, peer) for running in self._driver.running for peer, _ in running.engine.wire.owes()}

    async def _settle(self) -> None:
        """Flush, then wait for this instant's pongs; a silent peer is waited for once, so it costs little."""
        driver = self._driver
        stirred = driver.stirred = asyncio.Event()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH):
                    # No transport tells when its buffer is empty; on loopback it nearly always is.
                    while driver.unsent:  # noqa: ASYNC110
                        await asyncio.sleep(0.001)
                    while driver.busy:
                        stirred.clear()
                        await stirred.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while self._debtors() - self._silent:
                        stirred.clear()
                        await stirred.wait()
        finally:
            driver.stirred = None
        self._silent = self._debtors()

    def restart(self) -> None:
        """Back to where the clock started; whoever moves it meanwhile is told."""
        self._starts += 1
        self._silent.clear()
        self._clock.restart()

    # --- beats

    def beat(self) -> None:
        """Let every live peer be pinged at each ping interval of real time, from now on."""
        intervals = [r.backend.ping_interval(r.seed.settings) for r in self._driver.running]
        shortest = min((seconds for seconds in intervals if seconds), default=None)
        if shortest is not None:
            self._beat = asyncio.get_running_loop().call_later(shortest, self._on_beat)

    @property
    def beats(self) -> bool:
        """Whether it does."""
        return self._beat is not None

    def _on_beat(self) -> None:
        for running in [*self._driver.running]:
            self._driver.take(running, Beat())
        self.beat()

    def close(self) -> None:
        """Beat no more, and let go of who moves it."""
        self._starts += 1
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None


class Pongs:
    """Tells the pongs that answer a beat, which no journal knows of, from others."""

    __slots__ = ("_beats",)

    def __init__(self) -> None:
        self._beats: dict[int, int] = {}

    def beaten(self, link: int) -> None:
        """A beat's ping went out there."""
        self._beats[link] = self._beats.get(link, 0) + 1

    def of_a_beat(self, link: int) -> bool:
        """Whether this pong answers one."""
        beats = self._beats.get(link, 0)
        if beats:
            self._beats[link] = beats - 1
        return beats > 0

    def gone(self, link: int) -> None:
        """That socket has ended."""
        self._beats.pop(link, None)
