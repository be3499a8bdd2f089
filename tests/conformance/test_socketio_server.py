"""The conformance server over real sockets: what only the edge can show, byte for byte as Node 20 writes it."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from simulator.core.message import Frame
from simulator.serve import connections
from simulator.wire.engineio_http import Cors
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio_socket import Settings
from tests.conformance.socketio_server import serve
from tests.served import KEY, Raw

pytestmark = pytest.mark.live

CORS = "Access-Control-Allow-Origin: *\r\n"
TAIL = "Date: D\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n"
SESSION = '0{"sid":"S","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}'


@asynccontextmanager
async def served(engine: bool = False) -> AsyncIterator[str]:
    """The base URL of a server on a free port."""
    settings = Settings(EngineSettings(cors=Cors(), max_payload=1000), path="/engine.io/" if engine else "/socket.io/")
    async with serve(settings, 0, engine) as (_, port):
        yield f"http://127.0.0.1:{port}"


def masked(data: bytes) -> str:
    text = re.sub(r"Date: [^\r]+", "Date: D", data.decode())
    return re.sub(r'"(sid|pid)":"[^"]*"', r'"\1":"S"', text)


async def ask(raw: Raw, request: str, end: str) -> str:
    """The answer up to where it ends."""
    raw.write(request.replace("\n", "\r\n").encode())
    async with asyncio.timeout(10):
        return masked(await raw.reader.readuntil(end.encode()))


async def test_heads() -> None:
    async with served() as url, Raw.open(url) as raw:
        request = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\nHost: x\n\n"
        head = "Content-Type: text/plain; charset=UTF-8\r\nContent-Length: 115\r\ncache-control: no-store\r\n"
        assert await ask(raw, request, "1000}") == f"HTTP/1.1 200 OK\r\n{CORS}{head}{TAIL}\r\n{SESSION}"
        body = '28\r\n{"code":0,"message":"Transport unknown"}\r\n0\r\n\r\n'
        answer = f"HTTP/1.1 400 Bad Request\r\n{CORS}Content-Type: application/json\r\n{TAIL}"
        request = "GET /socket.io/?EIO=4 HTTP/1.1\nHost: x\n\n"
        assert await ask(raw, request, "0\r\n\r\n") == f"{answer}Transfer-Encoding: chunked\r\n\r\n{body}"
        assert await ask(raw, request.replace("GET", "HEAD"), "\r\n\r\n") == f"{answer}\r\n"
        assert await ask(raw, "GET /nope HTTP/1.1\nHost: x\n\n", "0\r\n\r\n") == (
            f"HTTP/1.1 404 Not Found\r\n{TAIL}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )


async def test_it_lets_in_as_many_as_serve_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark brings ten thousand and a hundred."""
    monkeypatch.setattr(connections, "files", lambda: connections.SPARE + 17)
    async with served() as url, AsyncExitStack() as stack:
        for _ in range(17):
            raw = await stack.enter_async_context(Raw.open(url))
            assert "200 OK" in await ask(raw, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\nHost: x\n\n", "1000}")
        one_more = await stack.enter_async_context(Raw.open(url))
        async with asyncio.timeout(10):
            assert b"503 Service Unavailable" in await one_more.reader.read()


async def test_old_clients() -> None:
    async with served() as url, Raw.open(url) as raw:
        raw.write(b"GET /socket.io/?EIO=4 HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(10):
            answer = masked(await raw.reader.read())
        assert answer == (
            f"HTTP/1.1 400 Bad Request\r\n{CORS}Content-Type: application/json\r\nDate: D\r\nConnection: close\r\n\r\n"
            '{"code":0,"message":"Transport unknown"}'
        )


async def test_another_revision_gets_its_refusal_behind_a_101() -> None:
    async with served() as url, Raw.open(url) as raw:
        raw.write(
            "GET /socket.io/?EIO=3&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
        )
        async with asyncio.timeout(10):
            answer = (await raw.reader.read()).decode()
        assert answer.startswith("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        assert answer.endswith(
            "\r\n\r\nHTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: 28\r\n\r\nUnsupported protocol version"
        )


async def test_a_body_above_the_limit_leaves_the_connection() -> None:
    async with served(engine=True) as url, Raw.open(url) as raw:
        request = "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\nHost: x\n\n"
        raw.write(request.replace("\n", "\r\n").encode())
        sid = (await raw.reader.readuntil(b"1000}")).decode().partition('"sid":"')[2][:20]
        path = f"/engine.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\nHost: x\n"
        post = f"POST {path}Content-Length: 1001\n\n{'4' * 1001}"
        assert await ask(raw, post, "0\r\n\r\n") == (
            f"HTTP/1.1 413 Payload Too Large\r\n{CORS}{TAIL}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )
        assert (await ask(raw, f"POST {path}Content-Length: 6\n\n4hello", "ok")).endswith("ok")
        assert (await ask(raw, f"GET {path}\n", "4hello")).startswith("HTTP/1.1 200 OK")


async def test_a_poll_that_is_given_up_ends_the_session() -> None:
    async with served(engine=True) as url, Raw.open(url) as raw:
        raw.write(b"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
        sid = (await raw.reader.readuntil(b"1000}")).decode().partition('"sid":"')[2][:20]
        poll = f"GET /engine.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\nHost: x\n\n"
        # A whole answer on another connection: what came before it is worked.
        another = "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\nHost: x\n\n"
        async with Raw.open(url, poll.replace("\n", "\r\n").encode()):
            await ask(raw, another, "1000}")
        await ask(raw, another, "1000}")
        assert "Session ID unknown" in await ask(raw, poll, "0\r\n\r\n")


async def test_the_client_bundle_comes_over_the_wire() -> None:
    async with served() as url, Raw.open(url) as raw:
        raw.write(b"GET /socket.io/socket.io.min.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await raw.reader.read()
        assert b"Transfer-Encoding: chunked" in answer
        assert b"Socket.IO v4.8" in answer


async def test_polls_are_journalled_as_frames() -> None:
    settings = Settings(EngineSettings(max_payload=1000), path="/engine.io/")
    async with (
        serve(settings, 0, engine=True) as (driver, port),
        Raw.open(f"http://127.0.0.1:{port}") as raw,
    ):
        raw.write(b"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
        sid = (await raw.reader.readuntil(b"1000}")).decode().partition('"sid":"')[2][:20]
        path = f"/engine.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\nHost: x\n"
        await ask(raw, f"POST {path}Content-Length: 6\n\n4hello", "ok")
        await ask(raw, f"GET {path}\n", "4hello")
        await ask(raw, f"PUT {path}\n", "0\r\n\r\n")
        seen = [(entry.sender, entry.item) for entry in driver.space.journal]
    assert [item.via for _, item in seen if isinstance(item, Frame)] == ["polling"] * 4
    assert [(sender, item.data) for sender, item in seen[1:]] == [
        ("client", "4hello"),
        ("server", "ok"),
        ("server", "4hello"),
    ]


async def test_the_script_serves_localhost_over_both_families() -> None:
    """As the suites are told to start it."""
    times = ["--ping-interval", "300", "--ping-timeout", "200", "--connect-timeout", "1000"]
    script = str(Path(__file__).with_name("socketio_server.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        script,
        "--port",
        "0",
        *times,
        "--engine",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        port = urlsplit(line.split()[-1]).port
        for host in ("127.0.0.1", "[::1]") if ipv6() else ("127.0.0.1",):
            async with Raw.open(f"http://{host}:{port}") as raw:
                answer = await ask(raw, "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\nHost: x\n\n", "0}")
                assert '"pingInterval":300,"pingTimeout":200,' in answer
        taken = await asyncio.create_subprocess_exec(
            sys.executable, script, "--port", str(port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, why = await taken.communicate()
        assert (taken.returncode, why.decode().splitlines()) == (
            1,
            [f"Error: --port {port} is taken: stop what listens there, or name another"],
        )
    finally:
        process.terminate()
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


def ipv6() -> bool:
    """Whether this machine has a loopback of the second family."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
