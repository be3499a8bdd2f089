"""Whatever comes, in whatever order: nothing is raised, every conn is closed once, nothing follows an end."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.actions import Accept, Action, Close, Refuse, Reply, Send
from simulator.core.events import Acked, Closed, Event, Knocked, Malformed, Opened, Received
from simulator.core.message import Frame, Headers, Message, Request
from simulator.core.wire import Aborted, Answer, Asked, Attached, Beat, Detached, Drain, Drop, Got, Shut, Upgrade, Write
from simulator.wire.engineio_http import Cors
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.engineio_session import State
from simulator.wire.socketio_recovery import Recovery
from simulator.wire.socketio_socket import Settings
from tests.wire.sio import POLLING, UPGRADE, WEBSOCKET, Server

PACKETS = [
    "4", "40", "40{}", "40/custom,", "40/nope,", "41", "41/custom,", "42", '42["message",1]', '421["message-with-ack",1]',
    '42["ask"]', '430["r"]', '42["leave"]', '42["kick"]', '42["many",3]', '42["volatile",1]', '42["later",50,1]',
    '42/custom,["message",1]', '42/custom,["kick"]', '451-["message",{"_placeholder":true,"num":0}]', "bAQI=", "44", "45-",
    f"450x{'f' * 300}-[]", "2", "2probe", "3", "5", "6", "1", "0", "abc", "", '42["connect"]',
]  # fmt: skip

_PACKET = st.sampled_from(PACKETS) | st.text(st.sampled_from('0123456["a]{},/-b '), max_size=12)
_STEP = st.one_of(
    st.tuples(st.just("poll"), st.integers(0, 2)),
    st.tuples(st.just("open"), st.just(0)),
    st.tuples(st.just("post"), st.integers(0, 2), st.lists(_PACKET, max_size=4)),
    st.tuples(st.just("ask"), st.integers(0, 2), st.sampled_from(["PUT", "OPTIONS", "GET", "POST"])),
    st.tuples(st.just("upgrade"), st.integers(0, 3), st.booleans()),
    st.tuples(st.sampled_from(["attach", "abort", "detach"]), st.integers(0, 4)),
    st.tuples(st.just("frame"), st.integers(0, 3), _PACKET | st.binary(max_size=3)),
    st.tuples(st.just("wait"), st.sampled_from([0.05, 0.3, 1.0, 6.0, 130.0])),
    st.tuples(st.sampled_from(["beat", "drain"]), st.just(0)),
    st.tuples(st.sampled_from(["close", "leave", "send", "reply", "door"]), st.integers(0, 4)),
    st.tuples(st.just("back"), st.integers(0, 2)),
)


class World(Server):
    """A server that keeps an eye on what must never happen."""

    def __init__(self, settings: Settings, slow: bool) -> None:
        super().__init__(settings)
        self.over: set[int] = set()
        self.upgraded: set[int] = set()
        self.door: list[Any] = []
        if slow:
            self.rules.answer = self.slowly

    def slowly(self, event: Event) -> list[Action]:
        if isinstance(event, Knocked):
            self.door.append(event.conn)
            return []
        return super(type(self.rules), self.rules).handle(event)

    def _one(self, effect: Any) -> None:
        match effect:
            case Answer(call):
                assert call not in self.answers
                assert call not in self.upgraded
                self.answers[call] = effect.response
            case Upgrade(call):
                assert call not in self.answers
                self.upgraded.add(call)
            case Write(link) | Shut(link) | Drop(link):
                assert link not in self.over, f"{effect} after the end"
                if not isinstance(effect, Write):
                    self.over.add(link)

    def act(self, action: Action) -> None:
        self.engine._effects = []
        self.engine._do([action])
        self._carry(self.engine._effects)


def play(server: World, steps: list[Any]) -> None:
    sids: list[str] = []
    calls: list[int] = []
    links: list[int] = []

    def nth(items: list[Any], n: int) -> Any:
        return items[-1 - n % len(items)] if items else "none"

    def ask(method: str, query: str, body: bytes = b"", headers: Headers = ()) -> int:
        server.calls += 1
        server.take(Asked(server.calls, Request(method, "/socket.io/", query, headers, body), server.route))
        return server.calls

    for step in steps:
        match step:
            case ("open", _):
                response = server.answers.get(ask("GET", POLLING))
                assert response is not None
                sids.append(response.body[9:29].decode())
            case ("poll", n):
                calls.append(ask("GET", f"{POLLING}&sid={nth(sids, n)}"))
            case ("post", n, packets):
                call = ask("POST", f"{POLLING}&sid={nth(sids, n)}", "\x1e".join(packets).encode())
                assert call in server.answers
            case ("ask", n, method):
                calls.append(ask(method, f"EIO=4&transport={'polling' if n else 'x'}&sid={nth(sids, n)}"))
            case ("upgrade", n, fresh):
                call = ask("GET", WEBSOCKET if fresh else f"{WEBSOCKET}&sid={nth(sids, n)}", headers=UPGRADE)
                if call in server.upgraded:
                    calls.append(call)
            case ("attach", n) if (call := nth(calls, n)) in server.upgraded:
                calls.remove(call)
                links.append(call)
                server.take(Attached(call, call))
            case ("abort", n) if calls:
                call = nth(calls, n)
                calls.remove(call)
                server.take(Aborted(call))
            case ("detach", n) if links:
                link = nth(links, n)
                server.over.add(link)
                server.take(Detached(link))
            case ("frame", n, data):
                server.take(Got(nth(links, n) if links else 99, Frame(data)))
            case ("wait", seconds):
                server.after(seconds)
            case ("beat" | "drain" as what, _):
                server.take(Beat() if what == "beat" else Drain())
            case ("door", n) if server.door:
                conn = server.door.pop(0)
                server.act(Refuse(conn, {"message": "no"}) if n == 3 else Accept(conn))
            case ("close" | "leave" | "send" | "reply" as what, n):
                conn = nth([event.conn for event in server.rules.all(Knocked)], n)
                actions: dict[str, Action] = {
                    "close": Close(conn),
                    "leave": Close(conn, whole=False),
                    "send": Send((conn,), Message("x", (b"y",) if n == 2 else (1,)), ack="k" if n == 3 else None),
                    "reply": Reply(conn, "1", (1,)),
                }
                server.act(actions[what])
            case ("back", n) if (old := nth(server.rules.all(Opened), n)) != "none":
                offset = old.conn.log._events[-1][1] if old.conn.log and old.conn.log._events else "x"
                data = f'40{{"pid":"{old.conn.pid}","offset":"{offset}"}}'
                server.take(Got(nth(links, 0) if links else 99, Frame(data)))
    for call in calls:
        server.take(Aborted(call))
    for link in links:
        server.over.add(link)
        server.take(Detached(link))
    while server.door:
        server.act(Accept(server.door.pop()))


@settings(deadline=None, max_examples=400)
@given(st.lists(_STEP, max_size=40), st.booleans(), st.booleans(), st.sampled_from([1 << 20, 120]))
def test_anything(steps: list[Any], recovery: bool, slow: bool, room: int) -> None:
    engine = EngineSettings(1.0, 0.5, 2.0, 5.0, max_payload=200, cors=Cors() if recovery else None, max_buffer=room)
    server = World(
        Settings(
            engine, connect_timeout=5, recovery=Recovery(most_away=2) if recovery else None, max_conns=4, max_acks=2
        ),
        slow,
    )
    play(server, [("open", 0), *steps])
    server.take(Drain())
    server.after(300)
    closed = Counter(id(event.conn) for event in server.rules.all(Closed))
    assert not closed or closed.most_common(1)[0][1] == 1, "closed once"
    opened = {id(event.conn) for event in server.rules.all(Opened)}
    assert opened <= {*closed}, "and everyone who was open"
    assert server.rules.all(Malformed) == []
    ended: set[int] = set()
    for event in server.rules.heard:
        if isinstance(event, Closed):
            ended.add(id(event.conn))
        elif isinstance(event, Opened | Received | Acked):
            assert id(event.conn) not in ended, "nothing is heard of the closed"
    assert [*server.wire.owes()] == []
    assert server.engine.next_due() is None
    assert server.wire._engine.sessions == {}
    assert len(server.wire._away) == 0
    engine_ = server.wire._engine
    assert [engine_._polls._sessions, engine_._probes, engine_._upgrades] == [{}, {}, {}]


@pytest.mark.parametrize("packet", PACKETS)
def test_each_packet_by_either_way(packet: str) -> None:
    """Polling or WebSocket: rules hear the same, and both ends are reached."""
    heard = []
    for polling in (True, False):
        server = Server()
        if polling:
            server.post(server.joined(), packet)
        else:
            server.connected().send(packet)
        heard.append([event.message for event in server.rules.all(Received)])
    if not packet.startswith('42["kick"]'):
        assert heard[0] == heard[1]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
_NAME = st.sampled_from(["message", "message", "message", "disconnect", "nobody", "", 7, None])
_EVENT = st.builds(lambda name, args: f"42{json.dumps([name, *args])}", _NAME, st.lists(_JSON, max_size=3))
_CUT = st.builds(lambda text, at: text[: len(text) - at], _EVENT, st.integers(0, 4))


@settings(deadline=None, max_examples=300)
@given(st.lists(_EVENT | _CUT | st.sampled_from(PACKETS), max_size=6))
def test_the_quick_way_is_the_long_way(frames: list[str]) -> None:
    """Events over a WebSocket have a way of their own through the wire; those of a poll go the long one."""
    # What ends a poll's session ends it otherwise, and volatile events need a poll that waits.
    frames = [frame for frame in frames if "\x1e" not in frame and frame[:1] not in ("1", "b") and "vol" not in frame]
    told = []
    for polling in (True, False):
        server = Server()
        if polling:
            sid = server.joined()
            session = server.wire._engine.sessions[sid]
            for frame in frames:
                if session.state is State.OPEN:
                    server.post(sid, frame)
            alive = session.state is State.OPEN
            back = [*session.buffer]
        else:
            socket = server.connected()
            socket.got()
            back = [str(frame) for frame in socket.send(*frames)]
            alive = "shut" not in back
        heard = [(type(event), getattr(event, "message", None)) for event in server.rules.heard]
        told.append((alive, back if alive else None, heard))
    assert told[0] == told[1]
