"""How many connections there may be, and how long a request or an answer may be half done: with real sockets."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from simulator.core.errors import SimulatorError
from simulator.serve import connections
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from simulator.serve.reporter import Reporter
from simulator.serve.tls import Made
from tests.served import SECONDS, Raw, admin, ask, handshake, request

SOON = 0.05
"""Seconds, where a deadline is to be seen."""


@asynccontextmanager
async def serving(name: str = "chip", **options: Any) -> AsyncIterator[tuple[Server, io.StringIO]]:
    """A server with a clock that stands, and what its operator reads."""
    told = io.StringIO()
    clock = ManualClock()
    reporter = Reporter(clock.now, stream=told)
    async with Server(Options([name], port=0, seed=7, clock=clock, reporter=reporter, **options)) as server:
        yield server, told


async def until(check: Any) -> None:
    """Turns of the loop until something is so."""
    async with asyncio.timeout(SECONDS):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_who_knocked_may_go_while_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The map is weak, and the collector comes when it likes."""

    class Collected(WeakKeyDictionary[Any, float]):
        def __len__(self) -> int:
            there = super().__len__()
            self.clear()
            return there

    monkeypatch.setattr(connections, "WeakKeyDictionary", Collected)
    crowd = connections.Crowd(2, connections.Patience(), lambda: 0, lambda level, text, /, **facts: None)
    crowd.knocks(crowd)
    assert not crowd.full()


@pytest.mark.parametrize("own", [True, False], ids=["our own links", "aiohttp's"])
async def test_n_connections_are_served_and_one_more_is_told_so(own: bool) -> None:
    async with AsyncExitStack() as stack:
        server, told = await stack.enter_async_context(serving(connections=3, own_links=own))
        url = server.url("chip")
        first = await stack.enter_async_context(Raw.upgraded(server.connect("chip")))
        await stack.enter_async_context(Raw.upgraded(server.connect("chip")))
        third = await stack.enter_async_context(Raw.open(url, request("GET", "/")))
        assert (await third.answer())[0][0].endswith("200 OK")
        for _ in range(3):
            # At once, before anything was asked; and whoever has asked already still reads the answer.
            async with Raw.open(url, request("GET", "/")) as fourth:
                head, body = await fourth.answer()
                assert (head[0], await fourth.rest()) == ("HTTP/1.1 503 Service Unavailable", b"")
                assert "--connections" in json.loads(body)["error"]
        assert told.getvalue().count("connections are open") == 1
        # Those that are here are served on, and whoever leaves makes room.
        third.write(request("GET", "/"))
        assert (await third.answer())[0][0].endswith("200 OK")
        first.writer.close()
        crowd = server._crowd
        assert crowd is not None
        await until(lambda: crowd.count == 2)
        assert (await ask(url, "GET", "/"))[0][0].endswith("200 OK")


async def test_the_operator_is_told_again_when_it_was_quiet_between() -> None:
    async with AsyncExitStack() as stack:
        server, told = await stack.enter_async_context(serving(connections=1))
        url = server.url("chip")
        for count in (1, 2):
            async with Raw.open(url, request("GET", "/")) as one:
                await one.answer()
                assert (await ask(url, "GET", "/"))[0][0].startswith("HTTP/1.1 503")
            assert told.getvalue().count("connections are open") == count
            await until(lambda: server._crowd is not None and not server._crowd.count)
            await ask(url, "GET", "/")
            await until(lambda: server._crowd is not None and not server._crowd.count)


async def test_many_who_are_refused_at_once_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_REFUSED", 2)
    async with AsyncExitStack() as stack:
        server, _ = await stack.enter_async_context(serving(connections=1))
        url = server.url("chip")
        await stack.enter_async_context(Raw.upgraded(server.connect("chip")))
        refused = [await stack.enter_async_context(Raw.open(url)) for _ in range(2)]
        for one in refused:
            assert (await one.answer())[0][0].startswith("HTTP/1.1 503")
        cut = await stack.enter_async_context(Raw.open(url))
        assert await cut.rest() == b""
        # Without a word from them either, they do not stay for long.
        await until(lambda: server._crowd is not None and not server._crowd.refused)


async def test_handshakes_of_tls_that_never_end_are_counted_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trustme")
    from simulator.serve import gate

    monkeypatch.setattr(gate, "HANDSHAKE", 2.0)
    monkeypatch.setattr(connections, "HANDSHAKE", 2.0)
    async with AsyncExitStack() as stack:
        server, _ = await stack.enter_async_context(serving(connections=2, tls=Made()))
        url, crowd = server.url("chip"), server._crowd
        assert crowd is not None
        silent = [await stack.enter_async_context(Raw.open(url)) for _ in range(2)]
        await until(lambda: crowd.count == 2)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        port = int(url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        stack.callback(writer.close)
        assert (await reader.readline()) == b"HTTP/1.1 503 Service Unavailable\r\n"
        for one in silent:
            assert await one.rest() == b""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        stack.callback(writer.close)
        writer.write(request("GET", "/"))
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"


async def test_handshakes_of_tls_that_fail_are_counted_no_more() -> None:
    pytest.importorskip("trustme")
    async with serving(connections=2, tls=Made()) as (server, _):
        url, crowd = server.url("chip"), server._crowd
        assert crowd is not None
        for _ in range(3):
            async with Raw.open(url, request("GET", "/")) as raw:
                assert await raw.rest() == b"", "it speaks no TLS"
        # Before Python 3.11.8 only the collector undoes what asyncio leaves of a handshake that has failed.
        await until(lambda: gc.collect() >= 0 and not crowd.count)


@asynccontextmanager
async def deaf(url: str, first: bytes = b"") -> AsyncIterator[socket.socket]:
    """A socket that speaks TLS up to the answer to a request, and then says nothing, not even that it ends."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), SECONDS) as sock:
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(coming, going)

        def exchange(step: Callable[[], object]) -> None:
            while True:
                try:
                    step()
                except ssl.SSLWantReadError:
                    sock.sendall(going.read())
                    coming.write(sock.recv(1 << 16))
                else:
                    sock.sendall(going.read())
                    return

        await asyncio.to_thread(exchange, tls.do_handshake)
        if first:
            await asyncio.to_thread(exchange, lambda: tls.write(first))
            await asyncio.to_thread(exchange, lambda: tls.read(1))
        yield sock


def ends(sock: socket.socket) -> bool:
    """Whether the other side has ended it."""
    try:
        while sock.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("first", [b"", request("GET", "/nowhere")], ids=["nothing", "aiohttp's"])
@pytest.mark.parametrize("own", [True, False], ids=["our own links", "aiohttp's"])
async def test_who_does_not_end_tls_is_cut_at_the_stop(own: bool, first: bytes) -> None:
    """asyncio waits half a minute for him; no socket may outlive its loop."""
    pytest.importorskip("trustme")
    async with AsyncExitStack() as stack:
        async with serving("mia", own_links=own, tls=Made()) as (server, _):
            crowd = server._crowd
            assert crowd is not None
            sock = await stack.enter_async_context(deaf(server.url("mia"), first))
            await until(lambda: crowd.http == 1)
        sock.settimeout(2.0)
        assert await asyncio.to_thread(ends, sock)
        assert crowd.http == 0


async def test_who_does_not_read_is_cut_at_the_stop() -> None:
    async with AsyncExitStack() as stack:
        async with serving("mia") as (server, _):
            crowd = server._crowd
            assert crowd is not None
            sock = stack.enter_context(narrow(server.url("mia")))
            sock.sendall(BUNDLE * 40)
            await until(lambda: any(asked.writing_paused for asked in handlers(server)))
        assert crowd.http == 0


def handlers(server: Server) -> list[Any]:
    """aiohttp's connections."""
    return [*server._runners[0].server.connections]  # type: ignore[union-attr]


async def test_who_is_idle_and_does_not_end_tls_is_cut() -> None:
    pytest.importorskip("trustme")
    async with AsyncExitStack() as stack:
        served = serving("mia", tls=Made(), request_timeout=0.2, answer_timeout=0.2)
        server, _ = await stack.enter_async_context(served)
        sock = await stack.enter_async_context(deaf(server.url("mia")))
        sock.settimeout(5.0)
        assert await asyncio.to_thread(ends, sock)


async def test_a_space_has_its_own_bound() -> None:
    async with AsyncExitStack() as stack:
        server, _ = await stack.enter_async_context(serving(space_connections=1))
        url = server.url("chip")
        await stack.enter_async_context(Raw.upgraded(server.connect("chip", "a")))
        head, body = await ask(url, "GET", "/~space/a/")
        assert head[0].startswith("HTTP/1.1 503")
        assert json.loads(body)["error"].startswith("the space a has 1 connections already")
        assert (await ask(url, "GET", "/~space/b/"))[0][0].endswith("200 OK")
        # Who controls it is never locked out.
        assert (await admin(url, "GET", "spaces/a"))[0] == 200
        await stack.enter_async_context(Raw.upgraded(server.connect("chip")))
        assert json.loads((await ask(url, "GET", "/"))[1])["error"].startswith("the default space has")


@pytest.mark.parametrize("first", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n", handshake("http://x/")[:-2]])
async def test_a_head_that_never_ends(first: bytes) -> None:
    async with serving(request_timeout=SOON) as (server, _), Raw.open(server.url("chip"), first) as raw:
        assert await raw.rest() == b""


async def test_between_two_requests_a_connection_may_rest_so_long() -> None:
    async with serving(request_timeout=0.2) as (server, _), Raw.open(server.url("chip")) as raw:
        for _ in range(2):
            raw.write(request("GET", "/"))
            assert (await raw.answer())[0][0].endswith("200 OK")
        assert await raw.rest() == b""


POST = b"POST /receive-message/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize("part", [b"", b'{"a":'])
async def test_a_body_that_never_ends(part: bytes) -> None:
    async with (
        serving("mia", request_timeout=SOON) as (server, told),
        Raw.open(server.url("mia"), POST + part) as raw,
    ):
        assert await raw.rest() == b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", "Node's, to the byte"
        assert "408: the body of POST /receive-message/x did not come" in told.getvalue()


async def test_a_body_that_drips_has_an_end_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WHOLE", 1)
    async with serving("mia", request_timeout=0.3) as (server, _), Raw.open(server.url("mia"), POST) as raw:
        answer = asyncio.ensure_future(raw.head())
        while not answer.done():
            raw.write(b" ")
            await asyncio.sleep(0.05)
        assert (await answer)[0] == "HTTP/1.1 408 Request Timeout"


async def test_an_upload_that_never_ends_leaves_nothing() -> None:
    async with serving("aida", request_timeout=SOON) as (server, _):
        bot, session = "3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60", "00000000-0000-4000-8000-000000000000"
        head = (
            f"POST /content/image/{bot}/{session} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        )
        async with Raw.open(server.url("aida"), head.encode() + b"x" * 50_000) as raw:
            assert (await raw.head())[0] == "HTTP/1.1 408 Request Timeout"
            assert server.shelf.total == 0


async def test_a_control_call_that_never_ends() -> None:
    half = request("POST", "/__admin/messages/find", b'{"limit":1}')[:-3]
    async with serving(request_timeout=SOON) as (server, _), Raw.open(server.url("chip"), half) as raw:
        head, body = await raw.answer()
        assert head[0].startswith("HTTP/1.1 408")
        assert json.loads(body) == {"error": "the body did not come: see --request-timeout"}


def narrow(url: str, room: int = 4096) -> socket.socket:
    """A client that takes little at once."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    sock.connect(("127.0.0.1", int(url.rpartition(":")[2].partition("/")[0])))
    return sock


BUNDLE = b"GET /socket.io/socket.io.js HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_answers_that_nobody_reads_are_bounded_and_end() -> None:
    async with serving("mia", answer_timeout=0.3) as (server, _):
        crowd = server._crowd
        assert crowd is not None
        with narrow(server.url("mia")) as sock:
            # 160 KB each: without a bound all of them would lie in the server's memory.
            sock.sendall(BUNDLE * 400)
            await until(lambda: crowd.http == 1)
            held, server_side = 0, [*server._runners[0].server.connections]  # type: ignore[union-attr]
            while crowd.http:
                if server_side[0].transport is not None:
                    held = max(held, server_side[0].transport.get_write_buffer_size())
                await asyncio.sleep(0.01)
            assert 1 << 16 < held < 1 << 19


async def test_who_reads_on_is_waited_for() -> None:
    async with serving("mia", answer_timeout=1) as (server, _):
        loop = asyncio.get_running_loop()
        with narrow(server.url("mia"), 1 << 16) as sock:
            sock.setblocking(False)
            await loop.sock_sendall(sock, BUNDLE * 40 + request("GET", "/nowhere", b"", "Connection: close"))
            got = bytearray()
            async with asyncio.timeout(SECONDS):
                while chunk := await loop.sock_recv(sock, 1 << 16):
                    got += chunk
                    await asyncio.sleep(0.016)
            # A second and a half, with never a second unread.
            assert (got.count(b"HTTP/1.1 200 OK"), got.count(b"HTTP/1.1 404 Not Found")) == (40, 1)


async def test_a_long_answer_of_the_control_api_that_nobody_reads() -> None:
    async with serving(answer_timeout=0.2) as (server, _):
        for i in range(300):
            server.space.journal.add(float(i), "chip", 1, "client", _frame("x" * 50_000))
        with narrow(server.url("chip")) as sock:
            sock.sendall(request("GET", "/__admin/messages?limit=10000"))
            crowd = server._crowd
            assert crowd is not None
            await until(lambda: crowd.http == 1)
            await until(lambda: crowd.http == 0)


def _frame(text: str) -> Any:
    from simulator.core.message import Frame

    return Frame(text)


async def test_how_many_fit_follows_the_limit_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, plain, secured in ((256.0, 192, 192), (70.0, 16, 16), (float("inf"), 20_000, 4_000)):
        monkeypatch.setattr(connections, "files", lambda limit=limit: limit)
        assert (connections.room(), connections.room(secured=True)) == (plain, secured)
    monkeypatch.undo()
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert connections.files() == float("inf")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"connections": 0}, "--connections 0: expected how many"),
        ({"space_connections": 0}, "--space-connections 0: expected how many"),
        ({"request_timeout": 0}, "--request-timeout 0 .*: expected seconds, above 0"),
        ({"answer_timeout": float("inf")}, "--answer-timeout inf: expected seconds, above 0"),
    ],
)
def test_what_no_bound_can_be(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SimulatorError, match=told):
        Server(Options(["chip"], port=0, **options))


async def test_more_than_the_system_has_is_told_at_start(caplog: pytest.LogCaptureFixture) -> None:
    most = int(min(connections.files(), 1 << 30))
    async with serving(connections=most) as _:
        pass
    assert bool(caplog.records) == (most >= connections.files())
