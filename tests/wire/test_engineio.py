"""Sessions: what the official suite of Engine.IO v4 promises, and what engine.io 6.6 was seen to do beyond it."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.core.message import Frame, Ping, Pong, Request, Response
from simulator.core.wire import Asked, Attached, Beat, Detached, Drain, Drop, Got
from tests.wire.sio import POLLING, UPGRADE, WEBSOCKET, Server, code_of

BIN = b"\1\2\3\4"


def echo(**engine: Any) -> Server:
    return Server(echo=True, **engine)


def refused(server: Server, sid: str, code: int = 1) -> None:
    response = server.request("GET", f"{POLLING}&sid={sid}")
    assert (response.status, code_of(response)) == (400, code)


# ---- messages


@pytest.mark.parametrize("body", ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA=="])
def test_polling_echo(body: str) -> None:
    server = echo()
    sid = server.open()
    server.post(sid, body)
    assert server.poll(sid) == body


def test_a_poll_that_waits_gets_the_first_packet() -> None:
    server = echo()
    sid = server.open()
    poll = server.waiting(sid)
    server.post(sid, "4a\x1e4b\x1e4c")
    assert server.body(poll) == "4a"
    assert server.poll(sid) == "4b\x1e4c"


def test_websocket_echo() -> None:
    socket = echo().socket()
    [opened] = socket.got()
    assert str(opened).startswith('0{"sid":"')
    assert '"upgrades":[]' in str(opened)
    assert socket.send("4hello", BIN, "bAQIDBA==", "4") == ["4hello", BIN, BIN, "4"]


def test_packets_that_mean_nothing_here() -> None:
    server = echo()
    socket = server.socket()
    socket.got()
    assert socket.send("0", "5", "6") == []
    assert server.sockets


def test_any_number_of_packets() -> None:
    server = echo()
    sid = server.open()
    body = "\x1e".join(f"4{i}" for i in range(1000))
    server.post(sid, body)
    assert server.poll(sid) == body


# ---- what ends a session


@pytest.mark.parametrize("body", ["abc", "", "4a\x1eabc", "2", "4a\x1e2probe"])
def test_a_wrong_packet_ends_a_polling_session(body: str) -> None:
    server = echo()
    sid = server.open()
    server.post(sid, body)
    refused(server, sid)


@pytest.mark.parametrize("frame", ["abc", "", "2", "1", "7"])
def test_a_wrong_frame_ends_a_websocket(frame: str) -> None:
    server = echo()
    socket = server.socket()
    socket.got()
    assert socket.send(frame) == ["shut"]
    assert socket.send("4late") == []
    assert server.engine.next_due() is None


def test_the_poll_that_waits_is_told_of_the_end() -> None:
    server = echo()
    sid = server.open()
    poll = server.waiting(sid)
    server.post(sid, "abc")
    assert server.body(poll) == "1"


def test_bytes_can_not_be_posted_as_such() -> None:
    server = echo()
    sid = server.open()
    poll = server.waiting(sid)
    octets = (("Content-Type", "application/octet-stream"),)
    assert server.request("POST", f"{POLLING}&sid={sid}", b"4a", octets) == Response(400)
    assert server.body(poll) == "1"
    refused(server, sid)


def test_a_body_above_the_limit() -> None:
    server = echo(max_payload=10)
    sid = server.open()
    response = server.request("POST", f"{POLLING}&sid={sid}", b"4" * 11)
    assert (response.status, response.reason) == (413, "Payload Too Large")
    server.post(sid, "4" * 10)
    assert server.poll(sid) == "4" * 10


def test_two_polls_at_once() -> None:
    server = echo()
    sid = server.open()
    poll = server.waiting(sid)
    assert server.request("GET", f"{POLLING}&sid={sid}") == Response(400)
    assert server.body(poll) == "1"
    refused(server, sid)


def test_a_poll_that_is_given_up() -> None:
    server = echo()
    sid = server.open()
    server.abort(server.waiting(sid))
    refused(server, sid)


def test_a_poll_given_up_after_its_answer() -> None:
    server = echo()
    sid = server.open()
    poll = server.waiting(sid)
    server.post(sid, "4a")
    server.abort(poll)
    server.post(sid, "4b")
    assert server.poll(sid) == "4b"


def test_the_client_closes_by_a_post() -> None:
    server = echo()
    sid = server.open()
    poll = server.waiting(sid)
    server.post(sid, "1\x1e4late\x1e1")
    assert server.body(poll) == "6"
    refused(server, sid)


def test_the_client_closes_without_a_poll() -> None:
    server = echo()
    sid = server.open()
    server.post(sid, "1")
    refused(server, sid)


def test_other_methods() -> None:
    server = echo()
    sid = server.open()
    for method in ("PUT", "DELETE", "HEAD", "PATCH"):
        assert server.request(method, f"{POLLING}&sid={sid}") == Response(500)


def test_times_are_told_in_milliseconds() -> None:
    server = echo(ping_interval=0.3, ping_timeout=0.2)
    assert b'"pingInterval":300,"pingTimeout":200,' in server.request("GET", POLLING).body


def test_no_more_sessions_poll_than_the_setting_says() -> None:
    """Sockets are not counted, of which the system has a limit; one that is over makes room."""
    server = echo(max_polling=2)
    sids = [server.open(), server.open()]
    response = server.request("GET", POLLING)
    assert (response.status, response.body) == (403, b'{"code":4,"message":"Forbidden"}')
    assert server.socket().got()
    assert server.probe(sids[0]).send("5") == []
    server.post(server.open(), "1")
    server.open()
    assert code_of(server.request("GET", POLLING)) == 4
    server.after(45)
    server.open()


def test_a_session_does_not_keep_the_body_of_its_request() -> None:
    server = echo()
    server.request("GET", POLLING, b"x" * 1000)
    call = server.ask("GET", WEBSOCKET, b"x" * 1000, UPGRADE)
    server.take(Attached(call, call))
    assert [session.request.body for session in server.wire._engine.sessions.values()] == [b"", b""]


def test_a_payload_of_pongs_is_one() -> None:
    """The timers are set once: half a million pongs fit into one payload."""
    server = echo()
    sid = server.open()
    server.after(20)
    asked = Asked(0, Request("POST", "/socket.io/", f"{POLLING}&sid={sid}", (), b"3\x1e3\x1e3"), server.route)
    assert [type(output).__name__ for output in server.wire.take(asked)] == ["Cancel", "After", "Answer"]


def test_a_socket_that_just_ends() -> None:
    server = echo()
    socket = server.socket()
    socket.close(1001)
    assert server.engine.next_due() is None
    assert server.wire._engine.sessions == {}
    socket.close()
    assert server.engine.next_due() is None


# ---- heartbeats


def test_pings_go_on_while_pongs_come() -> None:
    server = echo(ping_interval=0.3, ping_timeout=0.2)
    sid, socket = server.open(), server.socket()
    socket.got()
    for _ in range(3):
        poll = server.waiting(sid)
        server.after(0.29)
        assert poll not in server.answers
        server.after(0.01)
        assert server.body(poll) == "2"
        assert socket.got() == ["2"]
        server.after(0.1)
        server.post(sid, "3")
        socket.send("3")
    assert [*server.wire.owes()] == []


def test_the_interval_begins_with_the_pong() -> None:
    server = echo()
    socket = server.socket()
    socket.got()
    server.after(25)
    assert socket.got() == ["2"]
    server.after(10)
    socket.send("3")
    server.after(24.9)
    assert socket.got() == []
    server.after(0.1)
    assert socket.got() == ["2"]


def test_a_pong_that_nobody_asked_for_moves_the_next_ping() -> None:
    server = echo()
    socket = server.socket()
    socket.got()
    server.after(20)
    socket.send("3")
    server.after(20)
    assert socket.got() == []
    server.after(5)
    assert socket.got() == ["2"]


def test_no_pong() -> None:
    server = echo()
    sid, socket = server.open(), server.socket()
    poll = server.waiting(sid)
    server.after(44.9)
    assert server.body(poll) == "2"
    assert len([*server.wire.owes()]) == 2
    last = server.waiting(sid)
    server.after(0.1)
    assert socket.got()[1:] == ["2", "shut"]
    assert server.body(last) == "1"
    refused(server, sid)
    assert [*server.wire.owes()] == []
    assert server.engine.next_due() is None


def test_debts_have_a_name_and_a_number() -> None:
    server = echo()
    socket = server.socket()
    server.after(25)
    [(session, number)] = server.wire.owes()
    assert (repr(session), number) == (f"<session {session.sid}>", 1)
    socket.send("3")
    server.after(25)
    assert [number for _, number in server.wire.owes()] == [2]


def test_websocket_pings_are_answered() -> None:
    server = echo()
    socket = server.socket()
    socket.got()
    server.take(Got(socket.link, Ping(b"hi")))
    server.take(Got(socket.link, Pong(b"hi")))
    server.take(Got(99, Ping(b"hi")))
    server.take(Got(99, Frame("4x")))
    assert socket.got() == ["pong"]
    probe = server.socket(f"{WEBSOCKET}&sid={server.open()}")
    server.take(Got(probe.link, Ping(b"ho")))
    assert probe.got() == ["pong"]


def test_beats_have_no_consequence() -> None:
    server = echo()
    socket, sid, silent = server.socket(), server.open(), server.open()
    poll = server.waiting(sid)
    socket.got()
    server.after(10)
    for _ in range(3):
        server.take(Beat())
        assert socket.got() == ["2"]
        socket.send("3")
    assert server.body(poll) == "2"
    server.post(sid, "3")
    assert server.poll(silent) == "2", "one that is not fetched is enough"
    assert [*server.wire.owes()] == []
    server.after(15)
    assert socket.got() == ["2"], "neither a beat nor its pong moves a ping"
    assert len([*server.wire.owes()]) == 3


def test_a_pong_pays_a_debt_before_a_beat() -> None:
    server = echo()
    socket = server.socket()
    server.take(Beat())
    server.after(25)
    socket.send("3", "3")
    assert [*server.wire.owes()] == []
    socket.got()
    server.after(25)
    assert socket.got() == ["2"]


# ---- the upgrade


def test_upgrade() -> None:
    server = echo()
    sid = server.open()
    socket = server.probe(sid)
    poll = server.waiting(sid)
    server.after(0.1)
    assert server.body(poll) == "6"
    assert socket.send("5", "4hello") == ["4hello"]
    refused(server, sid, 3)
    assert server.request("POST", f"{POLLING}&sid={sid}", b"4x").status == 400
    server.after(24.8)
    assert socket.got() == []
    server.after(0.1)
    assert socket.got() == ["2"]


def test_an_upgrade_under_a_clock_that_stands_still() -> None:
    server = echo(by_hand=True)
    sid = server.open()
    poll = server.waiting(sid)
    socket = server.probe(sid)
    assert server.body(poll) == "6"
    assert server.poll(sid) == "6", "one that comes while the upgrade is under way"
    assert socket.send("5", "4hello") == ["4hello"]


def test_what_waits_comes_over_the_websocket() -> None:
    server = echo()
    sid = server.open()
    socket = server.probe(sid)
    server.post(sid, "4a\x1ebAQIDBA==")
    server.after(0.5)
    assert socket.send("5") == ["4a", BIN]


def test_messages_go_on_by_polling_until_the_upgrade() -> None:
    server = echo()
    sid = server.open()
    server.probe(sid)
    poll = server.waiting(sid)
    server.post(sid, "4a")
    assert server.body(poll) == "4a"


def test_a_poll_that_waits_at_the_upgrade() -> None:
    server = echo()
    sid = server.open()
    socket = server.probe(sid)
    poll = server.waiting(sid)
    socket.send("5")
    assert server.body(poll) == "1"


def test_upgrade_without_a_probe() -> None:
    server = echo()
    socket = server.socket(f"{WEBSOCKET}&sid={server.open()}")
    assert socket.send("5", "4hello") == ["4hello"]


def test_a_ping_under_way_is_forgotten_at_the_upgrade() -> None:
    server = echo()
    sid = server.open()
    server.after(24)
    socket = server.probe(sid)
    server.after(1)
    assert server.poll(sid) == "2"
    assert len([*server.wire.owes()]) == 1
    socket.send("5")
    assert [*server.wire.owes()] == []
    server.after(30)
    assert socket.send("4alive") == ["4alive"]
    socket.send("3")
    server.after(25)
    assert socket.got() == ["2"]


@pytest.mark.parametrize("frame", ["2", "4x", "abc", "", BIN, "3"])
def test_what_a_probe_may_not_say(frame: str | bytes) -> None:
    server = echo()
    sid = server.open()
    socket = server.probe(sid)
    assert socket.send("2probe") == ["3probe"]
    assert socket.send(frame) == ["shut"]
    server.post(sid, "4a")
    assert server.poll(sid) == "4a"
    assert server.probe(sid).send("5", "4b") == ["4b"], "another may try"


def test_an_upgrade_takes_too_long() -> None:
    server = echo(upgrade_timeout=1)
    sid = server.open()
    socket = server.probe(sid)
    server.after(0.9)
    assert socket.got() == []
    server.after(0.1)
    assert socket.got() == ["shut"]
    server.post(sid, "4a")
    assert server.poll(sid) == "4a"


def test_a_probe_goes_away() -> None:
    server = echo()
    sid = server.open()
    server.probe(sid).close()
    poll = server.waiting(sid)
    server.after(1)
    assert poll not in server.answers


def test_the_session_ends_while_it_is_probed() -> None:
    server = echo()
    sid = server.open()
    socket = server.probe(sid)
    server.post(sid, "1")
    assert socket.got() == ["shut"]
    assert socket.send("5") == []


@pytest.mark.parametrize("upgraded", [True, False])
def test_a_second_websocket(upgraded: bool) -> None:
    server = echo()
    sid = server.open()
    first = server.probe(sid)
    if upgraded:
        first.send("5")
    assert server.socket(f"{WEBSOCKET}&sid={sid}").got() == ["shut"]
    assert first.send("4a" if upgraded else "2probe") == ["4a" if upgraded else "3probe"]


def test_a_websocket_takes_over_a_websocket() -> None:
    server = echo()
    first = server.socket()
    sid = next(iter(server.wire._engine.sessions))
    first.got()
    second = server.probe(sid)
    server.after(0.2)
    assert second.send("5", "4a") == ["4a"]
    assert first.got() == ["shut"]


def test_the_session_is_gone_when_the_websocket_comes() -> None:
    server = echo()
    sid = server.open()
    call = server.ask("GET", f"{WEBSOCKET}&sid={sid}", headers=UPGRADE)
    server.post(sid, "1")
    server.take(Attached(call, call))
    assert server.sockets[call].got() == ["shut"]


def test_a_websocket_that_says_it_polls() -> None:
    assert echo().socket(POLLING).got() == ["shut"]


def test_an_upgrade_that_is_given_up() -> None:
    server = echo()
    call = server.ask("GET", WEBSOCKET, headers=UPGRADE)
    server.abort(call)
    server.take(Attached(call, call))
    [item] = server.sockets[call].items
    assert isinstance(item, Drop)


def test_no_upgrades() -> None:
    for options in ({"allow_upgrades": False}, {"transports": ("polling",)}):
        assert b'"upgrades":[]' in Server(echo=True, **options).request("GET", POLLING).body
    response = echo(transports=("polling",)).request("GET", WEBSOCKET, headers=UPGRADE)
    assert response.body == b"Transport unknown"


# ---- closing


def close(server: Server, sid: str) -> None:
    engine = server.wire._engine
    out: list[object] = []
    engine.close(engine.sessions[sid], out)
    server.engine._effects = []
    server.engine._work(out)  # type: ignore[arg-type]
    server._carry(server.engine._effects)


def test_close_while_a_poll_waits() -> None:
    server = echo()
    sid = server.open()
    poll = server.waiting(sid)
    close(server, sid)
    assert server.body(poll) == "1"
    refused(server, sid)


def test_close_is_fetched_by_the_next_poll() -> None:
    server = echo()
    sid = server.open()
    close(server, sid)
    close(server, sid)
    server.post(sid, "4late")
    assert server.poll(sid) == "6\x1e1"
    refused(server, sid)


def test_close_lingers_for_a_while() -> None:
    server = echo(close_timeout=5)
    sid = server.open()
    close(server, sid)
    server.after(4.9)
    server.after(0.1)
    refused(server, sid)
    assert server.engine.next_due() is None


def test_what_waits_goes_first() -> None:
    server = echo()
    sid = server.open()
    server.post(sid, "4a")
    close(server, sid)
    assert server.poll(sid) == "4a"
    assert server.poll(sid) == "6\x1e1"


def test_closing_ends_with_the_ping_timeout_at_last() -> None:
    server = echo()
    sid = server.open()
    server.post(sid, "4a")
    close(server, sid)
    server.take(Beat())
    server.after(44.9)
    assert [*server.wire.owes()] == []
    assert sid in server.wire._engine.sessions
    server.after(0.1)
    refused(server, sid)


def test_the_client_closes_what_is_closing() -> None:
    server = echo()
    sid = server.open()
    close(server, sid)
    server.post(sid, "4a\x1e1")
    refused(server, sid)


def test_close_while_it_is_probed() -> None:
    server = echo()
    sid = server.open()
    socket = server.probe(sid)
    server.post(sid, "4a")
    close(server, sid)
    assert socket.send("5") == ["4a", "shut"]
    refused(server, sid)


def test_close_over_a_websocket() -> None:
    server = echo()
    socket = server.socket()
    socket.got()
    close(server, next(iter(server.wire._engine.sessions)))
    assert socket.got() == ["shut"]
    server.take(Detached(socket.link))
    assert server.engine.next_due() is None


def test_drain() -> None:
    server = echo()
    socket, sid, other = server.socket(), server.open(), server.open()
    half = server.ask("GET", WEBSOCKET, headers=UPGRADE)
    poll = server.waiting(sid)
    server.take(Drain())
    assert socket.got()[1:] == ["shut"]
    assert server.body(poll) == "1"
    refused(server, other)
    server.take(Attached(half, half))
    assert isinstance(server.sockets[half].items[0], Drop)
    assert server.engine.next_due() is None
