"""Who reads slowly or never, with real sockets and all that is between: memory is bounded, and so is the time."""

from __future__ import annotations

import asyncio
import json

import pytest

from simulator.core.link import LinkPolicy
from simulator.serve import trial
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from tests.serve.test_connections import narrow
from tests.served import SECONDS, client_frame, handshake

BOUND = LinkPolicy().write_bound
REF = "x" * 16_000


@pytest.mark.parametrize("own", [True, False], ids=["our own links", "aiohttp's"])
async def test_who_asks_for_much_and_reads_nothing(monkeypatch: pytest.MonkeyPatch, own: bool) -> None:
    async def no(intake: object) -> str:
        return "a test"

    if not own:
        monkeypatch.setattr(trial, "check", no)
    heartbeat = client_frame(json.dumps({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": REF}).encode())
    settings = [("profile", "1.8")]
    async with Server(Options(["aida"], port=0, clock=ManualClock(), settings=settings)) as server:
        loop, url = asyncio.get_running_loop(), server.connect("aida")
        with narrow(url) as sock:
            sock.setblocking(False)
            await loop.sock_sendall(sock, handshake(url))
            async with asyncio.timeout(SECONDS):
                while not server.driver.linked:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
                held = 0
                # The kernel takes some megabytes first.
                while server.driver.linked:
                    try:
                        await loop.sock_sendall(sock, heartbeat)
                    except ConnectionError:
                        break
                    for link in server.driver._links.values():
                        held = max(held, link.unsent)
                while server.driver.linked:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
        assert BOUND // 2 < held < BOUND + (1 << 17)
        # The socket goes as well, and nothing of it waits anywhere.
        crowd = server._crowd
        assert crowd is not None
        async with asyncio.timeout(SECONDS):
            while crowd.count:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
