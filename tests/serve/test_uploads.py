"""Uploads and downloads over loopback: what is stored, what is refused, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulator.core.objects import Upload, UploadFlaw
from simulator.serve.app import Server
from tests.serve.keeper import LIMIT, MULTIPART, PICTURE, files, form, half, keeper, rules, told, until, upload
from tests.served import Raw, admin, ask, request

MIB = 1 << 20
BIG = bytes(range(256)) * (12 * MIB // 256)


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """Whatever a test does, nothing of it may be left at the end."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    async with keeper(tmp_path) as simulator:
        yield simulator
        shelf = simulator.shelf
        await until(lambda: not shelf._writings and not simulator.driver.asked)
        kept = sum(found.upload.size for found in shelf._objects.values())
        assert shelf.total == kept, "nothing but what is kept"
        assert len(files(shelf)) == sum(found.data._path is not None for found in shelf._objects.values())
    assert [*temporary.iterdir()] == []
    assert (shelf.total, shelf.house.in_memory) == (0, 0)


@pytest.fixture
def url(server: Server) -> str:
    return server.url("keeper")


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("data", [b"", b"\x89PNG", BIG])
async def test_in_and_out(server: Server, url: str, data: bytes) -> None:
    async with Raw.open(url, upload(data)) as raw:
        head, body = await raw.answer()
        assert (head[0], body) == ("HTTP/1.1 200 OK", told(1, data))
        raw.write(request("GET", "/objects/1"))
        expected = ["HTTP/1.1 200 OK", "Content-Type: image/png", f"Content-Length: {len(data)}"]
        assert await raw.answer() == (expected, data)
        raw.write(request("HEAD", "/objects/1"))
        assert await raw.answer(bodiless=True) == (expected, b"")
        raw.write(request("GET", "/objects/2"))
        assert (await raw.answer())[1] == b"none"
    assert bool(files(server.shelf)) is (len(data) > MIB)


async def test_with_an_ordinary_client(server: Server, url: str) -> None:
    async with aiohttp.ClientSession() as session:
        data = aiohttp.FormData({"other": "x"})
        data.add_field("file", io.BytesIO(BIG), filename="cat.png", content_type="image/png")
        async with session.post(f"{url}/form?keep", data=data) as response:
            assert await response.read() == told(1, BIG)
        async with session.put(f"{url}/raw?keep", data=io.BytesIO(BIG), headers={"Content-Type": "a/b"}) as response:
            assert await response.read() == told(2, BIG, "a/b", None)
        async with session.get(f"{url}/objects/1") as response:
            assert await response.read() == BIG


async def test_chunked(url: str) -> None:
    body = form((PICTURE, b"x" * 3000))
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:8], body[8:]))
    async with Raw.open(url, request("POST", "/form?keep", b"", MULTIPART, "Transfer-Encoding: chunked")) as raw:
        raw.write(chunks + b"0\r\n\r\n" + request("GET", "/objects/1"))
        assert (await raw.answer())[1] == told(1, b"x" * 3000)
        assert (await raw.answer())[1] == b"x" * 3000


async def test_who_is_not_kept_goes(server: Server, url: str) -> None:
    assert (await ask(url, "POST", "/form", form((PICTURE, BIG)), MULTIPART))[1] == told(1, BIG)
    assert (await ask(url, "GET", "/objects/1"))[1] == b"none"
    assert (await ask(url, "PUT", "/raw?mirror", BIG))[1] == BIG, "but not before the answer is written"
    assert (server.shelf.total, files(server.shelf)) == (0, [])


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\0b", "..", "a/b"])
async def test_no_name_of_a_client_leaves_the_store(server: Server, url: str, name: str) -> None:
    # aiohttp wants no NUL in a head, but knows nothing of those of parts.
    body = form((f'Content-Disposition: form-data; name="file"; filename="{name}"', bytes(2 * MIB)))
    _, answer = await ask(url, "POST", "/form?keep", body, MULTIPART)
    assert answer == told(1, bytes(2 * MIB), None, name)
    assert files(server.shelf) == ["1"]


@pytest.mark.parametrize(
    ("path", "body", "more", "flaw"),
    [
        ("/form", b"{}", ("Content-Type: application/json",), b"NOT_A_FORM"),
        ("/form", form((PICTURE, b"x")), ("Content-Type: multipart/form-data",), b"MALFORMED"),
        ("/form", form((PICTURE, b"x"))[:-6], (MULTIPART,), b"MALFORMED"),
        ("/form", b"", (MULTIPART,), b"MALFORMED"),
        ("/form", form(("A: b", b"x")), (MULTIPART,), b"NO_FIELD"),
        ("/form", form((PICTURE, bytes(LIMIT))), (MULTIPART,), b"TOO_BIG"),
        ("/raw", bytes(LIMIT + 1), (), b"TOO_BIG"),
    ],
)
async def test_flaws(server: Server, url: str, path: str, body: bytes, more: tuple[str, ...], flaw: bytes) -> None:
    method = "PUT" if path == "/raw" else "POST"
    async with Raw.open(url, request(method, path, body, *more)) as raw:
        head, answer = await raw.answer()
        assert answer == flaw
        if "Connection: close" not in head:
            raw.write(upload(b"next"))
            assert (await raw.answer())[1] == told(1, b"next")
    assert rules(server).seen[0] is UploadFlaw[flaw.decode()]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/form", "/raw"])
async def test_too_big_is_refused_while_it_is_still_sent(
    server: Server, url: str, path: str, chunked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    method = "PUT" if path == "/raw" else "POST"
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {60 * MIB}"
    async with Raw.open(url, request(method, path, b"", MULTIPART, length)) as raw:
        begin = f"--xYz\r\n{PICTURE}\r\n\r\n".encode()
        chunk = bytes(MIB)
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for data in (begin, *[chunk] * 30):
                raw.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
                # A client that has got its answer may go on all the same.
                await raw.writer.drain()
            head, body = await raw.answer()
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        assert (body, "Connection: close" in head) == (b"TOO_BIG", True)
        assert await raw.rest() == b"", "our side ends although the client's is not at its end"
    assert peak < 12 * MIB, "a MiB in memory, the buffers of two sockets, and what this client holds"
    assert not errors(caplog)


async def test_too_big_by_little_keeps_the_connection(url: str) -> None:
    body = form((PICTURE, bytes(LIMIT + MIB // 8)))
    async with Raw.open(url, request("POST", "/form", body, MULTIPART)) as raw:
        head, answer = await raw.answer()
        assert (answer, "Connection: close" in head) == (b"TOO_BIG", False)
        raw.write(upload(b"next"))
        assert (await raw.answer())[1] == told(1, b"next")


async def test_judge_answers_before_the_body(server: Server, url: str) -> None:
    line = "Authorization: wrong"
    head = request("POST", "/form", b"", MULTIPART, line, f"Content-Length: {30 * MIB}")
    async with Raw.open(url, head) as raw:
        lines, body = await raw.answer()
        assert (body, "Connection: close" in lines) == (b"no", True)
        assert await raw.rest() == b""
    async with Raw.open(url, upload(b"x", "keep", line) + upload(b"y")) as raw:
        assert (await raw.answer())[1] == b"no"
        assert (await raw.answer())[1] == told(1, b"y"), "a small body is passed over"
    assert [type(seen) for seen in rules(server).seen] == [Upload]


@pytest.mark.parametrize(
    ("more", "flaw"),
    [
        ((MULTIPART,), None),
        ((MULTIPART, "Authorization: wrong"), b"no"),
        (("Content-Type: text/plain",), b"NOT_A_FORM"),
        (("Content-Type: multipart/form-data",), b"MALFORMED"),
    ],
)
async def test_a_body_is_asked_for_only_if_it_is_read(url: str, more: tuple[str, ...], flaw: bytes | None) -> None:
    body = form((PICTURE, b"x"))
    head = request("POST", "/form?keep", b"", *more, "Expect: 100-continue", f"Content-Length: {len(body)}")
    async with Raw.open(url, head) as raw:
        if flaw is None:
            assert await raw.head() == ["HTTP/1.1 100 Continue"]
            raw.write(body)
            assert (await raw.answer())[1] == told(1, b"x")
            return
        lines, answer = await raw.answer()
        assert (answer, "Connection: close" in lines) == (flaw, True), "nobody knows whether the body comes"
        assert await raw.rest() == b""


async def test_two_at_once(server: Server, url: str) -> None:
    one, two = upload(b"1" * 2 * MIB), upload(b"2" * 2 * MIB)
    async with Raw.open(url, one[:-50]) as first, Raw.open(url, two[:-50]) as second:
        await until(lambda: server.shelf.total > 4 * MIB - 200)
        second.write(two[-50:])
        assert (await second.answer())[1] == told(1, b"2" * 2 * MIB)
        first.write(one[-50:])
        assert (await first.answer())[1] == told(2, b"1" * 2 * MIB)
    assert (await ask(url, "GET", "/objects/1"))[1] == b"2" * 2 * MIB
    assert (await ask(url, "GET", "/objects/2"))[1] == b"1" * 2 * MIB


async def test_form_is_whole_but_its_request_is_not(server: Server, url: str) -> None:
    body = form((PICTURE, b"x" * 5000))
    async with Raw.open(
        url, request("POST", "/form", b"", MULTIPART, f"Content-Length: {len(body) + 1}") + body
    ) as raw:
        await until(lambda: server.shelf.total == 5000 and not server.shelf._writings)
        raw.writer.write_eof()
        assert await raw.rest() == b""
    assert rules(server).seen == []


@pytest.mark.parametrize("how", ["abort", "eof"])
async def test_client_that_goes_in_the_middle(
    server: Server, url: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with half(server) as raw:
        assert files(server.shelf) != []
        if how == "abort":
            raw.writer.transport.abort()
        else:
            raw.writer.write_eof()
            assert await raw.rest() == b"", "as for any body that ends early: the connection is over"
        await until(lambda: files(server.shelf) == [])
    assert server.shelf.total == 0
    assert rules(server).seen == []
    assert not errors(caplog)


async def test_client_that_does_not_wait_for_its_answer(server: Server, url: str) -> None:
    async with Raw.open(url, upload(BIG, "later")) as raw:
        await until(lambda: bool(rules(server).waiting))
        assert files(server.shelf) != []
        raw.writer.transport.abort()
        await until(lambda: files(server.shelf) == [])
    wire: Any = server.space.running["keeper"].engine.wire
    assert wire.aborted == [1]


async def test_broken_chunks(server: Server, url: str) -> None:
    async with Raw.open(url, request("PUT", "/raw", b"", "Transfer-Encoding: chunked")) as raw:
        raw.write(b"3\r\nabc\r\n")
        await until(lambda: server.shelf.total == 3)
        # aiohttp tells nobody of it: the request ends with its connection.
        raw.write(b"nonsense\r\n")
    await until(lambda: server.shelf.total == 0)
    assert rules(server).seen == []


async def test_mistake_of_ours(server: Server, url: str, caplog: pytest.LogCaptureFixture) -> None:
    head, body = await ask(url, "POST", "/form?crash", form((PICTURE, BIG)), MULTIPART)
    assert head[0] == "HTTP/1.1 500 Internal Server Error"
    assert b"Traceback" not in body
    assert (server.shelf.total, files(server.shelf)) == (0, [])
    assert errors(caplog)


async def test_an_end_without_a_word(server: Server, url: str, caplog: pytest.LogCaptureFixture) -> None:
    for asked in (upload(BIG, "cut"), request("GET", "/objects/1?cut")):
        async with Raw.open(url, asked) as raw:
            assert await raw.rest() == b""
    assert (server.shelf.total, files(server.shelf)) == (0, [])
    assert not errors(caplog)


async def test_reset_in_the_middle(server: Server, url: str) -> None:
    async with half(server) as raw, Raw.open(url, upload(BIG, "later")) as later:
        await until(lambda: bool(rules(server).waiting))
        assert (await admin(url, "POST", "reset"))[0] == 200
        assert (server.shelf.total, files(server.shelf)) == (0, [])
        newer = await ask(url, "POST", "/form?keep", form((PICTURE, b"newer")), MULTIPART)
        assert newer[1] == told(1, b"newer")
        assert (await later.head())[0] == "HTTP/1.1 503 Service Unavailable"
        raw.write(bytes(20))
        assert (await raw.head())[0] == "HTTP/1.1 503 Service Unavailable"
    assert (await ask(url, "GET", "/objects/1"))[1] == b"newer"
    assert len(rules(server).seen) == 1


async def test_reset_before_the_first_byte(server: Server, url: str) -> None:
    whole = upload(b"x")
    async with Raw.open(url, whole[: whole.index(b"--xYz") + 5]) as raw:
        await until(lambda: bool(server._runners[0].server and server._runners[0].server.connections))
        await ask(url, "GET", "/objects/1")
        await admin(url, "POST", "reset")
        raw.write(whole[whole.index(b"--xYz") + 5 :])
        assert (await raw.head())[0] == "HTTP/1.1 503 Service Unavailable"
    assert (rules(server).seen, server.shelf.total) == ([], 0)


async def test_no_room(server: Server, url: str, caplog: pytest.LogCaptureFixture) -> None:
    server.shelf.house.most = 3 * MIB
    async with Raw.open(url, upload(bytes(2 * MIB)) + upload(bytes(2 * MIB))) as raw:
        assert (await raw.answer())[1] == told(1, bytes(2 * MIB))
        head, body = await raw.answer()
        assert (head[0], body) == ("HTTP/1.1 500 Internal Server Error", b"")
    assert "all objects together may have 3145728 bytes" in caplog.text
    assert not errors(caplog)
    assert server.shelf.total == 2 * MIB


async def test_disk_says_no(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("simulator.serve.objects._write", _no_space)
    head, body = await ask(url, "POST", "/form?keep", form((PICTURE, BIG)), MULTIPART)
    assert (head[0], body) == ("HTTP/1.1 500 Internal Server Error", b"")
    assert "an upload can't be stored in" in caplog.text
    assert "Traceback" not in caplog.text
    assert (server.shelf.total, files(server.shelf)) == (0, [])


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("size", [MIB // 2, 12 * MIB])
async def test_object_that_is_deleted_while_it_is_read(server: Server, url: str, size: int) -> None:
    await ask(url, "PUT", "/raw?keep", bytes(size))
    async with Raw.open(url, request("GET", "/objects/1")) as raw:
        head = await raw.head()
        server.space.running["keeper"].engine.world.objects.delete("1")
        assert f"Content-Length: {size}" in head
        assert await raw.exactly(size) == bytes(size)


async def test_object_that_is_gone_when_it_is_to_be_read(server: Server, url: str) -> None:
    await ask(url, "PUT", "/raw?keep", b"x")
    head, body = await ask(url, "GET", "/objects/1?delete")
    assert (head[0], body) == ("HTTP/1.1 503 Service Unavailable", b"")


async def test_file_that_became_shorter(server: Server, url: str, caplog: pytest.LogCaptureFixture) -> None:
    await ask(url, "PUT", "/raw?keep", BIG)
    assert server.shelf.house.folder is not None
    with (server.shelf.house.folder / "1").open("r+b") as file:
        file.truncate(MIB)
    async with Raw.open(url, request("GET", "/objects/1")) as raw:
        assert "Content-Length: 12582912" in await raw.head()
        assert await raw.rest() == BIG[:MIB], "the end of the connection tells it"
    assert "can't be read to its end" in caplog.text


async def test_client_that_goes_in_the_middle_of_a_download(
    server: Server, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await ask(url, "PUT", "/raw?keep", bytes(24 * MIB))
    tracemalloc.start()
    try:
        async with Raw.open(url, request("GET", "/objects/1")) as raw:
            await raw.head()
            held = server.shelf._objects["1"].data
            await until(lambda: held._holders == 2)
            for _ in range(1000):
                await asyncio.sleep(0)
            assert tracemalloc.get_traced_memory()[0] < 4 * MIB, "a client that does not read is waited for"
            assert held._holders == 2
            raw.writer.transport.abort()
            await until(lambda: held._holders == 1)
    finally:
        tracemalloc.stop()
    assert not errors(caplog)


async def test_stop_in_the_middle(tmp_path: Path) -> None:
    async with keeper(tmp_path) as simulator:
        async with half(simulator) as raw:
            folder = simulator.shelf.house.folder
            assert folder is not None
            await simulator.stop()
            await raw.rest()
        assert not folder.exists()
        assert (simulator.shelf.total, simulator.shelf._writings) == (0, set())


async def test_the_same_script_gives_the_same_keys(tmp_path: Path) -> None:
    answers = []
    for _ in range(2):
        async with keeper(tmp_path) as simulator:
            url, got = simulator.url("keeper"), []
            for data in (b"a", bytes(2 * MIB), b"c"):
                got.append(await ask(url, "POST", "/form?keep", form((PICTURE, data)), MULTIPART))
            await admin(url, "POST", "reset")
            got.append(await ask(url, "PUT", "/raw?keep", b"d"))
            answers.append(got)
    assert answers[0] == answers[1]
    assert answers[0][-1][1] == told(1, b"d", None, None)
