"""Go's HTTP answers."""

from __future__ import annotations

import gzip
import zlib

import pytest

from simulator.backends.chip import gohttp
from simulator.core.message import Response
from tests.talk import Talk

MAIN = "7d62d551-3030-4100-a260-2d7c4e9693e7"
DATE = ("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
NOSNIFF = ("X-Content-Type-Options", "nosniff")


def asked(method: str, path: str, *headers: tuple[str, str]) -> Response:
    return Talk().request(method, path, headers=headers)


def test_the_index() -> None:
    answer = asked("GET", "/")
    assert answer.status == 200
    assert answer.headers == (("Content-Type", "application/json"), DATE, ("Content-Length", "17"))
    assert answer.body == b'{"version":"dev"}'
    assert asked("GET", "//").status == 200
    assert asked("GET", "/?x=1").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods(method: str) -> None:
    answer = asked(method, "/")
    assert (answer.status, answer.body) == (405, b"")
    assert answer.headers == (("Allow", "GET"), DATE, ("Content-Length", "0"))


def test_head_has_no_body_and_an_unknown_method_no_allow() -> None:
    assert asked("HEAD", "/").headers == (("Allow", "GET"), DATE)
    for path in ("/", "/nope", f"/wc/connect/{MAIN}/"):
        assert asked("PURGE", path) == Response(405, (DATE, ("Content-Length", "0")))
    assert asked("HEAD", "/nope").body == b""
    assert asked("HEAD", "/nope").headers[-1] == ("Content-Length", "19")


@pytest.mark.parametrize(
    "path",
    ["/nope", f"/wc/connect/{MAIN.upper()}/", f"/wc/connect/{MAIN}//", "///", f"/wc//connect/{MAIN}/", "/wc/send/x/"],
)
def test_not_found(path: str) -> None:
    answer = asked("GET", path)
    assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert answer.headers == (("Content-Type", gohttp.PLAIN), NOSNIFF, DATE, ("Content-Length", "19"))


@pytest.mark.parametrize("accepted", ["gzip", "deflate, gzip", "gzip;q=0", "GZIP"])
def test_gzip(accepted: str) -> None:
    answer = asked("GET", "/", ("Accept-Encoding", accepted))
    names = [name for name, _ in answer.headers]
    assert names == ["Content-Encoding", "Content-Type", "Vary", "Date", "Content-Length"]
    assert gzip.decompress(answer.body) == b'{"version":"dev"}'
    assert dict(answer.headers)["Content-Length"] == str(len(answer.body))


def test_deflate_has_no_wrapping() -> None:
    answer = asked("GET", "/nope", ("Accept-Encoding", "deflate"))
    assert dict(answer.headers)["Content-Encoding"] == "deflate"
    assert zlib.decompress(answer.body, wbits=-15) == b"404 page not found\n"


@pytest.mark.parametrize("accepted", ["br", "*", "identity"])
def test_nothing_else_is_squeezed(accepted: str) -> None:
    assert asked("GET", "/", ("Accept-Encoding", accepted)).body == b'{"version":"dev"}'


def test_refused_upgrades() -> None:
    answer = Talk().connect(path=f"/wc/connect/{MAIN}/", headers=()).refused
    assert answer is not None
    assert answer.headers == (("Content-Type", gohttp.PLAIN), ("Sec-Websocket-Version", "13"), NOSNIFF)
