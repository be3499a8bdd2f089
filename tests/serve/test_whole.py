"""Whole requests: what is taken here is what aiohttp would have read, and all that is unusual is left to it."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.message import Request
from simulator.serve import whole
from simulator.serve.whole import LARGEST, read

GET = b"GET /socket.io/?EIO=4&t=a HTTP/1.1\r\nHost: x:80\r\nAccept: */*\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
SOCKET = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def test_requests_that_are_taken() -> None:
    lines = (("Host", "x:80"), ("Accept", "*/*"))
    taken = Request("GET", "/socket.io/", "EIO=4&t=a", lines, b"", (1, 1), "https://x:80")
    assert read(GET, "https") == (taken, b"")
    posted = Request("POST", "/", "", (("Host", "x"), ("Content-Length", "2")), b"hi", (1, 1), "http://x")
    assert read(POST, "http") == (posted, b"")
    found = read(SOCKET + b"\x81\x80abcd", "http")
    assert found is not None
    assert (found[0].header("upgrade"), found[1]) == ("websocket", b"\x81\x80abcd")


@pytest.mark.parametrize("connection", [b"Upgrade", b"upgrade", b"keep-alive, Upgrade"])
@pytest.mark.parametrize("upgrade", [b"websocket", b"WebSocket"])
def test_sockets_as_clients_ask_for_them(connection: bytes, upgrade: bytes) -> None:
    data = SOCKET.replace(b": Upgrade", b": " + connection).replace(b": websocket", b": " + upgrade)
    found = read(data, "http")
    assert found is not None
    # So that nobody looks through the lines again.
    assert found[0].named == {"host": "x", "upgrade": upgrade.decode(), "connection": connection.decode()}


def test_header_lines_are_found_by_their_names() -> None:
    found = read(POST.replace(b"Host: x", b"HOST: x\r\nX-A: b, C"), "http")
    assert found is not None
    request = found[0]
    assert (request.header("host"), request.header("Origin")) == ("x", None)
    assert (request.tokens("x-a"), request.tokens("Origin")) == (["b", "c"], [])


def test_a_body_is_waited_for_that_is_as_large_as_may_be() -> None:
    found = read(POST.replace(b": 2", f": {LARGEST}".encode()), "http")
    assert found is not None
    assert found[1] is None


@pytest.mark.parametrize("cut", [1, 2])
def test_a_body_may_come_later(cut: int) -> None:
    found = read(POST[:-cut], "http")
    assert found is not None
    assert (found[0].path, found[1]) == ("/", None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        GET[:-2],
        GET[:-4],
        GET + b"G",
        POST + b"G",
        *(GET.replace(b"GET", method) for method in (b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"get", b"XGET")),
        GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
        GET.replace(b"/socket", b"http://x/socket"),
        GET.replace(b"t=a", b"t=\xc3\xa4"),
        GET.replace(b"t=a", b"t= a"),
        GET.replace(b"Host: x:80\r\n", b""),
        GET.replace(b"x:80", b"x/y"),
        GET.replace(b"Accept", b"Host"),
        GET.replace(b"Accept: */*", b"Host: x:80"),
        GET.replace(b"Accept: */*", b"Accept: */*\r\naccept: */*"),
        GET.replace(b"Accept: ", b"Accept:  "),
        GET.replace(b"*/*", b"*/* "),
        GET.replace(b"*/*", b"\xe4"),
        GET.replace(b"*/*\r\n", b"*/*\r\n more\r\n"),
        GET.replace(b"*/*", b"x" * 5000),
        GET.replace(b"Accept: */*", b"Connection: close"),
        GET.replace(b"Accept: */*", b"Connection: Upgrade"),
        GET.replace(b"Accept: */*", b"Upgrade: h2c\r\nConnection: Upgrade"),
        POST.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"),
        POST.replace(b"Host", b"Expect: 100-continue\r\nHost"),
        POST.replace(b"Host", b"Content-Encoding: gzip\r\nHost"),
        GET.replace(b"Accept: */*", b"TE: trailers"),
        GET.replace(b"Accept: */*", b"Trailer: X"),
        GET.replace(b"Accept: */*", b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"),
        POST.replace(b": 2", b": +2"),
        POST.replace(b": 2", f": {LARGEST + 1}".encode()),
        SOCKET.replace(b"Upgrade: websocket\r\n", b"Upgrade: websocket\r\nContent-Length: 0\r\n"),
        SOCKET.replace(b"GET", b"POST"),
        SOCKET.replace(b": Upgrade", b": close"),
        SOCKET.replace(b"Connection: Upgrade\r\n", b""),
    ],
)
def test_requests_that_are_left_to_aiohttp(data: bytes) -> None:
    assert read(data, "http") is None


def test_requests_for_sockets_are_not_remembered() -> None:
    """Each has a key of its own, and none comes twice."""
    read(POST, "http")
    before = whole._known.cache_info().currsize
    for number in range(3):
        assert read(SOCKET.replace(b"Host", b"Sec-WebSocket-Key: %d\r\nHost" % number), "http") is not None
    assert whole._known.cache_info().currsize == before > 0


NAMES = ["Host", "host", "Connection", "Content-Length", "Upgrade", "Transfer-Encoding", "Accept", "X:Y", "", "Te"]
VALUES = [
    "x",
    "x:80",
    "keep-alive",
    "Upgrade",
    "close",
    "0",
    "3",
    "+3",
    "websocket",
    "chunked",
    "",
    " a",
    "a ",
    "a\x0bb",
]
LINES = st.tuples(st.sampled_from(NAMES), st.sampled_from([": ", ":", " : "]), st.sampled_from(VALUES)).map("".join)
STARTS = st.sampled_from(["GET / HTTP/1.1", "POST /a?b=%20 HTTP/1.1", "GET  / HTTP/1.1", "GET //x?y?z HTTP/1.1", "G"])
ENDS = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r\n "])


@given(STARTS, st.lists(LINES, max_size=4), ENDS, st.sampled_from([b"", b"abc", b"abcdef", GET]))
def test_aiohttp_reads_the_same(start: str, lines: list[str], end: str, body: bytes) -> None:
    """Of ordinary and odd parts, in any order: what is taken, aiohttp takes, and understands as it is understood here."""
    data = end.join([start, "Host: x", *lines, "", ""]).encode() + body
    found = read(data, "http")
    if found is None or found[1] is None:
        return
    request, tail = found
    messages, upgraded, rest = _parser().feed_data(data)
    ((message, payload),) = messages
    assert (message.method, message.path) == (request.method, "?".join(filter(None, (request.path, request.query))))
    headers = tuple((name.decode(), value.decode()) for name, value in message.raw_headers)
    assert headers == request.headers
    assert not message.should_close
    assert bool(upgraded) is (request.header("Upgrade") is not None)
    if upgraded:
        assert rest == tail
    else:
        assert payload.is_eof()
        assert b"".join(chunk for chunk in [payload.read_nowait()]) == request.body


def _parser() -> HttpRequestParser:
    loop = Mock(spec=asyncio.AbstractEventLoop)
    return HttpRequestParser(BaseProtocol(loop), loop, 2**16, max_line_size=8190, max_field_size=8190, max_headers=128)
