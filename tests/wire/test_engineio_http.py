"""The HTTP side: refusals, CORS, the 101 and what npm ws says instead."""

from __future__ import annotations

import pytest

from simulator.core.message import Headers, Request, Response
from simulator.wire import engineio_http as http
from simulator.wire.engineio_http import Cors
from tests.wire.sio import ACCEPT, KEY, POLLING, UPGRADE, WEBSOCKET, Server, code_of

JSON = ("Content-Type", "application/json")
STAR = ("Access-Control-Allow-Origin", "*")


@pytest.mark.parametrize(
    ("method", "query", "code"),
    [
        ("GET", "EIO=4", 0),
        ("GET", "", 0),
        ("GET", "EIO=4&transport=abc", 0),
        ("GET", "EIO=4&transport=polling&transport=abc", 0),
        ("GET", "EIO=4&transport=webtransport", 0),
        ("GET", "EIO=4&transport=polling&sid=nobody", 1),
        ("POST", "EIO=4&transport=polling&sid=nobody", 1),
        ("POST", POLLING, 2),
        ("PUT", POLLING, 2),
        ("HEAD", POLLING, 2),
        ("OPTIONS", POLLING, 2),
        ("GET", "EIO=4&transport=websocket", 3),
        ("GET", "transport=polling", 5),
        ("GET", "EIO=3&transport=polling", 5),
        ("GET", "EIO=abc&transport=polling", 5),
        ("GET", "EIO=4&EIO=3&transport=polling", 5),
    ],
)
def test_refusals(method: str, query: str, code: int) -> None:
    response = Server().request(method, query)
    assert (response.status, response.headers) == (400, (JSON,))
    assert code_of(response) == code


def test_the_words_of_a_refusal() -> None:
    assert Server().request("GET", "").body == b'{"code":0,"message":"Transport unknown"}'
    assert http.refusal(http.FORBIDDEN, False, ()) == Response(403, (JSON,), b'{"code":4,"message":"Forbidden"}')


@pytest.mark.parametrize("query", [POLLING, f"{POLLING}&sid=", "EIO=4&transport=pol%6Cing", "transport=x&" + POLLING])
def test_a_session_opens(query: str) -> None:
    assert Server().request("GET", query).status == 200


def test_the_handshake_to_the_letter() -> None:
    response = Server().request("GET", POLLING)
    body = (
        b'0{"sid":"9YWRmR1sVXBS53ObAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,'
        b'"maxPayload":1000000}'
    )
    headers = (("Content-Type", "text/plain; charset=UTF-8"), ("Content-Length", "118"), ("cache-control", "no-store"))
    assert (response.headers, response.body[:8], len(response.body)) == (headers, body[:8], len(body))
    assert response.body[28:] == body[28:]


def test_an_old_browser_is_told_not_to_look_for_scripts() -> None:
    for agent in ("x;MSIE 9", "Trident/7"):
        headers = Server().request("GET", POLLING, headers=(("User-Agent", agent),)).headers
        assert headers[-2:] == (("X-XSS-Protection", "0"), ("cache-control", "no-store"))


# ---- the 101


def ws(changes: dict[str, str | None] | None = None, method: str = "GET", **more: str) -> Request:
    wanted = {**dict(UPGRADE), **(changes or {}), **more}
    headers = tuple((name, value) for name, value in wanted.items() if value is not None)
    return Request(method, "/socket.io/", WEBSOCKET, headers)


def test_101() -> None:
    lines = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", ACCEPT))
    assert http.handshake(ws(), ()) == lines
    assert http.handshake(ws(), (STAR,)) == (*lines, STAR)
    assert http.handshake(ws({"Sec-WebSocket-Version": "8"}), ()) == lines
    asked = ws({"Sec-WebSocket-Protocol": "a, b"})
    assert http.handshake(asked, (STAR,)) == (*lines, ("Sec-WebSocket-Protocol", "a"), STAR)


@pytest.mark.parametrize(
    ("request_", "status", "reason", "words", "more"),
    [
        (ws(method="POST"), 405, "Method Not Allowed", b"Invalid HTTP method", ()),
        (ws({"Upgrade": "h2c"}), 400, "Bad Request", b"Invalid Upgrade header", ()),
        (ws({"Upgrade": None}), 400, "Bad Request", b"Invalid Upgrade header", ()),
        (ws({"Sec-WebSocket-Key": "abc"}), 400, "Bad Request", b"Missing or invalid Sec-WebSocket-Key header", ()),
        (ws({"Sec-WebSocket-Key": None}), 400, "Bad Request", b"Missing or invalid Sec-WebSocket-Key header", ()),
        (
            ws({"Sec-WebSocket-Version": "9"}), 400, "Bad Request", b"Missing or invalid Sec-WebSocket-Version header",
            (("Sec-WebSocket-Version", "13, 8"),),
        ),
        (
            ws({"Sec-WebSocket-Protocol": "a,,b"}), 400, "Bad Request", b"Invalid Sec-WebSocket-Protocol header", (),
        ),
        (ws({"Sec-WebSocket-Protocol": "a,a"}), 400, "Bad Request", b"Invalid Sec-WebSocket-Protocol header", ()),
    ],
)  # fmt: skip
def test_no_101(request_: Request, status: int, reason: str, words: bytes, more: Headers) -> None:
    headers = (("Connection", "close"), ("Content-Type", "text/html"), ("Content-Length", str(len(words))), *more)
    assert http.handshake(request_, ()) == Response(status, headers, words, reason)


def test_what_is_an_upgrade() -> None:
    assert http.is_upgrade(ws({"Connection": "keep-alive, Upgrade", "Upgrade": "h2c"}))
    assert not http.is_upgrade(ws({"Connection": "keep-alive"}))
    assert not http.is_upgrade(ws({"Upgrade": None}))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("EIO=4", b"Transport unknown"),
        (f"{WEBSOCKET}&sid=nobody", b"Session ID unknown"),
        ("EIO=4&transport=abc", b"Transport unknown"),
    ],
)
def test_an_upgrade_is_refused_past_http(query: str, words: bytes) -> None:
    headers = (("Connection", "close"), ("Content-type", "text/html"), ("Content-Length", str(len(words))))
    assert Server().request("GET", query, headers=UPGRADE) == Response(400, headers, words, "Bad Request")


def test_another_revision_over_websocket() -> None:
    response = Server().request("GET", "EIO=3&transport=websocket", headers=UPGRADE)
    assert (response.status, dict(response.headers)["Sec-WebSocket-Accept"]) == (101, ACCEPT)
    assert response.body == (
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: 28\r\n\r\n"
        b"Unsupported protocol version"
    )


def test_ws_has_its_own_refusals() -> None:
    headers = tuple((name, "9" if name.endswith("Version") else value) for name, value in UPGRADE)
    assert b"Version header" in Server().request("GET", WEBSOCKET, headers=headers).body
    assert KEY in dict(headers).values()


def test_nothing_is_compressed_by_default() -> None:
    offered = (*UPGRADE, ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"))
    server = Server()
    socket = server.socket(headers=offered)
    assert [name for name, _ in socket.upgrade.headers] == ["Upgrade", "Connection", "Sec-WebSocket-Accept"]
    answer = server.request("GET", POLLING, headers=(("Accept-Encoding", "gzip, deflate"),))
    assert "content-encoding" not in {name.lower() for name, _ in answer.headers}


# ---- CORS


def test_no_cors_unless_asked_for() -> None:
    assert not [name for name, _ in Server().request("GET", POLLING).headers if name.startswith("Access")]


def test_cors_for_all() -> None:
    server = Server(cors=Cors())
    for response in (server.request("GET", POLLING), server.request("GET", ""), server.request("PUT", POLLING)):
        assert response.headers[0] == STAR
    sid = server.open()
    assert server.request("PUT", f"{POLLING}&sid={sid}").headers == (STAR,)
    assert server.socket().upgrade.headers[-1] == STAR


def test_preflight() -> None:
    server = Server(cors=Cors())
    methods = ("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
    vary, length = ("Vary", "Access-Control-Request-Headers"), ("Content-Length", "0")
    assert server.request("OPTIONS", POLLING) == Response(204, (STAR, methods, vary, length))
    wanted = (("Access-Control-Request-Headers", "x-a, x-b"),)
    allowed = ("Access-Control-Allow-Headers", "x-a, x-b")
    assert server.request("OPTIONS", POLLING, headers=wanted).headers == (STAR, methods, vary, allowed, length)
    assert server.request("OPTIONS", "", path="/socket.io/socket.io.js").status == 204
    assert server.answers[server.ask("OPTIONS", WEBSOCKET, headers=UPGRADE)] is None


@pytest.mark.parametrize(
    ("cors", "origin", "headers"),
    [
        (Cors("http://a"), "http://b", (("Access-Control-Allow-Origin", "http://a"), ("Vary", "Origin"))),
        (Cors(("http://a",)), "http://a", (("Access-Control-Allow-Origin", "http://a"), ("Vary", "Origin"))),
        (Cors(("http://a",)), "http://b", (("Vary", "Origin"),)),
        (Cors(("http://a",)), None, (("Vary", "Origin"),)),
        (Cors(credentials=True), "http://b", (STAR, ("Access-Control-Allow-Credentials", "true"))),
    ],
)
def test_cors_for_some(cors: Cors, origin: str | None, headers: Headers) -> None:
    asking: Headers = () if origin is None else (("Origin", origin),)
    assert cors.headers(Request("GET", "/", headers=asking)) == headers


def test_preflight_names_both_reasons_to_vary() -> None:
    headers = Cors("http://a").preflight(Request("OPTIONS", "/")).headers
    assert ("Vary", "Origin, Access-Control-Request-Headers") in headers
