"""A real server behind a tape: what a playback asks of it, and what it leaves alone."""

from __future__ import annotations

from typing import Any

from simulator.cassette.entries import Entry, Exchange, TapedRequest, TapedResponse
from simulator.cassette.playback import Playback
from simulator.cassette.walk import Seat, Walk
from simulator.core.actions import Action, Respond, Send
from simulator.core.events import Called, Conn, Knocked, Requested
from simulator.core.message import Message, Response
from tests.cassette import tapes
from tests.cassette.recordings import Replay


class Server:
    """Says what it is told to, and notes what it is asked."""

    def __init__(self, playback: Playback, takes: bool) -> None:
        self.playback, self.takes = playback, takes
        self.heard: list[str] = []
        self.actions: list[Action] = []
        self.conns: list[tuple[Seat, Conn, Message]] = []

    def unknown(self, seat: Seat, conn: Conn, message: Message) -> list[Action] | None:
        self.heard.append(f"unknown {message.name}")
        if not self.takes:
            return None
        seat.elsewhere = True
        self.playback.passed_on()
        self.conns.append((seat, conn, message))
        return []

    def said(self, seat: Seat, conn: Conn, message: Message) -> list[Action]:
        self.heard.append(f"said {message.name}")
        return [Send((conn,), Message("echo", ({"of": message.name},)))]

    def joins(self, seat: Seat, knocked: Knocked) -> list[Action] | None:
        self.heard.append(f"joins {knocked.topic}")
        return [] if self.takes else None

    def opened(self, seat: Seat) -> bool:
        self.heard.append(f"opened {seat.strand.conn}")
        return not seat.strand.conn

    def left(self, seat: Seat) -> None:
        self.heard.append(f"left {seat.strand.conn}")

    def asked(self, asked: Requested, walk: Walk | None, known: bool) -> list[Action] | None:
        self.heard.append(f"asked {asked.request.path} {'of somebody' if walk else 'of nobody'} {known}")
        return None if known else [Respond(asked.call, Response(299))]

    def news(self) -> list[Action]:
        actions, self.actions = self.actions, []
        return actions


def behind(*entries: Entry, backend: str = "chip", takes: bool = True) -> tuple[Replay, Server]:
    made: list[Server] = []

    def beyond(playback: Playback) -> Server:
        made.append(Server(playback, takes))
        return made[-1]

    tape: Any = tapes.tape(*(entries or tapes.chip()), backend=backend)
    return Replay(tape, beyond=beyond), made[-1]


def test_the_unknown_goes_there_and_all_that_comes_after() -> None:
    replay, server = behind()
    replay.play(
        """
        client connects
        client >> {"type":"start_chat"}
        after 0.1
        server << {"type":"chat_started","chat_id":"$chat"}
        client >> {"type":"odd"}
        client >> {"type":"send_msg","text":"hello"}
        server << {"type":"echo","of":"send_msg"}
        """
    )
    seat, conn, message = server.conns[0]
    server.actions.append(Send((conn,), Message("news", ({},))))
    replay.take(Called(("beyond",), 0))
    replay.play('server << {"type":"news"}')
    assert server.heard == ["opened 1", "unknown odd", "said send_msg"]
    assert replay.coverage.matched["by the upstream"] == 1
    # It could not be had after all: a miss, and the tape goes on.
    seat.elsewhere = False
    assert server.playback.turned_down(seat, conn, message) == []
    assert replay.warnings() == [
        "client 1: odd is not on the tape; the client's next on the tape is talk.yaml:19, send_msg"
    ]
    # What the tape knows was on its way there, too.
    known = Message("send_msg", ({"text": "hello"},))
    assert [type(one).__name__ for one in server.playback.turned_down(seat, conn, known)] == ["After"]
    assert [seat.strand.lines[index].name for index in seat.pending()] == ["chat_out"]
    replay.play("client closes 1000")
    assert server.heard[-1] == "left 1"
    assert server.playback.turned_down(seat, conn, message) == []


def test_what_it_does_not_take_is_a_miss() -> None:
    replay, server = behind(takes=False)
    replay.play('client connects\nclient >> {"type":"odd"}\n')
    assert server.heard == ["opened 1", "unknown odd"]
    assert replay.warnings() == [
        "client 1: odd is not on the tape; the client's next on the tape is talk.yaml:11, start_chat"
    ]


def test_a_connection_to_where_the_tape_has_none() -> None:
    exchange = Exchange(1.0, 1, 0.0, TapedRequest("GET", "/x"), TapedResponse(200, (), "x"))
    replay, server = behind(exchange)
    replay.play('client connects\nclient >> {"type":"odd"}\nserver << {"type":"echo","of":"odd"}\n')
    assert server.heard == ["opened 0", "said odd"]


def test_requests() -> None:
    exchange = Exchange(9.5, 9, 0.0, TapedRequest("GET", "/x"), TapedResponse(200, (), "x"))
    replay, server = behind(*tapes.chip(), exchange)
    assert replay.request("GET", "/x").status == 200
    assert replay.request("GET", "/y").status == 299
    assert server.heard == ["asked /x of somebody True", "asked /y of nobody False"]


def test_topics() -> None:
    replay, server = behind(*tapes.phoenix(), backend="aida", takes=False)
    told = """
        client connects
        client >> ["1","1","bot:b","phx_join",{"access_token":"t"}]
        after 0.1
        server << ["1","1","bot:b","phx_reply",{"response":{},"status":"ok"}]
        client >> ["2","2","bot:c","phx_join",{}]
        """
    replay.play(
        told + 'server << ["2","2","bot:c","phx_reply",{"response":{"reason":"not on the tape"},"status":"error"}]'
    )
    assert server.heard == ["opened 1", "joins bot:c"]
    replay, server = behind(*tapes.phoenix(), backend="aida")
    replay.play(told)
    assert server.heard == ["opened 1", "joins bot:c"]
    # Who is there already is asked nothing else.
    replay, server = behind(*tapes.phoenix(), backend="aida")
    replay.play("client connects")
    next(iter(server.playback.seats._numbered.values())).elsewhere = True
    replay.play('client >> ["1","1","bot:b","phx_join",{"access_token":"t"}]')
    assert server.heard == ["opened 1", "joins bot:b"]
