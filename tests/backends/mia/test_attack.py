"""The real command under people who mean no good: it answers the others, and its log has no mistake of its own."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from tests.backends.mia.chats import GARDEN
from tests.served import Raw, client_frame, handshake, process

pytestmark = pytest.mark.live

POLLING, WEBSOCKET = "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket"
AUTH = f"40{json.dumps({'instance': GARDEN, 'roomId': 'attacked'})}"
SAY = '42["EVENT_CLIENT_SEND_MESSAGE",{"content":"x"}]'
HOLE = '{"_placeholder":true,"num":0}'
QUICK = [
    "ping_interval=0.5",
    # Long, for a busy machine must not keep who means well from his pong.
    "ping_timeout=3",
    "bot_delay=0.01",
    "bot_typing=0.01",
    "recovery=1",
    "connect_timeout=1",
]

BODIES: list[bytes] = [
    b"", b"1", b"4", b"2", b"0{}", b"5", b"b", b"b!!", b"\x1e", b"4\x1e\x1e", b"\xff\xfe4", b"bAAAA" * 10, b"4" * 1_000_001,
    *(
        text.encode()
        for text in (
            f"{AUTH}\x1e{SAY}\x1e41\x1e{AUTH}", f"{AUTH}\x1e{AUTH}", f"40{'[' * 5000}", f"40{'{' * 5000}",
            f'{AUTH}\x1e42["EVENT_CLIENT_SEND_MESSAGE",{{"content":{"[" * 900}{"]" * 900}}}]',
            f'{AUTH}\x1e42["EVENT_CLIENT_SEND_MESSAGE",{{"content":"\\ud800"}}]',
            f'{AUTH}\x1e42["EVENT_CLIENT_SEND_MESSAGE",{{"content":1e999}}]',
            f'{AUTH}\x1e42["EVENT_CLIENT_SEND_MESSAGE",{{"content":{"9" * 5000}}}]',
            f'{AUTH}\x1e451-["EVENT_CLIENT_SEND_MESSAGE",{{"content":{HOLE}}}]\x1ebAA==',
            f'{AUTH}\x1e451-["EVENT_CLIENT_SEND_MESSAGE",{{"_placeholder":true,"num":0.5}}]\x1ebAA==',
            f"{AUTH}\x1e42{'9' * 400}[\"x\"]", f"{AUTH}\x1e43{'9' * 400}[]",
            "\x1e".join(f"40/{number}," for number in range(1500)),
            "\x1e".join([AUTH, *[SAY] * 2000]),
        )
    ),
]  # fmt: skip
FRAMES: list[bytes] = [
    b"2probe", b"5", b"3", b"2", b"1", b"6", b"40", b"42[", b"x", b"", b"41", b"4512-[1]", b"40/n,", b"4", AUTH.encode(),
    f'451-["EVENT_CLIENT_SEND_MESSAGE",{{"content":{HOLE}}}]'.encode(),
]  # fmt: skip
PATHS = [
    f"{POLLING}&sid=%00", f"{POLLING}&sid={'x' * 7000}", "/socket.io/?transport=polling&EIO=4&EIO=3", "/socket.io/?EIO[]=4",
    f"{POLLING}&sid=\xff", "/socket.io/../x", "//socket.io/", "/socket.io/%2e%2e/x", "/socket.io/socket.io.js.map.map",
    f"/socket.io/?{'a=1&' * 1500}",
]  # fmt: skip
LINES = [(), ("Upgrade: websocket", "Connection: upgrade"), ("Upgrade: h2c", "Connection: Upgrade"), ("Origin: null",)]


def asking(method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1") + body


def posting(sid: str, body: bytes, *lines: str) -> bytes:
    length = () if any("chunked" in line for line in lines) else (f"Content-Length: {len(body)}",)
    return asking("POST", f"{POLLING}&sid={sid}", *length, *lines, body=body)


def reset(raw: Raw) -> None:
    """End a connection as a machine that is gone does."""
    transport = raw.writer.transport
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def some(raw: Raw, seconds: float = 5) -> bytes:
    """What comes, the end included; nothing when nothing comes for so long."""
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(seconds):
            return await raw.reader.read(1 << 16)
    return b""


async def opened(url: str) -> str:
    """A new polling session."""
    async with Raw.open(url, asking("GET", POLLING)) as raw:
        found = re.search(rb'"sid":"([^"]+)"', await some(raw))
        assert found is not None
        return found[1].decode()


async def posts(url: str) -> None:
    for number, body in enumerate(BODIES):
        sid = await opened(url)
        async with Raw.open(url, posting(sid, body)) as raw:
            assert (await some(raw)).startswith(b"HTTP/1.1 "), body[:80]
            if number % 2:
                reset(raw)
        async with Raw.open(url, asking("GET", f"{POLLING}&sid={sid}")) as raw:
            await some(raw, 0.02)
            reset(raw)
    for lines in (("Expect: 100-continue",), ("Content-Encoding: gzip",), ("Content-Type: application/octet-stream",)):
        async with Raw.open(url, posting(await opened(url), AUTH.encode(), *lines)) as raw:
            await some(raw)
    for half in (
        posting(await opened(url), AUTH.encode())[:-20],
        posting(await opened(url), b"zz\r\n", "Transfer-Encoding: chunked"),
    ):
        async with Raw.open(url, half) as raw:
            await some(raw, 0.02)


async def polls(url: str) -> None:
    for number in range(15):
        sid = await opened(url)
        async with Raw.open(url, posting(sid, AUTH.encode())) as raw:
            await some(raw)
        poll = asking("GET", f"{POLLING}&sid={sid}")
        async with Raw.open(url, poll) as raw, Raw.open(url) as other:
            await some(raw)
            raw.write(poll * (1 + number % 3))
            await some(raw, 0.02)
            if number % 5 == 0:
                raw.writer.write_eof()
            elif number % 5 == 1:
                reset(raw)
            elif number % 5 == 2:
                other.write(poll)
                await some(other, 0.02)
            elif number % 5 == 3:
                other.write(posting(sid, b"1"))
                await some(other, 0.02)


async def sockets(url: str) -> None:
    for number in range(60):
        query = f"&sid={await opened(url)}" if number % 3 else ""
        first = handshake(url).replace(b"GET  ", f"GET {WEBSOCKET}{query} ".encode())
        # Some send before they are let in, some are gone before it.
        async with Raw.open(url, first + client_frame(b"2probe") * (number % 4)) as raw:
            if number % 7 == 6:
                reset(raw)
                continue
            await some(raw)
            for step in range(number % 9):
                raw.write(client_frame(FRAMES[(number * 5 + step * 3) % len(FRAMES)], 1 + (number + step) % 2))
            if number % 4 == 3:
                raw.write(b"\x01\x00\x00not masked")
            await some(raw, 0.02)
            if number % 2:
                reset(raw)
    async with Raw.open(url, handshake(url).replace(b"GET  ", f"GET {WEBSOCKET} ".encode())) as raw:
        await raw.head()
        raw.write(b"\x81\xff" + (1_000_002).to_bytes(8, "big") + b"\0\0\0\0" + b"4" * 1_000_002)
        assert (await raw.rest()).endswith(b"\x88\x02\x03\xf1"), "1009"


async def requests(url: str) -> None:
    for path in PATHS:
        for number, lines in enumerate(LINES):
            async with Raw.open(url, asking(("GET", "HEAD", "PUT", "POST")[number], path, *lines)) as raw:
                assert (await some(raw)).startswith(b"HTTP/1."), (path[:80], lines)


async def somebody(url: str, stopped: asyncio.Event, pings: asyncio.Queue[None]) -> int:
    """A client that means well, the pings that it got, and how often it was answered."""
    answers = 0
    async with Raw.open(url, handshake(url).replace(b"GET  ", f"GET {WEBSOCKET} ".encode())) as raw:
        await raw.head()
        raw.send(AUTH.replace("attacked", "quiet"))
        while not stopped.is_set():
            raw.send(SAY)
            while '"outgoing"' not in (text := await raw.text()):
                if text == "2":
                    raw.send("3")
                    pings.put_nowait(None)
            answers += 1
        # What is left of the bot's answers and the pings is of no interest.
        return answers


async def test_nothing_that_comes_is_a_mistake_of_ours(tmp_path: Path) -> None:
    chosen = [part for setting in QUICK for part in ("--set", setting)]
    ready = tmp_path / "ready.json"
    async with process("serve", "--backend", "mia", "--port", "0", "--ready-file", str(ready), *chosen) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        async with asyncio.timeout(10):
            await run.stdout.readline()
        url = json.loads(ready.read_bytes())["backends"][0]["url"]
        stopped = asyncio.Event()
        log = asyncio.create_task(run.stderr.read())
        pings: asyncio.Queue[None] = asyncio.Queue()
        good = asyncio.create_task(somebody(url, stopped, pings))
        try:
            await asyncio.gather(posts(url), polls(url), sockets(url), requests(url))
            # Until all that was left open has run into its deadlines: none of them is later than nine pings.
            while not pings.empty():
                pings.get_nowait()
            async with asyncio.timeout(20):
                for _ in range(10):
                    await pings.get()
        finally:
            stopped.set()
            answers = await good
            run.terminate()
            text = (await log).decode()
        assert await run.wait() == 0
        assert answers > 20
    for mistake in ("Traceback", "never retrieved", "a mistake of the simulator", "Error in"):
        assert mistake not in text, text
