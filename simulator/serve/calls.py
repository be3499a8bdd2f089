"""HTTP requests that wait for their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from simulator.core.events import CallId
from simulator.core.space import Running
from simulator.core.wire import Answer, Asked, Reset, Upgrade


class Gone(Exception):
    """A request whose engine was reset, or whose space has ended, before it was answered."""


Told: TypeAlias = Callable[[Answer | Upgrade | Reset | Exception], None]
"""Is told the answer, at once or later and only once; an exception where there is none."""


class Waiting(Struct):
    """One of them."""

    running: Running
    asked: Asked
    told: Told


class Calls:
    """Those of one space."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[CallId, Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, running: Running, asked: Asked, told: Told) -> None:
        """Somebody waits for the answer."""
        self._waiting[asked.call] = Waiting(running, asked, told)

    def end(self, call: CallId) -> None:
        """Nobody waits any more."""
        self._waiting.pop(call, None)

    def take(self, call: CallId) -> Waiting | None:
        """Who waits for the answer to it, and does no more; None where nobody does."""
        return self._waiting.pop(call, None)

    def fail(self, call: CallId, error: Exception) -> None:
        """There will be none."""
        found = self.take(call)
        if found is not None:
            found.told(error)

    def fail_all(self, error: type[Exception]) -> None:
        """Nobody gets any."""
        for call in [*self._waiting]:
            self.fail(call, error())

    def of(self, running: Running) -> dict[CallId, Asked]:
        """What one backend was asked."""
        return {call: found.asked for call, found in self._waiting.items() if found.running is running}
