"""Clients of ours before a server that answers as it likes: that it can be a good one, and that what is wrong is seen."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.cassette.compare import Change
from simulator.core.message import Frame, Response
from simulator.core.wire import Shut, Write
from simulator.drive.orders import Dial, Fetch
from simulator.drive.verdict import MATCHED, Row, Verdict
from tests.fuzz import continued, verified
from tests.fuzz.continued import Continued
from tests.fuzz.conversation import Wrong
from tests.fuzz.network import HERE, SECRETS
from tests.fuzz.verified import MANNERS, Verified, taped


def begun(name: str = "hello", how: str = "as it comes") -> Verified:
    there = Verified(taped(name), MANNERS[how])
    there.begin()
    return there


@pytest.mark.parametrize("name", [one for one in verified.names() if one not in ("concierge", "phoenix")])
@pytest.mark.parametrize("how", MANNERS)
def test_a_server_as_on_the_tape_is_one(name: str, how: str) -> None:
    """So that what comes behind a good beginning is tried as well. URLs of concierge's server are not this one's."""
    there = begun(name, how)
    for _ in range(150):
        there.line("obliges 99")
        there.line("after 0.2")
    found = there.end()
    assert {row.outcome for row in found.rows} == {MATCHED}


@pytest.mark.parametrize("name", ["chip", "chatbot", "aida"])
def test_a_conversation_is_carried_on(name: str) -> None:
    there = Continued(taped(name))
    there.begin()
    there.line("knows 6")
    for _ in range(60):
        there.line("obliges 99")
        there.line("client 1")
        there.line("after 0.2")
    there.line("asks GET /x")
    there.line("0 answers 204 ")
    there.end()
    assert sum(one[0] == "heard" for one in there.ears.heard_of) >= 3
    assert there.ears.answers == 1


# ---- those who watch see what they watch for ----


def test_what_raises_is_told_with_all_that_led_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    there = begun()
    there.line("0 opens")
    monkeypatch.setattr(there.play, "_hear", lambda *given: 1 / 0)
    with pytest.raises(Wrong, match=r"ZeroDivisionError.*\n  after these lines:\n    0 opens\n    0 >> x$"):
        there.line("0 >> x")


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (Write(7, Frame("x")), "no socket that is open"),
        (Write(1, Frame("\ud800")), "surrogates not allowed"),
        (Shut(1, 1006, ""), "nobody sends the code 1006"),
        (Shut(1, 1000, "x" * 124), "a reason that no frame holds"),
        (Fetch(9, "GET", f"{HERE}/a b", (), b"", 1.0), "no URL as it is sent"),
        (Fetch(9, "GET", "file:///x", (), b"", 1.0), "file:"),
        (Dial(9, f"wss://other.example.com/?{SECRETS[1]}", ()), "operators-own-query goes to wss"),
        (Fetch(9, "GET", "http://other.example.com/", (("X", SECRETS[0]),), b"", 1.0), "operators-own-header goes to"),
        (Fetch(9, "GET", "http://other.example.com/", (), SECRETS[1].encode(), 1.0), "operators-own-query goes to"),
    ],
)
def test_an_order_that_is_wrong_is_seen(order: Any, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = begun()
    there.line("0 opens")
    there.play._calls[9] = object()  # type: ignore[assignment]
    monkeypatch.setattr(there.play, "take", lambda news, now: [order])
    with pytest.raises(Wrong, match=why):
        there.line("0 >> x")


def test_a_word_after_the_end_of_a_socket_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    there = begun()
    there.line("0 opens")
    monkeypatch.setattr(there.play, "take", lambda news, now: [Shut(1, 1000, ""), Write(1, Frame("x"))])
    with pytest.raises(Wrong, match="1 was shut by the client"):
        there.line("0 >> x")


def test_more_than_there_is_cause_for_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    there = begun()
    there.line("0 opens")
    monkeypatch.setattr(there.play, "take", lambda news, now: [Write(1, Frame("x"))] * 200)
    with pytest.raises(Wrong, match="202 orders, "):
        there.line("0 >> x")


def test_who_waits_for_ever_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    there = begun()
    monkeypatch.setattr(there.play, "next_due", lambda: None)
    with pytest.raises(Wrong, match="waits for something that has no end"):
        there.end()
    there = begun()
    monkeypatch.setattr(there.play, "next_due", lambda: 1e9)
    with pytest.raises(Wrong, match="waits for more than"):
        there.end()
    there = begun()
    monkeypatch.setattr(there.play, "next_due", lambda: there.now)
    monkeypatch.setattr(there.play, "pass_time", lambda now: [])
    with pytest.raises(Wrong, match="turns in 0 s"):
        there.end()


def test_what_is_kept_of_a_flood_is_seen() -> None:
    there = begun()
    there.play.outcome.heard += there.play.outcome.heard * 2000
    with pytest.raises(AssertionError, match="messages are kept"):
        there.end()


@pytest.mark.parametrize(
    ("row", "raises"),
    [
        (Row("changed", 1, 1, "server", "x", [Change("a", "b")]), None),
        (Row("changed", 1, 1, "server", "x\0\ud800\n", [Change("a\n", "b\x1b[1m")], "why\r\n"), None),
        (Row("not sent", 1, 1, "client", "x"), None),
        (Row("what", 1, 1, "server", "x"), KeyError),
    ],
)
def test_reports_are_read_again(row: Row, raises: type[Exception] | None) -> None:
    found = Verdict([row], [(1, "two\nlines"), (0, "\u2028")])
    if raises is not None:
        with pytest.raises(raises):
            verified.written(found)
    else:
        verified.written(found)


def test_a_request_without_an_answer_is_seen() -> None:
    there = Continued(taped("hello"))
    there.begin()
    there.ears.asked.add("somebody")
    with pytest.raises(Wrong, match=r"requests without an answer: .'somebody'"):
        there.end()


def test_an_answer_that_nobody_wants_is_seen() -> None:
    ears = continued.Ears()
    with pytest.raises(AssertionError, match="nobody asked"):
        ears.answered(1, Response(200, (), b""), "")
