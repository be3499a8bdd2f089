"""What only shows in the long run: a recorder that is killed in the middle, one that never ends, and what big bodies take."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from simulator.cassette.entries import Beside, Exchange, Passed
from simulator.cassette.tape import open_tape
from tests.record.proxied import Peers, Recording, needs_recorder
from tests.served import SECONDS

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.node, needs_recorder, pytest.mark.timeout(900)]


def resident(pid: int) -> float:
    """MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def test_a_kill_loses_nothing_that_the_client_has_seen(tmp_path: Path, peers: Peers) -> None:
    """Twenty times in the middle of a burst, redaction on."""
    for number in range(20):
        got: list[str] = []
        with Recording(tmp_path, peers.url, name=f"kill-{number}") as recording:
            async with connect(f"{recording.url}/echo".replace("http", "ws"), close_timeout=1, max_queue=None) as ws:
                await ws.send('{"burst":100000}')
                with suppress(ConnectionClosed):
                    while True:
                        got.append(str(await asyncio.wait_for(ws.recv(), SECONDS)))
                        if len(got) == 300 + 97 * number:
                            os.kill(recording.proxy, signal.SIGKILL)
            assert recording.process.wait(SECONDS) == 1
        with open_tape(recording.cassette.path) as tape:
            taped = [entry.data for entry in tape if isinstance(entry, Passed) and entry.sender == "server"]
        assert len(got) >= 300
        assert taped[: len(got)] == got


async def test_memory_stays_flat(tmp_path: Path, peers: Peers) -> None:
    """200,000 frames through one socket, with a secret in every second of them."""
    with Recording(tmp_path, peers.url) as recording:
        async with connect(f"{recording.url}/echo".replace("http", "ws"), compression=None) as ws:
            sizes = []
            for turn in range(1000):
                for n in range(100):
                    token = f',"token":"secret-{turn}-{n}"' if n % 2 else ""
                    await ws.send(f'{{"type":"send_msg","text":"frame {turn} {n}"{token}}}')
                for _ in range(100):
                    await asyncio.wait_for(ws.recv(), SECONDS)
                if turn % 50 == 49:
                    sizes.append(resident(recording.proxy))
        assert recording.stop() == 0
    # The first is after 10,000 frames.
    assert max(sizes) - sizes[0] < 15, sizes
    with open_tape(recording.cassette.path) as tape:
        assert sum(isinstance(entry, Passed) for entry in tape) == 200_000


async def test_a_big_upload_takes_no_memory(tmp_path: Path, peers: Peers) -> None:
    """300 MB, of which size and hash are kept."""
    size, chunk = 300_000_000, b"0123456789" * 100_000
    with Recording(tmp_path, peers.url) as recording:
        before = resident(recording.proxy)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(recording.url.rpartition(":")[2]))
        writer.write(f"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        most = 0.0
        for _ in range(size // len(chunk)):
            writer.write(chunk)
            await writer.drain()
            most = max(most, resident(recording.proxy))
        answer = await asyncio.wait_for(reader.readuntil(b"}"), SECONDS)
        assert json.loads(answer.rpartition(b"\r\n")[2]) == {"size": size}
        writer.close()
        assert recording.stop() == 0
    assert most - before < 60, (before, most)
    [exchange] = recording.cassette.of(Exchange)
    assert isinstance(exchange.request.body, Beside)
    assert (exchange.request.body.size, exchange.request.body.path) == (size, None)
