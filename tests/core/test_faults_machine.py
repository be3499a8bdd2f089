"""Faults on a WebSocket, without I/O: ends, doors, coming and going."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.core import faults_machine
from simulator.core.bot import Say
from simulator.core.wire import Aside, Due
from tests.faulty import HISTORY, SAY, chip, fault, seen
from tests.talk import Talk


def say(talk: Talk, text: str = "there") -> None:
    """The operator says something in the chat that was started."""
    talk.act([*talk.running.engine.rules.talks()][-1], Say(text))


def test_drop_duplicate_reorder() -> None:
    talk, socket = chip(fault("drop", count=1))
    socket.send(HISTORY)
    socket.send(HISTORY)
    assert seen(socket) == ["history"]
    talk.fault(fault("duplicate", copies=2, count=1))
    socket.send(HISTORY)
    assert seen(socket) == ["history"] * 3
    talk.fault(fault("reorder", count=1))
    socket.send(HISTORY)
    assert seen(socket) == []
    socket.ping()
    assert seen(socket) == ["pong"], "no pong is a message"
    say(talk)
    assert seen(socket) == ["chat_out", "history"]


def test_who_waits_for_nobody_goes() -> None:
    talk, socket = chip(fault("reorder", window=200))
    socket.send(HISTORY)
    talk.after(0.199)
    assert seen(socket) == []
    talk.after(0.001)
    assert seen(socket) == ["history"]


def closed(talk: Talk) -> bool:
    """Whether the rules know that nobody is there any more."""
    return not talk.running.engine.rules._state.clients  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "reason", "said"), [(1012, "bye", "shut 1012 bye"), (4999, "", "shut 4999"), (None, "", "shut None")]
)
def test_close_at_once(code: int | None, reason: str, said: str) -> None:
    talk, socket = chip(fault("close", code=code, reason=reason))
    assert seen(socket) == [said]
    assert closed(talk)
    socket.send(HISTORY)
    socket.close(1000)
    assert seen(socket) == []


def test_ends_strike_whoever_comes_later_once() -> None:
    talk, socket = chip(fault("close", code=1012, count=2))
    assert seen(socket) == ["shut 1012"]
    assert seen(talk.connect("second")) == ["shut 1012"]
    third = talk.connect("third")
    third.send('{"type":"start_chat"}')
    assert seen(third) == ["chat_started"]


def test_an_end_in_place_of_a_message_or_behind_it() -> None:
    talk, socket = chip(fault("close", code=1011, message="history"))
    say(talk)
    socket.send(HISTORY)
    assert seen(socket) == ["chat_out", "shut 1011"]
    _, socket = chip(fault("close", code=1011, message="history", deliver=True), fault("latency", latency=100))
    socket.send(HISTORY)
    assert seen(socket) == []


def test_a_close_keeps_its_place() -> None:
    talk, socket = chip(fault("close", message="history", deliver=True), fault("latency", "l", latency=100))
    socket.send(HISTORY)
    talk.after(0.1)
    assert seen(socket) == ["history", "shut None"]


def test_slow_close() -> None:
    talk, socket = chip(fault("slow_close", delay=2000), ping_interval=0, pong_timeout=10)
    talk.after(11.9)
    assert seen(socket) == []
    socket.send(HISTORY)
    assert seen(socket) == [], "the wire has let go of it"
    talk.after(0.1)
    assert seen(socket) == ["dropped"]


def test_reset_now_and_later() -> None:
    talk, socket = chip(fault("reset_peer"))
    assert seen(socket) == ["reset"]
    assert closed(talk)
    talk, socket = chip(fault("reset_peer", timeout=500))
    socket.send(HISTORY)
    talk.after(0.499)
    assert seen(socket) == []
    talk.after(0.001)
    assert seen(socket) == ["reset"]


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_silence_in_one_direction(stream: str) -> None:
    talk, socket = chip(fault("timeout", timeout=500, stream=stream))
    socket.send(SAY)
    talk.after(0.5)
    assert seen(socket) == ["dropped"]
    said = [text for level, text, facts in talk.logged if "said" in text or "message" in text]
    assert closed(talk), said


def test_silence_for_ever_lasts_until_it_is_taken_away() -> None:
    talk, socket = chip(fault("timeout"))
    socket.send(HISTORY)
    talk.after(50)
    assert seen(socket) == []
    socket.pong()
    talk.fault(without="timeout")
    socket.send(HISTORY)
    assert seen(socket) == ["history"]
    assert talk.running._machine is None


def test_the_servers_end_is_lost_in_silence_and_told_when_it_is_over() -> None:
    talk, socket = chip(fault("timeout"), pong_timeout=10, ping_interval=0)
    talk.after(20)
    assert seen(socket) == []
    assert closed(talk)
    talk.fault(without="timeout")
    assert seen(socket) == ["dropped"]


def test_refused_handshake() -> None:
    talk, _ = chip(fault("refused_handshake", status=429, body="later", count=1))
    refused = talk.connect("second").refused
    assert refused is not None
    assert (refused.status, refused.body) == (429, b"later")
    assert talk.connect("third").upgrade is not None


def test_a_late_101() -> None:
    talk, _ = chip(fault("latency", latency=300, count=1))
    socket = talk.connect("second")
    assert socket.upgrade is None
    talk.after(0.3)
    assert socket.upgrade is not None


def test_who_does_not_wait_for_his_101_was_never_there() -> None:
    talk, _ = chip(fault("latency", latency=300, stream="upstream"))
    socket = talk.connect("second")
    talk.abort(socket)
    talk.after(1.0)
    assert socket.upgrade is None
    talk, _ = chip(fault("latency", latency=300))
    socket = talk.connect("second")
    talk.abort(socket)
    talk.after(1.0)
    assert socket.upgrade is None


def test_what_was_held_comes_when_the_last_fault_goes() -> None:
    talk, socket = chip(
        fault("latency", "down", latency=10**9), fault("latency", "up", latency=5000, stream="upstream")
    )
    for _ in range(3):
        socket.send(HISTORY)
    talk.fault(without="down")
    assert seen(socket) == []
    talk.fault(without="up")
    assert seen(socket) == ["history"] * 3
    assert talk.running._machine is None
    assert talk.running.engine.next_due() is None or talk.running.engine.next_due() > talk.clock.now()  # type: ignore[operator]


def test_of_two_delays_one_goes() -> None:
    talk, socket = chip(fault("latency", "a", latency=1000), fault("latency", "b", latency=300))
    socket.send(HISTORY)
    talk.fault(without="a")
    talk.after(0.299)
    assert seen(socket) == []
    talk.after(0.001)
    assert seen(socket) == ["history"]


def test_faults_that_come_while_frames_are_held_do_not_let_others_pass_them() -> None:
    talk, socket = chip(fault("latency", "a", latency=1000, count=1))
    socket.send(HISTORY)
    talk.fault(fault("latency", "b", latency=1))
    say(talk)
    talk.after(0.5)
    assert seen(socket) == []
    talk.after(0.5)
    assert seen(socket) == ["history", "chat_out"]


def test_who_waited_to_change_places_goes_with_the_fault() -> None:
    talk, socket = chip(fault("reorder", "r", window=10**6), fault("latency", "l", latency=10))
    socket.send(HISTORY)
    talk.fault(without="r")
    talk.after(0.01)
    assert seen(socket) == ["history"]
    talk.fault(fault("reorder", "r", window=10**6))
    socket.send(HISTORY)
    talk.fault(without="l")
    assert seen(socket) == []
    talk.fault(without="r")
    assert seen(socket) == ["history"]


@pytest.mark.parametrize("slow", [fault("latency", "slow", latency=10), fault("bandwidth", "slow", rate=1)])
def test_who_waits_to_change_places_is_not_slowed_by_a_fault_that_has_gone(slow: Any) -> None:
    talk, socket = chip(fault("reorder", "r", window=10**6), slow)
    socket.send(HISTORY)
    talk.fault(without="slow")
    assert seen(socket) == []
    talk.fault(without="r")
    assert seen(socket) == ["history"]


def test_an_end_that_was_to_come_does_not_when_its_fault_goes() -> None:
    talk, socket = chip(fault("reset_peer", timeout=500))
    talk.fault(without="reset_peer")
    talk.after(1.0)
    socket.send(HISTORY)
    assert seen(socket) == ["history"]


def test_a_client_that_leaves_takes_its_frames_along() -> None:
    talk, socket = chip(fault("latency", "d", latency=1000), fault("latency", "u", latency=1000, stream="upstream"))
    socket.send(HISTORY)
    talk.after(1.0)
    socket.send(HISTORY)
    machine = talk.running._machine
    assert machine is not None
    assert machine.held > 0
    socket.close()
    assert machine.held == 0
    talk.after(10.0)
    assert seen(socket) == []


def test_stopping_waits_for_nothing() -> None:
    talk, socket = chip(fault("latency", latency=10**9), fault("close", code=4000, message="chat_out"))
    socket.send(HISTORY)
    talk.drain()
    assert seen(socket) == ["history", "shut 1000"]
    talk, socket = chip(fault("timeout"), pong_timeout=10, ping_interval=0)
    talk.after(20)
    talk.drain()
    assert seen(socket) == ["dropped"]


def test_a_year_of_latency_holds_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_machine, "MOST_OF_ONE", 4 << 20)
    talk, socket = chip(fault("latency", latency=365 * 86_400_000, stream="upstream"))
    machine = talk.running._machine
    assert machine is not None
    big = f'{{"type":"send_msg","text":"{"x" * 60_000}"}}'
    for _ in range(60):
        socket.send(big)
        assert machine.held <= faults_machine.MOST_OF_ONE + 70_000
    for _ in range(60):
        socket.send(big)
    assert seen(socket) == ["dropped"]
    assert machine.held == 0
    assert ("warning", "more waits behind faults than there is room for: dropped", {"link": socket.call}) in talk.logged
    many = [talk.connect(f"c{number}") for number in range(20)]
    assert all(one.upgrade is None for one in many), "their requests wait, too"


def test_all_links_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_machine, "MOST_WAITING", 10_000)
    talk, socket = chip()
    others = [talk.connect(f"c{number}") for number in range(5)]
    talk.fault(fault("latency", latency=10**6, stream="upstream"))
    for other in others:
        for _ in range(10):
            other.send(HISTORY)
    machine = talk.running._machine
    assert machine is not None
    assert machine.held <= 11_000
    assert any(seen(other) == ["dropped"] for other in others)
    assert seen(socket) == []


def test_links_that_nobody_told_of_are_left_alone() -> None:
    talk, socket = chip()
    talk.space.faults.add(fault("drop"))
    talk.running.fault((), {})
    socket.send(HISTORY)
    assert seen(socket) == ["history"]
    socket.close()
    talk.take(Due(Aside(99), "up"))


def test_the_server_has_one_last_word() -> None:
    talk, socket = chip(fault("slow_close", delay=60_000), ping_interval=0, pong_timeout=10)
    talk.fault(fault("close", code=4000))
    talk.after(59.9)
    assert seen(socket) == []
    talk.after(0.1)
    assert seen(socket) == ["shut 4000"]


def test_what_was_on_its_way_down_comes_too() -> None:
    talk, socket = chip(
        fault("latency", "down", latency=10**9), fault("drop", "other", toxicity=0.0), ping_interval=0, pong_timeout=0
    )
    socket.send(HISTORY)
    talk.fault(without="down")
    assert seen(socket) == ["history"]
    talk.after(10**6)
    assert seen(socket) == []
    assert talk.running.engine.next_due() is None, "no timer is left of it"


def test_faults_leave_alone_what_one_has_ended_already() -> None:
    talk, socket = chip(fault("reset_peer", "first"))
    assert seen(socket) == ["reset"]
    machine = talk.running._machine
    assert machine is not None
    talk.space.faults.add(fault("close", "second"))
    # The driver has not heard yet that the socket is gone.
    look = talk.running.fault([socket.call], {})
    assert look is not None
    talk.take(look)
    assert seen(socket) == []


@pytest.mark.parametrize(("type", "said"), [("close", "shut None"), ("reset_peer", "reset")])
def test_an_end_comes_behind_a_message_that_is_late(type: str, said: str) -> None:
    talk, socket = chip(
        fault("latency", latency=500, stream="upstream"),
        fault(type, message="send_msg", deliver=True, stream="upstream", count=1),
    )
    socket.send(SAY)
    socket.send(HISTORY)
    talk.after(0.499)
    assert seen(socket) == []
    assert not closed(talk)
    talk.after(0.001)
    assert seen(socket) == [said]
    assert closed(talk)
    talk.fault(without="latency")
    again = talk.connect("again")
    chat = [*talk.running.engine.rules.talks()][-1].rpartition("/")[2]
    again.send(f'{{"type":"start_chat","chat_id":"{chat}"}}')
    again.send(HISTORY)
    talk.after(1)
    assert '"text":"hi"' in str(again.got[-1]), "it arrived"


def test_an_end_that_waits_behind_a_message_goes_with_its_fault() -> None:
    talk, socket = chip(
        fault("latency", latency=500, stream="upstream"),
        fault("close", message="get_history", deliver=True, stream="upstream"),
    )
    socket.send(HISTORY)
    talk.fault(without="close")
    talk.after(1)
    assert seen(socket) == ["history"]
    socket.send(HISTORY)
    talk.after(1)
    assert seen(socket) == ["history"]
