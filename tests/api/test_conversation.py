"""The text that a failed test shows."""

from __future__ import annotations

from typing import Any

from simulator.api.conversation import text
from simulator.api.notes import Note
from simulator.api.said import Message, Violation

WRONG = Violation(2, "chip", "send_msg", "", "an object", "[]", "The words.", "", "")


def said(number: int, name: str | None = "hi", kind: Any = "message", **more: Any) -> Message:
    given: dict[str, Any] = {
        "time": 1767225600.5, "backend": "chip", "link": 1, "sender": "client", "args": ({"a": 1},), "topic": "", "raw": "raw",
        "via": "websocket", "error": "", "answers": None, "answers_number": None, "violations": (),
    }  # fmt: skip
    return Message(number=number, name=name, kind=kind, **{**given, **more})


def note(number: int, words: str) -> Note:
    return Note(number, "chip", "", "info", words)


def test_each_frame_has_what_was_told_of_it_below_it() -> None:
    messages = [said(1), said(2, violations=(WRONG,)), said(3, kind="ack", name=None, answers="hi", sender="server")]
    assert text(
        "Title", messages, [note(0, "before"), note(1, "matches"), note(2, "no"), note(3, "last")]
    ).splitlines() == [
        "Title",
        '   1  00:00:00.500  #1 client >> hi {"a":1}',
        "        info: before",
        "        info: matches",
        '   2  00:00:00.500  #1 client >> hi {"a":1}',
        "        violation: body: expected an object, got []",
        "          The words.",
        "        info: no",
        '   3  00:00:00.500  #1 server << ack of hi {"a":1}',
        "        info: last",
    ]


def test_what_is_no_message_is_shown_as_it_passed() -> None:
    messages = [
        said(1, name=None, kind="control", args=(), raw="2probe\x1b[31m"),
        said(2, name=None, args=(), raw="{", error="no JSON"),
        said(3, kind="ping"),
        said(4, backend="mia", topic="/admin", args=({"n": 2**70},)),
    ]
    assert text("Title", messages, []).splitlines()[1:] == [
        "   1  00:00:00.500  chip #1 client >> (control) 2probe\\x1b[31m",
        "   2  00:00:00.500  chip #1 client >> (message) {",
        "        can't be read: no JSON",
        '   4  00:00:00.500  mia #1 client >> hi [/admin] {"n":1180591620717411303424}',
        "(pings and pongs that are not shown: 1)",
    ]


def test_it_is_bounded() -> None:
    messages = [said(n, args=("x" * 10_000,)) for n in range(1, 1001)]
    told = text("Title", messages, [note(n, "y" * 10_000) for n in range(1001)])
    assert "(the last 50 of 1000 frames)" in told
    assert len(told.splitlines()) < 160
    assert max(map(len, told.splitlines())) == 303
    assert text("Title", [], []) == "Title\n(nothing was said)"
