"""The client's side of Engine.IO, input by input: what it asks for, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.core.actions import After, Cancel, Close, Send
from simulator.core.events import Closed, Malformed, Opened, Received
from simulator.core.message import NO_REF, Frame, Message, Ping, Pong, Response
from simulator.core.wire import Aborted, Answer, Asked, Attached, Detached, Drain, Drop, Due, Got, Shut, Write
from simulator.wire.socketio_client import SocketIOClient

BOTH = ("polling", "websocket")


def hello(upgrades: str = '"websocket"', most: int = 1_000_000) -> str:
    return f'0{{"sid":"s","upgrades":[{upgrades}],"pingInterval":300,"pingTimeout":200,"maxPayload":{most}}}'


class Polled:
    """A client that begins with polls, what it asked for, and all else that it did."""

    def __init__(self, *transports: str) -> None:
        self.client = SocketIOClient(transports=transports or ("polling",))
        [self.conn] = self.client.conns
        self.asked: list[Asked] = []
        self.did: list[Any] = []
        self.note(self.client.begin())

    def note(self, out: list[Any]) -> None:
        self.asked += [output for output in out if isinstance(output, Asked)]
        self.did += [output for output in out if not isinstance(output, Asked)]

    def take(self, given: Any) -> Polled:
        self.note(self.client.take(given))
        return self

    def new(self) -> list[str]:
        """What it asked for since last time, as `POLL`, `SOCKET` or the body of a post."""
        new = [
            (asked.request.body or (b"SOCKET" if asked.request.headers[0][0] == "Connection" else b"POLL")).decode()
            for asked in self.asked[self.told :]
        ]
        self.told = len(self.asked)
        return new

    told = 0

    def answer(self, what: str, body: str, status: int = 200) -> list[str]:
        """Answer what it asked for last of that kind; what it asks for then."""
        return self.take(Answer(self.call(what), Response(status, (), body.encode()))).new()

    def call(self, what: str) -> int:
        """The number of what it asked for last of that kind."""
        kinds = {
            "POLL": lambda asked: asked.request.method == "GET" and asked.request.headers[0][0] == "Accept",
            "POST": lambda asked: asked.request.method == "POST",
            "SOCKET": lambda asked: asked.request.headers[0][0] == "Connection",
        }
        return [asked.call for asked in self.asked if kinds[what](asked)][-1]

    def since(self) -> list[Any]:
        """What it did since last time, timers left out."""
        did, self.did = self.did, []
        return [done for done in did if not isinstance(done, After | Cancel)]


def opened(*transports: str) -> Polled:
    """One that joined by polls; a poll waits, and a socket if it wants one."""
    polled = Polled(*transports)
    polled.new()
    asked = polled.answer("POLL", hello())
    assert asked[0] == "40"
    polled.answer("POST", "ok")
    polled.answer("POLL", '40{"sid":"x"}')
    assert polled.since() == [Opened(polled.conn)]
    return polled


def test_it_polls_and_posts() -> None:
    polled = Polled()
    assert polled.new() == ["POLL"]
    assert polled.answer("POLL", hello()) == ["40", "POLL"]
    queries = [(asked.request.method, asked.request.path, asked.request.query) for asked in polled.asked]
    assert queries == [
        ("GET", "/socket.io/", "EIO=4&transport=polling"),
        ("POST", "/socket.io/", "EIO=4&transport=polling&sid=s"),
        ("GET", "/socket.io/", "EIO=4&transport=polling&sid=s"),
    ]
    assert polled.asked[1].request.header("Content-Type") == "text/plain;charset=UTF-8"
    assert polled.asked[1].route.via == "polling", "what passes there are frames"
    assert polled.answer("POLL", '40{"sid":"x"}\x1e42["a",1]\x1e6') == ["POLL"]
    root = Message("a", (1,), NO_REF, "/")
    assert polled.since() == [Opened(polled.conn), Received(polled.conn, root)]


def test_one_post_at_a_time() -> None:
    polled = opened()
    for number in range(3):
        polled.take(Send((polled.conn,), Message("n", (number, b"x"))))
    assert polled.client._engine.waiting == 2 * (len('451-["n",0,{"_placeholder":true,"num":0}]') + len(b"x")), (
        "one is out"
    )
    hole = '{"_placeholder":true,"num":0}'
    posts = [f'451-["n",{number},{hole}]' for number in range(3)]
    assert polled.new() == [f"{posts[0]}\x1ebeA=="]
    assert polled.answer("POST", "ok") == [f"{posts[1]}\x1ebeA==\x1e{posts[2]}\x1ebeA=="]
    assert polled.answer("POST", "ok") == []


def test_a_post_is_no_longer_than_the_server_takes() -> None:
    polled = Polled()
    polled.new()
    assert polled.answer("POLL", hello(most=30)) == ["40", "POLL"]
    polled.answer("POLL", '40{"sid":"x"}')
    for text in ("a", "b" * 5, "c", "d" * 99):
        polled.take(Send((polled.conn,), Message(text)))
    assert polled.answer("POST", "ok") == ['42["a"]\x1e42["bbbbb"]\x1e42["c"]']
    assert polled.answer("POST", "ok") == [f'42["{"d" * 99}"]'], "one is never cut"
    polled.answer("POST", "ok")
    assert Polled().answer("POLL", "0{}") == ["POLL", "40", "POLL"], "a handshake that says nothing will do"


def test_heartbeats() -> None:
    polled = opened()
    polled.did.clear()
    assert polled.answer("POLL", "2") == ["3", "POLL"]
    assert polled.did == [After(0.5, polled.client, "silence")]
    assert polled.take(Due(polled.client, "silence")).since() == [Closed(polled.conn, 1006)]
    polled.take(Due(polled.client, "silence"))
    assert (polled.since(), polled.answer("POLL", "2")) == ([], []), "what comes for a session that is over is nothing"


@pytest.mark.parametrize(("what", "status"), [("POLL", 400), ("POST", 413), ("POLL", 0)])
def test_a_refusal_ends_the_session(what: str, status: int) -> None:
    polled = opened()
    polled.take(Send((polled.conn,), Message("a")))
    if status:
        polled.answer(what, "", status)
    else:
        polled.take(Aborted(polled.call(what)))
    assert polled.since() == [Closed(polled.conn, 1006)]
    polled.new()
    polled.note(polled.client.begin())
    assert polled.new() == ["POLL"]
    assert polled.asked[-1].request.query == "EIO=4&transport=polling", "a new session"
    assert polled.client.begin() == [], "one at a time"


@pytest.mark.parametrize("answer", ["", "6", "42[]"])
def test_no_handshake(answer: str) -> None:
    polled = Polled()
    polled.answer("POLL", answer)
    assert polled.since() == []
    assert polled.client.begin() != []


@pytest.mark.parametrize("answer", ["", "x", "42{}", "b!"])
def test_what_is_not_understood_ends_the_session(answer: str) -> None:
    polled = opened()
    assert polled.answer("POLL", f'{answer}\x1e42["never"]') == ["1"]
    assert [type(done) for done in polled.since()] == [Malformed, Closed]


def test_the_server_closes() -> None:
    polled = opened()
    assert polled.answer("POLL", '41\x1e1\x1e42["never"]') == []
    assert polled.since() == [Closed(polled.conn, 1005)]


def test_the_client_closes_after_all_that_it_said() -> None:
    polled = opened()
    polled.take(Send((polled.conn,), Message("a"))).take(Send((polled.conn,), Message("b"))).take(Close(polled.conn))
    assert (polled.new(), polled.since()) == (['42["a"]'], [Closed(polled.conn, 1000)])
    assert polled.answer("POLL", '42["late"]') == [], "nobody polls any more"
    assert polled.take(Due(polled.client, "silence")).take(Drain()).since() == []
    assert polled.answer("POST", "ok") == ['42["b"]\x1e41\x1e1']
    assert polled.answer("POST", "ok") == []
    assert polled.client.begin() != []


def test_a_last_post_may_have_to_wait_for_another() -> None:
    polled = Polled()
    polled.answer("POLL", hello(most=8))
    polled.answer("POLL", '40{"sid":"x"}')
    polled.answer("POST", "ok")
    polled.new()
    polled.take(Drain())
    assert polled.new() == ["41"]
    assert polled.answer("POST", "ok") == ["1"]
    polled.answer("POST", "", 400)
    assert polled.since() == [Opened(polled.conn), Closed(polled.conn, 1000)], "it was over before"


def test_drained_before_it_is_open() -> None:
    polled = Polled().take(Drain())
    assert polled.since() == []
    assert polled.answer("POLL", hello()) == ["POLL"], "which it had asked before"


def test_the_upgrade() -> None:
    polled = opened(*BOTH)
    query = "EIO=4&transport=websocket&sid=s"
    assert polled.asked[polled.call("SOCKET") - 1].request.query == query
    polled.new()
    polled.take(Attached(9, polled.call("SOCKET")))
    assert polled.since() == [Write(9, Frame("2probe"))]
    polled.take(Got(9, Ping(b"a"))).take(Got(8, Frame("3probe")))
    assert polled.since() == [Write(9, Pong(b"a"))]
    polled.take(Send((polled.conn,), Message("a"))).take(Got(9, Frame("3probe")))
    polled.take(Send((polled.conn,), Message("b")))
    assert polled.new() == ['42["a"]'], "no post begins any more"
    assert polled.answer("POST", "ok") == []
    assert polled.since() == [], "the poll is under way still"
    assert polled.answer("POLL", "6") == []
    assert polled.since() == [Write(9, Frame("5")), Write(9, Frame('42["b"]'))]
    polled.take(Got(9, Frame("2"))).take(Send((polled.conn,), Message("c")))
    assert polled.since() == [Write(9, Frame("3")), Write(9, Frame('42["c"]'))]
    polled.take(Detached(9, 1001))
    assert polled.since() == [Closed(polled.conn, 1001)]


def test_nothing_is_under_way_when_the_socket_may_take_over() -> None:
    polled = Polled(*BOTH)
    assert polled.answer("POLL", f"{hello()}\x1e2") == ["POLL", "40", "SOCKET", "POLL"]
    assert polled.answer("POST", "ok") == ["3"]
    polled.take(Attached(9, polled.call("SOCKET"))).answer("POLL", "6")
    polled.answer("POST", "ok")
    assert polled.new() == []
    polled.take(Got(9, Frame("3probe")))
    assert polled.since() == [Write(9, Frame("2probe"))], "a poll is under way again"
    polled.answer("POLL", "6")
    assert polled.since() == [Write(9, Frame("5"))]


@pytest.mark.parametrize("wrong", [Got(9, Frame("3nope")), Got(9, Frame(b"3")), Detached(9)])
def test_a_socket_that_does_not_take_over(wrong: Any) -> None:
    polled = opened(*BOTH)
    polled.take(Attached(9, polled.call("SOCKET")))
    polled.since()
    polled.take(wrong)
    assert polled.since() == [Shut(9, None)] * isinstance(wrong, Got)
    polled.new()
    assert polled.answer("POLL", "6") == ["POLL"]
    assert polled.take(Detached(9)).since() == []


def test_a_socket_that_is_lost_while_it_takes_over() -> None:
    polled = opened(*BOTH)
    polled.take(Attached(9, polled.call("SOCKET"))).take(Got(9, Frame("3probe")))
    polled.take(Send((polled.conn,), Message("a")))
    polled.new()
    polled.take(Detached(9))
    assert polled.new() == ['42["a"]']
    assert polled.answer("POLL", "6") == ["POLL"]


def test_no_upgrade() -> None:
    polled = Polled(*BOTH)
    polled.new()
    assert polled.answer("POLL", hello("")) == ["40", "POLL"]
    polled = opened(*BOTH)
    polled.new()
    assert polled.take(Answer(polled.call("SOCKET"), Response(400))).new() == []
    assert polled.answer("POLL", "6") == ["POLL"], "it goes on polling"
    polled = opened(*BOTH)
    assert polled.take(Aborted(polled.call("SOCKET"))).since() == []


def test_an_end_in_the_middle_of_an_upgrade() -> None:
    polled = opened(*BOTH)
    polled.take(Attached(9, polled.call("SOCKET"))).take(Got(9, Frame("3probe")))
    polled.since()
    polled.take(Drain())
    assert polled.since() == [Closed(polled.conn, 1000), Shut(9, None)]
    polled = opened(*BOTH)
    polled.take(Attached(9, polled.call("SOCKET")))
    polled.since()
    polled.answer("POLL", "", 400)
    assert polled.since() == [Shut(9, None), Closed(polled.conn, 1006)]
    polled = opened(*BOTH)
    polled.take(Drain()).take(Attached(9, polled.call("SOCKET")))
    assert polled.since() == [Closed(polled.conn, 1000), Drop(9)]
    polled.take(Attached(8, 99))
    assert polled.since() == [Drop(8)]


def test_over_a_websocket_from_the_beginning() -> None:
    polled = Polled("websocket", "polling")
    assert polled.new() == ["SOCKET"]
    assert polled.asked[0].request.query == "EIO=4&transport=websocket"
    polled.take(Attached(9, 1)).take(Got(9, Frame(hello('"websocket"')))).take(Got(9, Frame(hello())))
    assert polled.since() == [Write(9, Frame("40"))]
    assert polled.new() == []
    polled = Polled("websocket")
    polled.take(Answer(1, Response(400)))
    assert polled.client.begin() != []


def test_a_handshake_that_can_not_be_answered() -> None:
    client = SocketIOClient([("/", {"no": object()})], transports=("polling",))  # type: ignore[dict-item]
    [asked, _] = client.begin()
    assert isinstance(asked, Asked)
    out = client.take(Answer(asked.call, Response(200, (), hello().encode())))
    assert [output.request.body for output in out if isinstance(output, Asked)] == [b"1"]
