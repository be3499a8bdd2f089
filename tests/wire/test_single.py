"""One socket, one conversation: the door, the handshake, pings and deadlines, and every way to end."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from simulator.core.actions import Accept, Action, After, Cancel, Close, Hold, Refuse, Release, Reply, Send
from simulator.core.backend import Route
from simulator.core.bot import SilentBot
from simulator.core.engine import Engine, Given
from simulator.core.errors import WireError
from simulator.core.events import Closed, Event, Knocked, Malformed, Opened, Received, Requested
from simulator.core.ids import Ids
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
    Due,
    Got,
    Pause,
    Shut,
    Turn,
    Upgrade,
    Write,
)
from simulator.core.world import World
from simulator.wire.rawjson import RawJson
from simulator.wire.single import Flaw, Onlooker, Peer, Policy, Single, accept_key, flaw
from tests.talkless import Talkless

DOOR, ELSEWHERE = Route("door", "/"), Route("elsewhere", "/else")
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""RFC 6455, section 1.3."""
GOOD = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY}
HANDSHAKE = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", ACCEPT))
HI, HI_FRAME = Message("hi", ({},)), Frame('{"type":"hi"}')


def refuse(request: Request, wrong: Flaw) -> Response:
    return Response(400, (), wrong.name.encode())


class Counting(RawJson):
    written = 0

    def encode(self, message: Message) -> Frame:
        self.written += 1
        return super().encode(message)


def single(policy: Policy = Policy(), codec: RawJson | None = None) -> Single:  # noqa: B008  # frozen
    return Single(codec or RawJson(), "door", policy, refuse)


def asking(changes: dict[str, str | None] | None = None, method: str = "GET") -> Request:
    headers = [(name, value) for name, value in {**GOOD, **(changes or {})}.items() if value is not None]
    return Request(method, "/", headers=tuple(headers))


def knock(wire: Single, call: int = 1, request: Request | None = None) -> Peer:
    [knocked] = wire.take(Asked(call, request or asking(), DOOR))
    assert isinstance(knocked, Knocked)
    assert isinstance(knocked.conn, Peer)
    return knocked.conn


def opened(wire: Single, call: int = 1) -> Peer:
    """A peer whose link is ten times its call."""
    peer = knock(wire, call)
    assert wire.take(Accept(peer)) == [Upgrade(call, HANDSHAKE)]
    assert wire.take(Attached(call * 10, call))[-1] == Opened(peer)
    return peer


# ---- the straight way ----


def test_the_straight_way_leaves_all_but_the_usual_to_take() -> None:
    wire = single()
    peer = opened(wire)
    assert wire.heard(10, HI_FRAME) == Received(peer, HI)
    assert wire.said(Send((peer,), HI)) == Write(10, HI_FRAME)
    odd = Message("x", (1,))
    assert wire.heard(11, HI_FRAME) is wire.heard(10, Frame("x")) is None
    for send in (Send((peer, peer), HI), Send((), HI), Send(("stranger",), HI), Send((peer,), odd), Reply(peer, None)):
        assert wire.said(send) is None
    wire.take(Detached(10))
    assert wire.said(Send((peer,), HI)) is None
    assert wire.heard(10, HI_FRAME) is None


# ---- the door ----


def test_what_is_not_the_door() -> None:
    request = Request("POST", "/else", body=b"x")
    assert single().take(Asked(3, request, ELSEWHERE)) == [Requested(3, request, ELSEWHERE)]


def test_knock_waits_for_its_answer() -> None:
    wire, request = single(), asking()
    outputs = wire.take(Asked(1, request, DOOR))
    assert isinstance(outputs[0], Knocked)
    assert (len(outputs), outputs[0].request, outputs[0].auth) == (1, request, None)
    assert repr(outputs[0].conn) == "<peer 1>"


def test_accept_opens_once() -> None:
    wire = single()
    peer = knock(wire)
    more: Headers = (("Set-Cookie", "a=b"),)
    assert wire.take(Accept(peer, more)) == [Upgrade(1, HANDSHAKE + more)]
    refusal = Refuse(peer, Response(403))
    for again in (Accept(peer), refusal):
        assert wire.take(again) == []
    assert wire.take(Attached(10, 1))[-1] == Opened(peer)
    for again in (Accept(peer), refusal):
        assert wire.take(again) == []


def test_refuse_once() -> None:
    wire = single()
    peer = knock(wire)
    assert wire.take(Refuse(peer, Response(403))) == [Answer(1, Response(403))]
    assert wire.take(Refuse(peer, Response(403))) == []
    assert wire.take(Accept(peer)) == []
    assert wire.take(Aborted(1)) == []


def test_door_is_asked_before_the_handshake_is_looked_at() -> None:
    wire = single()
    peer = knock(wire, request=Request("POST", "/"))
    assert wire.take(Refuse(peer, Response(404))) == [Answer(1, Response(404))]
    peer = knock(wire, request=Request("POST", "/"))
    assert wire.take(Accept(peer)) == [Answer(1, Response(400, (), b"CONNECTION")), Closed(peer)]
    assert wire.take(Accept(peer)) == []
    assert wire.take(Aborted(1)) == [], "Closed was said"


@pytest.mark.parametrize("conn", ["stranger", 1, None, Peer(1, asking())])
def test_strangers_are_passed_over(conn: object) -> None:
    wire = single()
    opened(wire)
    knock(wire, 2)
    for action in (
        Accept(conn), Refuse(conn, Response(400)), Send((conn,), HI), Close(conn), Hold(conn), Release(conn),
        Reply(conn, 1),
    ):  # fmt: skip
        assert wire.take(action) == []
    for unknown in (Got(99, HI_FRAME), Got(99, Pong()), Got(99, Ping()), Detached(99), Aborted(99)):
        assert wire.take(unknown) == []
    assert wire.take(Attached(99, 98)) == [Drop(99)], "a socket that nobody asked for"


def test_two_knocks_are_two_peers() -> None:
    wire = single()
    one, two = opened(wire, 1), opened(wire, 2)
    assert one != two
    assert wire.take(Got(20, HI_FRAME)) == [Received(two, HI)]
    assert wire.take(Got(10, HI_FRAME)) == [Received(one, HI)]


# ---- the handshake ----


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, None),
        ({"Connection": "keep-alive, UPGRADE", "Upgrade": "h2c, WebSocket", "Sec-WebSocket-Version": "8, 13"}, None),
        ({"Connection": None}, Flaw.CONNECTION),
        ({"Connection": "close"}, Flaw.CONNECTION),
        ({"Connection": "Upgrades"}, Flaw.CONNECTION),
        ({"Upgrade": None}, Flaw.UPGRADE),
        ({"Upgrade": "h2c"}, Flaw.UPGRADE),
        ({"Sec-WebSocket-Version": None}, Flaw.VERSION),
        ({"Sec-WebSocket-Version": "8"}, Flaw.VERSION),
        ({"Sec-WebSocket-Key": None}, Flaw.KEY),
        ({"Sec-WebSocket-Key": ""}, Flaw.KEY),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"}, Flaw.KEY),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ!=="}, Flaw.KEY),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j"}, Flaw.KEY),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZTE="}, Flaw.KEY),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ\xfc=="}, Flaw.KEY),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ\udcff=="}, Flaw.KEY),
    ],
)
def test_flaw(changes: dict[str, str | None], wrong: Flaw | None) -> None:
    assert flaw(asking(changes)) is wrong


def test_flaws_in_gorillas_order() -> None:
    """server.go Upgrade, v1.5.3: each is mended in turn, and the next is named."""
    wrong = {"Connection": "close", "Upgrade": "h2c", "Sec-WebSocket-Version": "8", "Sec-WebSocket-Key": "x"}
    found = [flaw(asking({**wrong}, "POST"))]
    method = "POST"
    for mend in ("Connection", "Upgrade", "method", "Sec-WebSocket-Version", "Sec-WebSocket-Key"):
        if mend == "method":
            method = "GET"
        else:
            wrong[mend] = GOOD[mend]
        found.append(flaw(asking({**wrong}, method)))
    assert found == [Flaw.CONNECTION, Flaw.UPGRADE, Flaw.METHOD, Flaw.VERSION, Flaw.KEY, None]


def test_accept_key() -> None:
    assert accept_key(KEY) == ACCEPT


# ---- the request's end ----


def test_aborted_before_the_rules_have_answered() -> None:
    wire = single()
    peer = knock(wire)
    assert wire.take(Aborted(1)) == []
    assert wire.take(Refuse(peer, Response(400))) == []
    assert wire.take(Aborted(1)) == []


def test_accepted_too_late_is_closed_once() -> None:
    """Closed "is said once for each Knocked that was accepted": who accepts late has state to forget, too."""
    wire = single()
    peer = knock(wire)
    wire.take(Aborted(1))
    assert wire.take(Accept(peer)) == [Closed(peer, 1006)]
    assert wire.take(Accept(peer)) == []


def test_aborted_after_the_upgrade() -> None:
    wire = single()
    peer = knock(wire)
    wire.take(Accept(peer))
    assert wire.take(Aborted(1)) == [Closed(peer, 1006)]
    assert wire.take(Aborted(1)) == []
    assert wire.take(Attached(10, 1)) == [Drop(10)]


# ---- messages ----


def test_send_is_written_once_for_all() -> None:
    codec = Counting()
    wire = single(codec=codec)
    one, two, three, gone = (opened(wire, call) for call in (1, 2, 3, 4))
    not_yet = knock(wire, 5)
    wire.take(Detached(40))
    outputs = wire.take(Send((one, gone, three, not_yet, two), HI))
    assert outputs == [Write(10, HI_FRAME), Write(30, HI_FRAME), Write(20, HI_FRAME)]
    assert codec.written == 1
    assert wire.take(Send((gone, not_yet), HI)) == []
    assert codec.written == 1, "for nobody nothing is written"


def test_received_and_malformed() -> None:
    wire = single()
    peer = opened(wire)
    assert wire.take(Got(10, Frame(b'{"type":"hi","a":1}'))) == [Received(peer, Message("hi", ({"a": 1},)))]
    bad = Frame("[]")
    [malformed] = wire.take(Got(10, bad))
    assert isinstance(malformed, Malformed)
    assert (malformed.conn, malformed.error.why, malformed.error.frame) == (peer, "not a JSON object", bad)
    assert isinstance(malformed.error, WireError)
    assert wire.take(Got(10, Ping(b"hey"))) == [Write(10, Pong(b"hey"))]


def test_hold_and_release() -> None:
    wire = single()
    peer = opened(wire)
    assert wire.take(Hold(peer)) == [Pause(10, True)]
    assert wire.take(Send((peer,), HI)) == [Write(10, HI_FRAME)], "it is still written to"
    assert wire.take(Release(peer)) == [Pause(10, False)]
    wire.take(Detached(10))
    assert wire.take(Hold(peer)) == wire.take(Release(peer)) == []


# ---- ends: Closed once, whichever is first ----


@pytest.mark.parametrize("code", [1000, 4001, None])
def test_close(code: int | None) -> None:
    wire = single()
    peer = opened(wire)
    closed = Closed(peer, 1005 if code is None else code)
    assert wire.take(Close(peer, code, "bye")) == [Shut(10, code, "bye"), Cancel(peer), closed]
    assert wire.take(Close(peer)) == wire.take(Detached(10, 1000)) == wire.take(Got(10, HI_FRAME)) == []


def test_detached() -> None:
    wire = single()
    peer = opened(wire)
    assert wire.take(Detached(10, 4321)) == [Cancel(peer), Closed(peer, 4321)]
    assert wire.take(Detached(10)) == wire.take(Close(peer)) == wire.take(Send((peer,), HI)) == []


def test_drain_says_goodbye_to_all() -> None:
    wire = single(Policy(drain=1001))
    one, two = opened(wire, 1), opened(wire, 2)
    knock(wire, 3)
    outputs = wire.take(Drain())
    assert [out for out in outputs if isinstance(out, Shut)] == [Shut(10, 1001), Shut(20, 1001)]
    assert [out for out in outputs if isinstance(out, Closed)] == [Closed(one, 1001), Closed(two, 1001)]
    assert wire.take(Drain()) == wire.take(Beat()) == []


def test_drain_between_upgrade_and_attached() -> None:
    wire = single()
    peer = knock(wire)
    wire.take(Accept(peer))
    assert wire.take(Drain()) == [Closed(peer)]
    assert wire.take(Attached(10, 1)) == [Drop(10)]


def test_what_can_not_be_written_is_told() -> None:
    wire = single()
    peer = opened(wire)
    [told] = wire.take(Send((peer,), Message("m", ("no object",))))
    assert isinstance(told, Malformed)
    assert told.conn is peer


# ---- pings ----


class Host(Talkless):
    """An engine whose rules let everyone in; what comes out is kept with its instant."""

    def __init__(self, policy: Policy) -> None:
        self.wire = single(policy)
        self.conns: list[object] = []
        self.closed: list[object] = []
        self.opened: list[object] = []
        self.out: list[tuple[float, object]] = []
        self.engine = Engine(self.wire, self, SilentBot(), World(now=0.0, ids=Ids.seeded(1), seed=0, settings=0))

    def handle(self, event: Event) -> list[Action]:
        if isinstance(event, Knocked):
            self.conns.append(event.conn)
            return [Accept(event.conn)]
        if isinstance(event, Opened | Closed):
            (self.opened if isinstance(event, Opened) else self.closed).append(event.conn)
        return []

    def at(self, t: float, *given: Given) -> None:
        while (due := self.engine.next_due()) is not None and due <= t:
            self._keep(due, self.engine.run_until(due))
        self._keep(t, self.engine.run_until(t))
        for one in given:
            self._keep(t, self.engine.take(one))

    def connect(self, call: int = 1) -> None:
        self.at(self.engine.world.now(), Asked(call, asking(), DOOR), Attached(call * 10, call))
        self.out.clear()

    def _keep(self, t: float, effects: Collection[object]) -> None:
        self.out += [(t, effect) for effect in effects]


PING = Write(10, Ping())


def test_silent_peer_is_pinged_and_dropped() -> None:
    host = Host(Policy(30, 60))
    host.connect()
    host.at(1000.0)
    # The ping of the deadline's own instant still leaves.
    assert host.out == [(30.0, PING), (60.0, PING), (60.0, Drop(10))]
    assert len(host.closed) == 1
    host.at(1000.0, Detached(10))
    assert len(host.closed) == 1
    assert host.engine.next_due() is None
    assert [*host.wire.owes()] == []


@pytest.mark.parametrize(
    ("policy", "first"),
    [
        (Policy(0, 0), []),
        (Policy(0, 60), [After(60, 0, "pong")]),
        (Policy(30, 0), [After(30, 0, "ping")]),
        (Policy(30, 60), [After(30, 0, "ping"), After(60, 0, "pong")]),
    ],
)
def test_timers_at_the_start(policy: Policy, first: list[After]) -> None:
    wire = single(policy)
    peer = knock(wire)
    wire.take(Accept(peer))
    timers = [After(after.seconds, peer, after.name) for after in first]
    assert wire.take(Attached(10, 1)) == [*timers, Opened(peer)]
    again = [After(60, peer, "pong")] if policy.pong_timeout else []
    assert wire.take(Got(10, Pong())) == again


def test_held_peer_is_dropped_when_it_is_read_again() -> None:
    host = Host(Policy(30, 60))
    host.connect()
    peer = host.conns[0]
    host.at(50.0)
    assert host.wire.take(Hold(peer)) == [Pause(10, True)]
    host.out.clear()
    host.at(95.0)
    assert host.out == [(60.0, PING), (90.0, PING)]
    assert host.closed == []
    assert host.wire.take(Release(peer)) == [Drop(10), Cancel(peer), Closed(peer, 1006)]
    assert host.wire.take(Release(peer)) == []


# ---- the onlooker ----


def test_onlooker() -> None:
    onlooker = Onlooker(RawJson(), RawJson())
    assert onlooker.read("client", 1, HI_FRAME) == [Turn("client", HI)]
    assert onlooker.read("server", 1, Frame("[]")) == [Turn("server", None, "not a JSON object")]


def test_unknown_timer_is_the_engines_mistake() -> None:
    with pytest.raises(AssertionError):
        single().take(Due("nobody", "ping"))
