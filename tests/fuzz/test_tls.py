"""A port of TLS before peers that speak none, or a broken one: nothing of them is left, and the next one is served."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from simulator.serve import connections
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from simulator.serve.tls import Made
from tests.served import SECONDS

pytestmark = pytest.mark.live


def hello() -> bytes:
    """How a client begins."""
    came, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(came, sent, server_hostname="localhost").do_handshake()
    return sent.read()


def changed(data: bytes, dice: Random) -> bytes:
    """Some bytes are others, or not there."""
    made = bytearray(data)
    for _ in range(dice.choice((1, 2, 8))):
        at = dice.randrange(len(made))
        made[at : at + dice.choice((0, 1, 1, 1, 4))] = dice.randbytes(dice.choice((0, 1, 1, 2)))
    return bytes(made)


GARBAGE = {
    "nothing": b"",
    "no TLS": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a frame": b"\x81\x82\x00\x00\x00\x00hi",
    "SSLv2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\x07" * 40,
    "too long": b"\x16\x03\x01\xff\xff" + b"x" * 70_000,
    "no record": b"\x17\x03\x03\x00\x05hello",
    "an alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "many empty": b"\x16\x03\x01\x00\x00" * 500,
    "half": hello()[:-20],
    "twice": hello() * 2,
    "and plain": hello() + b"GET / HTTP/1.1\r\n\r\n",
    **{f"changed {number}": changed(hello(), Random(number)) for number in range(12)},
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(Options(["chip"], port=0, seed=7, clock=ManualClock(), tls=Made(tmp_path / "ca.pem"))) as running:
        yield running


def descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len([*folder.iterdir()]) if folder.is_dir() else 0


async def served(server: Server, ca: Path) -> bool:
    port = int(server.url("chip").rpartition(":")[2])
    context = ssl.create_default_context(cafile=str(ca))
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read(-1)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return answer.startswith(b"HTTP/1.1 200")


async def test_whatever_comes_instead_of_tls(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, unfetched = asyncio.get_running_loop(), list[str]()
    loop.set_exception_handler(lambda loop, told: unfetched.append(str(told)))
    caplog.set_level(logging.INFO)
    port = int(server.url("chip").rpartition(":")[2])
    ca = tmp_path / "ca.pem"
    assert await served(server, ca)
    before, tasks = descriptors(), len(asyncio.all_tasks())
    for data in GARBAGE.values():
        for half in (False, True):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with suppress(OSError):
                writer.write(data)
                await writer.drain()
                if half:
                    # Who says no more may still hear why.
                    writer.write_eof()
                    async with asyncio.timeout(SECONDS):
                        await reader.read(-1)
            writer.transport.abort()
    async with asyncio.timeout(SECONDS):
        while descriptors() > before or len(asyncio.all_tasks()) > tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert await served(server, ca)
    # Nobody tells of those who never came in: they count as long as a handshake may take.
    monkeypatch.setattr(connections, "HANDSHAKE", -1.0)
    assert server._crowd is not None
    async with asyncio.timeout(SECONDS):
        while server._crowd.full() or server._crowd.count:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert unfetched == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert not any(record.exc_info for record in caplog.records)
