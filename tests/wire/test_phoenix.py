"""Phoenix sockets: doors, time and ends. Rows are those of the fidelity file's section 4."""

from __future__ import annotations

import pytest

from simulator.core.actions import Accept, Close, Hold, Refuse, Release, Reply, Send
from simulator.core.events import Closed, Knocked, Opened, Requested
from simulator.core.message import Frame, Headers, Message, Ping, Pong, Request, Response
from simulator.core.wire import (
    Aborted,
    Answer,
    Asked,
    Attached,
    Beat,
    Detached,
    Drain,
    Drop,
    Got,
    Shut,
    Upgrade,
    Write,
)
from tests.wire.phoenix_host import (
    ELSEWHERE,
    HANDSHAKE,
    JOIN,
    LONGPOLL,
    WEBSOCKET,
    Host,
    asking,
    both,
    host,
    upgraded,
)

# ---- the door


@both
@pytest.mark.parametrize("query", ["vsn=2.0.0", "", "vsn=2.0.9", "vsn=1.0.7", "a=b&vsn=%32.0.0", "vsn=1.0.0&vsn=2.0.0"])
def test_row_1_2_5_upgrade(profile: str, query: str) -> None:
    it = Host(profile)
    assert it.take(Asked(1, asking(query), WEBSOCKET)) == upgraded(profile)
    assert it.take(Attached(1, 1)) == []
    assert [type(event) for event in it.events] == [Knocked, Opened]
    assert repr(it.conns(Opened)) == "[<socket 1>]"
    it.take(Got(1, Frame('[null,"1","phoenix","heartbeat",{}]')))
    v2 = query in ("vsn=2.0.0", "vsn=2.0.9", "a=b&vsn=%32.0.0", "vsn=1.0.0&vsn=2.0.0")
    _, last = it.out[-1]
    assert isinstance(last, Write if v2 else Shut)


@both
def test_row_9_a_foreign_origin_where_nobody_looks(profile: str) -> None:
    request = asking(changes={"Origin": "http://evil.example.com"})
    assert Host(profile).take(Asked(1, request, WEBSOCKET)) == upgraded(profile)


@both
def test_row_2_without_vsn_frames_are_objects(profile: str) -> None:
    it = Host(profile)
    it.connect(query="")
    [told] = it.says('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}')
    assert str(told).startswith("{")


@both
@pytest.mark.parametrize("vsn", ["123.1.1", "3.0.0", "1.1.0", "2.0.0-rc.1"])
def test_row_3_unsupported_vsn(profile: str, vsn: str) -> None:
    it = Host(profile)
    assert it.take(Asked(1, asking(f"vsn={vsn}"), WEBSOCKET)) == [Answer(1, Response(403))]
    assert it.events == []


@pytest.mark.parametrize("vsn", ["vsn=abc", "vsn=2", "vsn=2.0", "vsn=", "vsn=02.0.0", "vsn=2.0.0+x", "vsn[]=2.0.0"])
def test_row_4_malformed_vsn(vsn: str) -> None:
    assert Host("1.3").take(Asked(1, asking(vsn), WEBSOCKET)) == [Answer(1, None)]
    assert Host("1.8").take(Asked(1, asking(vsn), WEBSOCKET)) == [Answer(1, Response(403))]


def test_vsn_without_equals_sign() -> None:
    assert Host("1.3").take(Asked(1, asking("vsn"), WEBSOCKET)) == [Upgrade(1, HANDSHAKE)]
    assert Host("1.8").take(Asked(1, asking("vsn"), WEBSOCKET)) == [Answer(1, Response(403))]


@both
@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS"])
def test_row_6_other_methods(profile: str, method: str) -> None:
    assert Host(profile).take(Asked(1, asking("vsn=abc", method), WEBSOCKET)) == [Answer(1, Response(400))]


@both
def test_row_7_no_upgrade(profile: str) -> None:
    it = Host(profile)
    [answer] = it.take(Asked(1, asking(changes={"Connection": None}), WEBSOCKET))
    body = b"" if profile == "1.3" else b"'connection' header must contain 'upgrade', got []"
    assert answer == Answer(1, Response(400, (), body))
    assert [type(event) for event in it.events] == [Knocked, Closed], (
        "the socket connects before the upgrade is looked at"
    )


def passes(host: str, request: Request) -> bool:
    return host == "example.com"


@both
@pytest.mark.parametrize(
    "origin", ["http://evil.example.com", "http://EXAMPLE.com", "file://", "http://a@b.example.com:1"]
)
def test_row_8_foreign_origin(profile: str, origin: str) -> None:
    it = Host(profile, check_origin=passes)
    assert it.take(Asked(1, asking("vsn=abc", changes={"Origin": origin}), WEBSOCKET)) == [Answer(1, Response(403))]


@both
@pytest.mark.parametrize("origin", ["http://example.com:8080/x", "//example.com", None])
def test_row_9_origin_passes(profile: str, origin: str | None) -> None:
    request = asking(changes={"Origin": origin})
    for it in (Host(profile, check_origin=passes), Host(profile)):
        assert it.take(Asked(1, request, WEBSOCKET)) == upgraded(profile)


@pytest.mark.parametrize("origin", ["null", "", "example.com"])
def test_origin_without_host(origin: str) -> None:
    request = asking(changes={"Origin": origin})
    assert Host("1.3", check_origin=passes).take(Asked(1, request, WEBSOCKET)) == [Upgrade(1, HANDSHAKE)]
    assert Host("1.8", check_origin=passes).take(Asked(1, request, WEBSOCKET)) == [Answer(1, Response(403))]


def test_row_10_longpoll_is_no_door_in_1_3() -> None:
    it = Host("1.3")
    request = Request("GET", "/socket/longpoll")
    assert it.take(Asked(1, request, LONGPOLL)) == []
    assert it.events == [Requested(1, request, LONGPOLL)]


def test_rules_refuse_a_socket() -> None:
    it = Host()
    it.take(Asked(1, asking("later&vsn=2.0.0"), WEBSOCKET))
    [socket] = it.conns(Knocked)
    assert it.act(Refuse(socket, Response(401, (), b"no"))) == [Answer(1, Response(401, (), b"no"))]
    assert it.act(Accept(socket), Refuse(socket, Response(401))) == []
    assert it.closed() == []


def test_accept_has_more_lines() -> None:
    it = Host()
    it.take(Asked(1, asking("later&vsn=2.0.0"), WEBSOCKET))
    more: Headers = (("x-a", "b"),)
    assert it.act(Accept(it.conns(Knocked)[0], more)) == [Upgrade(1, HANDSHAKE + more)]


def test_aborted_before_and_after_the_answer() -> None:
    it = Host()
    it.take(Asked(1, asking("later&vsn=2.0.0"), WEBSOCKET))
    it.take(Aborted(1))
    [socket] = it.conns(Knocked)
    assert it.act(Accept(socket)) == []
    assert it.closed() == [("<socket 1>", 1006)], "who accepts late has state to forget, too"
    it.take(Asked(2, asking("later&vsn=2.0.0"), WEBSOCKET))
    it.take(Aborted(2))
    assert it.act(Refuse(it.conns(Knocked)[1], Response(400))) == []
    it.take(Asked(3, asking(), WEBSOCKET))
    for _ in range(2):
        assert it.take(Aborted(3)) == []
    assert it.take(Attached(3, 3)) == [Drop(3)]
    assert it.closed() == [("<socket 1>", 1006), ("<socket 3>", 1006)]


def test_rules_end_a_socket_without_a_close_frame() -> None:
    it = host("1.8", JOIN)
    socket, channel = it.conns(Opened)
    assert it.act(Close(socket, 1006)) == [Drop(1)]
    assert it.closed() == [(repr(channel), 1006), (repr(socket), 1006)]
    assert it.act(Close(socket, 1006), Close(channel, 1006)) == []


@pytest.mark.parametrize("conn", ["stranger", 1, None])
def test_strangers_are_passed_over(conn: object) -> None:
    it = host()
    actions = (Accept(conn), Refuse(conn, {}), Send((conn,), Message("m")), Close(conn), Hold(conn), Release(conn))
    assert it.act(*actions, Reply(conn, 1)) == []
    for unknown in (Got(99, Frame(JOIN)), Got(99, Ping()), Detached(99), Aborted(99), Beat()):
        assert it.take(unknown) == []
    assert it.take(Attached(99, 98)) == [Drop(99)]
    assert it.closed() == []


# ---- time


@both
def test_row_45_silence(profile: str) -> None:
    it = host(profile, JOIN)
    assert it.at(59.9) == []
    assert it.at(60.0) == [Shut(1, 1000)]
    assert it.closed() == [("<channel bot:a of 1>", 1000), ("<socket 1>", 1000)]
    assert it.engine.next_due() is None
    assert it.take(Detached(1, 1000)) == []


@pytest.mark.parametrize("item", [Frame('[null,"1","phoenix","heartbeat",{}]'), Ping(), Pong()])
def test_row_46_whatever_comes_keeps_the_socket(item: Frame | Ping | Pong) -> None:
    it = host()
    for n in range(1, 10):
        assert it.at(50.0 * n) == []
        it.take(Got(1, item))
    assert it.at(450.0 + 59.9) == []
    assert it.at(450.0 + 60.0) == [Shut(1, 1000)]


def test_no_timer_for_each_frame() -> None:
    it = host()
    before = len(it.engine._heap)
    it.says(*['[null,"1","phoenix","heartbeat",{}]'] * 100)
    assert len(it.engine._heap) == before


def test_under_a_clock_by_hand_a_ping_stands_for_the_heartbeat() -> None:
    """At half of the time, as a client's heartbeat has it; silence ends a socket when it does for everyone."""
    it = host(by_hand=True)
    assert it.at(29.9) == []
    assert it.at(30.0) == [Write(1, Ping())]
    assert [*it.wire.owes()] == [(it.conns(Opened)[0], 1)]
    it.at(31.0)
    it.take(Got(1, Pong()))
    assert [*it.wire.owes()] == []
    assert it.at(60.9) == []
    assert it.at(61.0) == [Write(1, Ping())]
    it.at(80.0)
    assert it.says('[null,"1","phoenix","heartbeat",{}]') != [], "anything counts"
    assert it.at(110.0) == [Write(1, Ping())]
    assert it.at(139.9) == []
    assert it.at(140.0) == [Shut(1, 1000)]
    assert [*it.wire.owes()] == []
    assert it.engine.next_due() is None


def test_no_idle_timeout() -> None:
    it = host(idle_timeout=0)
    assert it.engine.next_due() is None


# ---- ends


@both
def test_row_51_client_closes(profile: str) -> None:
    it = host(profile, JOIN, '["2","2","bot:b","phx_join",{}]')
    assert it.take(Detached(1, 1001)) == []
    assert it.closed() == [("<channel bot:a of 1>", 1001), ("<channel bot:b of 1>", 1001), ("<socket 1>", 1001)]
    assert it.take(Detached(1)) == it.says(JOIN) == []
    it.connect(2)
    assert len(it.says(JOIN, link=2)) == 1
    assert it.engine.next_due() == 60.0


@pytest.mark.parametrize(("profile", "last", "code"), [("1.3", Drop(1), 1006), ("1.8", Shut(1, 1012), 1012)])
def test_row_52_drain(profile: str, last: object, code: int) -> None:
    it = host(profile, JOIN)
    it.take(Asked(2, asking(), WEBSOCKET))
    it.take(Asked(3, asking("vsn=2.0.0&later"), WEBSOCKET))
    assert it.take(Drain()) == [last]
    assert it.closed() == [("<channel bot:a of 1>", code), ("<socket 1>", code), ("<socket 2>", 1006)]
    assert it.take(Attached(2, 2)) == [Drop(2)]
    assert it.take(Drain()) == []


def test_row_53_other_routes_are_the_rules_own() -> None:
    it = Host()
    request = Request("OPTIONS", "/content/image/x")
    assert it.take(Asked(4, request, ELSEWHERE)) == []
    assert it.events == [Requested(4, request, ELSEWHERE)]
