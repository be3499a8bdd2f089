"""Messages, frames, requests: equality and how header lines are read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.core.message import NO_REF, Frame, Message, Ping, Pong, Request, Response
from simulator.core.objects import Upload

REQUEST = Request(
    "GET",
    "/",
    headers=(("connection", "keep-alive"), ("Connection", " Upgrade ,x"), ("Empty", ""), ("HOST", "a"), ("Host", "b")),
)


def test_message_is_its_parts() -> None:
    assert Message("m", ({"a": 1},)) == Message("m", ({"a": 1},), NO_REF, "")
    assert Message("m") != Message("m", (None,)), "no body and a null are two things"
    assert Message("m", topic="a") != Message("m", topic="b")
    assert Message("m", ref=1) != Message("m")


def test_no_ref_has_a_name() -> None:
    assert repr(Message("m")) == "Message(name='m', args=(), ref=NO_REF, topic='')"


def test_text_is_not_binary() -> None:
    assert Frame("a") != Frame(b"a")
    assert Frame("a") == Frame("a", "websocket") != Frame("a", "polling")
    pong: object = Pong()
    assert Ping() == Ping(b"") != pong


@pytest.mark.parametrize(
    ("name", "value"),
    [("Host", "a"), ("hOsT", "a"), ("Connection", "keep-alive"), ("Empty", ""), ("Hos", None), ("Hostess", None)],
)
def test_header_is_the_first_of_any_spelling(name: str, value: str | None) -> None:
    assert REQUEST.header(name) == value


@pytest.mark.parametrize(
    ("name", "tokens"),
    [("CONNECTION", ["keep-alive", "upgrade", "x"]), ("Host", ["a", "b"]), ("Empty", [""]), ("Upgrade", [])],
)
def test_tokens_of_all_lines(name: str, tokens: list[str]) -> None:
    assert REQUEST.tokens(name) == tokens


def test_length_is_that_of_the_body_or_of_what_is_stored() -> None:
    assert Response(200, body=b"abc").length == 3
    assert Response(200, body=b"abc", stored=Upload("1", 7, "image/png", "")).length == 7
    assert Response(206, stored=Upload("1", 7, "image/png", ""), span=(2, 6)).length == 4


def test_bare_request_and_response() -> None:
    assert Request("GET", "/") == Request("GET", "/", "", (), b"", (1, 1), "")
    assert Response(404) == Response(404, (), b"", None)


@pytest.mark.parametrize("value", [Message("m"), Frame(""), Ping(), Pong(), Request("GET", "/"), Response(200), NO_REF])
def test_no_room_for_more(value: object) -> None:
    assert not hasattr(value, "__dict__")


def test_lines_that_are_known_by_their_names() -> None:
    request = Request("GET", "/", "", (("Host", "x"), ("Connection", "Keep-Alive, Upgrade")))
    request.named = {"host": "x", "connection": "Keep-Alive, Upgrade"}
    assert (request.header("HOST"), request.header("Origin")) == ("x", None)
    assert (request.tokens("connection"), request.tokens("Origin")) == (["keep-alive", "upgrade"], [])
    assert request == replace(request)
    assert replace(request).named is None
