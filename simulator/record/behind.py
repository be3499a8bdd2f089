"""One real server behind one replay: who looks at the clients, who holds the tasks, what the operator is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from simulator.cassette.playback import Playback
from simulator.core.events import Called, Requested
from simulator.core.message import Request
from simulator.core.objects import Upload
from simulator.core.world import Log
from simulator.drive.target import Target
from simulator.record.appending import Appending
from simulator.record.episodes import Episodes
from simulator.record.onlooker import Onlooker

if TYPE_CHECKING:
    from simulator.serve.app import Server


PARTING: Final = 5.0
"""Seconds; who loads a page anew, or has lost the network, is back in less."""


class Upstream:
    """One real server behind one replay. `attach` it to the simulator before that starts."""

    def __init__(
        self,
        target: Target,
        tape: Appending,
        tell: Callable[[str], None],
        now: Callable[[], float],
        insecure: bool = False,
        parting: float = PARTING,
    ) -> None:
        """A client that has left for `parting` seconds is done; until then it may come back to the server."""
        self.parting = parting
        self.target = target
        self.tape = tape
        self.insecure = insecure
        self._tell = tell
        self._told: set[str] = set()
        self._simulator: Server | None = None
        self._current: Episodes | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.closed = False
        """Nothing is begun any more; clients are still served for a moment."""
        self.onlooker = Onlooker(now, _log(tell), self._seen, self._began)
        self.onlooker.closing = self.close

    def behind(self, playback: Playback) -> Episodes:
        """For `Manner.beyond`: each playback has its own; those of other spaces are never asked anything."""
        made = Episodes(self, playback)
        if self._current is None:
            self._current = made
        return made

    def attach(self, simulator: Server) -> None:
        """Whose clients these are."""
        self._simulator = simulator

    def tell(self, line: str) -> None:
        """A line for the operator, once."""
        if line not in self._told and len(self._told) < 1000:
            self._told.add(line)
            self._tell(f"upstream {self.target.told}: {line}")

    def wake(self) -> None:
        """Let the rules ask for news."""
        asyncio.get_running_loop().call_soon(self._bring)

    def _bring(self) -> None:
        assert self._simulator is not None
        driver = self._simulator.driver
        for running in driver.running:
            driver.take(running, Called(("beyond",), 0))

    def _seen(self, number: int) -> None:
        if self._current is not None:
            self._current.seen(number)

    def _began(self, request: Request, number: int) -> None:
        if self._current is not None:
            self._current.began(request, number)

    def took(self, episodes: Episodes) -> None:
        """It hears of clients that are seen; another one was of before a reset."""
        if self._current is not None and self._current is not episodes:
            self._current.end()
        self._current = episodes

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Hold a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.tell(f"a mistake of the simulator: {type(error).__name__}: {error}")

    def content(self, asked: Requested) -> bytes | None:
        """The body of a request, also of one that was stored; None where that is gone."""
        upload = asked.request.upload
        if upload is None:
            return asked.request.body
        assert self._simulator is not None
        reading = self._simulator.shelf.open(upload) if isinstance(upload, Upload) else None
        if reading is None:
            return None
        with reading:
            return b"".join(reading)

    def close(self) -> None:
        """The end: what is under way is cut off, and the file is whole."""
        self.closed = True
        for task in self._tasks:
            task.cancel()
        self.tape.close()


def _log(tell: Callable[[str], None]) -> Log:
    def log(level: str, text: str, /, **facts: object) -> None:
        tell(text)

    return log
