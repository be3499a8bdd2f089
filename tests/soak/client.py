"""A WebSocket client that is cheap enough to be there by the thousand, and can do what a good library never would."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import urlsplit

from tests.soak.lag import Lag

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
T = TypeVar("T")


@dataclass
class Origin:
    """From where clients come, and how patient they are."""

    address: str
    """Of the loopback."""
    patience: float
    """Seconds that one waits for what has to come. Those in which the process was not there do not count."""
    lag: Lag

    async def within(self, again: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
        """What comes in time; `again` may be begun anew where the process was away meanwhile. Raises TimeoutError."""
        until = self.lag.attended() + (self.patience if seconds is None else seconds)
        while True:
            try:
                async with asyncio.timeout(until - self.lag.attended()):
                    return await again()
            except TimeoutError:
                if self.lag.attended() >= until - 0.01:
                    raise


class Ended(Exception):
    """The server has ended the connection: code and reason of its close frame, 1006 without one."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code


def frame(data: bytes, opcode: int = 1) -> bytes:
    """A client's frame; its mask is four zeros, which RFC 6455 does not forbid and which cost nothing."""
    size = len(data)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + data


def handshake(url: str) -> bytes:
    """The request for a WebSocket."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    ).encode()


def where(url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


async def dial(url: str, origin: Origin, room: int | None = None) -> socket.socket:
    """A TCP connection from one of the loopback's addresses; with a `room` it takes no more at once."""
    sock = socket.socket()
    try:
        if room is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "IP_BIND_ADDRESS_NO_PORT"):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        else:
            # Linux, as of 4.2; Python names it from 3.12 on.
            sock.setsockopt(socket.IPPROTO_IP, 24, 1)
        sock.bind((origin.address, 0))
        sock.setblocking(False)
        async with asyncio.timeout(origin.patience):
            await asyncio.get_running_loop().sock_connect(sock, where(url))
    except BaseException:
        sock.close()
        raise
    return sock


def reset(sock: socket.socket) -> None:
    """End it by an RST."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Client(asyncio.Protocol):
    """One WebSocket, its pings answered by itself."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._parts = bytearray()
        self._head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._texts: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._end: Ended | None = None
        self._eof = asyncio.Event()
        self._closing = False
        self.sent = 0
        """Frames, pongs and pings included, as the server's journal has them."""
        self.got = 0

    @classmethod
    async def open(cls, url: str, origin: Origin, room: int | None = None) -> Self:
        """After the 101. Raises OSError, Ended where there is none."""
        sock = await dial(url, origin, room)
        try:
            _, it = await asyncio.get_running_loop().create_connection(lambda: cls(origin), sock=sock)
        except BaseException:
            sock.close()
            raise
        assert it._transport is not None
        it._transport.write(handshake(url))
        try:
            head = await origin.within(lambda: asyncio.shield(it._head))
        except BaseException:
            it.reset()
            raise
        if b" 101 " not in head.partition(b"\r\n")[0]:
            it.reset()
            raise Ended(int(head[9:12]), "")
        return it

    # --- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._head.done():
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head.set_result(bytes(self._data[:end]))
            del self._data[: end + 4]
        self._parse()

    def connection_lost(self, exc: Exception | None) -> None:
        # CPython's own may fail when it is asked to abort what ended by itself with something left to write.
        self._transport = None
        self._over(Ended(1006))
        self._eof.set()

    def _parse(self) -> None:
        buffer = self._data
        at = 0
        while len(buffer) - at > 1:
            size, start = buffer[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < start or len(buffer) < start + size:
                break
            self._piece(buffer[at], bytes(buffer[start : start + size]))
            at = start + size
        del buffer[:at]

    def _piece(self, first: int, data: bytes) -> None:
        opcode, final = first & 15, first & 128
        if opcode < 8 and (self._parts or not final):
            self._parts += data
            if not final:
                return
            opcode, data = 1, bytes(self._parts)
            self._parts.clear()
        self._take(opcode, data)

    def _take(self, opcode: int, data: bytes) -> None:
        if opcode == 9:
            self.got += 1
            if not self._closing:
                self.sent += 1
                self._write(frame(data, 10))
        elif opcode == 8:
            code = int.from_bytes(data[:2], "big") if data else 1005
            if not self._closing:
                self._write(frame(data[:2], 8))
            self._over(Ended(code, data[2:].decode("utf-8", "replace")))
        elif data == b"2" and opcode == 1:
            # Engine.IO's own.
            self.got += 1
            self.send("3")
        else:
            self.got += 1
            self._texts.append(data)
            self._wake()

    def _over(self, end: Ended) -> None:
        if self._end is None:
            self._end = end
        if not self._head.done():
            self._head.set_exception(end)
            # Who has given up meanwhile does not ask.
            self._head.exception()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # --- what one does with it

    def send(self, text: str) -> None:
        """A text frame; behind a close frame nothing follows."""
        if not self._closing:
            self.sent += 1
            self._write(frame(text.encode()))

    def raw(self, data: bytes) -> None:
        """Whatever."""
        self._write(data)

    async def next(self, seconds: float | None = None) -> str:
        """The next text. Raises Ended, TimeoutError."""
        if not self._texts:
            await self._origin.within(self._something, seconds)
        return self._texts.pop(0).decode()

    async def _something(self) -> None:
        while not self._texts:
            if self._end is not None:
                raise self._end
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def until(self, part: str) -> str:
        """The next text that has this in it."""
        while part not in (text := await self.next()):
            pass
        return text

    def deaf(self) -> None:
        """Read no more."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def hear(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    async def close(self, code: int = 1000) -> list[str]:
        """An orderly end: what came before the server's close frame is given back."""
        self._write(frame(code.to_bytes(2, "big"), 8))
        self._closing = True
        left: list[str] = []
        with suppress(Ended):
            while True:
                left.append(await self.next())
        await self.gone()
        return left

    async def gone(self) -> None:
        """Until the TCP connection is over."""
        try:
            await self._origin.within(self._eof.wait)
        finally:
            self.reset()

    def cut(self) -> None:
        """The TCP connection ends without a close frame."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """It ends by an RST, nothing more is sent or read."""
        if self._transport is not None and not self._transport.is_closing():
            reset(self._transport.get_extra_info("socket"))
        if self._transport is not None:
            self._transport.abort()
