"""A server of links that echo and write down, and a raw client for them."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TypeAlias, TypeVar, cast

from aiohttp import web
from websockets.utils import accept_key

from simulator.core.link import LinkPolicy
from simulator.core.message import Frame, Headers, Ping, Pong
from simulator.serve import fallback
from simulator.serve.fallback import PublicLink
from simulator.serve.frames import Item
from simulator.serve.gate import listen
from simulator.serve.handover import begin, upgrade
from simulator.serve.intake import Intake
from simulator.serve.links import Link

SECONDS = 5.0
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""RFC 6455, 1.3."""
EXACT = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\n\r\n"
)
REQUEST = (
    f"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
).encode()

T = TypeVar("T")


def headers_for(request: web.BaseRequest) -> Headers:
    """The lines of the 101, as the wire makes them."""
    return accepting(request.headers["Sec-WebSocket-Key"])


def accepting(key: str) -> Headers:
    """The same for a key."""
    return (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept_key(key)))


AnyLink: TypeAlias = Link | PublicLink
React: TypeAlias = Callable[[AnyLink, Item], None]


def echo(link: AnyLink, item: Item) -> None:
    """Frames go back, pings become pongs."""
    if isinstance(item, Frame):
        link.send(item)
    elif isinstance(item, Ping):
        link.send(Pong(item.data))


class Watched(web.Server):
    """Tells when aiohttp has lost a connection."""

    def __init__(self, handler: Callable[..., object]) -> None:
        super().__init__(handler, access_log=None)  # type: ignore[arg-type]
        self.lost = asyncio.Event()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self.lost.set()


class Echo:
    """One server on a free port, its links on the own or on the public way."""

    by_intake = False
    """Who reads the own links: an intake, or their transports."""
    by_gate = False
    """Whether aiohttp never sees them, and asyncio has no transport of theirs."""
    secure: tuple[ssl.SSLContext, ssl.SSLContext] | None = None
    """The server's side of TLS, and the client's."""

    def __init__(self, policy: LinkPolicy | None = None, react: React = echo, public: bool = False) -> None:
        self.policy = policy or LinkPolicy()
        self.react = react
        self.public = public
        self.got: asyncio.Queue[Item] = asyncio.Queue()
        self.links: asyncio.Queue[AnyLink] = asyncio.Queue()
        self.closed: asyncio.Queue[tuple[int | None, str]] = asyncio.Queue()
        self.web = Watched(self.handle)
        self.port = 0
        self.clients: list[Client] = []
        self._all: list[AnyLink] = []
        self.intake: Intake | None = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The request handler as `serve/http.py` has it."""
        if self.public:
            response = await fallback.serve(request, headers_for(request), self.policy, self.opened)
            assert response is not None
            return response
        taken = upgrade(request, headers_for(request), self.policy, self.intake)
        assert taken is not None
        self.opened(taken[0])
        return taken[1]

    def opened(self, link: AnyLink) -> None:
        """Starts a link."""

        def receive(item: Item) -> None:
            self.got.put_nowait(item)
            self.react(link, item)

        self._all.append(link)
        self.links.put_nowait(link)
        link.start(receive, lambda code, reason: self.closed.put_nowait((code, reason)))

    async def connect(self, more: bytes = b"") -> tuple[Client, AnyLink]:
        """A raw client after its 101, with the server's end of it; `more` goes out with the request."""
        client = await Client.open(self.port, None if self.secure is None else self.secure[1])
        self.clients.append(client)
        client.write(REQUEST + more)
        client.head = await client.until(b"\r\n\r\n")
        return client, await within(self.links)

    async def __aenter__(self) -> Echo:
        """Listens."""
        if self.by_intake:
            self.intake = Intake.here(asyncio.get_running_loop())
        context = None if self.secure is None else self.secure[0]
        made: Callable[[], asyncio.Protocol] = partial(Greeter, self) if self.by_gate else self.web
        self._server = await listen(made, "127.0.0.1", 0, context, own=self.by_gate)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Everything is gone afterwards."""
        self._server.close()
        for link in self._all:
            link.abort()
        await self.web.shutdown(1)
        for client in self.clients:
            await client.close()
        if self.intake is not None:
            self.intake.close()


class Greeter(asyncio.Protocol):
    """Reads the request for a link, as `serve/entrance.py` does."""

    patient = False

    def __init__(self, server: Echo) -> None:
        assert server.intake is not None
        self._server, self._intake = server, server.intake
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()
        self._intake.watch(transport.get_extra_info("socket").fileno(), self)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, tail = self._got.partition(b"\r\n\r\n")
        if not end:
            return
        found = re.search(rb"\r\nSec-WebSocket-Key: (\S+)", head)
        assert found is not None
        server = self._server
        link = begin(self._transport, accepting(found[1].decode()), server.policy, tail, self._intake)
        assert link is not None
        server.opened(link)

    def read_ended(self, error: Exception | None) -> None:
        self._transport.close()

    def read_yourself(self) -> None:
        self._transport.resume_reading()


class Client:
    """Raw bytes over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.head = b""

    @classmethod
    async def open(cls, port: int, secure: ssl.SSLContext | None = None) -> Client:
        """Connects."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 25, ssl=secure))

    def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.writer.write(data)

    async def until(self, mark: bytes) -> bytes:
        """All up to and with the mark."""
        async with asyncio.timeout(SECONDS):
            return await self.reader.readuntil(mark)

    async def exactly(self, size: int) -> bytes:
        """So many bytes."""
        async with asyncio.timeout(SECONDS):
            return await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        """All up to the end of the connection."""
        got = b""
        async with asyncio.timeout(SECONDS):
            while data := await self.reader.read(1 << 16):
                got += data
        return got

    async def close(self) -> None:
        """Closes the socket, whatever its state."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return


async def within(queue: asyncio.Queue[T]) -> T:
    """The next of a queue."""
    async with asyncio.timeout(SECONDS):
        return await queue.get()
