"""Pings, deadlines and debts over time; and whatever comes, in whatever order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.actions import Close, Hold, Release
from simulator.core.events import Closed
from simulator.core.message import Frame, Ping, Pong
from simulator.core.wire import Aborted, Asked, Attached, Beat, Detached, Drain, Drop, Got, Pause, Upgrade, Write
from simulator.wire.single import Policy
from tests.wire.test_single import DOOR, HI_FRAME, PING, Host, asking


def test_pongs_keep_a_peer() -> None:
    host = Host(Policy(30, 60))
    host.connect()
    for i in range(1, 40):
        host.at(30.0 * i, Got(10, Pong()))
    assert host.out == [(30.0 * i, PING) for i in range(1, 40)]
    host.at(30.0 * 39 + 59.9)
    assert host.closed == []
    host.at(30.0 * 39 + 60)
    assert len(host.closed) == 1


def test_nothing_but_a_pong_keeps_a_peer() -> None:
    host = Host(Policy(0, 60))
    host.connect()
    host.at(20.0, Got(10, Pong(b"unasked for")))
    host.at(70.0, Got(10, HI_FRAME), Got(10, Ping(b"hey")), Got(10, Frame("garbage")), Beat())
    host.at(79.9)
    assert host.out == [(70.0, Write(10, Pong(b"hey"))), (70.0, PING)]
    host.at(80.0)
    assert host.out[2:] == [(80.0, Drop(10))]


def test_owes_a_pong_for_each_peer() -> None:
    host = Host(Policy(30, 0))
    host.connect(1)
    host.connect(2)
    assert [*host.wire.owes()] == []
    host.at(30.0)
    assert [*host.wire.owes()] == [(host.conns[0], 1), (host.conns[1], 1)]
    host.at(60.0, Got(20, Pong()))
    assert [*host.wire.owes()] == [(host.conns[0], 2)], "a debt is a peer and its newest ping"
    host.at(60.0, Detached(10))
    assert [*host.wire.owes()] == []
    host.at(90.0)
    assert [*host.wire.owes()] == [(host.conns[1], 3)]


def test_beat_owes_nothing_and_arms_nothing() -> None:
    host = Host(Policy(30, 60))
    host.connect(1)
    host.connect(2)
    host.at(10.0, Beat())
    assert host.out == [(10.0, PING), (10.0, Write(20, Ping()))]
    assert [*host.wire.owes()] == []
    assert host.engine.next_due() == 30.0
    host.at(60.0)
    assert host.out[-2:] == [(60.0, Drop(10)), (60.0, Drop(20))]


def test_held_peer_is_kept_when_it_is_read_in_time() -> None:
    host = Host(Policy(30, 60))
    host.connect()
    peer = host.conns[0]
    host.wire.take(Hold(peer))
    host.at(59.0)
    assert host.wire.take(Release(peer)) == [Pause(10, False)]
    host.at(59.0, Got(10, Pong()))
    host.at(118.0)
    assert host.closed == []


_GIVEN = st.sampled_from(
    ["ask", "attach", "abort", "detach", "text", "pong", "beat", "close", "hold", "release", "wait", "drain"]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(_GIVEN, st.integers(1, 4)), max_size=60))
def test_closed_exactly_once(steps: list[tuple[str, int]]) -> None:
    host = Host(Policy(2, 5))
    calls, asked, attached, t = 0, set[int](), set[int](), 0.0

    def act(action: Close | Hold | Release) -> None:
        outputs = host.wire.take(action)
        host.closed += [out.conn for out in outputs if isinstance(out, Closed)]

    for what, n in steps:
        conn = host.conns[n - 1] if n <= len(host.conns) else "nobody"
        match what:
            case "ask":
                calls += 1
                asked.add(calls)
                host.at(t, Asked(calls, asking(), DOOR))
            case "attach" | "abort" if n in asked:
                asked.remove(n)
                if what == "attach":
                    attached.add(n)
                host.at(t, Attached(n * 10, n) if what == "attach" else Aborted(n))
            case "detach":
                host.at(t, Detached(n * 10))
            case "text" | "pong":
                host.at(t, Got(n * 10, HI_FRAME if what == "text" else Pong()))
            case "beat" | "drain":
                host.at(t, Beat() if what == "beat" else Drain())
            case "close" | "hold" | "release":
                actions: dict[str, Close | Hold | Release] = {"close": Close(conn), "hold": Hold(conn)}
                act(actions.get(what, Release(conn)))
            case "wait":
                t += n
                host.at(t)
    for call in asked:
        host.at(t, Aborted(call))
    for call in attached:
        host.at(t, Detached(call * 10))
    assert sorted(map(id, host.closed)) == sorted(map(id, host.conns))
    assert len([1 for _, effect in host.out if isinstance(effect, Upgrade)]) == len(host.conns)
    assert [*host.wire.owes()] == []
    assert host.wire.take(Beat()) == []
