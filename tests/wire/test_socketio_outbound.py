"""What goes out: one message to many, each in the way that fits it, and what can't be written."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.core.actions import Reply, Send
from simulator.core.events import Knocked, Malformed
from simulator.core.message import Frame, Message
from simulator.core.wire import Output, Write
from simulator.wire.socketio_outbound import Outbound
from simulator.wire.socketio_recovery import Recovery, yeast
from simulator.wire.socketio_socket import Settings
from tests.wire.sio import NOON, Server

OFFSET = yeast(int(NOON * 1000))


def outbound(server: Server) -> Outbound:
    return Outbound(server.wire._engine, server.settings, server.world)


def written(out: list[Output]) -> list[tuple[int, str | bytes]]:
    found = []
    for output in out:
        assert isinstance(output, Write)
        assert isinstance(output.item, Frame)
        found.append((output.link, output.item.data))
    return found


def test_one_message_to_many() -> None:
    server = Server()
    one, custom, polling = server.connected(), server.socket(), server.joined()
    custom.send("40/custom,")
    conns = (*server.rules.present, "a stranger")
    assert written(outbound(server).send(Send(conns, Message("m", (1,))))) == [
        (one.link, '42["m",1]'),
        (custom.link, '42/custom,["m",1]'),
    ]
    assert server.poll(polling) == '42["m",1]', "it waits for the next poll"


def test_attachments_follow_their_packet() -> None:
    server = Server()
    socket = server.connected()
    nested: Any = {"y": b"z"}
    out = outbound(server).send(Send((*server.rules.present,), Message("m", (b"x", nested))))
    head = '452-["m",{"_placeholder":true,"num":0},{"y":{"_placeholder":true,"num":1}}]'
    assert written(out) == [(socket.link, head), (socket.link, b"x"), (socket.link, b"z")]


@pytest.mark.parametrize(
    ("more", "frame", "kept"),
    [
        ({}, f'42["m",1,"{OFFSET}"]', True),
        ({"volatile": True}, '42["m",1]', False),
        ({"ack": "k"}, '420["m",1]', False),
    ],
)
def test_what_can_be_missed_has_an_offset(more: dict[str, Any], frame: str, kept: bool) -> None:
    server = Server(Settings(recovery=Recovery()))
    socket = server.socket()
    # Nothing is said at the beginning, so that this is the first event.
    server.rules.answer = lambda event: [server.rules.knocked(event)] if isinstance(event, Knocked) else []
    socket.send("40")
    [conn] = server.rules.present
    assert written(outbound(server).send(Send((conn,), Message("m", (1,)), **more))) == [(socket.link, frame)]
    assert (server.wire._door._kept.size == len(frame)) is kept
    if kept:
        # Again in the same millisecond.
        assert written(outbound(server).send(Send((conn,), Message("m")))) == [(socket.link, f'42["m","{OFFSET}.0"]')]


def test_who_is_away_has_it_kept() -> None:
    server = Server(Settings(recovery=Recovery()))
    socket = server.connected()
    [conn] = server.rules.present
    size = server.wire._door._kept.size
    socket.close(1006)
    assert outbound(server).send(Send((conn,), Message("m", (b"x",)))) == []
    assert server.wire._door._kept.size > size
    out: list[Output] = []
    assert outbound(server).send(Send((conn,), Message("m"), ack="k")) == [], "nobody could acknowledge it"
    outbound(server).reply(Reply(conn, "1", ()), out)
    assert out == []


@pytest.mark.parametrize("message", [Message("disconnect"), Message("m", (object(),))])  # type: ignore[arg-type]
def test_what_can_not_be_written(message: Message) -> None:
    server = Server()
    server.connected()
    [conn] = server.rules.present
    [output] = outbound(server).send(Send((conn,), message))
    assert isinstance(output, Malformed)
    assert output.conn is conn


def test_replies() -> None:
    server = Server()
    socket = server.connected()
    [conn] = server.rules.present
    out: list[Output] = []
    for reply in (Reply(conn, "7", (1, "é")), Reply(conn, "8", (b"x",)), Reply(conn, None), Reply("stranger", "9")):
        outbound(server).reply(reply, out)
    assert written(out) == [
        (socket.link, '437[1,"é"]'),
        (socket.link, '461-8[{"_placeholder":true,"num":0}]'),
        (socket.link, b"x"),
    ]


@pytest.mark.parametrize("more", [{}, {"ack": "k"}])
@pytest.mark.parametrize("args", [(1,), (b"x",)])
def test_what_is_volatile_is_lost_where_nobody_polls(args: tuple[Any, ...], more: dict[str, Any]) -> None:
    server = Server()
    sid = server.joined()
    send = Send((*server.rules.present,), Message("m", args), volatile=True, **more)
    assert outbound(server).send(send) == []
    server.waiting(sid)
    assert len(outbound(server).send(send)) == 1
