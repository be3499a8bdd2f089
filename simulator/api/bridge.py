"""Where the simulator's event loop is: the caller's own, or one in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from operator import methodcaller
from threading import Thread
from typing import Any, Protocol, TypeVar

from simulator.core.errors import SimulatorError

T = TypeVar("T")

OURS = methodcaller("errisinstance", SimulatorError)
"""For `__tracebackhide__`: of what is told in clear words, pytest shows the line of the test alone."""


class Bridge(Protocol):
    """Leads from the caller to that loop."""

    def now(self, ask: Callable[[], T]) -> T:
        """What takes no time."""
        ...

    async def soon(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What takes its time, for who awaits it."""
        ...


class Here:
    """The caller's own loop."""

    def now(self, ask: Callable[[], T]) -> T:
        return ask()

    async def soon(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await ask()


class There:
    """A loop in a thread of its own. Any thread may call, several at once, too."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name="simulator", daemon=True)
        self._thread.start()
        self._over = False
        self._process = os.getpid()

    @property
    def forked(self) -> bool:
        """Whether this is a fork of the process that has the loop."""
        return self._process != os.getpid()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def now(self, ask: Callable[[], T]) -> T:
        __tracebackhide__ = OURS
        if self._over:
            # Nothing moves any more, so what is left can be looked at from here.
            return ask()

        async def asked() -> T:
            return ask()

        return self.block(asked)

    def block(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Wait for it. Raises SimulatorError after the end."""
        __tracebackhide__ = OURS
        loop = self._living()
        future = asyncio.run_coroutine_threadsafe(ask(), loop)
        try:
            return future.result()
        except SimulatorError as error:
            raise error.with_traceback(None) from None
        except BaseException:
            # Ctrl-C while it waits.
            future.cancel()
            raise

    async def soon(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        __tracebackhide__ = OURS
        asyncios("call the blocking form in a thread, anyio.to_thread.run_sync(sim.wait_for, ...)")
        loop = self._living()
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(ask(), loop))
        except SimulatorError as error:
            raise error.with_traceback(None) from None

    def _living(self) -> asyncio.AbstractEventLoop:
        if self._over:
            raise SimulatorError("the simulator has stopped")
        if self.forked:
            # A fork has no threads but its own: nobody would ever answer.
            raise SimulatorError("the simulator is in the process that forked this one: from here, use its control_url")
        return self._loop

    def close(self) -> None:
        """End the loop and its thread, and whatever still runs there; a fork ends nothing of its parent's."""
        if self._over or self.forked:
            return

        async def rest() -> None:
            mine = asyncio.current_task()
            left = [task for task in asyncio.all_tasks() if task is not mine]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await self._loop.shutdown_asyncgens()
            await self._loop.shutdown_default_executor()

        try:
            self.block(rest)
        finally:
            self._over = True
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


def asyncios(instead: str) -> None:
    """Raises SimulatorError in a coroutine of another loop than asyncio's, trio's say."""
    __tracebackhide__ = OURS
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise SimulatorError(f"only asyncio can await this: with another loop, {instead}") from None


def blocking(what: str) -> None:
    """Raises SimulatorError where a loop runs in this thread: its clients could say nothing while it stands still."""
    __tracebackhide__ = OURS
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if not _others():
            return
        instead = f"await anyio.to_thread.run_sync(sim.{what}, ...)"
    else:
        instead = f"await sim.aio.{what}(...)"
    raise SimulatorError(f"{what} would stop the event loop that runs here: {instead}")


def _others() -> bool:
    """Whether trio or the like runs in this thread, which tell sniffio; who does not have it has none of these."""
    sniffio = sys.modules.get("sniffio")
    if sniffio is None:
        return False
    try:
        sniffio.current_async_library()
    except sniffio.AsyncLibraryNotFoundError:
        return False
    return True
