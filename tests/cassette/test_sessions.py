"""What a path and a packet say about a session."""

from __future__ import annotations

import pytest

from simulator.cassette.sessions import Session, Sessions, is_engine, is_poll, sid_in, sid_of


@pytest.mark.parametrize(
    ("path", "engine", "poll", "sid"),
    [
        ("/socket.io/?EIO=4&transport=polling", True, True, ""),
        ("/socket.io/?transport=polling&sid=a-b_C&EIO=4", True, True, "a-b_C"),
        ("/socket.io/?EIO=4&transport=websocket&sid=a", True, False, "a"),
        ("/socket.io/?EIO=4&transport=pollingx", True, False, ""),
        ("/x?XEIO=4&transport=polling", False, False, ""),
        ("/ws", False, False, ""),
    ],
)
def test_paths(path: str, engine: bool, poll: bool, sid: str) -> None:
    assert (is_engine(path), is_poll(path), sid_of(path)) == (engine, poll, sid)


@pytest.mark.parametrize(
    ("packet", "sid"),
    [('0{"sid":"a","upgrades":[]}', "a"), ('0{"upgrades":[], "sid" : "a"}', "a"), ("0{}", ""), ('40{"sid":"a"}', ""), ("", "")],
)  # fmt: skip
def test_packets(packet: str, sid: str) -> None:
    assert sid_in(packet) == sid


def test_those_without_a_name_are_no_burden() -> None:
    sessions = Sessions(1)
    for n in range(5):
        assert sessions.begin(Session(n)) is None
    assert sessions.conns() == [0, 1, 2, 3, 4]
    assert sessions.named("") is None
