"""The door of a namespace: answered late, once, or when nobody waits there any more."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.core.actions import Accept, Close, Refuse
from simulator.core.events import Closed, Knocked, Opened, Received
from simulator.wire.socketio_socket import INVALID_NAMESPACE, Settings
from tests.wire.sio import Server, conn, do, later


def test_the_door_may_answer_later() -> None:
    server = Server()
    later(server)
    socket = server.socket()
    socket.got()
    assert socket.send("40") == []
    [knocked] = server.rules.all(Knocked)
    do(server, Accept(knocked.conn))
    assert len(socket.got()) == 1
    for again in (Accept(knocked.conn), Refuse(knocked.conn, None)):
        do(server, again)
    assert socket.got() == []


def test_refused_once() -> None:
    server = Server()
    later(server)
    socket = server.socket()
    socket.send("40")
    [knocked] = server.rules.all(Knocked)
    do(server, Refuse(knocked.conn, INVALID_NAMESPACE))
    do(server, Refuse(knocked.conn, INVALID_NAMESPACE))
    do(server, Accept(knocked.conn))
    assert socket.got() == ['44{"message":"Invalid namespace"}']
    assert server.rules.all(Opened) == []


@pytest.mark.parametrize("answer", [Accept, Refuse])
def test_gone_before_the_answer(answer: Any) -> None:
    server = Server()
    later(server)
    socket = server.socket()
    socket.send("40")
    socket.close()
    [knocked] = server.rules.all(Knocked)
    for _ in range(2):
        do(server, answer(knocked.conn) if answer is Accept else answer(knocked.conn, None))
    assert server.rules.all(Closed) == ([Closed(knocked.conn)] if answer is Accept else [])
    do(server, Accept(knocked.conn))
    assert len(server.rules.all(Closed)) == (answer is Accept)


def test_an_event_before_the_door_is_answered() -> None:
    server = Server()
    later(server)
    socket = server.socket()
    socket.got()
    assert socket.send("40", '42["early"]') == ["shut"]


def test_two_that_join_at_once_both_do() -> None:
    """As with Node, the second takes the name; at the end both are closed."""
    server = Server()
    sid = server.open()
    server.post(sid, "40\x1e40")
    assert [packet[:2] for packet in server.poll(sid).split("\x1e")] == ["40", "42", "40", "42"]
    server.post(sid, '42["message",1]')
    [received] = server.rules.all(Received)
    assert received.conn is conn(server, 1)
    do(server, Close(conn(server, 0), whole=False))
    server.post(sid, "1")
    assert len(server.rules.all(Closed)) == 2


def test_too_many_namespaces() -> None:
    server = Server(Settings(max_conns=3))
    later(server)
    socket = server.socket()
    socket.got()
    assert socket.send("40/a,", "40/b,", "40/c,") == []
    assert socket.send("40/d,") == ["shut"]
