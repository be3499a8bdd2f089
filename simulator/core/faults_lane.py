"""One direction of a link or a call: what is under way there, in its order, and when the next comes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import TypeAlias

from simulator.core.envelope import Look
from simulator.core.faults import UP
from simulator.core.message import Frame, Ping, Pong
from simulator.core.wire import Answer, Asked, Drop, Effect, Input

Item: TypeAlias = Frame | Ping | Pong
Thing: TypeAlias = Input | Effect
"""What goes up is an input, what comes down an effect."""

MOST_ATTACHED = 16
"""Frames that are held together with one before them; whoever announces more gets them one by one."""

_OVERHEAD = 512
"""Bytes that each costs beside its data: so many frames without any are bounded, too."""
_NEARLY = 5e-7
"""Timers are kept in microseconds: what is due within half of one is due."""


class Held:
    """One thing under way."""

    __slots__ = ("arrived", "sends", "size", "thing", "waits")

    def __init__(self, thing: Thing, size: int, arrived: float) -> None:
        self.thing = thing
        self.size = size + _OVERHEAD
        self.arrived = arrived
        self.waits: dict[str, float] = {}
        """Seconds by which faults delay it, by their names: all count."""
        self.sends: dict[str, float] = {}
        """Seconds for which it keeps the link busy: the slowest counts."""

    def spare(self, names: Collection[str]) -> None:
        """Only faults of these names delay it from now on."""
        for delays in (self.waits, self.sends):
            for name in [name for name in delays if name not in names]:
                del delays[name]


class Lane:
    """A queue."""

    __slots__ = ("_free", "queue", "size")

    def __init__(self) -> None:
        self.queue: deque[Held] = deque()
        self._free = 0.0
        """When the last one was out."""
        self.size = 0
        """Bytes under way."""

    def put(self, held: Held) -> None:
        """Behind all others."""
        self.queue.append(held)
        self.size += held.size

    def due(self) -> float | None:
        """When the first one is out, None where nothing is under way."""
        if not self.queue:
            return None
        held = self.queue[0]
        begins = max(self._free, held.arrived + sum(held.waits.values()))
        return begins + max(held.sends.values(), default=0.0)

    def pop(self, now: float) -> Held | None:
        """The first one, if it is out by now."""
        due = self.due()
        if due is None or due > now + _NEARLY:
            return None
        held = self.queue.popleft()
        self.size -= held.size
        self._free = due
        return held

    def spare(self, names: Collection[str]) -> None:
        """Only faults of these names delay from now on."""
        for held in self.queue:
            held.spare(names)

    def clear(self) -> list[Held]:
        """All that is under way, which is forgotten."""
        held = [*self.queue]
        self.queue.clear()
        self.size = 0
        return held


class Side:
    """A direction of a link or a call, with what faults have to remember there."""

    __slots__ = ("armed", "chosen", "lane", "look", "missing", "parts", "passed", "silent", "swap", "swapper")

    def __init__(self) -> None:
        self.lane: Lane = Lane()
        self.armed = False
        self.silent: set[str] = set()
        """Faults by which nothing passes."""
        self.chosen: dict[str, bool] = {}
        self.passed: dict[str, int] = {}
        self.parts: list[Item] = []
        """A frame and what has come of its attachments."""
        self.missing = 0
        self.look = Look()
        self.swap: list[Held] = []
        """A message that waits for the next one to go first."""
        self.swapper = ""

    def silenced(self, names: Collection[str]) -> bool:
        """Whether nothing passes, with only faults of these names still there."""
        if self.silent:
            self.silent.intersection_update(names)
        return bool(self.silent)

    def spare(self, names: Collection[str]) -> None:
        """Only faults of these names delay what is here from now on."""
        self.lane.spare(names)
        for held in self.swap:
            held.spare(names)

    def clear(self) -> list[Held]:
        """All that is here, which is forgotten."""
        swap, self.swap = self.swap, []
        return [*self.lane.clear(), *swap]

    def gather(self, item: Item, look: Look) -> list[tuple[list[Item], Look]]:
        """Units that are whole with this one: a frame is one with its attachments."""
        if not isinstance(item, Frame):
            return [([item], look)]
        whole: list[tuple[list[Item], Look]] = []
        if self.missing and isinstance(item.data, bytes):
            self.parts.append(item)
            self.missing -= 1
            if self.missing:
                return []
            return [self._taken()]
        if self.parts:
            # Not what was announced: whoever reads it will say so.
            whole.append(self._taken())
        if 0 < look.more <= MOST_ATTACHED:
            self.parts, self.missing, self.look = [item], look.more, look
            return whole
        return [*whole, ([item], look)]

    def _taken(self) -> tuple[list[Item], Look]:
        parts, self.parts, self.missing = self.parts, [], 0
        return parts, self.look


class Way:
    """A link or a call."""

    __slots__ = ("asked", "down", "ended", "ends", "met", "number", "over", "owed", "transport", "up")

    def __init__(self, number: int, transport: str, asked: Asked | None = None) -> None:
        self.number = number
        self.transport = transport
        self.asked = asked
        """What a call began with."""
        self.up: Side = Side()
        self.down: Side = Side()
        self.over = False
        """A fault has ended it: nothing passes any more."""
        self.ended = False
        """Its last word is on its way."""
        self.owed: Effect | None = None
        """What is lost in silence, for who hears again: the wire's last word, or the answer to a call."""
        self.ends: dict[str, Effect] = {}
        """How faults will end it, by their names."""
        self.met: set[str] = set()
        """Faults that were asked about it as a whole."""

    def side(self, stream: str) -> Side:
        """A direction of it."""
        return self.up if stream == UP else self.down

    def silent_end(self) -> Effect:
        """How it ends without a word."""
        return Drop(self.number) if self.asked is None else Answer(self.number, None)
