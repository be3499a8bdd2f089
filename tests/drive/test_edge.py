"""Over real sockets: what only the network can show."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from socket import socketpair
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simulator.cassette.entries import Beside, Closed, Entry, Exchange, TapedRequest, TapedResponse
from simulator.core.errors import StartError
from simulator.core.wire import Drop, Link, Shut, Write
from simulator.drive.edge import Edge, sever
from simulator.drive.outcome import Manner
from simulator.drive.target import Target
from simulator.drive.verify import Wanted, verify
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said
from tests.drive.odd import odd
from tests.drive.test_live import off, silent, told, verified

pytestmark = pytest.mark.live


def written(tmp_path: Path, *entries: Entry) -> Path:
    path = tmp_path / "talk.yaml"
    path.write_bytes(tapes.written(*entries))
    return path


async def test_frames_and_header_lines_arrive_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sockets: list[aiohttp.ClientWebSocketResponse] = []
    listen = Edge._listen

    async def watched(edge: Edge, link: Link, socket: aiohttp.ClientWebSocketResponse) -> None:
        sockets.append(socket)
        await listen(edge, link, socket)

    monkeypatch.setattr(Edge, "_listen", watched)
    got: list[Any] = []
    ended = asyncio.Event()

    async def talk(socket: web.WebSocketResponse) -> None:
        request = socket._req
        assert request is not None
        got.append((request.path_qs, request.headers["Origin"], request.headers.getall("X-Two"), socket.ws_protocol))
        got.append(await socket.receive_bytes())
        got.append(await socket.receive_str())
        await socket.send_bytes(b"\x01\x02")
        # Ended without a word, as on the tape: aiohttp then cancels who listens.
        try:
            got.append((await socket.receive()).type)
        finally:
            ended.set()

    headers = (
        ("Host", "old"), ("Origin", "https://app.example.com"), ("X-Two", "a"), ("X-Two", "b"),
        ("Sec-WebSocket-Key", "old"), ("Sec-WebSocket-Protocol", "chat, superchat"), ("User-Agent", "Old/1"),
    )  # fmt: skip
    path = written(
        tmp_path,
        opened("/chat%2Froom?q=%20x&y", headers=headers),
        said("client", b"\x00\xff", 1.0),
        said("client", "Häi 👍", 1.1),
        said("server", b"\x03\x04", 2.0),
        closed(3.0, code=1006),
    )
    async with odd(talk) as url:
        found = await verified(path, url)
        async with asyncio.timeout(5):
            await ended.wait()
    # Else aiohttp warns of it, whenever that is collected.
    assert [socket.closed for socket in sockets] == [True]
    assert off(found) == []
    assert got == [
        ("/chat%2Froom?q=%20x&y", "https://app.example.com", ["a", "b"], None), b"\x00\xff", "Häi 👍",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("beside", "outcome"), [("talk.files/a.bin", []), ("talk.files/gone.bin", ["changed answer to POST /up"])]
)
async def test_a_body_beside_the_cassette(beside: str, outcome: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "talk.files").mkdir(parents=True)
    (folder / "talk.files" / "a.bin").write_bytes(b"\x89png")
    body = Beside(beside, 4, "0" * 64)
    request = TapedRequest("POST", "/up", (("Content-Type", "image/png"),), body)
    path = folder / "talk.yaml"
    path.write_bytes(tapes.written(opened(), Exchange(1.0, 2, 0.1, request, TapedResponse(200, (), '{"size":4}'))))

    async def count(request: web.Request) -> web.StreamResponse:
        if request.path != "/up":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await silent(socket)
            return socket
        return web.json_response({"size": len(await request.read())})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", count)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        found = await verified(path, f"http://127.0.0.1:{runner.addresses[0][1]}", exact=True)
    finally:
        await runner.cleanup()
    assert told(found) == outcome
    assert [note.endswith("gone.bin: No such file or directory") for _, note in found.notes] == [True] * len(outcome)


@asynccontextmanager
async def asked(answer: Callable[[web.Request], web.StreamResponse]) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """A server, and what was asked of it."""
    got: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        got.append(request)
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", got
    finally:
        await runner.cleanup()


async def test_who_is_sent_elsewhere_does_not_go_there(tmp_path: Path) -> None:
    """A handshake's redirect is its answer, as to browsers: the operator's tokens are for his server alone."""
    path = written(tmp_path, opened(), said("client", "hi", 1.0))
    async with asked(lambda request: web.Response()) as (other, got):  # noqa: SIM117
        async with asked(lambda request: web.Response(status=302, headers={"Location": f"{other}/x"})) as (url, first):
            with pytest.raises(StartError, match="the handshake was answered with HTTP 302"):
                await verify(path, Target(url, [("X-Key", "of-the-operator")]), Wanted())
    assert got == []
    assert [request.headers["X-Key"] for request in first] == ["of-the-operator"]


async def test_a_url_of_the_server_leads_elsewhere_without_what_is_secret(tmp_path: Path) -> None:
    """Where to put a file is told by the server; the tape's client brought a token there, and it stays here."""
    headers = (("Authorization", "Bearer of-the-tape"), ("Cookie", "a=b"), ("Content-Type", "image/png"))
    link = TapedRequest("POST", "/link", headers, None)
    put = TapedRequest("PUT", "/put/it?sig=1", headers, "png")
    path = written(
        tmp_path,
        Exchange(0.0, 1, 0.1, link, TapedResponse(200, (), '{"url":"http://old.example.com/put/it?sig=1"}')),
        Exchange(1.0, 2, 0.1, put, TapedResponse(200, (), "")),
    )
    async with asked(lambda request: web.Response()) as (other, got):  # noqa: SIM117
        async with asked(lambda request: web.json_response({"url": f"{other}/put/it?sig=2"})) as (url, first):
            found = await verify(path, Target(url, [("X-Key", "of-the-operator")]), Wanted())
    assert off(found) == []
    assert [request.headers.get("Authorization") for request in first] == ["Bearer of-the-tape"]
    [there] = got
    assert there.path_qs == "/put/it?sig=2"
    assert {*there.headers} == {"Host", "Content-Type", "Content-Length"}


async def test_a_path_is_no_host(tmp_path: Path) -> None:
    """A stranger's tape may say what it likes: the target alone is asked."""
    async with asked(lambda request: web.Response()) as (other, got):
        host = other.removeprefix("http://")
        request = TapedRequest("GET", f"@{host}/x", (), None)
        path = written(tmp_path, Exchange(0.0, 1, 0.1, request, TapedResponse(200, (), "")))
        async with asked(lambda request: web.Response()) as (url, first):
            found = await verify(path, Target(url), Wanted())
    assert (off(found), got, [request.path for request in first]) == ([], [], [f"/@{host}/x"])


async def test_words_of_a_broken_handshake_have_no_tokens(tmp_path: Path) -> None:
    path = written(tmp_path, opened(), said("client", "hi", 1.0))
    wrong = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": "wrong"}
    async with asked(lambda request: web.Response(status=101, headers=wrong)) as (url, _):
        with pytest.raises(StartError, match=r"Invalid challenge response$") as error:
            await verify(path, Target(url, query=[("token", "of-the-operator")]), Wanted())
    assert "of-the-operator" not in str(error.value)


async def test_closes_have_their_codes(tmp_path: Path) -> None:
    path = written(tmp_path, opened(), Closed(1.0, 1, 1005, "", "server"))

    async def cut(socket: web.WebSocketResponse) -> None:
        assert socket._req is not None
        assert socket._req.transport is not None
        socket._req.transport.abort()

    async with odd(cut) as url:
        found = await verified(path, url)
    [row] = found.rows
    assert [(change.path, change.what) for change in row.changes] == [("code", "1005 became 1006")]


@pytest.mark.parametrize("how", ["sever", "drop", "all", "none"])
async def test_a_connection_is_cut_on_any_loop(how: str, tmp_path: Path) -> None:
    """uvloop's sockets have a number, and all else of them raises TypeError."""
    ours, theirs = socketpair()

    class Pseudo:
        def fileno(self) -> int:
            return ours.fileno()

        def shutdown(self, how: int) -> None:
            raise TypeError("transport sockets do not support shutdown() method")

    class Carried:
        def get_extra_info(self, name: str) -> Pseudo | None:
            return None if how == "none" else Pseudo()

    carried: Any = Carried()
    with ours, theirs:
        theirs.settimeout(5)
        match how:
            case "drop":
                await Edge._put(carried, Drop(1))
            case "all":
                nothing: Any = None
                one = Edge(nothing, tmp_path)
                one._sockets[1] = carried
                one.cut()
            case _:
                sever(carried)
        if how == "none":
            theirs.setblocking(False)
            with pytest.raises(BlockingIOError):
                theirs.recv(1)
            return
        assert theirs.recv(1) == b""
        # It is cut, and not closed: that is for its loop to do.
        assert ours.fileno() >= 0
        ours.close()
        sever(carried)


async def test_who_writes_has_nothing_left_to_do_at_the_end(tmp_path: Path) -> None:
    """Else a run waits for it, as long as it waits for a server that reads nothing."""
    nothing: Any = None
    queue: asyncio.Queue[Write | Shut | Drop | None] = asyncio.Queue()
    queue.put_nowait(None)
    await Edge(nothing, tmp_path)._write(1, nothing, queue)
    async with asyncio.timeout(1):
        await queue.join()


async def test_connections_that_are_over_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client behind a replay that never ends may come back any number of times."""
    left: list[tuple[int, int, int]] = []
    leave = Edge._leave

    async def counted(edge: Edge) -> None:
        left.append((len(edge._sockets), len(edge._writes), len(edge._tasks)))
        await leave(edge)

    monkeypatch.setattr(Edge, "_leave", counted)

    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_str(f"back: {await socket.receive_str()}")
        await socket.receive()

    tape: list[Entry] = []
    for conn in range(1, 21):
        tape += [
            opened("/x", conn, conn),
            said("client", f"hello {conn}", conn + 0.1, conn),
            said("server", f"back: hello {conn}", conn + 0.2, conn),
            closed(conn + 0.3, conn),
        ]
    async with odd(talk) as url:
        found = await verified(written(tmp_path, *tape), url)
    assert told(found) == []
    [(sockets, writes, tasks)] = left
    assert sockets == writes <= 1
    assert tasks <= 2


@pytest.mark.skipif(
    shutil.which("openssl") is None and not os.environ.get("CI"), reason="makes a certificate with openssl"
)
async def test_a_certificate_that_nobody_knows(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    made = ["-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(subprocess.run, [*command, *made], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str('{"type":"hello"}')
        await silent(socket)
        return socket

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"wss://127.0.0.1:{runner.addresses[0][1]}"
    path = written(tmp_path, opened(), said("server", '{"type":"hello"}'), closed())
    try:
        with pytest.raises(StartError, match=r"the certificate of https://127.* is not trusted .*--insecure trusts it"):
            await verified(path, url)
        assert off(await verified(path, url, insecure=True)) == []
    finally:
        await runner.cleanup()


async def test_answers_that_never_come_and_answers_that_nobody_can_compare(tmp_path: Path) -> None:
    """A request that is never answered has its reason; pings without an end, or a thousand levels, end nothing."""
    wait = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wait.wait()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    asked = Exchange(0.0, 1, 0.0, TapedRequest("GET", "/x"), TapedResponse(200, (), "{}"))
    path, wanted = written(tmp_path, asked), Wanted(manner=Manner(timeout=0.2))
    with pytest.raises(StartError, match=r"can't play .*: no answer within 0\.2 s"):
        await verify(path, Target(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), wanted)
    wait.set()
    server.close()

    async def talk(socket: web.WebSocketResponse) -> None:
        deep = "[" * 1000 + "]" * 1000
        await socket.send_str(f'{{"type":"yo","x":{deep}}}')
        while True:
            await socket.ping()
            # Both are in one loop here.
            await asyncio.sleep(0)

    path = written(tmp_path, opened("/ws"), said("client", '{"type":"hi"}'), said("server", '{"type":"yo"}'))
    async with odd(talk) as url, asyncio.timeout(10):
        verdict = await verify(path, Target(url), wanted)
    assert verdict.drifted
