"""An answer over aiohttp's connection, or in place of it: exactly these lines and bytes, and no others."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache, lru_cache
from http import HTTPStatus

from aiohttp import web

from simulator.core.message import Headers, Response
from simulator.serve.objects import Reading

_NO_LINE = dict.fromkeys((0, 10, 13), " ")
"""What a peer has brought into a header's value must not begin a line of its own (RFC 9110, 5.5)."""

_OLDER = {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}
"""Python names these after RFC 9110 from 3.13 on; before, and as the real servers do, after RFC 2616 and 4918."""

_log = logging.getLogger("simulator")


class Exact(web.StreamResponse):
    """Writes its status line, header lines and body as they are, and nothing else; to HEAD no body."""

    def __init__(
        self, response: Response, request: web.BaseRequest, keep_alive: bool, stored: Reading | None = None
    ) -> None:
        """With `stored` that is the body; who gives it closes it."""
        super().__init__(status=response.status)
        self._response = response
        self._asked = request
        could = keep_alive and bool(request.keep_alive)
        self._head, self._stays = head_of(response, could, request.version < (1, 1))
        self._stored = stored
        self._begun = False

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can be used again."""
        return self._stays

    async def prepare(self, request: web.BaseRequest) -> None:
        """Writes everything, at the first call."""
        if self._begun:
            return
        self._begun = True
        if request.transport is None:
            return
        body = b"" if request.method == "HEAD" else self._response.body
        request.transport.write(self._head + body)
        if self._stored is not None and request.method != "HEAD":
            await self._stream(request, self._stored)
        elif request.protocol.writing_paused:
            # Who asks again and again and reads nothing would have all answers wait here.
            try:
                await request.writer.drain()
            except ConnectionError:
                self._stays = False
                return
        if not self._stays and not request.content.is_eof():
            _say_no_more(request)

    async def _stream(self, request: web.BaseRequest, stored: Reading) -> None:
        try:
            for chunk in _span(stored, self._response.span):
                transport = request.transport
                if transport is None or transport.is_closing():
                    return
                transport.write(chunk)
                await request.writer.drain()
                # A client that reads fast never makes us wait, and others want their turn.
                await asyncio.sleep(0)
        except ConnectionError:
            self._stays = False
        except OSError as error:
            # What is there of it has gone out: only the end of the connection can tell that there is no more.
            _log.warning("a stored object can't be read to its end: %s", error)
            self._stays = False
            if request.transport is not None:
                request.transport.close()

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


def head_of(response: Response, stays: bool, old: bool = False) -> tuple[bytes, bool]:
    """Status line and header lines as they are, and whether the connection stays, if `stays` says that it could.

    `old` is for who speaks HTTP/1.0.
    """
    stays = stays and not response.closes
    return _head(response.status, response.reason, response.headers, stays, response.closes, old, response.modern)


@lru_cache(256)
def _head(
    status: int, reason: str | None, headers: Headers, stays: bool, mute: bool, old: bool, modern: bool
) -> tuple[bytes, bool]:
    """A busy server gives many answers with the same head, within a second."""
    named = next((value.lower() for name, value in headers if name.lower() == "connection"), "")
    stays = stays and named in ("", "keep-alive")
    phrase = _phrase(status) if reason is None else reason
    lines = [f"HTTP/1.{0 if old and not modern else 1} {status} {phrase}"]
    lines += [f"{name}: {value}".translate(_NO_LINE) for name, value in headers]
    # Each version has a way that goes without saying; Go names the other one.
    if old is stays and not named and not mute:
        lines.append(f"Connection: {'keep-alive' if old else 'close'}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"), stays


@cache
def _phrase(status: int) -> str:
    if status in _OLDER:
        return _OLDER[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        # Faults and tapes have such, 499 and 520 to 526 of proxies: Node's word for what has no name.
        return "unknown"


def _span(chunks: Iterable[bytes], span: tuple[int, int] | None) -> Iterator[bytes]:
    """What of these pieces lies in a span of bytes."""
    at, (start, end) = 0, span or (0, sys.maxsize)
    for chunk in chunks:
        part = chunk[max(0, start - at) : max(0, end - at)]
        if part:
            yield part
        at += len(chunk)
        if at >= end:
            return


def _say_no_more(asked: web.BaseRequest) -> None:
    """End our side behind an answer that came before the end of the body.

    The other side stays open, aiohttp reads on for ten seconds: closing a socket with unread input sends an RST, which
    can eat the answer. See `links.py`, where it is the same.
    """
    transport = asked.transport
    if transport is not None and not transport.is_closing() and transport.can_write_eof():
        with suppress(OSError):
            transport.write_eof()
