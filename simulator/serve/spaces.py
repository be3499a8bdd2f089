"""All spaces of a server: found by name or by session, made when they are first named, dropped when idle for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from simulator.core.backend import Backend
from simulator.core.space import Journal, Space
from simulator.serve.any_link import AnyLink
from simulator.serve.clock import ManualClock, WallClock
from simulator.serve.connections import Crowd
from simulator.serve.driver import Driver
from simulator.serve.litter import Litter
from simulator.serve.objects import House, Shelf
from simulator.serve.reporter import Reporter

if TYPE_CHECKING:
    from simulator.scenario.stage import Stage
    from simulator.serve.admin.feed import Feed
    from simulator.serve.recording import Recording

MOST = 100
"""Spaces beside the default one."""
IDLE = 3600.0
"""Seconds of real time without a socket or a request after which a space is dropped."""
_FAREWELL = 0.2
"""Seconds that clients have to end their side when the server stops, as with requests (aiohttp's shutdown_timeout)."""
REST = 60.0
"""Seconds that a space has to be idle until it makes room for another, where there are `MOST`."""
KEPT = 10_000
"""Frames that the journal of a space keeps."""
ROOM = 4 << 20
"""Characters that the journal of a space keeps, beside the default one's: there may be many of them."""


class Crowded(Exception):
    """There is no room for one more space. The text is for who asked for it."""


@dataclass(slots=True, frozen=True)
class Plan:
    """What a space is made of, where nobody says otherwise."""

    backends: Sequence[tuple[Backend, Any]]
    """With their fixtures."""
    seed: int
    clock: WallClock | ManualClock
    reporter: Reporter
    house: House
    stage: Stage | None = None
    """The scenario, in place of the backends' own bots."""
    recording: Recording | None = None
    """Of the default space."""
    journal: int = KEPT
    """Frames that each space keeps."""

    def space(
        self,
        name: str = "",
        seed: int | None = None,
        clock: WallClock | ManualClock | None = None,
        stage: Stage | None = None,
    ) -> Space:
        """A space in which every backend runs."""
        stage = stage or self.stage
        time = clock or (self.clock.again() if name else self.clock)
        journal = Journal(self.journal, ROOM) if name else Journal(self.journal)
        space = Space(time, self.seed if seed is None else seed, name, journal, Shelf(self.house))
        if stage is not None:
            space.script = stage
            stage.arm(space)
        for backend, fixtures in self.backends:
            space.open(backend, fixtures, self.reporter.log(backend.name, space if name else None))
        return space

    def drive(self, space: Space, litter: Litter) -> Driver:
        """Its driver; needs a running loop."""
        frame = self.reporter.tap(space) if space.name else self.reporter.frame
        shown = frame if self.reporter.frames else None
        recording = None if space.name else self.recording
        if recording is not None:
            shown = recording.tap if shown is None else recording.before(shown)
        return Driver(space, self.clock_of(space), shown, litter.tidy, recording)

    @staticmethod
    def clock_of(space: Space) -> WallClock | ManualClock:
        """Its clock, of which the core needs to know less."""
        assert isinstance(space.clock, WallClock | ManualClock)
        return space.clock


class Place:
    """One space as it is served. `with` it, it is in use."""

    __slots__ = ("_loop", "_touched", "_users", "asked_for", "driver", "feed", "shelf")

    def __init__(self, driver: Driver, asked_for: bool) -> None:
        shelf = driver.space.objects
        assert isinstance(shelf, Shelf)
        self.driver = driver
        self.shelf = shelf
        self.asked_for = asked_for
        """Whether a control call made it: such a one makes no room for others."""
        self.feed: Feed | None = None
        """Who looks at what passes, since somebody first did."""
        self._users = 0
        self._loop = asyncio.get_running_loop()
        self._touched = self._loop.time()

    @property
    def name(self) -> str:
        """Of its space."""
        return self.driver.space.name

    @property
    def prefix(self) -> str:
        """What stands before the paths of URLs that lead here."""
        return f"/~space/{self.name}" if self.name else ""

    def idle(self, now: float) -> float:
        """Seconds without a socket or a request, by the loop's clock."""
        if self._users or self.driver.linked:
            return 0.0
        return now - max(self._touched, self.driver.left)

    def __enter__(self) -> None:
        self._users += 1

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._users -= 1
        self._touched = self._loop.time()


class Spaces:
    """All of them. Names are checked by who brings them, see `selector.check`."""

    def __init__(
        self, plan: Plan, default: Space, most: int = MOST, idle: float = IDLE, connections: float = inf
    ) -> None:
        """With `idle` 0 none is ever dropped for that; one space has at most so many `connections`."""
        self._plan = plan
        self._most = most
        self._idle = idle
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._litter = Litter()
        self._tell = plan.reporter.log("spaces")
        self.default = Place(plan.drive(default, self._litter), asked_for=True)
        self._named: dict[str, Place] = {"": self.default}
        self._marked: dict[str, Place] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._ends: set[asyncio.Task[None]] = set()
        self._left: WeakSet[AnyLink] = WeakSet()
        """Sockets of spaces that have ended, whose peers have some time to end their side."""
        self.crowd: Crowd | None = None
        """Who counts connections, for who asks how many there are."""
        self.bodies = 0
        """Bytes of control calls that are under way."""
        self._closed = False

    def __iter__(self) -> Iterator[Place]:
        """The default one first, then in the order in which they were made."""
        return iter([*self._named.values()])

    def __contains__(self, name: str) -> bool:
        return name in self._named

    @property
    def several(self) -> bool:
        """Whether there is any beside the default one."""
        return bool(self._marked)

    def named(self, name: str) -> Place:
        """The space of that name; made where there is none. Raises Crowded."""
        return self._named.get(name) or self._add(self._plan.space(name), asked_for=False)

    def of_session(self, ticket: str) -> Place:
        """The space of a session's name; the default one where the name bears no mark."""
        return self._marked.get(ticket[:8], self.default)

    def admit(self, place: Place) -> None:
        """One more request. Raises Crowded where the space has all the connections that it may have."""
        driver = place.driver
        if driver.linked + driver.asked >= self._connections:
            where = f"the space {place.name}" if place.name else "the default space"
            raise Crowded(f"{where} has {self._connections} connections already: --space-connections lets more in")

    def make(
        self,
        name: str,
        seed: int | None = None,
        clock: WallClock | ManualClock | None = None,
        stage: Stage | None = None,
        prepare: Callable[[Space], None] | None = None,
    ) -> Place:
        """Makes a space by control call; one that is there ends before. Raises Crowded, or as `prepare` does."""
        # What is wrong raises here, with nothing ended yet.
        space = self._plan.space(name, seed, clock, stage)
        if prepare is not None:
            prepare(space)
        self.drop(name)
        place = self._add(space, asked_for=True)
        place.driver.fault()
        return place

    def drop(self, name: str) -> bool:
        """Ends a space, never the default one, with all its sockets; whether there was any."""
        place = self._named.get(name)
        if place is None or place is self.default:
            return False
        del self._named[name], self._marked[place.driver.space.mark]
        place.driver.end(self._left)
        place.shelf.clear()
        end = self._loop.create_task(place.driver.close())
        self._ends.add(end)
        end.add_done_callback(self._ended)
        return True

    def _ended(self, end: asyncio.Task[None]) -> None:
        self._ends.discard(end)
        self._litter.tidy()

    def _add(self, space: Space, asked_for: bool) -> Place:
        if self._closed:
            # Connections stay a moment longer. Nobody would end this one, and a manual clock's beat it would for ever.
            raise Crowded("the server stops")
        if len(self._marked) >= self._most:
            self._make_room()
        place = Place(self._plan.drive(space, self._litter), asked_for)
        self._named[space.name] = self._marked[space.mark] = place
        place.driver.start()
        self._tell("info", f"{space.name} begins", seed=space.seed, clock=space.clock.mode)
        if self._timer is None:
            self._look_later()
        return place

    def _make_room(self) -> None:
        now = self._loop.time()
        resting = [place for place in self._marked.values() if not place.asked_for and place.idle(now) >= REST]
        if not resting:
            why = (
                f"there are {self._most} spaces already, and none that has been idle for {REST:g} s: "
                "DELETE /__admin/spaces/NAME ends one, --spaces lets more in"
            )
            raise Crowded(why)
        longest = max(resting, key=lambda place: place.idle(now))
        self._tell("warning", f"{longest.name} makes room for another: it was idle, and there are {self._most}")
        self.drop(longest.name)

    def refault(self, stage: Stage) -> None:
        """Let other faults of a scenario strike in all spaces that play it."""
        for place in self:
            if place.driver.space.script is stage:
                try:
                    stage.arm(place.driver.space)
                except OverflowError as error:
                    where = place.name or "the default space"
                    self._tell("warning", f"{where}: {error}, so those that the scenario had before strike on")
                else:
                    place.driver.fault()

    # --- idleness

    def sweep(self) -> None:
        """Drops what has been idle for too long."""
        now = self._loop.time()
        for name in [name for name, place in self._named.items() if place.idle(now) >= self._idle]:
            if self.drop(name):
                self._tell("info", f"{name} was idle for {self._idle:g} s and is gone")

    def _look_later(self) -> None:
        if self._idle and self._marked:
            now = self._loop.time()
            longest = max(place.idle(now) for place in self._marked.values())
            # Not at once again for one that is used a moment before its end, and then rests.
            self._timer = self._loop.call_later(max(self._idle - longest, self._idle / 10), self._look)

    def _look(self) -> None:
        self._timer = None
        self.sweep()
        self._look_later()

    # --- the end

    async def close(self) -> None:
        """Say goodbye to everyone, as real servers do."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for place in self:
            await place.driver.close()
            place.shelf.clear()
        await asyncio.gather(*self._ends)
        await self._part()
        self._litter.close()

    async def _part(self) -> None:
        """Let clients end their side for a moment; who does not is cut, for no socket may outlive its loop."""
        until = self._loop.time() + _FAREWELL
        while self._sockets():
            if self._loop.time() >= until:
                break
            # Nobody is told of an end who does not wait for one all his life: links cost little memory.
            await asyncio.sleep(0.002)
        await self.cut()

    async def cut(self) -> None:
        """Cut who is still there: somebody may have been let in just before the end of his space."""
        for link in self._sockets():
            link.abort()
        await asyncio.sleep(0)

    def _sockets(self) -> list[AnyLink]:
        of_ended = [link for link in self._left if not link.gone]
        return of_ended + [link for place in self for link in place.driver.sockets()]
