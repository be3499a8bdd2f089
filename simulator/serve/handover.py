"""How a link gets its socket: the 101 is written, and who spoke HTTP there lets go of it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiohttp import web

from simulator.core.link import LinkPolicy
from simulator.core.message import Headers
from simulator.serve.intake import Intake
from simulator.serve.links import Link


class Handed(web.StreamResponse):
    """What the handler returns once the socket is not aiohttp's any more: writes nothing, so the request task ends."""

    def __init__(self) -> None:
        super().__init__(status=101)

    async def prepare(self, request: web.BaseRequest) -> None:
        """Writes nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Writes nothing."""


class _Tail:
    """Stands in as aiohttp's payload parser and collects what came together with the upgrade request."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """Called when aiohttp lets go."""


def upgrade(
    request: web.BaseRequest, headers: Headers, policy: LinkPolicy, intake: Intake | None = None
) -> tuple[Link, web.StreamResponse] | None:
    """Takes the socket away from aiohttp and writes exactly this 101; None when the client is gone.

    The handler returns the response at once. Of aiohttp 3.12 to 3.14 this uses three undocumented names of its
    protocol: `set_parser`, `connection_lost` and the slot `transport`.
    """
    transport = request.transport
    if transport is None or transport.is_closing():
        return None
    protocol = request.protocol
    tail = _Tail()
    protocol.set_parser(cast(Any, tail))
    if not policy.early and (tail.data or request.body_exists):
        # gorilla/websocket v1.5.3, server.go Upgrade: closed before the 101.
        transport.close()
        return None
    link = _begun(transport, headers, policy, intake)
    # Without the None it would close the socket; with it it leaves the server and stops its timer.
    protocol.transport = None
    protocol.connection_lost(None)
    if tail.data:
        link.data_received(tail.data)
    return link, Handed()


def begin(
    transport: asyncio.Transport, headers: Headers, policy: LinkPolicy, tail: bytes, intake: Intake | None
) -> Link | None:
    """The same where aiohttp never had the socket; `tail` came behind the request. None when the client is gone."""
    if transport.is_closing():
        return None
    if tail and not policy.early:
        transport.close()
        return None
    link = _begun(transport, headers, policy, intake)
    if tail:
        link.data_received(tail)
    return link


def _begun(transport: asyncio.Transport, headers: Headers, policy: LinkPolicy, intake: Intake | None) -> Link:
    link = Link(transport, policy, intake)
    transport.set_protocol(link)
    lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in headers), "\r\n"]
    transport.write("\r\n".join(lines).encode("utf-8", "surrogateescape"))
    return link
