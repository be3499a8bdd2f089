"""Rows that take turns: CPU per message in many short windows, a window of the base right before and after each.

What a machine shared with others gives to a process changes within seconds, by half and more. So a row is held against
what its base cost in the same half second, and never against another minute. Connections stand as long as the race.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.pace import TURNS, Pace
from bench.process import Child, sides
from bench.rows import Failed, Found, Row
from bench.servers import Server, load, missing, polls, url
from bench.talks import TALKS

_WARM_UPS = 8
_ENOUGH, _ENOUGH_NODE = 1 / 3, 1.0
"""CPU in which a server is warm, in windows: Node compiles what it runs for a second and more, and costs
the double before."""
_REST = 0.002
"""Seconds after the last answer in which a server takes what it does not answer."""


@dataclass(slots=True, frozen=True)
class Path:
    """One row of the table."""

    key: str
    title: str
    server: Server
    talk: str
    base: str
    connections: int = 50
    polling: bool = False
    hurried: bool = True
    """Whether `--quick` has it."""
    spaces: int = 0
    """In so many spaces of the simulator the connections are; 0 where no space is named."""
    alone: bool = False
    """Whether it has a server that no other row of the race uses."""


@dataclass(slots=True)
class Window:
    """What was seen of one server in one window, or in several together."""

    messages: int = 0
    answers: int = 0
    took: float = 0.0
    spent: float = 0.0
    generator: float = 0.0
    waited: float = 0.0

    def add(self, other: Window) -> None:
        """That one, too."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def cost(self) -> float:
        """Microseconds of CPU for a message."""
        return self.spent / self.messages * 1e6


class Lane:
    """A path, its server and a load generator of its own, which connects when it is warmed up."""

    def __init__(self, path: Path, server: Child, where: str) -> None:
        self.path, self.server, self._where = path, server, where
        self._generator: Child | None = None

    def warm_up(self, stack: ExitStack, pace: Pace) -> None:
        """Until it has had some CPU: on a busy machine that takes several windows, and Node is slow before.

        The connections that are measured come after those that warm up: a message on the first connections of a bare
        aiohttp costs the double for as long as these live (15 us and 7, CPython 3.11), and no other server would be
        measured like that.
        """
        before, enough = self.server.cpu(), _ENOUGH_NODE if self.path.server.node else _ENOUGH
        with self._load() as self._generator:
            self._generator.line()
            for _ in range(_WARM_UPS):
                self.window(pace.warm_up)
                if self.server.cpu() - before > pace.warm_up * enough:
                    break
        self._generator = stack.enter_context(self._load())
        self._generator.line()
        self.window(pace.beside)

    def _load(self) -> Child:
        path, mine = self.path, sides()[1]
        if path.polling:
            return polls(self._where, path.talk, path.connections, mine)
        more = (str(path.spaces),) if path.spaces else ()
        return load(self._where, path.talk, path.connections, mine, *more)

    def window(self, seconds: float) -> Window:
        """Raises Failed."""
        server, generator = self.server, self._generator
        assert generator is not None
        spent, busy, waited, began = server.cpu(), generator.cpu(), server.waited(), time.perf_counter()
        generator.say(f"{seconds:.6f}")
        answers = int(generator.line(seconds + 30))
        took = time.perf_counter() - began
        if not answers:
            raise Failed("not one answer came")
        time.sleep(_REST)
        return Window(
            answers * TALKS[self.path.talk].frames, answers, took,
            server.cpu() - spent, generator.cpu() - busy, server.waited() - waited,
        )  # fmt: skip


class Race:
    """All rows that take turns, and what becomes of them."""

    def __init__(self, part: str, paths: Sequence[Path], pace: Pace) -> None:
        self._part, self._paths, self._pace = part, paths, pace
        self.found = Found()
        self._lanes: dict[str, Lane] = {}
        self._rows: dict[str, Row] = {}
        self._seen: dict[str, tuple[Window, Window]] = {}
        """Of this round by now: each row's own windows together, and those of its base beside them."""

    def run(self, patience: float) -> Found:
        """`patience` is for the start of a server."""
        with ExitStack() as stack:
            self._start(stack, patience)
            for key, lane in [*self._lanes.items()]:
                self._pace.round(self._part, 0, lane.path.title)
                try:
                    lane.warm_up(stack, self._pace)
                except Failed as error:
                    self._out(key, error)
            # Not even who is warm has seen connections come and go, and Node's compiler works on for a while.
            for number in range(self._pace.rounds + 1):
                for _ in range(TURNS):
                    for base in dict.fromkeys(lane.path.base for lane in self._lanes.values()):
                        self._turn(number, base)
                for key, (own, beside) in self._seen.items():
                    if number and key in self._rows and own.messages:
                        _note(self._rows[key], own, beside)
                self._seen = {}
        self.found.rows += self._rows.values()
        return self.found

    def _start(self, stack: ExitStack, patience: float) -> None:
        started: dict[Server | str, tuple[Child, str] | None] = {}
        for path in self._paths:
            server: Server | str = path.key if path.alone else path.server
            if server not in started:
                started[server] = None
                if why := missing(path.server):
                    self.found.notes += [] if why in self.found.notes else [why]
                    continue
                try:
                    child = stack.enter_context(path.server.start(sides()[0]))
                    started[server] = (child, url(child, patience))
                except Failed as error:
                    self.found.notes.append(f"{path.server.key}: {error}")
            place = started[server]
            if place is not None:
                self._lanes[path.key] = Lane(path, *place)
                self._rows[path.key] = Row(path.key, path.title, "us", base=path.base)

    def _out(self, key: str, error: Failed) -> None:
        self.found.notes.append(f"{self._lanes.pop(key).path.title}: {error}")
        del self._rows[key]

    def _turn(self, number: int, base: str) -> None:
        """A window of each row of that base, between two of the base itself."""
        pace = self._pace
        before = self._window(number, base, pace.beside)
        self._add(base, before, before)
        for key in [key for key, lane in self._lanes.items() if lane.path.base == base != key]:
            own = self._window(number, key, pace.window)
            after = self._window(number, base, pace.beside)
            self._add(base, after, after)
            if own is not None:
                self._add(key, own, before)
                self._add(key, None, after)
            before = after

    def _add(self, key: str, own: Window | None, beside: Window | None) -> None:
        for seen, one in zip(self._seen.setdefault(key, (Window(), Window())), (own, beside), strict=True):
            if one is not None:
                seen.add(one)

    def _window(self, number: int, key: str, seconds: float) -> Window | None:
        """None where the row is out, or goes out by this."""
        lane = self._lanes.get(key)
        if lane is None:
            return None
        self._pace.round(self._part, number, lane.path.title)
        try:
            return lane.window(seconds)
        except Failed as error:
            self._out(key, error)
            return None


def _note(row: Row, own: Window, beside: Window) -> None:
    row.figures.append(own.cost)
    if beside.messages:
        row.beside.append(beside.cost)
    row.server.append(own.spent / own.took)
    row.generator.append(own.generator / own.took)
    row.waited.append(own.waited / own.took)
    row.rate.append(own.answers / own.took)


def run(part: str, paths: Sequence[Path], pace: Pace, patience: float = 30.0) -> Found:
    """The rows, and a line for each path that failed or is left out; `patience` is for the start of a server."""
    return Race(part, paths, pace).run(patience)
