"""Socket.IO: what the official suite of v5 promises, and what socket.io 4.8 was seen to do beyond it."""

from __future__ import annotations

import json

import pytest

from simulator.core.actions import Accept, Close, Hold, Refuse, Release, Reply, Send
from simulator.core.errors import WireError
from simulator.core.events import Acked, Closed, Event, Knocked, Malformed, Opened, Received, Requested
from simulator.core.message import NO_REF, Message, Request, Response
from simulator.core.wire import Asked, Beat, Drain
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio_socket import Settings, routes
from tests.wire.sio import POLLING, Server, conn, do

BIN = b"\1\2\3"
HOLE = '{"_placeholder":true,"num":0}'
HI = Message("hi", (1,))


def sid_of(frame: str | bytes, prefix: str = "40") -> str:
    assert str(frame).startswith(f"{prefix}{{")
    return str(json.loads(str(frame)[len(prefix) :])["sid"])


# ---- joining


def test_join() -> None:
    server = Server()
    socket = server.socket()
    [opened] = socket.got()
    assert str(opened).startswith("0")
    joined, auth = socket.send("40")
    assert len(sid_of(joined)) == 20
    assert sid_of(joined) != server.rules.all(Opened)[0].conn.session.sid
    assert auth == '42["auth",{}]'
    assert repr(conn(server)) == f"<socket {sid_of(joined)}>"


def test_join_with_auth() -> None:
    server = Server()
    socket = server.socket()
    assert socket.send('40{"token":"abc"}')[-1] == '42["auth",{"token":"abc"}]'
    [knocked] = server.rules.all(Knocked)
    assert (knocked.auth, knocked.topic, knocked.recovers) == ({"token": "abc"}, "/", None)
    assert knocked.request.query == "EIO=4&transport=websocket"


def test_join_a_namespace() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    joined, auth = socket.send('40/custom,{"a":1}')
    assert len(sid_of(joined, "40/custom,")) == 20
    assert auth == '42/custom,["auth",{"a":1}]'
    assert repr(conn(server)).startswith("<socket /custom,")


@pytest.mark.parametrize("frame", ["40/random", "40/random,", '40/random,{"a":1}', "40/custom?x=1,"])
def test_a_namespace_that_is_not_there(frame: str) -> None:
    server = Server()
    socket = server.connected()
    nsp = frame[2:].partition(",")[0]
    assert socket.send(frame)[-1] == f'44{nsp},{{"message":"Invalid namespace"}}'
    assert socket.send('42["message",1]') == ['42["message-back",1]']


@pytest.mark.parametrize(
    ("auth", "refusal"),
    [("", '44/strict,{"message":"no"}'), ('{"data":1}', '44/strict,{"message":"no","data":{"a":1}}')],
)
def test_refused(auth: str, refusal: str) -> None:
    server = Server()
    socket = server.socket()
    socket.got()
    assert socket.send(f"40/strict,{auth}") == [refusal]
    assert server.rules.all(Closed) == []
    server.after(44.9)
    socket.send("3")
    assert socket.got() == []
    server.after(0.1)
    assert socket.got() == ["shut"]


def test_refused_as_a_request_would_be() -> None:
    server = Server()
    server.rules.answer = lambda event: (
        [Refuse(event.conn, Response(403, (), b"go"))] if isinstance(event, Knocked) else []
    )
    socket = server.socket()
    assert socket.send("40")[-1] == '44{"message":"go"}'


def test_nobody_joins() -> None:
    server = Server(Settings(connect_timeout=1))
    socket, sid = server.socket(), server.open()
    socket.got()
    server.after(0.9)
    assert socket.got() == []
    server.after(0.1)
    assert socket.got() == ["shut"]
    assert server.poll(sid) == "6\x1e1"


def test_who_joined_may_stay() -> None:
    server = Server(Settings(connect_timeout=1))
    socket = server.connected()
    socket.got()
    assert socket.send("41", "40/custom,")[-1] == '42/custom,["auth",{}]'
    server.after(10)
    assert socket.got() == []


@pytest.mark.parametrize("stranger", ["nobody", 1, None])
def test_strangers_are_passed_over(stranger: object) -> None:
    server = Server()
    server.connected().got()
    for action in (
        Accept(stranger), Refuse(stranger, None), Send((stranger,), HI), Close(stranger), Reply(stranger, "1"),
        Hold(stranger), Release(stranger),
    ):  # fmt: skip
        assert server.wire.take(action) == []


# ---- events


def test_events() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    assert socket.send('42["message",1,"2",{"3":[true]}]') == ['42["message-back",1,"2",{"3":[true]}]']
    assert server.rules.all(Received)[-1].message == Message("message", (1, "2", {"3": [True]}), NO_REF, "/")
    socket.send("40/custom,")
    assert socket.send('42/custom,["message"]') == ['42/custom,["message-back"]']
    assert server.rules.all(Received)[-1].message == Message("message", (), NO_REF, "/custom")


def test_names_that_are_numbers() -> None:
    server = Server()
    server.connected().send('42[1,"a"]', "42[1.5]")
    assert [event.message.name for event in server.rules.all(Received)] == ["1", "1.5"]


def test_lone_surrogates_come_through() -> None:
    assert Server().connected().send('42["message","\\ud800"]')[-1] == '42["message-back","\\ud800"]'


@pytest.mark.parametrize("frame", ["42", "421", "43", "431[]", '430["x"]', "43[]", "461-0[]"])
def test_what_is_ignored(frame: str) -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    more: list[bytes] = [b""] if frame.startswith("46") else []
    assert socket.send(frame, *more) == []
    assert server.rules.all(Received) + server.rules.all(Acked) == []
    assert socket.send('42["message"]') == ['42["message-back"]']


@pytest.mark.parametrize(
    "frame",
    [
        "4", "4abc", "48", "40", "40{}", "41{}", "42{}", "42[]", "42[true]", "42[null]", '42["x"', "42x", "43{}", "44",
        '44{"message":"x"}', '42["connect"]', '42["disconnect"]', '42["newListener"]', '42["removeListener"]',
        '42["connect_error"]', '42["disconnecting"]', '42/nope,["x"]', "43/nope,1[]", "41/nope,", '45["x"]',
        f'4511-["x",{HOLE}]', BIN, "2", "2probe",
    ],
)  # fmt: skip
def test_what_closes_the_connection(frame: str | bytes) -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    assert socket.send(frame) == ["shut"]
    assert socket.send('42["message"]') == []
    assert server.rules.all(Closed) == [Closed(conn(server), 1005)]
    socket.close()
    assert len(server.rules.all(Closed)) == 1
    assert server.engine.next_due() is None


@pytest.mark.parametrize("frame", ["4abc", '42["x"]', "41", "43", '451-["x"]', BIN, "40[]", "42", "44"])
def test_what_closes_before_anything_is_joined(frame: str | bytes) -> None:
    socket = Server().socket()
    socket.got()
    more: list[bytes] = [BIN] if str(frame).startswith("45") else []
    assert socket.send(frame, *more) == ["shut"]


def test_the_operator_is_told_why() -> None:
    server = Server()
    logged: list[str] = []

    def log(level: str, text: str, /, **facts: object) -> None:
        logged.append(text)

    server.world.log = log
    server.connected().send("4abc")
    assert logged == ["a client broke the protocol: unknown packet type a"]


# ---- acknowledgements


def test_a_client_asks_for_an_acknowledgement() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    assert socket.send('42456["message-with-ack",1,"2"]') == ['43456[1,"2"]']
    assert server.rules.all(Received)[0].message.ref == "456"
    assert socket.send(f'451-7["message-with-ack",{HOLE}]', BIN) == [f"461-7[{HOLE}]", BIN]
    socket.send("40/custom,")
    assert socket.send('42/custom,0["message-with-ack"]') == ["43/custom,0[]"]


def test_the_server_asks_for_acknowledgements() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    assert socket.send('42["ask","a"]', '42["ask","b"]') == ['420["question","a"]', '421["question","b"]']
    assert socket.send("431[2]", "430") == ['42["answered",2]', '42["answered"]']
    assert socket.send("430[]", "4300[]") == []
    assert server.rules.all(Acked) == [Acked(conn(server), "asked", (2,)), Acked(conn(server), "asked", ())]


def test_a_binary_acknowledgement() -> None:
    socket = Server().connected()
    socket.got()
    socket.send('42["ask"]')
    assert socket.send(f"461-0[{HOLE}]", BIN) == [f'451-["answered",{HOLE}]', BIN]


def test_acknowledgements_that_never_come_have_an_end() -> None:
    server = Server(Settings(max_acks=2))
    socket = server.connected()
    socket.send('42["ask"]', '42["ask"]', '42["ask"]')
    socket.send("430[]", "431[]", "432[]")
    assert len(server.rules.all(Acked)) == 2


def test_replies_that_can_not_be_written() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    do(server, Reply(conn(server), "1", (object(),)))  # type: ignore[arg-type]
    do(server, Reply(conn(server), NO_REF, (1,)))
    assert socket.got() == []
    assert [type(event) for event in server.rules.all(Malformed)] == [Malformed]


# ---- binary


def test_binary_events() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    frames: list[str | bytes] = [
        '452-["message",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]',
        b"a",
        b"b",
    ]
    back = ['452-["message-back",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]', b"b", b"a"]
    assert socket.send(*frames) == back
    assert server.rules.all(Received)[0].message.args == (b"b", [b"a"])


def test_base64_is_binary_too() -> None:
    socket = Server().connected()
    socket.got()
    assert socket.send(f'451-["message",{HOLE}]', "bAQID") == [f'451-["message-back",{HOLE}]', BIN]


def test_heartbeats_between_attachments() -> None:
    socket = Server().connected()
    socket.got()
    assert socket.send(f'451-["message",{HOLE}]', "3", BIN) == [f'451-["message-back",{HOLE}]', BIN]


def test_attachments_of_nothing() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    assert socket.send("451-", b"") == []
    assert socket.send('42["message"]') == ['42["message-back"]']


@pytest.mark.parametrize(
    "frames",
    [
        ('452-["message"]', b"a", '42["x"]'),
        ('452-["message"]', "4"),
        ('451-["message",{"_placeholder":true,"num":1}]', b"a"),
        ('451-/nope,["x"]', b"a"),
    ],
)
def test_attachments_gone_wrong(frames: tuple[str | bytes, ...]) -> None:
    socket = Server().connected()
    socket.got()
    assert socket.send(*frames) == ["shut"]


def test_too_deep_to_be_filled() -> None:
    socket = Server().connected()
    socket.got()
    assert socket.send('451-["x",' + "[" * 1000 + "]" * 1000 + "]", b"a") == ["shut"]


def test_over_polling() -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, f'451-["message",{HOLE}]\x1ebAQID')
    assert server.poll(sid) == f'451-["message-back",{HOLE}]\x1ebAQID'
    poll = server.waiting(sid)
    server.post(sid, f'451-["message",{HOLE}]')
    server.post(sid, "bAQID")
    assert server.body(poll) == f'451-["message-back",{HOLE}]'
    assert server.poll(sid) == "bAQID"


def test_attachments_go_on_over_the_websocket() -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, f'451-["message",{HOLE}]')
    assert server.probe(sid).send("5", BIN) == [f'451-["message-back",{HOLE}]', BIN]


# ---- polling


def test_a_burst_arrives_whole_and_in_order() -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, "\x1e".join(f'42["message",{i}]' for i in range(1000)))
    assert server.poll(sid) == "\x1e".join(f'42["message-back",{i}]' for i in range(1000))


def test_the_first_answer_goes_to_the_poll_that_waits() -> None:
    server = Server()
    sid = server.open()
    poll = server.waiting(sid)
    server.post(sid, "40")
    assert server.body(poll).startswith("40{")
    assert server.poll(sid) == '42["auth",{}]'


def test_upgrade_between_events() -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, '42["message",1]')
    assert server.probe(sid).send("5", '42["message",2]') == ['42["message-back",1]', '42["message-back",2]']
    assert server.status(sid) == 400


def test_who_leaves_in_a_payload_is_gone_for_all_of_it() -> None:
    for body in ('42["message",1]\x1e41', '41\x1e42["message",1]', "41\x1e430[]"):
        server = Server()
        sid = server.joined()
        server.post(sid, body)
        assert server.rules.all(Received) == []
        assert server.rules.all(Closed) == [Closed(conn(server), 1000)]
        server.post(sid, "40")
        assert len(server.rules.all(Opened)) == 2


def test_who_ends_in_a_payload_said_nothing() -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, '42["message",1]\x1e1')
    assert server.rules.all(Received) == []
    assert server.rules.all(Closed) == [Closed(conn(server), 1000)]


def test_who_is_closed_in_a_payload_says_nothing_more() -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, '42["message",1]\x1e42["leave"]\x1e42["message",2]')
    assert [event.message.name for event in server.rules.all(Received)] == ["message", "leave"]
    assert server.poll(sid) == '42["message-back",1]\x1e41'
    server.post(sid, "40")
    assert len(server.rules.all(Opened)) == 2


def test_what_a_payload_told_does_not_stay() -> None:
    """A payload tells up to a megabyte; nobody is asked for it again once something else comes."""
    server = Server()
    sid, socket = server.joined(), server.connected()
    server.post(sid, "\x1e".join(['42["message",1]'] * 1000))
    assert len(server.wire._telling) == 1001
    assert socket.send('42["message",2]')[-1] == '42["message-back",2]'
    assert server.wire._telling == []


def test_rejoining_in_the_payload_of_leaving() -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, "41\x1e40")
    assert server.poll(sid) == "6\x1e1"


def test_volatile_needs_a_poll_that_waits() -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, '42["volatile",1]')
    poll = server.waiting(sid)
    server.post(sid, '42["volatile",2]')
    assert server.body(poll) == '42["v",2]'
    assert Server().connected().send('42["volatile",3]')[-1] == '42["v",3]'


# ---- ends


def test_the_client_leaves() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    socket.send("40/custom,")
    assert socket.send("41") == []
    assert server.rules.all(Closed) == [Closed(conn(server, 0), 1000)]
    assert socket.send('42/custom,["message"]') == ['42/custom,["message-back"]']
    assert len(socket.send("40")) == 2, "it may come back"
    assert socket.send("41", '42["x"]') == ["shut"]


def test_the_server_closes_one() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    assert socket.send('42["leave"]') == ["41"]
    socket.send("40/custom,")
    assert socket.send('42/custom,["leave"]') == ["41/custom,"]
    assert server.rules.all(Closed) == [Closed(conn(server, 0), 1000), Closed(conn(server, 1), 1000)]
    assert len(socket.send("40")) == 2


def test_the_server_closes_all() -> None:
    server = Server()
    socket = server.connected()
    socket.send("40/custom,")
    socket.got()
    assert socket.send('42/custom,["kick"]') == ["41", "41/custom,", "shut"]
    assert server.rules.all(Closed) == [Closed(conn(server, 0), 1000), Closed(conn(server, 1), 1000)]
    for action in (Close(conn(server)), Send((conn(server),), HI), Reply(conn(server), "1"), Hold(conn(server))):
        assert server.wire.take(action) == []


def test_closing_without_a_code() -> None:
    server = Server()
    server.connected()
    do(server, Close(conn(server), None))
    assert server.rules.all(Closed) == [Closed(conn(server), 1005)]


@pytest.mark.parametrize("code", [None, 1006])
def test_a_bare_end_says_no_goodbye(code: int | None) -> None:
    server = Server()
    socket = server.connected()
    socket.send("40/custom,")
    socket.got()
    do(server, Close(conn(server, 0), code, bare=True))
    assert socket.got() == ["shut" if code is None else "drop"]
    assert server.rules.all(Closed) == [Closed(conn(server, 0), code or 1005), Closed(conn(server, 1), code or 1005)]
    do(server, Close(conn(server, 0), code, bare=True))
    assert socket.got() == []
    for waits in (True, False):
        sid = server.joined()
        poll = server.waiting(sid) if waits else 0
        do(server, Close(conn(server), code, bare=True))
        if waits and code is None:
            assert server.body(poll) == "1"
        elif waits:
            assert server.answers[poll] is None
        assert server.status(sid) == 400


@pytest.mark.parametrize(
    ("waits", "polls"), [(True, ["41", "41/custom,", "6\x1e1"]), (False, ["41\x1e41/custom,", "6\x1e1"])]
)
def test_the_server_closes_a_session_that_polls(waits: bool, polls: list[str]) -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, "40/custom,")
    server.poll(sid)
    poll = server.waiting(sid) if waits else 0
    server.post(sid, '42["kick"]')
    assert [server.body(poll) if waits and i == 0 else server.poll(sid) for i in range(len(polls))] == polls
    assert server.status(sid) == 400
    assert len(server.rules.all(Closed)) == 2


def test_a_wrong_packet_while_polling() -> None:
    server = Server()
    sid = server.joined()
    server.post(sid, '42["message",1]\x1e4x\x1e42["message",2]')
    assert server.rules.all(Closed) == [Closed(conn(server), 1005)]
    assert server.poll(sid) == "6\x1e1"
    assert server.status(sid) == 400


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006])
def test_the_socket_ends(code: int) -> None:
    server = Server()
    socket = server.connected()
    socket.send("40/custom,")
    socket.close(code)
    assert server.rules.all(Closed) == [Closed(conn(server, 0), code), Closed(conn(server, 1), code)]


def test_shutdown_says_nothing_to_the_namespaces() -> None:
    server = Server()
    socket, sid = server.connected(), server.joined()
    poll = server.waiting(sid)
    socket.got()
    server.take(Drain())
    assert socket.got() == ["shut"]
    assert server.body(poll) == "1"
    assert len(server.rules.all(Closed)) == 2


def test_no_pong_closes_the_conns() -> None:
    server = Server()
    server.connected()
    server.joined()
    server.after(45)
    assert [event.code for event in server.rules.all(Closed)] == [1006, 1006]


def test_a_session_that_does_not_poll_ends_while_it_is_closed() -> None:
    for room, left in ((2, 0), (4, 1)):
        server = Server(Settings(EngineSettings(max_buffer=300)))
        sid = server.joined()
        server.post(sid, "40/custom,")
        server.poll(sid)
        do(server, Send((conn(server, 0),), Message("x", ("y" * (294 - room),))))
        do(server, Close(conn(server, 0)))
        assert server.status(sid) == 400, left
        assert len(server.rules.all(Closed)) == 2


def test_our_operator_hears_of_sessions_that_are_too_many() -> None:
    server = Server(max_polling=1)
    said: list[str] = []
    server.world.log = lambda level, text, /, **facts: said.append(f"{level}: {text}")
    server.open()
    assert server.request("GET", POLLING).status == 403
    assert said == ["warning: refused: 1 sessions poll already: kept_polling lets more in"]


@pytest.mark.parametrize("room", [20, 60, 100])
def test_a_session_that_does_not_poll_ends_while_it_joins(room: int) -> None:
    server = Server(Settings(EngineSettings(max_buffer=room)))
    sid = server.open()
    server.post(sid, "40\x1e40/custom,\x1e40/custom,")
    opened, closed = server.rules.all(Opened), server.rules.all(Closed)
    assert [event.conn for event in closed[: len(opened)]] == [event.conn for event in opened]
    assert len(opened) == room // 40
    assert len(closed) == 3


def test_attachments_that_are_too_much_for_a_session_that_does_not_poll() -> None:
    server = Server(Settings(EngineSettings(max_buffer=50)))
    sid = server.joined()
    do(server, Send((conn(server),), Message("x", (b"x" * 60, b"y"))))
    assert server.status(sid) == 400


# ---- heartbeats


def test_heartbeats() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    server.take(Beat())
    assert [*server.wire.owes()] == []
    server.after(25)
    assert socket.got() == ["2", "2"]
    assert len([*server.wire.owes()]) == 1


# ---- sending


def test_one_frame_for_many() -> None:
    server = Server()
    sockets = [server.connected() for _ in range(3)]
    sockets[2].send("40/custom,")
    sid = server.joined()
    for socket in sockets:
        socket.got()
    conns = [opened.conn for opened in server.rules.all(Opened)]
    do(server, Send((*conns, "stranger"), Message("hi", (b"x",))))
    assert sockets[0].got() == sockets[1].got() == [f'451-["hi",{HOLE}]', b"x"]
    assert sockets[2].got() == [f'451-["hi",{HOLE}]', b"x", f'451-/custom,["hi",{HOLE}]', b"x"]
    assert server.poll(sid) == f'451-["hi",{HOLE}]\x1ebeA=='


@pytest.mark.parametrize("message", [Message("connect"), Message("x", (object(),))])  # type: ignore[arg-type]
def test_what_can_not_be_sent(message: Message) -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    do(server, Send((conn(server),), message))
    assert socket.got() == []
    [event] = server.rules.all(Malformed)
    assert isinstance(event.error, WireError)
    assert server.wire.take(Send((), message)) == []


def test_hold_and_release() -> None:
    server = Server()
    socket = server.connected()
    socket.got()
    do(server, Hold(conn(server)))
    do(server, Release(conn(server)))
    assert socket.got() == ["pause", "pause"]
    server.joined()
    assert server.wire.take(Hold(conn(server))) == [], "there is no socket to hold"


# ---- requests


def test_other_routes_are_the_rules() -> None:
    server = Server()
    other = routes(Settings(), "other")[1]
    server.take(Asked(1, Request("GET", "/x"), other))
    assert server.rules.heard == [Requested(1, Request("GET", "/x"), other)]


# ---- ids


def test_ids_depend_on_what_the_client_brought() -> None:
    def ids(*auths: str) -> list[str]:
        server = Server()
        return [sid_of(socket.send(f"40{auth}")[1]) for auth in auths for socket in [server.socket()]]

    one, two, again = ids('{"a":1}', '{"a":2}', '{"a":1}')
    assert len({one, two, again}) == 3
    assert ids('{"a":2}', '{"a":1}') == [two, one], "strangers change nothing"
    assert ids('{"a":"' + "x" * 100_000 + '"}')


def test_rules_hear_of_a_join_before_anything_is_sent() -> None:
    server = Server()
    kinds: list[type[Event]] = []
    server.rules.answer = lambda event: kinds.append(type(event)) or []  # type: ignore[func-returns-value]
    server.socket().send("40")
    assert kinds == [Knocked]
