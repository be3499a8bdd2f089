"""Over real sockets: what only the network can show."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from simulator.cassette.entries import Beside, Closed, Entry, Exchange, TapedRequest, TapedResponse
from simulator.core.errors import StartError
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said
from tests.drive.odd import odd
from tests.drive.test_live import off, silent, told, verified

pytestmark = pytest.mark.live


def written(tmp_path: Path, *entries: Entry) -> Path:
    path = tmp_path / "talk.yaml"
    path.write_bytes(tapes.written(*entries))
    return path


async def test_frames_and_header_lines_arrive_as_they_were(tmp_path: Path) -> None:
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
