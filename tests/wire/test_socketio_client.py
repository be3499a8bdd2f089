"""The client's face: alone, and against our own server, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from simulator.core.actions import After, Cancel, Close, Reply, Send
from simulator.core.events import Acked, Closed, Malformed, Opened, Received
from simulator.core.message import NO_REF, Frame, Json, Message, Ping, Pong
from simulator.core.wire import Aborted, Asked, Attached, Beat, Detached, Drain, Drop, Due, Got, Shut, Write
from simulator.wire.socketio_client import SocketIOClient
from simulator.wire.socketio_recovery import Recovery
from simulator.wire.socketio_socket import Settings
from tests.wire.sio import Server, Socket

HELLO = '0{"sid":"s","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}'
HOLE = '{"_placeholder":true,"num":0}'


class Driven:
    """A client, and what it did."""

    def __init__(self, joins: Sequence[tuple[str, Json]] = (("/", None),)) -> None:
        self.client = SocketIOClient(joins)
        self.out: list[Any] = []

    def begin(self) -> Driven:
        """Begin over a WebSocket, whose link is 1."""
        asked = self.client.begin()[0]
        assert isinstance(asked, Asked)
        return self.take(Attached(1, asked.call))

    def take(self, given: Any) -> Driven:
        self.out += self.client.take(given)
        return self

    def got(self, *frames: str | bytes) -> Driven:
        for frame in frames:
            self.take(Got(1, Frame(frame)))
        return self

    def wrote(self) -> list[str | bytes]:
        """Since last time."""
        written = [out.item.data for out in self.out if isinstance(out, Write)]
        self.out = [out for out in self.out if not isinstance(out, Write)]
        return written

    def heard(self) -> list[Any]:
        """The events since last time."""
        kinds = (Opened, Received, Acked, Closed, Malformed)
        heard = [out for out in self.out if isinstance(out, kinds)]
        self.out = [out for out in self.out if not isinstance(out, kinds)]
        return heard


def joined() -> Driven:
    driven = Driven().begin().got(HELLO, '40{"sid":"x"}')
    driven.wrote()
    driven.heard()
    return driven


def root(name: str, *args: Any, ref: object = NO_REF) -> Message:
    return Message(name, args, ref, "/")


def test_join() -> None:
    driven = Driven([("/", {"token": 1}), ("/n", None)]).begin().got(HELLO)
    assert driven.wrote() == ['40{"token":1}', "40/n,"]
    assert After(0.5, driven.client, "silence") in driven.out
    one, two = driven.client.conns
    driven.got('40/n,{"sid":"y"}', '40{"sid":"x","pid":7}', '40{"sid":"z"}')
    assert driven.heard() == [Opened(two), Opened(one)]
    assert (repr(two), one.sid, two.sid, one.pid) == ("<joined /n>", "x", "y", "")
    assert driven.client.owes() == ()


def test_refused() -> None:
    driven = Driven().begin().got(HELLO, '44{"message":"no"}', "44")
    refusals = [Message("connect_error", ({"message": "no"},), NO_REF, "/"), Message("connect_error", (), NO_REF, "/")]
    assert [event.message for event in driven.heard()] == refusals
    assert driven.take(Detached(1)).heard() == [], "it was never open"


def test_events_both_ways() -> None:
    driven = joined()
    [conn] = driven.client.conns
    driven.got('42["a",1]', '427["b"]', f'451-["c",{HOLE}]', b"x", "42[1]", '42/nope,["d"]', "42", "430[]", "43")
    assert [event.message for event in driven.heard()] == [root("a", 1), root("b", ref="7"), root("c", b"x"), root("1")]
    driven.take(Send((conn, "stranger"), Message("hi", (b"y", 1))))
    driven.take(Send((conn,), Message("ask"), ack="k")).take(Reply(conn, "7", (1,))).take(Reply(conn, NO_REF, (1,)))
    assert driven.wrote() == [f'451-["hi",{HOLE},1]', b"y", '420["ask"]', "437[1]"]
    assert driven.got("430[2]", "430[2]").heard() == [Acked(conn, "k", (2,))]


def test_what_can_not_be_written() -> None:
    driven = joined()
    [conn] = driven.client.conns
    driven.take(Send((conn,), Message("x", (object(),)))).take(Reply(conn, "1", (object(),)))  # type: ignore[arg-type]
    assert [type(event) for event in driven.heard()] == [Malformed, Malformed]


def test_heartbeats() -> None:
    driven = joined()
    driven.out.clear()
    driven.got("2")
    assert driven.out == [Write(1, Frame("3")), After(0.5, driven.client, "silence")]
    driven.take(Got(1, Ping(b"a"))).take(Got(1, Pong(b"a"))).take(Got(9, Frame("2")))
    assert driven.out[2:] == [Write(1, Pong(b"a"))]


def test_silence() -> None:
    driven = joined()
    [conn] = driven.client.conns
    driven.out.clear()
    driven.take(Due(driven.client, "silence"))
    assert driven.out == [Drop(1), Cancel(driven.client), Closed(conn, 1006)]
    assert driven.take(Due(driven.client, "silence")).take(Detached(1)).out[3:] == []


@pytest.mark.parametrize("hello", ["0", "0{}", "0[]", '0{"pingInterval":"x"}'])
def test_a_handshake_that_says_little(hello: str) -> None:
    driven = Driven().begin().got(hello)
    assert driven.wrote() == ["40"]
    assert driven.out[-1] == After(45.0, driven.client, "silence")


@pytest.mark.parametrize("frame", ["abc", "", "4x", "42{}", b"x", "4"])
def test_what_closes_the_connection(frame: str | bytes) -> None:
    driven = joined()
    [conn] = driven.client.conns
    driven.got(frame)
    assert Shut(1, None) in driven.out
    assert [type(event) for event in driven.heard()] == [Malformed, Closed]
    assert driven.take(Send((conn,), Message("x"))).wrote() == []


def test_the_server_closes() -> None:
    driven = joined()
    [conn] = driven.client.conns
    assert driven.got("41", "41").heard() == [Closed(conn, 1005)]
    assert driven.got("6", "3", "1").out[-2:] == [Shut(1, None), Cancel(driven.client)]
    driven = joined()
    assert driven.take(Detached(1, 1001)).heard() == [Closed(driven.client.conns[0], 1001)]


def test_the_client_closes() -> None:
    for whole in (True, False):
        driven = Driven([("/", None), ("/n", None), ("/closed", None)])
        driven.begin().got(HELLO, '40{"sid":"x"}', '40/n,{"sid":"y"}')
        driven.wrote()
        driven.heard()
        one, two, never = driven.client.conns
        driven.take(Close(never)).take(Close("stranger")).take(Close(one, None, whole=whole))
        assert driven.wrote() == (["41", "41/n,"] if whole else ["41"])
        assert driven.heard() == [Closed(one, 1005), Closed(two, 1005)][: 1 + whole]
        assert (Shut(1, None) in driven.out) is whole


def test_drain() -> None:
    driven = joined().take(Drain()).take(Drain())
    assert driven.wrote() == ["41"]
    assert [out for out in driven.out if isinstance(out, Shut)] == [Shut(1, None)]
    assert driven.take(Beat()).take(Aborted(1)).wrote() == []


# ---- against our server


def carry(driven: Driven, socket: Socket) -> None:
    """Frames from one to the other until both are silent."""
    while True:
        there = driven.wrote()
        back = socket.send(*there)
        if not there and not back:
            return
        for frame in back:
            driven.take(Got(1, Frame(frame)))


@pytest.mark.parametrize("auth", [None, {"token": 1}])
def test_it_comes_back_with_what_it_missed(auth: Json) -> None:
    server = Server(Settings(recovery=Recovery()))
    driven = Driven([("/", auth)]).begin()
    [conn] = driven.client.conns
    socket = server.socket()
    driven.got(*socket.got())
    carry(driven, socket)
    assert [type(event) for event in driven.heard()] == [Opened, Received]
    driven.take(Send((conn,), Message("message", (1, b"x"))))
    driven.take(Send((conn,), Message("later", (1000, "missed"))))
    carry(driven, socket)
    assert [event.message for event in driven.heard()] == [root("message-back", 1, b"x")]
    sid = conn.sid
    socket.close()
    assert driven.take(Detached(1)).heard() == [Closed(conn, 1006)]
    server.after(2)
    again = server.socket()
    driven.begin().got(*again.got())
    carry(driven, again)
    late, opened = driven.heard()
    assert (late.message, opened, conn.sid) == (root("late", "missed"), Opened(conn), sid)
    driven.take(Close(conn))
    carry(driven, again)
    assert len(server.rules.all(Closed)) == 2
