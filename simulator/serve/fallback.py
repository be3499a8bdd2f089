"""The same link on aiohttp's public WebSocket, for when the hand-over of the socket does not work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiohttp import WebSocketError, WSMessage, WSMsgType, web

from simulator.core.link import Answer, LinkPolicy
from simulator.core.message import Frame, Headers, Ping, Pong
from simulator.serve.frames import Item, encode_close
from simulator.serve.handover import Handed
from simulator.serve.links import GRACE, JUST_ENDED, NO_CODE, Closed, Receive, named, reset

_ACCEPTED_BY_AIOHTTP = frozenset({"upgrade", "connection", "sec-websocket-accept"})
_KINDS = {Frame: WSMsgType.TEXT, Ping: WSMsgType.PING, Pong: WSMsgType.PONG}


class PublicLink:
    """The face of `links.Link`; aiohttp reads, judges and masks, so these rows do not hold.

    - The 101 has aiohttp's lines (Date, Server, Content-Type), not only ours.
    - Unmasked frames, close codes 1006 and 5000 and above, and lengths not in their shortest form are accepted, and
      so is a new message after an empty fragment of an unfinished one.
    - `early` is not looked at: frames may come together with the upgrade request.
    - A violation is answered by aiohttp's code without a reason; `answers`, `join` and `close_codes` are not looked at.
    - Text is always checked, at the end of its message; without `validate_utf8` wrong bytes are still refused.
    - `frame_limit` is not looked at: aiohttp shows whole messages only.
    - A frame above the limit may be read before it is refused (aiohttp 3.12 and 3.13), and input that is still
      unread when a link is closed resets the connection, which can eat the close frame.
    - Two tasks a link, and five times the memory.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_done",
        "_go",
        "_linger",
        "_outbox",
        "_policy",
        "_queued",
        "_receive",
        "_request",
        "_transport",
        "_ws",
    )

    def __init__(
        self, request: web.BaseRequest, ws: web.WebSocketResponse, transport: asyncio.Transport, policy: LinkPolicy
    ) -> None:
        self._request = request
        self._ws = ws
        self._transport = transport
        self._policy = policy
        self._receive: Receive | None = None
        self._closed: Closed | None = None
        self._go = asyncio.Event()
        self._outbox: asyncio.Queue[tuple[bytes, WSMsgType | None] | None] = asyncio.Queue()
        """None at the end: then the TCP connection is closed. Bytes without a type are no frame of aiohttp's."""
        self._queued = 0
        self._linger: asyncio.TimerHandle | None = None
        self._done = False

    def start(self, receive: Receive, closed: Closed) -> None:
        """To be called when `serve` gives the link out."""
        self._receive = receive
        self._closed = closed
        self._go.set()

    def send(self, item: Item) -> None:
        """Queues one item for the writing task; nothing happens once the link is closing."""
        if self._done or self._linger is not None:
            return
        kind = _KINDS[type(item)]
        if isinstance(item.data, bytes):
            kind = WSMsgType.BINARY if isinstance(item, Frame) else kind
            self._put(item.data, kind)
        else:
            self._put(item.data.encode("utf-8", "surrogateescape"), kind)
        if self.unsent > self._policy.write_bound:
            self.drop()

    def raw(self, data: bytes) -> None:
        """Queues bytes that need not be a frame, as faults do."""
        if not self._done and self._linger is None:
            self._put(data, None)
            if self.unsent > self._policy.write_bound:
                self.drop()

    def shut(self, code: int | None, reason: str = "") -> None:
        """Sends a close frame, an empty one without a code, and waits `policy.linger` seconds for the peer's."""
        if self._done or self._linger is not None:
            return
        self._put_close(code, reason)
        if self._policy.linger <= 0:
            self._end()
            return
        self._linger = asyncio.get_running_loop().call_later(self._policy.linger, self._end)
        self._go.set()

    def drop(self) -> None:
        """Closes the TCP connection without a close frame, after what was sent before."""
        self._end()

    def abort(self) -> None:
        """Resets the TCP connection."""
        self._end()
        if not self.gone:
            reset(self._transport)

    def pause(self) -> None:
        """Stops handing out; aiohttp stops reading when its own queue is full."""
        if not self._done and self._linger is None:
            self._go.clear()

    def resume(self) -> None:
        """Goes on where `pause` stopped."""
        self._go.set()

    @property
    def unsent(self) -> int:
        """Bytes that the transport or the queue before it still holds."""
        return self._queued + self._transport.get_write_buffer_size()

    @property
    def gone(self) -> bool:
        """Whether its socket is closed: a transport that is closing may hold what its peer does not read."""
        return self._request.transport is None

    @property
    def peer(self) -> str:
        """The peer's address."""
        return named(self._transport.get_extra_info("peername"))

    async def run(self) -> None:
        """Reads and writes until the link is over."""
        writing = asyncio.create_task(self._write())
        try:
            await self._read()
            self._end()
            await writing
        except BaseException:
            self.abort()
            writing.cancel()
            raise
        finally:
            if self._linger is not None:
                self._linger.cancel()
            self._report(JUST_ENDED)

    async def _read(self) -> None:
        while True:
            found = await self._ws.receive()
            await self._go.wait()
            if found.type is WSMsgType.CLOSE:
                self._answer_close(found)
                return
            item = _item(found)
            if item is None:
                if isinstance(found.data, WebSocketError):
                    # aiohttp has told the peer; the operator reads it as of any other link.
                    self._report(JUST_ENDED, Answer(found.data.code).told())
                return
            if self._receive is not None and self._linger is None and not self._done:
                try:
                    self._receive(item)
                except Exception as error:
                    self._failed(error)
                # When the next frame is a violation, `receive` closes the writer before it returns.
                await asyncio.sleep(0)

    async def _write(self) -> None:
        with suppress(ConnectionError, TimeoutError):
            while (entry := await self._outbox.get()) is not None:
                payload, kind = entry
                self._queued -= len(payload)
                async with asyncio.timeout(self._policy.write_timeout):
                    if kind is None:
                        # aiohttp holds nothing back: what was written before is in the transport already.
                        self._transport.write(payload)
                    else:
                        await self._ws.send_frame(payload, kind)
        self._end()
        self._transport.close()

    def _answer_close(self, found: WSMessage) -> None:
        code = found.data or None
        if self._linger is None and not self._done:
            self._put_close(code, "")
        self._end()
        self._report(code or NO_CODE, found.extra or "")

    def _put(self, payload: bytes, kind: WSMsgType | None) -> None:
        self._queued += len(payload)
        self._outbox.put_nowait((payload, kind))

    def _put_close(self, code: int | None, reason: str) -> None:
        self._put(encode_close(code, reason)[2:], WSMsgType.CLOSE)

    def _end(self) -> None:
        """Ends the connection after all that is queued, or, when the peer does not read, after some time."""
        if self._done:
            return
        self._done = True
        self._go.set()
        self._outbox.put_nowait(None)
        asyncio.get_running_loop().call_later(GRACE, self._cut)

    def _cut(self) -> None:
        # A method of the link: it stays as long as its socket may, for those who ask whether that is gone.
        if not self.gone:
            # asyncio's, where it closed with something unread, would fail at this afterwards.
            self._transport.abort()

    def _report(self, code: int, reason: str = "") -> None:
        closed, self._closed = self._closed, None
        self._receive = None
        if closed is not None:
            try:
                closed(code, reason)
            except Exception as error:
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.drop()
        context = {"message": "a link's callback failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


def _item(found: WSMessage) -> Item | None:
    if found.type is WSMsgType.TEXT:
        return Frame(found.data)
    if found.type is WSMsgType.BINARY:
        return Frame(bytes(found.data))
    if found.type is WSMsgType.PING:
        return Ping(bytes(found.data))
    return Pong(bytes(found.data)) if found.type is WSMsgType.PONG else None


async def serve(
    request: web.BaseRequest, headers: Headers, policy: LinkPolicy, opened: Callable[[PublicLink], None]
) -> web.StreamResponse | None:
    """Upgrades, gives the link to `opened` (which starts it) and stays until it is over.

    None when the client is gone before its 101; `opened` was not called then.
    """
    transport = request.transport
    if transport is None or transport.is_closing():
        return None
    chosen = [value for name, value in headers if name.lower() == "sec-websocket-protocol"]
    ws = web.WebSocketResponse(
        autoping=False, autoclose=False, compress=False, max_msg_size=policy.limit + 1, protocols=chosen
    )
    for name, value in headers:
        if name.lower() not in _ACCEPTED_BY_AIOHTTP:
            ws.headers[name] = value
    try:
        await ws.prepare(request)
    except ConnectionError:
        return None
    link = PublicLink(request, ws, transport, policy)
    opened(link)
    await link.run()
    # Not `ws`: aiohttp would send a second close frame.
    return Handed()
