"""The one heap of timers of an engine: its wire's, its rules', its bot's and those of who stands at the controls."""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from math import ceil, inf
from typing import TypeAlias

from simulator.core.actions import After, Cancel
from simulator.core.events import Acted
from simulator.core.world import World

# Whose timer it is. Equal owners and names in two rooms are two timers.
WIRE, RULES, BOT, WATCHER, ASIDE, HAND = range(6)

MOST_ACTS = 10_000
"""Of bots and operators that wait for their time: under a clock that nobody moves they would be ever more."""

_Entry: TypeAlias = tuple[float, int, int, Hashable, object]
"""Due, serial, room, owner, and the timer's name, or what the bot does."""
_NONE: dict[object, int] = {}
LONG, GROUP = 10.0, 1 / 64
"""Where time is real, a wire's timers of so many seconds wait for the next of such parts of one: pings of thousands of
clients are worked some at a time, and not each for itself. By hand each has its own instant.
"""


class Timers:
    """What an engine is beside what it does; it is one, because every input looks at `due`."""

    __slots__ = ("_armed", "_dead", "_heap", "_serial", "_waiting", "due", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self._heap: list[_Entry] = []
        self._armed: tuple[dict[Hashable, dict[Hashable, int]], ...] = ({}, {}, {}, {}, {}, {})
        self._serial = 0
        self._waiting = 0
        self._dead = 0
        self.due = inf
        """When the heap wants to be looked at, infinity for never; what was cancelled may still stand there."""

    @property
    def timers(self) -> int:
        """How many wait for their time."""
        return len(self._heap) - self._dead

    def next_due(self) -> float | None:
        """The instant of the next timer, or None."""
        heap = self._heap
        while heap:
            if self._lives(heap[0]):
                return heap[0][0]
            heappop(heap)
            self._dead -= 1
        return None

    def _lives(self, entry: _Entry) -> bool:
        """Whether it was not cancelled or replaced. What a bot has said it will do, it does."""
        _, serial, room, owner, name = entry
        return room == BOT or self._armed[room].get(owner, _NONE).get(name) == serial

    def _later(self, acted: Acted) -> None:
        if self._waiting >= MOST_ACTS:
            self.world.log("warning", f"{MOST_ACTS} acts of the bot wait for their time already, this one is lost")
            return
        self._waiting += 1
        self._serial += 1
        after = acted.act.after
        due = self._instant(after) if after else self.world._now
        heappush(self._heap, (due, self._serial, BOT, acted.talk, acted))
        if due < self.due:
            self.due = due

    def _instant(self, seconds: float) -> float:
        """So many seconds from now, in microseconds: sums of decimal seconds stay the decimals that people write."""
        now = self.world._now
        return round(now + seconds, 6) if seconds else now

    def _arm(self, room: int, after: After) -> None:
        self._serial += 1
        owner, name = after.owner, after.name
        names = self._armed[room].get(owner)
        if names is None:
            self._armed[room][owner] = {name: self._serial}
        else:
            again = name in names
            names[name] = self._serial
            if again:
                self._bury(1)
        due = self._instant(after.seconds)
        if room == WIRE and after.seconds >= LONG and not self.world.by_hand:
            due = ceil(due / GROUP) * GROUP
        heappush(self._heap, (due, self._serial, room, owner, name))
        if due < self.due:
            self.due = due

    def _cancel(self, room: int, cancel: Cancel) -> None:
        names = self._armed[room].get(cancel.owner)
        if names is None:
            return
        if cancel.name is None:
            del self._armed[room][cancel.owner]
            self._bury(len(names))
        elif names.pop(cancel.name, None) is not None:
            if not names:
                del self._armed[room][cancel.owner]
            self._bury(1)

    def _bury(self, count: int) -> None:
        """Cancelled entries stay in the heap until they are the half of it: memory is bounded by the living."""
        self._dead += count
        if self._dead > 64 and self._dead * 2 > len(self._heap):
            self._heap[:] = [entry for entry in self._heap if self._lives(entry)]
            heapify(self._heap)
            self._dead = 0
