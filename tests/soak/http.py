"""A connection for HTTP that keeps open what it can, and can be cut anywhere."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from tests.soak.client import Origin, dial, reset


class Http:
    """One TCP connection, one request after another."""

    def __init__(self, url: str, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._prefix = parts.path.rstrip("/")
        self.origin = origin
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, url: str, origin: Origin, room: int | None = None) -> Self:
        """Requests go to paths below this URL."""
        sock = await dial(url, origin, room)
        return cls(url, origin, *await asyncio.open_connection(sock=sock))

    def head(self, method: str, path: str, *lines: str) -> bytes:
        """The head of a request."""
        return "\r\n".join([f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._host}", *lines, "", ""]).encode()

    def write(self, data: bytes) -> None:
        """Whatever."""
        self.writer.write(data)

    async def ask(self, method: str, path: str, body: bytes = b"", *lines: str) -> tuple[int, bytes]:
        """Status and body. Raises OSError, EOFError."""
        length = [f"Content-Length: {len(body)}"] if body or method in ("POST", "PUT") else []
        self.write(self.head(method, path, *lines, *length) + body)
        return await self.answer()

    async def answer(self) -> tuple[int, bytes]:
        """The next one."""
        head = (await self.origin.within(lambda: self.reader.readuntil(b"\r\n\r\n"))).decode("latin-1").lower()
        size = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        return int(head[9:12]), await self.origin.within(lambda: self.reader.readexactly(size))

    async def close(self) -> None:
        """Orderly."""
        self.writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self.origin.patience):
                await self.writer.wait_closed()

    def reset(self) -> None:
        """By an RST."""
        reset(self.writer.get_extra_info("socket"))
        self.writer.transport.abort()

    async def ended(self, seconds: float = 0.0) -> None:
        """Until the server's end of it, which may take so many seconds more than it has to. Raises TimeoutError."""
        with suppress(ConnectionError):
            await self.origin.within(self._to_the_end, seconds + self.origin.patience)

    async def _to_the_end(self) -> None:
        while await self.reader.read(1 << 16):
            pass
