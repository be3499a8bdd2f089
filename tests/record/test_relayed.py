"""`replay --mode once|all`: everything goes to the server, and is on the tape as the client and the server had it."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from simulator.cassette.entries import Beside, Closed, Exchange, Opened, Passed, Refused
from simulator.cassette.tape import open_tape
from simulator.cli import main
from simulator.core.errors import SimulatorError, StartError
from simulator.drive import edge
from simulator.drive.target import Target
from simulator.record.relayed import Taking, Wanted
from simulator.serve.app import Options, Server
from tests.drive.odd import odd, pages
from tests.drive.talks import ALL, QUICK
from tests.drive.taping import Client
from tests.record.test_episodes import heard, is_whole

pytestmark = pytest.mark.live


@asynccontextmanager
async def taking(out: Path, url: str, **more: Any) -> AsyncIterator[tuple[Taking, list[str]]]:
    told: list[str] = []
    query = more.pop("query", ())
    target = Target(url, query=query, option="--upstream")
    wanted = Wanted(target, out, port=0, why="--mode all", tell=told.append, show=told.append, **more)
    async with Taking(wanted) as made:
        yield made, told


def names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


def entries(path: Path) -> list[Any]:
    with open_tape(path) as tape:
        return [*tape]


@pytest.mark.parametrize("name", ALL)
async def test_the_tape_is_what_the_client_had(name: str, tmp_path: Path) -> None:
    out, own, there = (tmp_path / one for one in ("tape.yaml", "own.yaml", "there.yaml"))
    settings = [(key, str(value)) for key, value in QUICK[name].items()]
    server = Server(Options([name], port=0, seed=7, settings=settings, record=there))
    async with server as real, taking(out, real.url(name)) as (made, told):  # noqa: SIM117
        async with Client.taping(own, made.url, name) as client:
            await ALL[name](client, real.connect(name))
    is_whole(out)
    with open_tape(out) as tape:
        assert tape.header.backend == name
        assert tape.header.redacted
    # What concierge has stored elsewhere, the client put there itself.
    assert {one for one in heard(name, own) if "PUT" not in one[1]} == {*heard(name, out)}
    # And of the same meaning as what the server's side has recorded.
    result = CliRunner().invoke(main, ["cassette", "diff", str(there), str(out)])
    lines = [line for line in result.stdout.splitlines() if line.startswith(("-", "+", "~", ">")) and "PUT" not in line]
    assert (lines, result.exit_code) == ([], int(name == "concierge"))
    assert "stopped" not in told[-1]
    assert made.code == 0


async def pong(socket: web.WebSocketResponse) -> None:
    async for message in socket:
        await (socket.send_bytes(message.data) if isinstance(message.data, bytes) else socket.send_str(message.data))


async def test_frames_pings_codes_and_protocols(tmp_path: Path) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        message = await socket.receive()
        await socket.send_bytes(message.data.encode())
        await socket.send_str("né 🌍")
        await socket.receive()
        await socket.close(code=4001, message="até já".encode())

    out = tmp_path / "tape.yaml"
    async with odd(talk) as url, taking(out, url + "/v2", query=[("token", "s3cret")]) as (made, _):  # noqa: SIM117
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{made.url}/ws?a=1") as ws:
            await ws.ping(b"x")
            await ws.send_str("hello")
            assert (await ws.receive()).data == b"hello"
            assert (await ws.receive()).data == "né 🌍"
            await ws.send_bytes(b"\x00")
            closed = await ws.receive()
            assert (closed.data, closed.extra) == (4001, "até já")
    opened, *rest = entries(out)
    # The path is the client's, and what the operator gave is on no tape.
    assert isinstance(opened, Opened)
    assert opened.path == "/ws?a=1"
    assert [one.data for one in rest if isinstance(one, Passed)] == ["hello", b"hello", "né 🌍", b"\x00"]
    [end] = [one for one in rest if isinstance(one, Closed)]
    assert (end.code, end.reason, end.by) == (4001, "até já", "server")
    assert "s3cret" not in out.read_text()


@pytest.mark.parametrize("code", [1005, 1006])
async def test_ends_without_a_code(code: int, tmp_path: Path) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        if code == 1005:
            await socket.send_frame(b"", aiohttp.WSMsgType.CLOSE)
            await socket.receive()
        else:
            assert socket._req is not None
            assert socket._req.transport is not None
            socket._req.transport.abort()

    out = tmp_path / "tape.yaml"
    async with odd(talk) as url, taking(out, url) as (made, _), aiohttp.ClientSession() as session:  # noqa: SIM117
        async with asyncio.timeout(5), session.ws_connect(f"{made.url}/ws") as ws:
            await ws.send_str("x")
            end = await ws.receive()
            assert end.type is (aiohttp.WSMsgType.CLOSE if code == 1005 else aiohttp.WSMsgType.CLOSED)
    assert [(one.code, one.by) for one in entries(out) if isinstance(one, Closed)] == [(code, "server")]


async def test_requests_big_small_streamed_and_refused(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/echo":
            return web.Response(body=await request.read(), headers={"X-Kind": request.headers.get("X-Kind", "")})
        if request.path == "/zip":
            plain = "gzip" not in request.headers.get("Accept-Encoding", "")
            return web.Response(body=b"plain" if plain else gzip.compress(b"plain"))
        if request.path == "/zipped":
            return web.Response(body=gzip.compress(b'{"token":"s3cret"}'), headers={"Content-Encoding": "gzip"})
        if request.path == "/broken":
            answer = web.StreamResponse(headers={"Content-Length": "1000000"})
            await answer.prepare(request)
            await answer.write(b"x" * 1000)
            assert request.transport is not None
            request.transport.close()
            return answer
        if request.path == "/stream":
            answer = web.StreamResponse()
            await answer.prepare(request)
            for part in (b"one", b"two"):
                await answer.write(part)
            return answer
        return web.json_response({"no": 1}, status=403)

    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    out, big = tmp_path / "tape.yaml", b"\x89PNG" + bytes(1 << 20)
    async with taking(out, url, redact=False) as (made, _), aiohttp.ClientSession() as session:
        async with session.post(f"{made.url}/echo", data=b'{"a":1}', headers={"X-Kind": "é"}) as answer:
            assert (await answer.read(), answer.headers["X-Kind"]) == (b'{"a":1}', "é")
        async with session.post(f"{made.url}/echo", data=io.BytesIO(big)) as answer:
            assert await answer.read() == big
        async with session.get(f"{made.url}/zip") as answer:
            assert await answer.read() == b"plain"
        async with session.get(f"{made.url}/zipped", auto_decompress=False) as answer:
            # Nobody asked for it: the client has it as it came, the tape as it was before.
            assert gzip.decompress(await answer.read()) == b'{"token":"s3cret"}'
            assert answer.headers["Content-Encoding"] == "gzip"
        async with session.get(f"{made.url}/stream") as answer:
            assert await answer.read() == b"onetwo"
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(f"{made.url}/ws")
        with pytest.raises(aiohttp.ClientPayloadError):
            async with session.get(f"{made.url}/broken") as answer:
                await answer.read()
    await runner.cleanup()
    found = entries(out)
    exchanges = [one for one in found if isinstance(one, Exchange)]
    assert [one.request.path for one in exchanges] == ["/echo", "/echo", "/zip", "/zipped", "/stream", "/broken"]
    bodies = [one.response.body for one in exchanges if one.response]
    assert bodies[2:5] == ["plain", '{"token":"s3cret"}', "onetwo"]
    assert exchanges[3].response is not None
    assert "Content-Encoding" not in dict(exchanges[3].response.headers)
    assert isinstance(exchanges[1].request.body, Beside)
    assert exchanges[1].request.body.size == len(big)
    [refused] = [one for one in found if isinstance(one, Refused)]
    assert (refused.response.status, refused.response.body) == (403, '{"no": 1}')
    is_whole(out)


async def test_the_old_one_stays_until_the_new_one_is_good(tmp_path: Path) -> None:
    out = tmp_path / "tape.yaml"
    out.write_text("old")
    with pytest.raises(StartError, match=r"can't connect to http://127\.0\.0\.1:1: .*; nothing was touched"):
        async with taking(out, "http://127.0.0.1:1"):
            pass
    async with odd(pong) as url:
        async with taking(out, url) as (made, told):
            pass
        assert told[-1] == f"nothing was said: {out} stays as it was"
        async with taking(out, url) as (made, told):
            async with aiohttp.ClientSession() as session, session.ws_connect(f"{made.url}/ws") as ws:
                await ws.send_str("hello")
                await ws.receive()
            assert out.read_text() == "old"
            killed = out.with_name("tape.recording.yaml")
            assert killed.exists()
            with pytest.raises(SimulatorError, match="is there from a recording that was killed"):
                async with taking(out, url):
                    pass
        assert [one.data for one in entries(out) if isinstance(one, Passed)] == ["hello", "hello"]
        assert names(tmp_path) == ["tape.yaml"]
        async with taking(tmp_path / "other.yaml", url) as (made, _):
            port = int(made.url.rpartition(":")[2])
            taken = Taking(Wanted(Target(url), tmp_path / "third.yaml", port=port, show=print))
            with pytest.raises(StartError, match="can't listen on"):
                await taken.__aenter__()
        assert names(tmp_path) == ["tape.yaml"]


async def test_an_upstream_that_goes_away(tmp_path: Path) -> None:
    out = tmp_path / "tape.yaml"
    async with odd(pong) as url:
        making = taking(out, url)
        made, told = await making.__aenter__()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="502"):
            await session.ws_connect(f"{made.url}/ws")
        for _ in range(2):
            async with session.get(f"{made.url}/x") as answer:
                assert answer.status == 502
                assert "can't connect" in await answer.text()
    await making.__aexit__(None, None, None)
    assert len([line for line in told if line.startswith("upstream: can't connect")]) == 2
    assert [one.response for one in entries(out)] == [None, None]


@pytest.mark.parametrize("opens", [False, True], ids=["request", "socket"])
async def test_a_deaf_upstream_costs_no_cassette(opens: bool, tmp_path: Path) -> None:
    """It takes connections, and says nothing: the old recording may be the only one that there will ever be."""
    out, asked, over = tmp_path / "tape.yaml", asyncio.Event(), asyncio.Event()
    out.write_text("old")

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1):
            asked.set()
            await over.wait()
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(10), aiohttp.ClientSession() as session:
        async with taking(out, url) as (made, told):
            if opens:
                waiting: asyncio.Task[Any] = asyncio.create_task(session.ws_connect(f"{made.url}/ws"))
            else:
                # Long enough to stand beside the cassette.
                waiting = asyncio.create_task(session.post(f"{made.url}/x", data=b"x" * 300_000))
            await asked.wait()
        with suppress(aiohttp.ClientError):
            await waiting
    over.set()
    server.close()
    nothing = "nothing was said" if opens else "the upstream answered nothing"
    assert (told[-1], made.code) == (f"{nothing}: {out} stays as it was", 0 if opens else 1)
    assert (out.read_text(), names(tmp_path)) == ("old", ["tape.yaml"])


async def test_ctrl_c_in_the_middle(tmp_path: Path) -> None:
    out = tmp_path / "tape.yaml"
    async with odd(pong) as url, aiohttp.ClientSession() as session:
        async with taking(out, url) as (made, _), asyncio.timeout(5):
            ws = await session.ws_connect(f"{made.url}/ws")
            await ws.send_str("hello")
            await ws.receive()
        assert (await ws.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    is_whole(out)
    assert [type(one).__name__ for one in entries(out)] == ["Opened", "Passed", "Passed", "Cut"]


async def test_nobody_else_is_dialled(tmp_path: Path) -> None:
    """Who is sent elsewhere is told so, a handshake as well as a request: the client alone may go there."""
    asked: list[str] = []

    async def elsewhere(socket: web.WebSocketResponse) -> None:
        asked.append("elsewhere")

    async def redirect(request: web.BaseRequest) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{other}/x"})

    async with odd(elsewhere) as other, pages(redirect) as url, taking(tmp_path / "tape.yaml", url) as (made, _):  # noqa: SIM117
        async with aiohttp.ClientSession() as session:
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
            for path, headers in (("/ws", {**upgrade, "Sec-WebSocket-Version": "13"}), ("/x", {})):
                async with session.get(f"{made.url}{path}", headers=headers, allow_redirects=False) as answer:
                    assert (answer.status, answer.headers["Location"]) == (302, f"{other}/x")
    assert asked == []
    refused, exchange = entries(tmp_path / "tape.yaml")
    assert (type(refused), refused.response.status, exchange.response.status) == (Refused, 302, 302)


@pytest.mark.skipif(
    shutil.which("openssl") is None and not os.environ.get("CI"), reason="makes a certificate with openssl"
)
async def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    key, cert, out = (tmp_path / name for name in ("key.pem", "cert.pem", "tape.yaml"))
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)  # noqa: ASYNC221
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)

    async def hello(request: web.BaseRequest) -> web.Response:
        return web.Response(text="hello")

    runner = web.ServerRunner(web.Server(hello))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"wss://127.0.0.1:{runner.addresses[0][1]}"
    with pytest.raises(StartError, match=r"the certificate of https://.* is not trusted \(self.signed .*--insecure"):
        async with taking(out, url):
            pass
    assert not out.exists()
    async with taking(out, url, insecure=True) as (made, _), aiohttp.ClientSession() as session:  # noqa: SIM117
        async with session.get(f"{made.url}/x") as answer:
            assert await answer.text() == "hello"
    await runner.cleanup()
    assert [one.response.body for one in entries(out)] == ["hello"]


async def raw(url: str, said: bytes) -> bytes:
    """What a client gets for these bytes."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(said)
    async with asyncio.timeout(5):
        got = await reader.read()
    writer.close()
    return got


async def test_peers_that_break_the_rules_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A poll without an end is kept up to a bound; what can't be read of a client or a server is not repeated."""
    monkeypatch.setattr(edge, "_LARGEST", 1 << 20)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"polling" not in asked:
            writer.write(b"I am no \x1b[31mserver\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            with suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                    await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with taking(tmp_path / "tape.yaml", url) as (made, told):
        poll = "/socket.io/?EIO=4&transport=polling&sid=abc"
        answers = [
            await raw(made.url, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode("latin-1"))
            for path in ("/x", poll, "/\xff\xfe")
        ]
        lines = told[1:]
    server.close()
    assert [answer.split(b" ")[1] for answer in answers] == [b"502", b"502", b"400"]
    assert lines == [
        f"upstream: {url}/x: Bad status line",
        f"upstream: {url}/socket.io/: an answer of more than 1 MiB",
        "Error handling request from 127.0.0.1: Invalid char in url path",
    ]
    assert "Traceback" not in "".join(capfd.readouterr())


async def test_a_link_stays_one(tmp_path: Path) -> None:
    """Whether or not there is what it leads to."""
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    link.symlink_to(real.name)
    async with odd(pong) as url:
        for _ in range(2):
            async with taking(link, url) as (made, _), aiohttp.ClientSession() as session:  # noqa: SIM117
                async with session.ws_connect(f"{made.url}/ws") as ws:
                    await ws.send_str("hello")
            assert (link.is_symlink(), real.is_file()) == (True, True)
            is_whole(real)
            first = entries(real)[0]
            assert isinstance(first, Opened)
            real.write_text("old")


async def test_a_handshake_that_is_never_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.drive.relay._HANDSHAKE", 0.1)
    asked = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked.wait()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with taking(tmp_path / "tape.yaml", url) as (made, told), aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="502"):
            await session.ws_connect(f"{made.url}/ws")
        assert told[1:] == [f"upstream: no answer from {url}/ws within 0.1 s"]
        asked.set()
    server.close()


async def test_what_comes_behind_a_last_word_is_on_no_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, ended = tmp_path / "tape.yaml", asyncio.Event()

    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await ended.wait()
        await socket.send_str("late")
        await socket.receive()

    async with odd(talk) as url, taking(out, url) as (made, _), aiohttp.ClientSession() as session:
        closed = made._relay.closed

        def tell(*last: Any) -> None:
            closed(*last)
            ended.set()

        monkeypatch.setattr(made._relay, "closed", tell)
        async with session.ws_connect(f"{made.url}/ws", autoclose=False) as ws, asyncio.timeout(5):
            await ws.send_str("hello")
            await ws.send_frame(b"\x03\xe8", aiohttp.WSMsgType.CLOSE)
            assert (await ws.receive()).data == "late"
    is_whole(out)
    assert [one.data for one in entries(out) if isinstance(one, Passed)] == ["hello"]
