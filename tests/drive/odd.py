"""Servers that are not as they should be, on free ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from aiohttp import web


@asynccontextmanager
async def tampered(url: str, old: bytes, new: bytes) -> AsyncIterator[str]:
    """A server whose every answer has the one in place of the other; they are of one length, as frames have theirs."""
    assert len(old) == len(new)
    split, writers = urlsplit(url), list[asyncio.StreamWriter]()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data.replace(old, new) if change else data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up, down = await asyncio.open_connection(split.hostname, split.port)
        writers.extend((writer, down))
        await asyncio.gather(pump(reader, down, change=False), pump(up, writer, change=True))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
        for writer in writers:
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def pages(handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A server of HTTP that answers everything like this."""
    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def odd(talk: Callable[[web.WebSocketResponse], Awaitable[None]], status: int = 101) -> AsyncIterator[str]:
    """A WebSocket server that does this with everybody; or one that refuses everybody."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if status != 101:
            return web.json_response({"error": "no"}, status=status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with suppress(ConnectionError):
            await talk(socket)
        return socket

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
