"""What was said, whatever carried it."""

from __future__ import annotations

import pytest

from simulator import backends
from simulator.cassette import conversation as room
from simulator.cassette.compare import compare
from simulator.cassette.conversation import Said
from simulator.cassette.entries import Beside, Cut, Entry, Exchange, Refused, TapedRequest, TapedResponse
from simulator.core.message import Message
from simulator.core.wire import Turn
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said, tape


def conversation(*entries: Entry, backend: str | None = None) -> list[Said]:
    return [*room.said(tape(*entries), None if backend is None else backends.load(backend))]


def test_what_chip_said() -> None:
    assert [(it.sender, it.name) for it in conversation(*tapes.chip(), backend="chip")] == [
        ("client", "(open)"),
        ("client", "start_chat"),
        ("server", "chat_started"),
        ("client", "send_msg"),
        ("server", "chat_out"),
        ("client", "ack_chat"),
        ("client", "(close)"),
    ]


def test_sessions_without_what_only_the_envelope_says() -> None:
    assert [it.name for it in conversation(*tapes.socketio())] == [
        "(open)", "connect", "connect", "connect", "connect_error", "save", "ack of save", "picture", "disconnect", "(close)",
    ]  # fmt: skip
    assert "heartbeat" not in {it.name for it in conversation(*tapes.phoenix())}


def test_everything_else_that_is_said() -> None:
    found = conversation(
        opened("/x?t=17&sid=a&EIO=4"),
        said("client", "nonsense"),
        Refused(1.0, 2, "/y?", (), TapedResponse(403)),
        Exchange(2.0, 3, 0.0, TapedRequest("POST", "/z?a=b", (), '{"x":1}'), TapedResponse(200, (), "plain")),
        Exchange(2.0, 4, 0.0, TapedRequest("PUT", "/z", (), Beside("f/1", 7, "abc")), None),
        Exchange(2.0, 5, 0.0, TapedRequest("GET", "/z"), TapedResponse(200, (), b"\xff")),
        closed(code=None),
        Cut(9.0, None, ""),
        backend="chip",
    )
    assert [(it.conn, it.sender, it.name, it.args) for it in found] == [
        (1, "client", "(open)", ("/x?EIO=4",)),
        (1, "client", "(unreadable)", ("nonsense",)),
        (2, "client", "(open)", ("/y",)),
        (2, "server", "(refused)", (403,)),
        (0, "client", "POST /z", ("a=b", {"x": 1})),
        (0, "server", "answer to POST /z", (200, "plain")),
        (0, "client", "PUT /z", ("", {"bytes": 7, "sha256": "abc"})),
        (0, "server", "answer to PUT /z", ("no answer",)),
        (0, "client", "GET /z", ("", None)),
        (0, "server", "answer to GET /z", (200, b"\xff")),
    ]


def test_a_turn_of_somebody_who_listens() -> None:
    turn = Turn("server", Message("a", (1,), topic="/x"))
    assert vars_of(room.of_turn(turn, 7)) == (7, "server", "a", (1,), "/x", 0, "a")


def vars_of(it: Said) -> tuple[object, ...]:
    return it.conn, it.sender, it.name, it.args, it.topic, it.line, it.message


@pytest.mark.parametrize("levels", [150, 300, 600, 1000])
def test_bodies_that_are_too_deep_are_texts(levels: int) -> None:
    def talk(inner: str) -> list[Said]:
        body = "[" * levels + inner + "]" * levels
        return conversation(Exchange(1.0, 5, 0.1, TapedRequest("POST", "/x", (), body), TapedResponse(200)))

    assert compare(talk(""), talk("")) == []
    [difference] = compare(talk("1"), talk("2"))
    assert (difference.kind, len(difference.changes)) == ("value", 1)
