"""Versions, handshakes and origins, as the servers of both profiles were seen to judge them."""

from __future__ import annotations

import pytest

from simulator.core.message import Headers, Request
from simulator.wire.phoenix_profile import (
    PROFILES,
    cowboy_flaw,
    origin_host,
    serializer_version,
    version_of,
    websock_flaw,
)
from tests.wire.phoenix_host import asking


@pytest.mark.parametrize(
    ("vsn", "version"),
    [
        ("1.0.0", 1),
        ("1.0.12", 1),
        ("2.0.0", 2),
        ("2.0.7-rc.1", 2),
        ("2.0.0+build.1", 2),
        ("2.0.0-rc.1", None),
        ("2.1.0", None),
        ("2.1.0-dev", None),
        ("0.0.0", None),
        ("123.1.1", None),
    ],
)
def test_versions(vsn: str, version: int | None) -> None:
    assert serializer_version(vsn) == version


@pytest.mark.parametrize(
    "vsn", ["", "abc", "2", "2.0", "2.0.0.0", "02.0.0", "v2.0.0", "2.0.0 ", "~> 2.0", "*", "٢.0.0"]
)
def test_no_versions(vsn: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        serializer_version(vsn)


@pytest.mark.parametrize(
    ("query", "old", "new"),
    [
        ("", "1.0.0", "1.0.0"),
        ("VSN=2.0.0", "1.0.0", "1.0.0"),
        ("vsn", "1.0.0", ""),
        ("vsn=", "", ""),
        ("a=%zz&vsn=2.0.0&b", "2.0.0", "2.0.0"),
        ("vsn=1.0.0&vsn=2.0.0", "2.0.0", "2.0.0"),
        ("vsn[]=2.0.0", "", ""),
        ("vsn[a]=2.0.0", "", ""),
    ],
)
def test_version_of_a_request(query: str, old: str, new: str) -> None:
    request = Request("GET", "/", query)
    assert (version_of(request, PROFILES["1.3"]), version_of(request, PROFILES["1.8"])) == (old, new)


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, None),
        ({"Connection": "keep-alive, UPGRADE", "Upgrade": "WebSocket"}, None),
        ({"Connection": None}, "'connection' header must contain 'upgrade', got []"),
        ({"Connection": "Keep-Alive, x"}, "'connection' header must contain 'upgrade', got [\"Keep-Alive\", \"x\"]"),
        ({"Upgrade": "h2c"}, "'upgrade' header must contain 'websocket', got [\"h2c\"]"),
        ({"Sec-WebSocket-Key": None}, "'sec-websocket-key' header is absent"),
        ({"Sec-WebSocket-Key": "any"}, None),
        ({"Sec-WebSocket-Version": "8"}, "'sec-websocket-version' header must equal '13', got [\"8\"]"),
        ({"Sec-WebSocket-Version": None}, "'sec-websocket-version' header must equal '13', got []"),
        ({"Host": None}, ""),
    ],
)
def test_websock_flaw(changes: dict[str, str | None], body: str | None) -> None:
    assert websock_flaw(asking(changes=changes)) == body


def test_websock_flaw_of_http_1_0() -> None:
    request = asking()
    request.http = (1, 0)
    assert websock_flaw(request) == "HTTP version HTTP/1.0 unsupported"


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, None),
        ({"Sec-WebSocket-Version": "8"}, None),
        ({"Sec-WebSocket-Version": "7", "Sec-WebSocket-Key": "any"}, None),
        ({"Sec-WebSocket-Version": "9"}, ""),
        ({"Sec-WebSocket-Version": None}, ""),
        ({"Sec-WebSocket-Key": None}, ""),
        ({"Connection": "keep-alive"}, ""),
        ({"Upgrade": "websocket, h2c"}, ""),
        ({"Host": None}, ""),
    ],
)
def test_cowboy_flaw(changes: dict[str, str | None], body: str | None) -> None:
    assert cowboy_flaw(asking(changes=changes)) == body


def test_two_version_lines() -> None:
    request = asking()
    lines: Headers = (("Sec-WebSocket-Version", "13"),)
    request.headers += lines
    assert websock_flaw(request) == "'sec-websocket-version' header must equal '13', got [\"13\", \"13\"]"


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.com", "example.com"),
        ("https://EXAMPLE.com:8080/x", "EXAMPLE.com"),
        ("//example.com", "example.com"),
        ("http://user:pass@example.com?x", "example.com"),
        ("http://[::1]:80", "[::1]"),
        ("file://", ""),
        ("null", None),
        ("", None),
        ("example.com", None),
    ],
)
def test_origin_host(origin: str, host: str | None) -> None:
    assert origin_host(origin) == host
