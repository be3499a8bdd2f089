"""Calls that a backend makes to other servers: Call goes out, Called comes back."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import aiohttp

from simulator.core.actions import Call
from simulator.core.events import Called

_MOST = 1 << 20
"""Bytes of an answer that are read."""
CALLS = 1000
"""Calls of one space under way: each message of a client may make one, and who is called may never answer."""


class Outgoing:
    """Holds one client session, made when the first call is, and the tasks under way."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> int:
        """Calls under way."""
        return len(self._tasks)

    def start(self, call: Call, done: Callable[[Called], None]) -> None:
        """Make a call; `done` is called once, whatever becomes of it."""
        if len(self._tasks) >= CALLS:
            done(Called(call.key, 0, error=f"{call.url} was not asked: {CALLS} calls are under way already"))
            return
        task = asyncio.get_running_loop().create_task(self._make(call, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(self, call: Call, done: Callable[[Called], None]) -> None:
        if self._session is None:
            # Not aiohttp's default context: see startup.quick.
            connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        try:
            async with self._session.request(
                call.method,
                call.url,
                data=call.body,
                headers=call.headers,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=call.timeout),
            ) as response:
                body = await response.content.read(_MOST)
                called = Called(call.key, response.status, body)
        except TimeoutError:
            called = Called(call.key, 0, error=f"{call.url} did not answer within {call.timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            called = Called(call.key, 0, error=f"{call.url}: {error}")
        done(called)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
