"""HTTP as it goes over the wire: chip's answers to the last byte, and what becomes of a connection."""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
import zlib
from collections.abc import AsyncIterator

import pytest

from simulator.serve.app import Server
from simulator.serve.clock import ManualClock
from simulator.serve.exact import _NO_LINE
from simulator.serve.reporter import Reporter
from tests.served import ACCEPT, INACTIVE, SECONDS, WEBSITE, Raw, ask, chip, client_frame, handshake, request

DATE = "Date: Thu, 01 Jan 2026 00:00:00 GMT"
"""Where the manual clock stands."""
JSON = "Content-Type: application/json"
PLAIN = "Content-Type: text/plain; charset=utf-8"
NOSNIFF = "X-Content-Type-Options: nosniff"
OK = ["HTTP/1.1 200 OK", JSON, DATE, "Content-Length: 17"]
VERSION = b'{"version":"dev"}'
NOT_FOUND = (["HTTP/1.1 404 Not Found", PLAIN, NOSNIFF, DATE, "Content-Length: 19"], b"404 page not found\n")
NO_CHANNEL = (["HTTP/1.1 400 Bad Request", JSON, DATE, "Content-Length: 27"], b'{"error":"no such channel"}')
BAD_REQUEST = (
    ["HTTP/1.1 400 Bad Request", PLAIN, "Sec-Websocket-Version: 13", NOSNIFF, DATE, "Content-Length: 12"],
    b"Bad Request\n",
)
CUT = b'{"error":"error reading request: unexpected end of JSON input"}'
CONNECT, SEND = f"/wc/connect/{WEBSITE}/", f"/wc/send/{WEBSITE}/"
QUEUE = (
    b'{"chat_id":"65vbbDAQCdPdEWlEhDGy4utO","secret":"sesame","msg":{"id":1,"text":"hi","origin":"flow"}}',
    b'{"status":"queued"}',
)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with chip(ManualClock()) as simulator:
        yield simulator


@pytest.fixture
def url(server: Server) -> str:
    return server.url("chip")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", (OK, VERSION)),
        ("GET", "/?version=1", (OK, VERSION)),
        ("GET", "http://chip.example.com/", (OK, VERSION)),
        ("GET", "http://chip.example.com", (OK, VERSION)),
        ("POST", "/", (["HTTP/1.1 405 Method Not Allowed", "Allow: GET", DATE, "Content-Length: 0"], b"")),
        ("HEAD", "/", (["HTTP/1.1 405 Method Not Allowed", "Allow: GET", DATE], b"")),
        ("GET", "/nowhere", NOT_FOUND),
        ("HEAD", "/nowhere", (NOT_FOUND[0], b"")),
        ("GET", f"{CONNECT}/", NOT_FOUND),
        ("GET", CONNECT.upper(), NOT_FOUND),
        ("GET", f"/wc/connect/{WEBSITE.upper()}/", NOT_FOUND),
        ("GET", f"/wc/connect/{WEBSITE[:-1]}/", NOT_FOUND),
        ("GET", "/__administration", NOT_FOUND),
        ("GET", f"/wc/connect/{INACTIVE}/", NO_CHANNEL),
        ("GET", f"/wc/connect/{INACTIVE}", NO_CHANNEL),
        ("DELETE", f"/wc/connect/{INACTIVE}", NO_CHANNEL),
        ("POST", f"/wc/send/{INACTIVE}/", NO_CHANNEL),
        ("GET", CONNECT, BAD_REQUEST),
        ("GET", CONNECT.rstrip("/"), BAD_REQUEST),
        ("GET", f"http://chip.example.com{CONNECT}?chat_id=x", BAD_REQUEST),
        ("PUT", CONNECT, BAD_REQUEST),
        ("GET", SEND, (["HTTP/1.1 400 Bad Request", JSON, DATE, "Content-Length: 63"], CUT)),
    ],
)
async def test_answer(url: str, method: str, path: str, expected: tuple[list[str], bytes]) -> None:
    assert await ask(url, method, path) == expected


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"GET ", b"POST "), "405 Method Not Allowed"),
        ((b"Version: 13", b"Version: 12"), "400 Bad Request"),
        ((b"Key: dG", b"Key: !!"), "400 Bad Request"),
        ((b"Upgrade: websocket", b"Upgrade: h2c"), "400 Bad Request"),
        ((b"Connection: Upgrade", b"Connection: close"), "400 Bad Request"),
    ],
)
async def test_handshake_that_is_refused(url: str, change: tuple[bytes, bytes], status: str) -> None:
    async with Raw.open(url, handshake(url + CONNECT).replace(*change)) as raw:
        head, body = await raw.answer()
    assert head[:2] == [f"HTTP/1.1 {status}", PLAIN]
    assert "Sec-Websocket-Version: 13" in head
    assert body.decode() == f"{status[4:]}\n"


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("Sec-WebSocket-Protocol: chat, superchat", "Sec-WebSocket-Extensions: permessage-deflate"),
        ("Origin: https://elsewhere.example.com", "Accept-Encoding: gzip", "Cookie: a=b"),
    ],
)
async def test_handshake_has_three_lines_and_nothing_follows(url: str, more: tuple[str, ...]) -> None:
    async with Raw.open(url, handshake(url + CONNECT, *more)) as raw:
        assert await raw.head() == [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {ACCEPT}",
        ]
        raw.write(client_frame(b"\x03\xe8bye", 8))
        assert await raw.rest() == b"\x88\x02\x03\xe8"


async def test_frame_in_the_handshakes_packet_is_too_early(url: str, caplog: pytest.LogCaptureFixture) -> None:
    # gorilla/websocket v1.5.3, server.go Upgrade: "client sent data before handshake is complete".
    async with Raw.open(url, handshake(url + CONNECT) + client_frame(b'{"type":"start_chat"}')) as raw:
        assert await raw.rest() == b""
    assert not caplog.records


async def test_many_requests_on_one_connection(url: str) -> None:
    async with Raw.open(url) as raw:
        for _ in range(3):
            raw.write(request("GET", "/"))
            assert await raw.answer() == (OK, VERSION)
            raw.write(request("POST", SEND, b"{}"))
            assert (await raw.answer())[1] == b'{"error":"channel secret incorrect"}'
            raw.write(request("HEAD", "/nowhere"))
            assert await raw.answer(bodiless=True) == (NOT_FOUND[0], b"")
        raw.write(request("GET", CONNECT))
        assert await raw.answer() == BAD_REQUEST
        raw.write(request("GET", "/", b"", "Connection: close"))
        assert await raw.answer() == ([*OK, "Connection: close"], VERSION)
        assert await raw.rest() == b""


async def test_pipelined_requests_are_answered_in_order(url: str) -> None:
    both = request("GET", "/") + request("POST", SEND, QUEUE[0]) + request("GET", "/nowhere")
    async with Raw.open(url, both + both) as raw:
        for _ in range(2):
            assert await raw.answer() == (OK, VERSION)
            assert (await raw.answer())[1] == QUEUE[1]
            assert await raw.answer() == NOT_FOUND


async def test_connection_is_good_for_a_websocket_after_requests(url: str) -> None:
    async with Raw.open(url, request("GET", "/")) as raw:
        await raw.answer()
        raw.write(handshake(url + CONNECT))
        assert (await raw.head())[0] == "HTTP/1.1 101 Switching Protocols"
        raw.send('{"type":"start_chat"}')
        assert (await raw.text()).startswith('{"type":"chat_started","chat_id":"')


async def test_http_1_0(url: str) -> None:
    async with Raw.open(url, b"GET / HTTP/1.0\r\n\r\n") as raw:
        assert await raw.answer() == (["HTTP/1.0 200 OK", *OK[1:]], VERSION)
        assert await raw.rest() == b""


async def test_http_1_0_that_wants_to_stay(url: str) -> None:
    async with Raw.open(url) as raw:
        for _ in range(2):
            raw.write(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert await raw.answer() == (["HTTP/1.0 200 OK", *OK[1:], "Connection: keep-alive"], VERSION)


@pytest.mark.parametrize(("asked", "coding"), [("gzip, deflate, br", "gzip"), ("br, deflate", "deflate"), ("br", "")])
async def test_compression(url: str, asked: str, coding: str) -> None:
    head, body = await ask(url, "GET", "/", b"", f"Accept-Encoding: {asked}")
    if not coding:
        assert (head, body) == (OK, VERSION)
        return
    lines = [f"Content-Encoding: {coding}", JSON, "Vary: Accept-Encoding", DATE, f"Content-Length: {len(body)}"]
    assert head == ["HTTP/1.1 200 OK", *lines]
    assert (gzip.decompress(body) if coding == "gzip" else zlib.decompress(body, -15)) == VERSION


def body_of(size: int) -> bytes:
    frame = b'{"secret":"%s"}'
    return frame % (b"x" * (size - len(frame) + 2))


@pytest.mark.parametrize(
    ("size", "answer", "stays"),
    [
        (1 << 20, b'{"error":"channel secret incorrect"}', True),
        ((1 << 20) + 1, CUT, True),
        ((1 << 20) + (256 << 10), CUT, True),
        ((1 << 20) + (256 << 10) + 1, CUT, False),
        (4 << 20, CUT, False),
    ],
)
async def test_body_larger_than_the_limit(url: str, size: int, answer: bytes, stays: bool) -> None:
    async with Raw.open(url, request("POST", SEND, body_of(size))) as raw:
        head, body = await raw.answer()
        assert body == answer
        assert ("Connection: close" in head) is not stays
        if stays:
            raw.write(request("GET", "/"))
            assert await raw.answer() == (OK, VERSION)
        else:
            assert await raw.rest() == b""


async def test_answer_comes_although_the_body_has_no_end(url: str) -> None:
    # Its own side ends behind the answer, so that a client which waits for the end has it at once.
    head = request("POST", SEND, b"", f"Content-Length: {8 << 20}")
    async with Raw.open(url, head + b"x" * ((1 << 20) + (256 << 10) + 1)) as raw:
        lines, body = await raw.answer()
        assert (body, "Connection: close" in lines) == (CUT, True)
        assert await raw.rest() == b""
        raw.write(b"x" * 5000)
        await raw.writer.drain()


async def test_http_1_0_is_not_told_to_continue(url: str) -> None:
    # RFC 9110, 10.1.1.
    head = request("POST", SEND, b"", "Expect: 100-continue", "Content-Length: 2").replace(b"HTTP/1.1", b"HTTP/1.0")
    async with Raw.open(url, head + b"{}") as raw:
        assert (await raw.head())[0] == "HTTP/1.0 400 Bad Request"


async def test_chunked_body(url: str) -> None:
    body, queued = QUEUE
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:8], body[8:]))
    async with Raw.open(url, request("POST", SEND, b"", "Transfer-Encoding: chunked")) as raw:
        raw.write(chunks + b"0\r\n\r\n" + request("GET", "/"))
        assert (await raw.answer())[1] == queued
        assert await raw.answer() == (OK, VERSION)


async def test_body_that_nobody_reads_is_passed_over(url: str) -> None:
    async with Raw.open(url, request("GET", "/", b"hello") + request("GET", "/nowhere", b"x" * 5000)) as raw:
        assert await raw.answer() == (OK, VERSION)
        assert await raw.answer() == NOT_FOUND
        raw.write(request("GET", "/"))
        assert await raw.answer() == (OK, VERSION)


async def test_expect_100_continue(url: str) -> None:
    body, queued = QUEUE
    head = request("POST", SEND, b"", "Expect: 100-continue", f"Content-Length: {len(body)}")
    async with Raw.open(url, head) as raw:
        assert await raw.head() == ["HTTP/1.1 100 Continue"]
        raw.write(body)
        assert (await raw.answer())[1] == queued


async def test_client_that_goes_in_the_middle_of_its_body(
    server: Server, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Raw.open(url, request("POST", SEND, b"", "Content-Length: 1000") + b'{"chat_id":') as raw:
        raw.writer.write_eof()
        assert await raw.rest() == b""
    async with Raw.open(url, request("POST", SEND, b"", "Content-Length: 1000") + b'{"chat_id":') as raw:
        raw.writer.transport.abort()
    assert await ask(url, "GET", "/") == (OK, VERSION)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not server.driver.asked


async def test_the_operator_is_told_of_a_wrong_path() -> None:
    """Without the query, which may have a token in it; a path makes no line of its own."""
    log = io.StringIO()
    async with chip(ManualClock(), reporter=Reporter(lambda: 0.0, stream=log)) as simulator:
        url = simulator.url("chip")
        assert await ask(url, "GET", "/nowhere%0a?token=secret") == NOT_FOUND
        await ask(url, "PUT", "/")
        await ask(url, "GET", "/")
    assert log.getvalue().splitlines() == [
        "00:00:00.000 chip warning 404: nothing is at GET /nowhere%0a",
        "00:00:00.000 chip warning 405: nothing is at PUT /",
    ]


async def test_slow_request_is_waited_for(url: str) -> None:
    async with Raw.open(url) as raw, asyncio.timeout(SECONDS):
        for piece in (b"GE", b"T / HT", b"TP/1.1\r\nHo", b"st: x\r", b"\n\r\n"):
            raw.write(piece)
            await raw.writer.drain()
            # Another connection is served meanwhile.
            assert await ask(url, "GET", "/") == (OK, VERSION)
        assert await raw.answer() == (OK, VERSION)


@pytest.mark.parametrize(
    "garbage",
    [
        b"garbage\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo Colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_a_400_and_the_end(
    url: str, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with Raw.open(url, garbage) as raw:
        head, _ = await raw.answer()
        assert head[0].endswith("400 Bad Request")
        assert await raw.rest() == b""
    assert await ask(url, "GET", "/") == (OK, VERSION)


@pytest.mark.parametrize("host", ["[::1", "a b", 'a[b"<>', "", "x" * 300 + "]"])
async def test_a_host_that_there_cannot_be(url: str, host: str, caplog: pytest.LogCaptureFixture) -> None:
    body, _ = QUEUE
    head = f"POST {SEND} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with Raw.open(url, head + body) as raw:
        async with asyncio.timeout(SECONDS):
            said = await raw.exactly(len("HTTP/1.1 200 OK"))
    assert said == b"HTTP/1.1 200 OK"
    assert "mistake" not in caplog.text


def test_no_line_of_a_peer_s_own() -> None:
    assert "a: b\r\nX-Evil: 1\0".translate(_NO_LINE) == "a: b  X-Evil: 1 "
