"""Connection state recovery as socket.io-adapter 2.5 does it: what was sent is kept for a while, by offsets."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from math import floor, inf

from simulator.core.message import Json
from simulator.wire.engineio_payload import Packet

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
_OFFSET = re.compile(r"[0-9A-Za-z_-]{7,8}(?:\.[0-9A-Za-z_-]+)?")
SWEEP = 60.0
"""Seconds between two times at which Node throws old events away (in-memory-adapter.ts)."""


@dataclass(slots=True, frozen=True)
class Recovery:
    """The option `connectionStateRecovery`."""

    seconds: float = 120.0
    """How long a client may be away."""
    most_away: int = 10_000
    """Clients that are away and remembered; the one that is away longest goes first."""
    most_events: int = 1_000
    """Events that are kept of one client."""
    most_characters: int = 4 << 20
    """And their size."""
    most_in_all: int = 64 << 20
    """Characters of the events of all clients: above it those who came first can't be recovered any more."""


class Kept:
    """What the logs of one server keep together."""

    __slots__ = ("_logs", "size")

    def __init__(self) -> None:
        self._logs: dict[Log, None] = {}
        self.size = 0

    def grew(self, log: Log, by: int, most: int) -> None:
        """A log is longer by so many characters, or shorter; logs are emptied until all is well below `most`."""
        self.size += by
        self._logs[log] = None
        if self.size > most:
            while self.size > most // 2:
                next(iter(self._logs)).clear()

    def forget(self, log: Log, size: int) -> None:
        """A log was emptied."""
        self.size -= size
        self._logs.pop(log, None)


class Log:
    """What was sent to one socket, without what asks for an acknowledgement and what is volatile."""

    __slots__ = ("_all", "_events", "_kept", "_last", "_limits", "_next", "_seed", "_size", "_start")

    def __init__(self, limits: Recovery, start: float, every: Kept) -> None:
        """`start` is when the server began to sweep."""
        self._limits = limits
        self._all = every
        self._start = start
        self._events: deque[tuple[float, str, tuple[Packet, ...]]] = deque()
        self._size = 0
        self._last = ""
        self._seed = 0
        self._kept, self._next = start, -inf
        """The oldest instant that the last sweep left, and that of the next sweep."""

    def offset(self, now: float) -> str:
        """The next event's (contrib/yeast.ts): the time, and a counter within a millisecond."""
        text = yeast(int(now * 1000))
        if text != self._last:
            self._last = text
            self._seed = 0
            return text
        self._seed += 1
        return f"{text}.{yeast(self._seed - 1)}"

    def add(self, now: float, offset: str, packets: tuple[Packet, ...]) -> None:
        """Keep an event. Of tuples with texts alone the collector does not keep track."""
        events, limits, before = self._events, self._limits, self._size
        events.append((now, offset, packets))
        self._size += len(packets[0]) if len(packets) == 1 else sum(map(len, packets))
        kept_from = self._kept_from(now)
        while events and (
            len(events) > limits.most_events or self._size > limits.most_characters or events[0][0] < kept_from
        ):
            self._size -= sum(map(len, events.popleft()[2]))
        self._all.grew(self, self._size - before, limits.most_in_all)

    def clear(self) -> None:
        """Forget everything: nobody goes on from here."""
        self._events.clear()
        self._all.forget(self, self._size)
        self._size = 0

    def missed(self, now: float, offset: str) -> list[Packet] | None:
        """What was sent after an offset; None where that is not known any more."""
        kept_from = self._kept_from(now)
        found: list[Packet] | None = None
        for at, known, packets in self._events:
            if found is not None:
                found += packets
            elif known == offset and at >= kept_from:
                found = []
        return found

    def _kept_from(self, now: float) -> float:
        """The oldest instant that the last sweep left."""
        if now >= self._next:
            swept = self._start + floor((now - self._start) / SWEEP) * SWEEP
            self._kept = swept - self._limits.seconds if swept > self._start else self._start
            self._next = swept + SWEEP
        return self._kept


def yeast(number: int) -> str:
    """A number in 64 letters."""
    high, low = divmod(number, 4096)
    return _letters(high) + _PAIRS[low] if high else _letters(low)


@lru_cache(8)
def _letters(number: int) -> str:
    """The slow way. Of the times of one day all but the last letters are the same for seconds."""
    text = ""
    while True:
        number, digit = divmod(number, 64)
        text = _LETTERS[digit] + text
        if not number:
            return text


_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]


def is_offset(args: list[Json]) -> bool:
    """What is volatile has none: an offset can be told by its look alone."""
    return bool(args) and isinstance(last := args[-1], str) and _OFFSET.fullmatch(last) is not None
