"""A fault of a space: whom it strikes, and that it is told."""

from __future__ import annotations

from tests.faulty import HISTORY, chip, fault, seen


def test_only_at_one_backend_and_on_one_transport() -> None:
    talk, socket = chip(fault("drop", "a", backend="mia"))
    assert talk.running._machine is None
    talk.fault(fault("drop", "b", transport="polling"))
    socket.send(HISTORY)
    assert seen(socket) == ["history"]


def test_each_strike_is_told() -> None:
    talk, socket = chip(fault("drop", "gone", count=1))
    socket.send(HISTORY)
    assert talk.logged[-1] == ("info", "fault gone strikes downstream websocket: message history", {"struck": 1})
