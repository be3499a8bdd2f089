"""Carries out what a play orders, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, SHUT_RDWR, SOCK_STREAM, fromfd
from typing import Any, Final, Protocol

import aiohttp
from yarl import URL

from simulator.cassette.bodies import beside
from simulator.cassette.entries import Beside
from simulator.core.message import Frame, Headers, Response
from simulator.core.wire import Attached, Drop, Got, Link, Shut, Write
from simulator.drive.orders import Answered, Dial, Failed, Fetch, Gone, News, Order, Over
from simulator.drive.play import Play
from simulator.drive.taping import Taping

_LARGEST: Final = 64 << 20
"""Bytes of one message, and of one answer."""
_FAREWELL: Final = 1.0
"""Seconds in which the server can answer a close."""


class HasSocket(Protocol):
    """aiohttp's WebSocket of either side."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`socket` is the loop's."""


@dataclass(slots=True)
class Turned(Exception):
    """A handshake was answered with something else than 101."""

    response: Response


LINES: ContextVar[list[tuple[str, str]] | None] = ContextVar("LINES", default=None)
"""Where the header lines of a 101 are wanted: aiohttp's socket has them in no public place."""


async def no_101(response: aiohttp.ClientResponse) -> None:
    """Before anybody gives up on a handshake that was refused, what the server says about it.

    Raises ClientPayloadError for a status of less than three digits, which aiohttp takes, and no tape has.
    """
    if response.status < 100:
        raise aiohttp.ClientPayloadError(
            f"an answer with the status {response.status:03d}, and HTTP has none below 100"
        )
    if response.request_info.headers.get("Sec-WebSocket-Key") and response.status != 101:
        async with response:
            raise Turned(await _read(response))
    if response.status == 101 and (lines := LINES.get()) is not None:
        lines.extend(response.headers.items())


async def _elsewhere(session: object, context: object, redirect: aiohttp.TraceRequestRedirectParams) -> None:
    if redirect.headers.get("Sec-WebSocket-Key"):
        async with redirect.response:
            raise Turned(await _read(redirect.response))


def staying() -> aiohttp.TraceConfig:
    """A handshake that is sent elsewhere is one that was refused, as it is to browsers.

    aiohttp follows it wherever it leads, with all header lines that the operator gave for his own server.
    """
    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(_elsewhere)
    return config


async def whole(response: aiohttp.ClientResponse) -> bytes:
    """A body that has an end. Raises ClientPayloadError where it is too far."""
    far = f"an answer of more than {_LARGEST >> 20} MiB"
    if response.method != "HEAD" and (response.content_length or 0) > _LARGEST:
        raise aiohttp.ClientPayloadError(far)
    parts, size = [], 0
    async for part in response.content.iter_chunked(1 << 16):
        size += len(part)
        if size > _LARGEST:
            raise aiohttp.ClientPayloadError(far)
        parts.append(part)
    return b"".join(parts)


async def _read(response: aiohttp.ClientResponse) -> Response:
    return Response(response.status, tuple(response.headers.items()), await whole(response), response.reason)


class Only(aiohttp.TCPConnector):
    """Reaches one server and no other, whatever a client or an answer names."""

    def __init__(self, base: str, insecure: bool) -> None:
        super().__init__(ssl=not insecure, limit=0)
        self._base = URL(base).origin()

    async def connect(self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout) -> Any:  # noqa: ASYNC109 (aiohttp's)
        """A connection, where it leads there."""
        there = req.url.origin()
        if (there.host, there.port) != (self._base.host, self._base.port):
            raise aiohttp.ClientConnectionError(f"{there} is another server, and is not asked")
        return await super().connect(req, traces, timeout)


class Edge:
    """One run."""

    def __init__(self, play: Play, folder: Path, insecure: bool = False, taping: Taping | None = None) -> None:
        """Bodies that stand beside the cassette are in `folder`; `insecure` trusts any certificate.

        `taping` is told of all that passes.
        """
        self._taping = taping
        self._play = play
        self._folder = folder
        self._insecure = insecure
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: dict[Link, aiohttp.ClientWebSocketResponse] = {}
        self._writes: dict[Link, asyncio.Queue[Write | Shut | Drop | None]] = {}
        """Of the sockets that are open; None ends who writes."""
        self.waiting = 0
        """Bytes that no server has taken yet."""
        self._woken = asyncio.Event()
        self._broken: BaseException | None = None

    async def run(self) -> None:
        """Until the play is over."""
        loop = asyncio.get_running_loop()
        context: ssl.SSLContext | bool = not self._insecure
        jar = aiohttp.CookieJar(unsafe=True)
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        if self._taping is not None:
            # For somebody else, who may name what he likes.
            connector = Only(self._taping.base, self._insecure)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=jar,
            raise_for_status=no_101,
            trace_configs=[staying()],
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as session:
            self._session = session
            try:
                self.carry(self._play.begin(loop.time()))
                while not self._play.over:
                    due = self._play.next_due()
                    self._woken.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout_at(due):
                            await self._woken.wait()
                    if self._broken is not None:
                        raise self._broken
                    if (due := self._play.next_due()) is not None and due <= loop.time():
                        self.carry(self._play.pass_time(loop.time()))
            finally:
                await self._leave()

    def poke(self) -> None:
        """There is more to do than was known."""
        if self._session is not None and not self._play.over:
            self.carry(self._play.pass_time(asyncio.get_running_loop().time()))
        self._woken.set()

    async def _leave(self) -> None:
        # Frames that wait, and closes, still go out.
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await asyncio.gather(*(queue.join() for queue in self._writes.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Without a word: what was to be said is said. Closed all the same: aiohttp warns of each that isn't when it is
        # collected, which may be in the middle of somebody else's test.
        self.cut()
        await asyncio.gather(*(socket.close() for socket in self._sockets.values()), return_exceptions=True)

    def _news(self, news: News) -> None:
        self.carry(self._play.take(news, asyncio.get_running_loop().time()))
        self._woken.set()

    def carry(self, orders: list[Order]) -> None:
        """Do what is ordered."""
        for order in orders:
            match order:
                case Write() | Shut() | Drop():
                    if (queue := self._writes.get(order.link)) is not None:
                        self.waiting += _size(order)
                        queue.put_nowait(order)
                case Fetch():
                    self._spawn(self._fetch(order))
                case Dial():
                    self._spawn(self._dial(order))
                case Over():
                    self._woken.set()

    def cut(self) -> None:
        """End all connections now, whatever waits to be written."""
        for socket in self._sockets.values():
            sever(socket)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Ours, not the network's: nobody would ever hear of it.
            self._broken = self._broken or error
            self._woken.set()

    # ---- HTTP

    async def _fetch(self, order: Fetch) -> None:
        assert self._session is not None
        call = None if self._taping is None else self._taping.asked(order)
        response: Response | None = None
        try:
            async with (
                asyncio.timeout(order.seconds),
                self._session.request(
                    order.method,
                    URL(order.url, encoded=True),
                    headers=_lines(order.headers),
                    data=self._body(order.body),
                    allow_redirects=False,
                ) as answer,
            ):
                response = await _read(answer)
            news: News = Answered(order.call, response)
        except Exception as error:
            news = Failed(order.call, why(error, order.url, order.seconds))
        finally:
            if self._taping is not None and call is not None:
                self._taping.answered(call, response)
        self._news(news)

    def _body(self, body: bytes | Beside) -> bytes | None:
        if not isinstance(body, Beside):
            return body or None
        return beside(self._folder, body.path or "")

    # ---- sockets

    async def _dial(self, order: Dial) -> None:
        assert self._session is not None
        protocols = [
            word.strip()
            for name, value in order.headers
            if name.lower() == "sec-websocket-protocol"
            for word in value.split(",")
        ]
        headers = tuple(line for line in order.headers if line[0].lower() != "sec-websocket-protocol")
        said: list[tuple[str, str]] = []
        LINES.set(said)
        try:
            socket = await self._session.ws_connect(
                URL(order.url, encoded=True),
                headers=_lines(headers),
                protocols=protocols,
                max_msg_size=_LARGEST,
                autoclose=False,
                autoping=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=_FAREWELL),
            )
        except Turned as refused:
            self._news(Answered(order.call, refused.response))
            return
        except Exception as error:
            self._news(Failed(order.call, why(error, order.url, None)))
            return
        link = order.call
        self._sockets[link] = socket
        if self._taping is not None:
            self._taping.opened(link, order, tuple(said))
        queue = self._writes[link] = asyncio.Queue()
        self._spawn(self._write(link, socket, queue))
        self._news(Attached(link, order.call))
        await self._listen(link, socket)

    async def _listen(self, link: Link, socket: aiohttp.ClientWebSocketResponse) -> None:
        code, reason = 1006, ""
        while not self._play.over:
            message = await socket.receive()
            kind = message.type
            if kind in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                data = message.data if kind is aiohttp.WSMsgType.TEXT else bytes(message.data)
                if self._taping is not None:
                    self._taping.frame(link, "server", data)
                self._news(Got(link, Frame(data)))
            elif kind is aiohttp.WSMsgType.PING:
                with suppress(OSError, aiohttp.ClientError, RuntimeError):
                    await socket.pong(message.data)
            elif kind is not aiohttp.WSMsgType.PONG:
                if kind is aiohttp.WSMsgType.CLOSE:
                    code, reason = message.data or 1005, message.extra or ""
                elif kind is aiohttp.WSMsgType.ERROR:
                    reason = str(message.data)
                break
            # Whoever floods does not keep others from being heard.
            await asyncio.sleep(0)
        if self._taping is not None:
            self._taping.closed(link, code, reason, "server")
        self._news(Gone(link, code, reason))
        with suppress(Exception):
            await socket.close()
        # A run may have any number of connections, one after the other.
        del self._sockets[link]
        self._writes.pop(link).put_nowait(None)

    async def _write(
        self, link: Link, socket: aiohttp.ClientWebSocketResponse, queue: asyncio.Queue[Write | Shut | Drop | None]
    ) -> None:
        while (order := await queue.get()) is not None:
            if self._taping is not None:
                self._taping.sent(link, order)
            try:
                with suppress(OSError, aiohttp.ClientError, RuntimeError):
                    await self._put(socket, order)
            finally:
                self.waiting -= _size(order)
                queue.task_done()
        # A run that is over may be waiting for all of it.
        queue.task_done()

    @staticmethod
    async def _put(socket: aiohttp.ClientWebSocketResponse, order: Write | Shut | Drop) -> None:
        match order:
            case Write(item=Frame(data=str(text))):
                await socket.send_frame(text.encode("utf-8", "surrogateescape"), aiohttp.WSMsgType.TEXT)
            case Write(item=Frame(data=bytes(data))):
                await socket.send_bytes(data)
            case Shut():
                await socket.close(code=order.code or 1000, message=order.reason.encode())
            case Drop():
                sever(socket)


def sever(carried: HasSocket) -> None:
    """End a connection under its reader, without a word; the loop that has it closes it.

    By a twin: uvloop's own sockets raise TypeError (uvloop/pseudosock.pyx).
    """
    known = carried.get_extra_info("socket")
    # Of what is over there is none, or one without a number.
    with suppress(OSError):
        if known is not None:
            with fromfd(known.fileno(), AF_INET, SOCK_STREAM) as twin:
                twin.shutdown(SHUT_RDWR)


def _size(order: Write | Shut | Drop) -> int:
    return len(order.item.data) if isinstance(order, Write) and isinstance(order.item, Frame) else 0


def _lines(headers: Headers) -> list[tuple[str, str]]:
    return [*headers]


def why(error: Exception, url: str, seconds: float | None) -> str:
    """Why there was no answer, in words."""
    where = url.partition("?")[0]
    match error:
        case TimeoutError():
            return f"no answer from {where}" + (f" within {seconds:g} s" if seconds is not None else "")
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {where} is not trusted ({error.certificate_error}); --insecure trusts it"
        case aiohttp.ClientConnectorError():
            return f"can't connect to {where}: {error.os_error.strerror or error.os_error}"
        case aiohttp.ServerDisconnectedError():
            return f"{where} ended the connection without an answer"
        case aiohttp.ClientResponseError():
            # Its own words have the whole URL, with the tokens in it.
            return f"{where}: {first_line(error.message)}"
        case OSError():
            where = error.filename or where
            return f"{where}: {error.strerror or error}"
    return f"{where}: {first_line(str(error)) or type(error).__name__}"


def first_line(words: str) -> str:
    """One line: aiohttp shows below it what it could not read, which is the server's, and may be anything."""
    return words.partition("\n")[0].rstrip(" :")[:200]
