"""The trial at start: whether the own link works on this aiohttp, in about a millisecond."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress

from aiohttp import web

from simulator.core.link import LinkPolicy
from simulator.core.message import Headers
from simulator.serve.handover import upgrade
from simulator.serve.intake import Intake
from simulator.serve.links import Link

_HEADERS: Headers = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "x"))
_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_HELLO = b"\x81\x82\x00\x00\x00\x00hi"
_BYE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
_EXPECTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
    b"\x81\x02hi\x88\x02\x03\xe8"
)
_SECONDS = 2.0


class _Handler:
    """Echoes on one link and keeps what went wrong."""

    def __init__(self, intake: Intake | None) -> None:
        self._intake = intake
        self.link: Link | None = None
        self.trouble = ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            taken = upgrade(request, _HEADERS, LinkPolicy(), self._intake)
        except Exception as error:
            self.trouble = repr(error)
            taken = None
        if taken is None:
            return web.Response(status=500)
        self.link, response = taken
        self.link.start(self.link.send, lambda code, reason: None)
        return response

    def abort(self) -> None:
        if self.link is not None:
            self.link.abort()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Plays the client; gives back what it saw if that is not as expected."""
    got = b""
    try:
        async with asyncio.timeout(_SECONDS):
            writer.write(_REQUEST + _HELLO)
            got = await reader.readexactly(len(_EXPECTED) - 4)
            writer.write(_BYE)
            got += await reader.read()
    except (OSError, EOFError, TimeoutError) as error:
        return f"{got!r}, {error!r}"
    return "" if got == _EXPECTED else repr(got)


async def check(intake: Intake | None = None) -> str | None:
    """None when the own link works here, else one line why it does not: then it is `fallback`'s turn."""
    quiet = logging.Logger(__name__)
    quiet.addHandler(logging.NullHandler())
    handler = _Handler(intake)
    server = web.Server(handler, access_log=None, logger=quiet)
    ours, theirs = socket.socketpair()
    await asyncio.get_running_loop().connect_accepted_socket(server, ours)
    reader, writer = await asyncio.open_connection(sock=theirs)
    trouble = await _talk(reader, writer)
    # Ours first, so that it is gone when theirs is.
    handler.abort()
    await server.shutdown(0)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    if handler.trouble:
        return f"the hand-over of the socket failed: {handler.trouble}"
    return f"the hand-over of the socket gave {trouble}" if trouble else None
