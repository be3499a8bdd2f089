"""A concierge over real sockets, and what its live tests share."""

from __future__ import annotations

import asyncio
import json
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from hashlib import md5
from typing import Any, TypeVar
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock, WallClock
from tests.backends.concierge.speak import OPEN, frame
from tests.served import SECONDS, Raw, request

T = TypeVar("T")


def concierge(clock: ManualClock | WallClock | None = None, **settings: object) -> Server:
    """A concierge on a free port, whose bot answers at once."""
    given = {"bot_delay": 0, **settings}
    return Server(
        Options(
            ["concierge"], port=0, seed=7, clock=clock, settings=[(key, str(value)) for key, value in given.items()]
        )
    )


async def aside(work: Callable[[], T]) -> T:
    """An SDK that blocks, in a thread of its own."""
    async with asyncio.timeout(SECONDS * 2):
        return await asyncio.to_thread(work)


def png(width: int = 3, height: int = 2) -> bytes:
    """A real picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\x80\x00" * width for _ in range(height))
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def etag(data: bytes) -> str:
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'


async def received(ws: ClientConnection) -> Any:
    async with asyncio.timeout(SECONDS):
        return json.loads(await ws.recv())


async def until(ws: ClientConnection, channel: str) -> Any:
    """The next frame of a channel; others are passed over."""
    while not (found := await received(ws)).get("channel", "").startswith(channel):
        pass
    return found


async def ended(ws: ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(SECONDS):
        # Ends in silence after 1000 and 1001.
        with suppress(ConnectionClosed):
            async for _ in ws:
                pass
        await ws.wait_closed()
    close = ws.protocol.close_rcvd
    return (1006, "") if close is None else (close.code, close.reason)


async def connection_of(ws: ClientConnection) -> str:
    await ws.send(frame("get-chat-session", {"chatSessionId": OPEN}))
    return str((await until(ws, "client/get-chat-session"))["body"]["connection"]["connectionId"])


def upload_body(name: str = "a.png", kind: str = "image/png") -> bytes:
    return json.dumps({"filename": name, "mimeType": kind, "type": "chat-images"}).encode()


async def upload_data(server: Server, **more: str) -> dict[str, str]:
    _, body = await at(f"{server.url('concierge')}/file-new/get-upload-url", "POST", upload_body(**more))
    data: dict[str, str] = json.loads(body)["data"]["uploadUrlData"]
    return data


async def at(url: str, method: str, body: bytes = b"", *lines: str) -> tuple[list[str], bytes]:
    """An HTTP request for a URL as it stands: lines of the answer's head, and its body."""
    split = urlsplit(url)
    target = f"{split.path}?{split.query}" if split.query else split.path
    length = ["Content-Length: 0"] if method == "PUT" and not body else []
    sent = request(method, target, body, *lines, *length, host=split.netloc)
    async with Raw.open(f"http://127.0.0.1:{split.port}", sent) as raw:
        return await raw.answer(bodiless=method == "HEAD")
