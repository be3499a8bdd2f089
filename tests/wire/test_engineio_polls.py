"""What waits for a poll has bounds, and the lines of answers are those of whoever asks where they depend on it."""

from __future__ import annotations

from typing import Any

from simulator.core.message import Request
from simulator.wire.engineio_http import Cors
from simulator.wire.engineio_polls import Polls
from simulator.wire.engineio_session import Settings
from tests.wire.sio import POLLING, Server, code_of


def echo(**engine: Any) -> Server:
    return Server(echo=True, **engine)


def refused(server: Server, sid: str, code: int = 1) -> None:
    response = server.request("GET", f"{POLLING}&sid={sid}")
    assert (response.status, code_of(response)) == (400, code)


def test_a_buffer_that_nobody_fetches_has_an_end() -> None:
    server = echo(max_buffer=100)
    sid = server.open()
    server.post(sid, "\x1e".join(["4" + "a" * 40] * 3))
    refused(server, sid)


def test_all_buffers_together_have_an_end() -> None:
    """Whoever lets the most wait goes, whoever is written to."""
    server = echo(max_buffer=1000, max_waiting=300)
    greedy, modest, reading = server.open(), server.open(), server.open()
    server.post(greedy, "4" + "a" * 199)
    server.post(modest, "4" + "b" * 49)
    for _ in range(10):
        server.post(reading, "4" + "c" * 49)
        assert server.poll(reading) == "4" + "c" * 49
    server.post(modest, "4" + "b" * 59)
    refused(server, greedy)
    assert server.poll(modest) == "4" + "b" * 49 + "\x1e4" + "b" * 59
    server.post(reading, "4" + "c" * 299)
    assert server.poll(reading) == "4" + "c" * 299
    server.post(reading, "4" + "c" * 300)
    refused(server, reading)
    assert server.wire._engine._polls.waiting == 0
    server.post(modest, "4b")
    assert server.probe(modest).send("5") == ["4b"]
    assert server.wire._engine._polls.waiting == 0


def test_lines_that_depend_on_nobody_are_known_before() -> None:
    assert Polls(Settings()).cors == ()
    assert Polls(Settings(cors=Cors())).cors == (("Access-Control-Allow-Origin", "*"),)
    credentials = Cors("https://shop.example.com", credentials=True)
    assert Polls(Settings(cors=credentials)).cors == credentials.headers(Request("GET", "/"))


def test_lines_that_depend_on_who_asks_are_told_to_both_calls() -> None:
    server = echo(cors=Cors(("https://shop.example.com",)))
    sid = server.open()
    allowed = ("Access-Control-Allow-Origin", "https://shop.example.com")
    assert Polls(Settings(cors=Cors(("https://shop.example.com",)))).cors is None
    server.post(sid, "4a")
    for origin, told in (("https://shop.example.com", True), ("https://example.com", False)):
        post = server.request("POST", f"{POLLING}&sid={sid}", b"4b", (("Origin", origin),))
        got = server.request("GET", f"{POLLING}&sid={sid}", b"", (("Origin", origin),))
        assert [allowed in answer.headers for answer in (post, got)] == [told, told]
        assert [("Vary", "Origin") in answer.headers for answer in (post, got)] == [True, True]
