"""Node's own lines: what its `http` adds to the head of an answer, held against Node 20."""

from __future__ import annotations

import pytest

from simulator.core.backend import NoRoute
from simulator.core.link import Violation
from simulator.core.message import Headers, Request, Response
from simulator.wire import nodehttp

DATE = ("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
STAYS: Headers = (DATE, ("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"))
ENDS: Headers = (DATE, ("Connection", "close"))
CHUNKED = ("Transfer-Encoding", "chunked")
LENGTH = ("Content-Length", "2")


def dressed(response: Response, method: str = "GET", http: tuple[int, int] = (1, 1), connection: str = "") -> Response:
    headers: Headers = (("Connection", connection),) if connection else ()
    return nodehttp.dress(Request(method, "/", headers=headers, http=http), response, 1767225600.0)


@pytest.mark.parametrize(
    ("response", "asking", "headers", "body"),
    [
        (Response(200, (LENGTH,), b"ok"), {}, (LENGTH, *STAYS), b"ok"),
        (Response(200, (LENGTH,), b"ok"), {"connection": "close"}, (LENGTH, *ENDS), b"ok"),
        (Response(400, (), b"ab"), {}, (*STAYS, CHUNKED), b"2\r\nab\r\n0\r\n\r\n"),
        (Response(404), {}, (*STAYS, CHUNKED), b"0\r\n\r\n"),
        (Response(404), {"connection": "close"}, (*ENDS, CHUNKED), b"0\r\n\r\n"),
        (Response(400, (), b"ab"), {"method": "HEAD"}, STAYS, b""),
        (Response(304), {}, STAYS, b""),
        (Response(204, (("Content-Length", "0"),)), {}, (("Content-Length", "0"), *STAYS), b""),
        (Response(200, (LENGTH,), b"ok"), {"http": (1, 0)}, (LENGTH, *ENDS), b"ok"),
        (Response(200, (LENGTH,), b"ok"), {"http": (1, 0), "connection": "keep-alive"}, (LENGTH, *STAYS), b"ok"),
        (Response(400, (), b"ab"), {"http": (1, 0)}, ENDS, b"ab"),
        (Response(400, (), b"ab"), {"http": (1, 0), "connection": "keep-alive"}, ENDS, b"ab"),
    ],
)
def test_dress(response: Response, asking: dict[str, str], headers: Headers, body: bytes) -> None:
    assert dressed(response, **asking) == Response(response.status, headers, body, modern=True)  # type: ignore[arg-type]


def test_a_file_comes_in_chunks() -> None:
    body = dressed(Response(200, (), b"x" * 65537)).body
    assert (body[:7], body[7 + 65536 :]) == (b"10000\r\n", b"\r\n1\r\nx\r\n0\r\n\r\n")


def test_what_was_written_past_http_stays() -> None:
    response = Response(400, (("Connection", "close"),), b"no", "Bad Request")
    assert dressed(response) is response


def test_other_paths() -> None:
    assert nodehttp.miss(Request("GET", "/nope"), NoRoute()) == Response(404)


def test_link() -> None:
    policy = nodehttp.link(1000)
    assert policy.limit == 1000
    assert policy.echo_reason
    assert Violation.LONG_LENGTH not in policy.answers
    assert policy.answers[Violation.NEGATIVE_LENGTH].code == 1009
    assert policy.answers[Violation.UNMASKED].code == 1002
