"""The Python API: where it listens."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from simulator.serve.app import Options, Server
from tests.served import SECONDS, admin, chip, client_frame, handshake


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("case", ["it ends", "it stays", "its space has ended"])
def test_no_socket_outlives_its_loop(case: str) -> None:
    """Else Python warns of it whenever it collects garbage, in the midst of some other test of a user's."""

    async def served() -> socket.socket:
        loop = asyncio.get_running_loop()
        async with chip() as simulator:
            url = urlsplit(simulator.connect("chip", "a" if "space" in case else ""))
            there = socket.create_connection(("127.0.0.1", url.port or 0))
            there.setblocking(False)
            await loop.sock_sendall(there, handshake(url.geturl()))
            assert b" 101 " in await loop.sock_recv(there, 1 << 16)
            if case == "it ends":
                # Its close frame is answered, but it does not end its side.
                await loop.sock_sendall(there, client_frame(b"\x03\xe8", 8))
                assert (await loop.sock_recv(there, 1 << 16))[:1] == b"\x88"
            simulator.spaces.drop("a")
        return there

    gc.collect()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        there = asyncio.run(served())
        gc.collect()
    there.close()
    assert [str(one.message) for one in told] == []


ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="there is no IPv6 here")


@ipv6
async def test_a_name_with_two_addresses_has_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """As localhost has them on most machines; a free port is drawn for each address."""
    resolve = socket.getaddrinfo

    def two(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        if host != "two.example.com":
            return resolve(host, port, *args, **named)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    async with chip(host="two.example.com") as simulator:
        url = simulator.url("chip")
        assert url.startswith("http://two.example.com:")
        for address in ("127.0.0.1", "[::1]"):
            token = f"Authorization: Bearer {simulator.minted}"
            assert (await admin(url.replace("two.example.com", address), "GET", "health", None, token))[0] == 200


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "http://127.0.0.1:"),
        ("127.0.0.1", "http://127.0.0.1:"),
        pytest.param("::1", "http://[::1]:", marks=ipv6),
        pytest.param("::", "http://[::1]:", marks=ipv6),
    ],
)
async def test_the_url_is_one_that_a_client_here_can_use(host: str, shown: str) -> None:
    async with chip(host=host) as simulator:
        assert simulator.url("chip").startswith(shown)
        token = f"Authorization: Bearer {simulator.minted}"
        assert (await admin(simulator.url("chip"), "GET", "health", None, token))[0] == 200


async def test_all_ports_end_together_whatever_one_of_them_says(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each waits for clients who do not end their side."""
    cleanup, both, done = web.ServerRunner.cleanup, asyncio.Barrier(2), 0

    async def together(runner: web.ServerRunner) -> None:
        nonlocal done
        async with asyncio.timeout(SECONDS):
            await both.wait()
        await cleanup(runner)
        done += 1
        if done == 1:
            raise RuntimeError("made up")

    simulator = Server(Options(["chip", "mia"], port=0, seed=7))
    await simulator.start()
    monkeypatch.setattr(web.ServerRunner, "cleanup", together)
    await simulator.stop()
    assert done == 2
    assert [record.getMessage() for record in caplog.records] == ["a mistake of the simulator, at the end of a port"]
    assert not simulator.served
    caplog.clear()
