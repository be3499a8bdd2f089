"""HTTP connections: how many a process holds, and how long a client may leave a request or an answer half done.

aiohttp by itself lets a connection be silent for an hour, a body take for ever, and an answer wait for a reader who
never comes. A WebSocket is a connection, too; once it is open its own link has the word (`links.py`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from simulator.core.link import LinkPolicy
from simulator.core.world import Log

PATIENCE = 60.0
"""Seconds, see `Patience.request`; as Node's `headersTimeout`."""
HANDSHAKE = 10.0
"""Seconds of a TLS handshake at most: each holds 300 KB while it lasts."""
WHOLE = 5
"""A whole body may take so many times as long as its silences: 300 s, as Node's `requestTimeout`."""
ANSWER = LinkPolicy().write_timeout
"""Seconds that an answer may lie unread, as with frames."""
LARGEST = 20_000
"""Connections where the system would let us have more."""
SECURED = 4_000
"""And with TLS, of which each takes 300 KB."""
SPARE = 64
"""Descriptors that are left for everything else: files of uploads, cassettes, calls to other servers."""
_REFUSED = 32
"""Connections at once that are told why they are not served; more are cut without a word."""
_FAREWELL = 1.0
"""Seconds that one who was refused has to read why."""


class Slow(Exception):
    """A body did not come in time."""


@dataclass(slots=True, frozen=True)
class Patience:
    """How long a client may take, in seconds."""

    request: float = PATIENCE
    """For the head of a request, from the connection's start or the last answer on, and between two parts of a body."""
    answer: float = ANSWER
    """Until it reads on, where it has left an answer unread."""


def files() -> float:
    """How many files this process may open."""
    if sys.platform == "win32":  # pragma: no cover
        return inf
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return inf if soft == resource.RLIM_INFINITY else soft


def room(secured: bool = False) -> int:
    """How many connections there may be where nobody says it."""
    return int(max(16, min(SECURED if secured else LARGEST, files() - SPARE)))


class Crowd:
    """Counts the connections of all ports, and refuses what would be too many."""

    def __init__(self, most: int, patience: Patience, linked: Callable[[], int], log: Log) -> None:
        """`linked` says how many have become WebSockets."""
        self.most = most
        self.patience = patience
        self._linked = linked
        self._log = log
        self._loop = asyncio.get_running_loop()
        self.http = 0
        """Those that have not."""
        self.refused = 0
        """Those that are being told so."""
        self._knocking: WeakKeyDictionary[object, float] = WeakKeyDictionary()
        """Accepted, and not there yet, since when: with TLS all that shake hands. Who fails says nothing to us, but is
        let go of.
        """
        self._full = False

    @property
    def count(self) -> int:
        """How many there are."""
        return self.http + self._linked() + len(self._knocking)

    def full(self) -> bool:
        """Whether one more is too many; the operator is told at the first one, and again after it was quiet."""
        since = self._loop.time() - HANDSHAKE
        # Any of them may go between two looks: the map is weak.
        while (first := next(iter(self._knocking.items()), None)) is not None and first[1] < since:
            self._knocking.pop(first[0], None)
        count = self.count
        if count < self.most:
            self._full = self._full and count > self.most * 0.9
            return False
        if not self._full:
            self._full = True
            self._log("warning", f"{count} connections are open, more are refused with 503: --connections lets more in")
        return True

    def knocks(self, connection: object) -> None:
        """One was accepted."""
        self._knocking[connection] = self._loop.time()

    def enters(self, connection: object) -> None:
        """It is there."""
        self._knocking.pop(connection, None)
        self.http += 1

    def leaves(self) -> None:
        """It is gone, or has become a WebSocket."""
        self.http -= 1


class Server(web.Server):
    """aiohttp's, with bounds."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], crowd: Crowd) -> None:
        self.crowd = crowd
        self._how: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            "keepalive_timeout": crowd.patience.request,
        }
        self._there: dict[web.RequestHandler, asyncio.Transport] = {}
        """aiohttp forgets them at its shutdown, where TLS keeps a socket for who does not end his side as well."""
        super().__init__(handler, handler_cancellation=True, **self._how)

    def __call__(self) -> Any:
        """The protocol of a new connection."""
        if self.crowd.full():
            return _Refused(self.crowd)
        protocol = self.protocol()
        self.crowd.knocks(protocol)
        return protocol

    def protocol(self) -> asyncio.Protocol:
        """Who speaks with one who was let in."""
        return self.connection()

    def connection(self) -> Connection:
        """The one that aiohttp has."""
        return Connection(self, asyncio.get_running_loop(), self.crowd.patience, self._how)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Called by a connection."""
        self.crowd.enters(handler)
        self._there[handler] = transport
        super().connection_made(handler, transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Called by a connection, once."""
        self.crowd.leaves()
        self._there.pop(handler, None)
        super().connection_lost(handler, exc)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Close all connections, and cut those that are there still when the time is over."""
        await super().shutdown(timeout)
        loop = asyncio.get_running_loop()
        until = loop.time() + (timeout or 0)
        while self._there and loop.time() < until:  # noqa: ASYNC110 - as with links at the stop, nobody is told
            await asyncio.sleep(0.002)
        for transport in [*self._there.values()]:
            transport.abort()
        await asyncio.sleep(0)


class Connection(web.RequestHandler):
    """One client, until it goes or its socket becomes a link."""

    def __init__(
        self, server: Server, loop: asyncio.AbstractEventLoop, patience: Patience, how: dict[str, Any]
    ) -> None:
        super().__init__(server, loop=loop, **how)
        self.patience = patience
        self._unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The client does not read: it has some seconds to change its mind."""
        super().pause_writing()
        if self.transport is not None:
            loop = asyncio.get_running_loop()
            self._unread = loop.call_later(self.patience.answer, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._calm()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        self._calm()
        super().connection_lost(exc)

    def _calm(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class _Refused(asyncio.Protocol):
    """Says 503 and goes."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._crowd.refused += 1
        if self._crowd.refused > _REFUSED:
            transport.abort()
            return
        why = b'{"error":"there are too many connections: --connections lets more in"}'
        head = (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nAccess-Control-Allow-Origin: *\r\n"
            f"Content-Length: {len(why)}\r\nConnection: close\r\n\r\n"
        )
        transport.write(head.encode() + why)
        # The other side stays open: what it has sent and we did not read would end it by an RST, which eats the answer.
        self._end = asyncio.get_running_loop().call_later(_FAREWELL, transport.abort)
        if transport.can_write_eof():
            with suppress(OSError):
                transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.refused -= 1
        if self._end is not None:
            self._end.cancel()


async def pieces(asked: web.BaseRequest, size: int = -1) -> AsyncGenerator[bytes, None]:
    """A body as it comes, of a size at most or as it is. Raises Slow."""
    content = asked.content
    protocol = asked.protocol
    silence = protocol.patience.request if isinstance(protocol, Connection) else PATIENCE
    loop = asyncio.get_running_loop()
    end = loop.time() + WHOLE * silence
    while True:
        try:
            # What is here already takes no time.
            async with asyncio.timeout_at(None if content.is_eof() else min(end, loop.time() + silence)):
                chunk = await (content.readany() if size < 0 else content.read(size))
        except TimeoutError:
            raise Slow from None
        if not chunk:
            return
        yield chunk
