"""A space is one isolated copy of everything stateful: clock, ids, journal, and an engine for each backend."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from simulator.core.backend import Backend
from simulator.core.bot import Bot, Watcher
from simulator.core.engine import Engine
from simulator.core.events import CallId
from simulator.core.faults_kept import LOOK, Faults
from simulator.core.ids import ALPHANUMERIC, Ids
from simulator.core.message import Frame, Ping, Pong
from simulator.core.objects import Objects
from simulator.core.wire import Asked, Due, Link
from simulator.core.world import Log, World

if TYPE_CHECKING:
    from simulator.core.faults_machine import Machine

BotMaker: TypeAlias = Callable[[Backend, World], Bot | Watcher]
"""Makes a backend's bot."""


class Clock(Protocol):
    """Where a space has its time from."""

    mode: str
    """`wall`, or `manual` for one that is moved by hand."""

    def now(self) -> float:
        """Unix seconds; never goes back but by a reset."""
        ...


class Store(Objects, Protocol):
    """Where a space keeps its objects."""

    def clear(self) -> None:
        """Throw everything away and begin anew."""
        ...


@dataclass(slots=True)
class Entry:
    """One line of a journal."""

    number: int
    """Counts from 1, also over what was let go."""
    time: float
    backend: str
    link: Link
    sender: str
    """`client` or `server`."""
    item: Frame | Ping | Pong


_CONTROLS: dict[type[Ping | Pong], str] = {Ping: "ping", Pong: "pong"}


def _item(kind: str, data: str | bytes) -> Frame | Ping | Pong:
    if isinstance(data, str):
        return Frame(data, kind)
    return Ping(data) if kind == "ping" else Pong(data) if kind == "pong" else Frame(data, kind)


_Line: TypeAlias = tuple[float, str, Link, str, str, str | bytes]
"""Time, backend, link, sender, kind, data. One that was taken out has no kind."""


class Journal:
    """The frames that passed, both ways, as raw as they were: the last `most`, and no more than `room` characters."""

    __slots__ = ("_append", "_heard", "_left", "_lines", "_room", "_tally", "begun", "revised", "total")

    def __init__(self, most: int = 10_000, room: int = 32 << 20) -> None:
        self._lines: deque[_Line] = deque(maxlen=most)
        self._append: Callable[[_Line], None] = self._lines.append
        self._heard: Callable[[], object] | None = None
        self._tally: dict[tuple[str, str], int] | None = None
        self._room = room
        self._left = room
        """Characters that may still come before somebody has to count: what made room by its number is not in it."""
        self.total = 0
        """How many ever passed."""
        self.begun = 0
        """How often it began anew."""
        self.revised = 0
        """How often lines were taken out of it, or all that were there: what was counted of it is no more true then."""

    def add(self, time: float, backend: str, link: Link, sender: str, item: Frame | Ping | Pong) -> None:
        """Keep one."""
        data = item.data
        self.total += 1
        append = self._append
        # Plain values alone: such a tuple the collector looks at once and never again.
        append((time, backend, link, sender, item.via if type(item) is Frame else _CONTROLS[type(item)], data))
        left = self._left = self._left - len(data)
        if left < 0:
            self._let_go()

    def _let_go(self) -> None:
        lines, room = self._lines, self._room
        kept = sum(len(line[5]) for line in lines)
        if kept > room:
            # A sixteenth at once: to count them all for each one that comes would cost more than to keep them.
            while kept > room - room // 16:
                kept -= len(lines.popleft()[5])
        self._left = room - kept

    def clear(self) -> None:
        """Begin anew, at number 1."""
        self.forget()
        self.total = 0
        self.begun += 1

    def forget(self) -> None:
        """Let go of all that it keeps, and count on."""
        self._lines.clear()
        self._left = self._room
        self.revised += 1

    def remove(self, numbers: Container[int]) -> None:
        """Let go of these; the others keep their numbers."""
        first = self.first
        kept = [
            (line[0], line[1], line[2], line[3], "", "") if first + i in numbers else line
            for i, line in enumerate(self._lines)
        ]
        # What adds to the deque holds on to it.
        self._lines.clear()
        self._lines.extend(kept)
        self.revised += 1

    def listen(self, heard: Callable[[], object] | None) -> None:
        """Call this at each frame that comes, once it is kept; None calls nobody, which costs frames nothing at all."""
        self._heard = heard
        self._compose()

    def tally(self) -> Mapping[tuple[str, str], int]:
        """How many frames passed, by backend and sender: what is kept at the first call, and all that come after it.

        Frames cost nothing for it before somebody has asked; beginning anew does not set it back.
        """
        if self._tally is None:
            self._tally = defaultdict(int)
            for line in self._lines:
                if line[4]:
                    self._tally[line[1], line[3]] += 1
            self._compose()
        return self._tally

    def _compose(self) -> None:
        append, tell, tally = self._lines.append, self._heard, self._tally

        def told(line: _Line) -> None:
            append(line)
            if tally is not None:
                tally[line[1], line[3]] += 1
            if tell is not None:
                tell()

        self._append = append if tell is None and tally is None else told

    @property
    def most(self) -> int:
        """How many frames it keeps at most."""
        return self._lines.maxlen or 0

    @property
    def first(self) -> int:
        """The number of the oldest frame that it keeps, or of the next one that comes."""
        return self.total - len(self._lines) + 1

    def since(self, number: int, most: int | None = None) -> list[Entry]:
        """What it keeps behind that number, or so many lines of it, those that were taken out included."""
        first = self.first
        start = max(0, number + 1 - first)
        lines = islice(self._lines, start, None if most is None else start + most)
        return [
            Entry(i, time, backend, link, sender, _item(kind, data))
            for i, (time, backend, link, sender, kind, data) in enumerate(lines, max(first, number + 1))
            if kind
        ]

    def whose(self, number: int) -> list[tuple[Link, str]]:
        """Link and sender of each line behind that number, the newest first; no sender for one that was taken out."""
        newest = islice(reversed(self._lines), max(0, self.total - number))
        return [(link, sender if kind else "") for _, _, link, sender, kind, _ in newest]

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.since(0))


class Running:
    """A backend that runs in a space; a reset gives it a new engine."""

    __slots__ = ("_machine", "backend", "engine", "log", "name", "policy", "seed", "space")

    def __init__(self, backend: Backend, space: Space, seed: Any, log: Log) -> None:
        self.backend = backend
        self.name = backend.name
        self.space = space
        self.seed = seed
        self.log = log
        self.policy = backend.link(seed.settings)
        """One for all links: each keeps it as long as it is there."""
        self._machine: Machine | None = None
        self.engine = self._build()
        self.fault((), {})

    def rebuild(self) -> None:
        """Begin anew, as at the start."""
        self._machine = None
        self.engine = self._build()
        self.fault((), {})

    def fault(self, links: Iterable[Link], calls: Mapping[CallId, Asked]) -> Due | None:
        """Let the space's faults strike here, and none that it had before: to be called whenever there are others.

        Takes the links and calls that are open. What it gives the engine has to take next, and then `settle`.
        """
        faults = [fault for fault in self.space.faults if fault.backend in (None, self.name)]
        if self._machine is None:
            if not faults:
                return None
            # Without faults nobody pays for them, not even at start.
            from simulator.core.faults_machine import Machine

            self._machine = Machine(self.engine.wire.take, self.backend, self.engine.world)
            self.engine.interpose(self._machine.take, self._machine.answer)
        self._machine.use(faults, links, calls)
        return LOOK

    def settle(self) -> None:
        """Where no fault is left, frames go the way they went."""
        if self._machine is not None and not self._machine.faults:
            self._machine = None
            self.engine.interpose(None)

    def _build(self) -> Engine:
        space = self.space
        settings = self.seed.settings
        ids = space.ids.child("backend", self.backend.name)
        world = World(
            now=space.clock.now(),
            ids=ids,
            seed=self.seed,
            settings=settings,
            log=self.log,
            objects=space.objects,
            by_hand=space.clock.mode == "manual",
            mark=space.mark,
        )
        return Engine(self.backend.wire(world), self.backend.rules(world), self.bot(world), world)

    def bot(self, world: World) -> Bot | Watcher:
        """A new one: the space's script decides which, else the backend."""
        script = self.space.script
        return self.backend.bot(world) if script is None else script(self.backend, world)


def mark(name: str) -> str:
    """What the sessions of a space bear, see `World.mark`: of its name alone, for seeds may be the same."""
    return Ids.seeded(0).child("space", name).token(8, ALPHANUMERIC) if name else ""


class Space:
    """One isolated copy."""

    __slots__ = ("clock", "faults", "ids", "journal", "mark", "name", "objects", "running", "script", "seed")

    def __init__(
        self, clock: Clock, seed: int, name: str = "", journal: Journal | None = None, objects: Store | None = None
    ) -> None:
        self.name = name
        self.mark = mark(name)
        self.clock = clock
        self.seed = seed
        self.ids = Ids.seeded(seed)
        self.journal = Journal() if journal is None else journal
        self.objects = objects
        self.running: dict[str, Running] = {}
        self.faults = Faults(self.ids.child("faults"))
        """A reset brings back those that it starts with."""
        self.script: BotMaker | None = None
        """Makes the bot of each backend, in place of its own. Set before backends are opened, or before a reset."""

    def open(self, backend: Backend, seed: Any, log: Log) -> Running:
        """Let a backend run here, on fixtures of its seed model."""
        running = self.running[backend.name] = Running(backend, self, seed, log)
        return running

    def reset(self) -> None:
        """Begin anew: ids, journal, objects and engines as at the start. The clock is its owner's to set."""
        self.ids = Ids.seeded(self.seed)
        self.faults.reset(self.ids.child("faults"))
        self.journal.clear()
        if self.objects is not None:
            self.objects.clear()
        for running in self.running.values():
            running.rebuild()
