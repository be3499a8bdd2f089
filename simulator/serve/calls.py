"""HTTP requests that wait for their answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from simulator.core.events import CallId
from simulator.core.space import Running
from simulator.core.wire import Answer, Asked, Reset, Upgrade


class Gone(Exception):
    """A request whose engine was reset, or whose space has ended, before it was answered."""


@dataclass(slots=True)
class Waiting:
    """One of them."""

    running: Running
    asked: Asked
    answer: asyncio.Future[Answer | Upgrade | Reset]


class Calls:
    """Those of one space."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[CallId, Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, running: Running, asked: Asked) -> asyncio.Future[Answer | Upgrade | Reset]:
        """The answer that is to come."""
        answer: asyncio.Future[Answer | Upgrade | Reset] = asyncio.get_running_loop().create_future()
        self._waiting[asked.call] = Waiting(running, asked, answer)
        return answer

    def end(self, call: CallId) -> None:
        """Nobody waits any more."""
        del self._waiting[call]

    def answer(self, call: CallId, answer: Answer | Upgrade | Reset) -> Asked | None:
        """Here it is; what was asked, None where nobody waits."""
        found = self._waiting.get(call)
        if found is None or found.answer.done():
            return None
        found.answer.set_result(answer)
        return found.asked

    def fail(self, call: CallId, error: Exception) -> None:
        """There will be none."""
        found = self._waiting.get(call)
        if found is not None and not found.answer.done():
            found.answer.set_exception(error)

    def fail_all(self, error: type[Exception]) -> None:
        """Nobody gets any."""
        for call in self._waiting:
            self.fail(call, error())

    def of(self, running: Running) -> dict[CallId, Asked]:
        """What one backend was asked."""
        return {call: found.asked for call, found in self._waiting.items() if found.running is running}
