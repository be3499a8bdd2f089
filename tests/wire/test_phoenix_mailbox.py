"""Joins that are answered later, what rules send, how they close; and whatever comes, in whatever order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.actions import Accept, Action, After, Cancel, Close, Refuse, Reply, Send
from simulator.core.events import Closed, Knocked, Malformed, Opened, Received
from simulator.core.ids import Ids
from simulator.core.message import NO_REF, Frame, Message, Ping, Pong, Response
from simulator.core.wire import Aborted, Asked, Attached, Beat, Detached, Drain, Drop, Got, Shut, Upgrade, Write
from simulator.core.world import World
from simulator.wire import phoenix_channels as room
from simulator.wire.phoenix import Phoenix
from simulator.wire.phoenix_channels import MOST_MAIL, Channel
from tests.wire.phoenix_host import JOIN, OK13, WEBSOCKET, Host, asking, both, host

LATER = '["7","7","bot:b","phx_join",{"later":1}]'
BEAT = '[null,"9","phoenix","heartbeat",{}]'
BEAT_REPLY = f'[null,"9","phoenix","phx_reply",{OK13}]'


# ---- a join that waits


def test_a_waiting_join_blocks_its_socket() -> None:
    it = host("1.3", JOIN)
    assert it.says(LATER, BEAT, '["1","2","bot:a","ok",{}]', '["7","8","bot:b","ok",{}]') == []
    assert it.take(Got(1, Ping(b"x"))) == it.take(Got(1, Pong())) == []
    a, b = it.conns(Knocked)[1:]
    assert it.act(Send((a, b), Message("news", ({},)))) == [], "b is not open, and a's news wait"
    it.connect(2)
    assert it.says(BEAT, link=2) == [BEAT_REPLY], "other sockets go on"
    assert it.act(Accept(b)) == [
        Write(1, Frame(f'["7","7","bot:b","phx_reply",{OK13}]')),
        Write(1, Frame('[null,null,"bot:a","news",{}]')),
        Write(1, Frame(BEAT_REPLY)),
        Write(1, Frame(f'["1","2","bot:a","phx_reply",{OK13}]')),
        Write(1, Frame(f'["7","8","bot:b","phx_reply",{OK13}]')),
        Write(1, Pong(b"x")),
    ]
    assert [type(event) for event in it.events[-4:]] == [type(it.events[-4]), Opened, Received, Received]
    assert it.says(BEAT) == [BEAT_REPLY]


@pytest.mark.parametrize("sent", ['["1","2","bot:a","bye",{}]', '["7","8","bot:b","bye",{}]'])
def test_rules_close_the_socket_while_mail_waits(sent: str) -> None:
    it = host("1.3", JOIN)
    assert it.says(LATER, sent, BEAT, BEAT) == []
    answers = it.act(Accept(it.conns(Knocked)[2]))
    assert answers[-1] == Shut(1, 1011, "not on the tape")
    assert BEAT_REPLY not in str(answers)
    assert it.closed() == [("<channel bot:a of 1>", 1011), ("<channel bot:b of 1>", 1011), ("<socket 1>", 1011)]
    assert it.at(100.0) == []


def test_the_straight_way_leaves_all_but_the_usual_to_take() -> None:
    it = host("1.3", JOIN)
    wire = it.engine.wire
    assert isinstance(wire, Phoenix)
    [channel] = [conn for conn in it.conns(Opened) if isinstance(conn, Channel)]
    usual, said = Reply(channel, "5", ("ok", {})), Frame('["1","5","bot:a","news",{}]')
    assert wire.said(usual) == Write(1, Frame(f'["1","5","bot:a","phx_reply",{OK13}]'))
    unasked = Reply(channel, NO_REF, ("ok", {}))
    assert wire.said(unasked) == Write(1, Frame(f'["1",null,"bot:a","phx_reply",{OK13}]'))
    assert wire.heard(1, said) == Received(channel, Message("news", ({},), "5", "bot:a"))
    odd = (
        Send((channel,), Message("news", ({},))), Reply("stranger", "5", ("ok", {})), Reply(channel, "5"),
        Reply(channel, "5", ("ok", {"a": float("inf")})), Reply(channel, "5", (1, {})),
    )  # fmt: skip
    assert [wire.said(one) for one in odd] == [None] * 5
    for other in (BEAT, "garbage", '["1","5","bot:b","news",{}]', '["7","5","bot:a","news",{}]', JOIN):
        # Another join_ref is a stale channel's for 1.8 alone.
        assert (wire.heard(1, Frame(other)) is None) == (other[:4] != '["7"')
    assert wire.heard(2, said) is None
    it.says(LATER)
    assert wire.said(usual) is None, "a join waits"
    assert wire.heard(1, said) is None, "a join waits"


def test_a_refused_join_lets_the_rest_go_on() -> None:
    it = host("1.3")
    it.says(LATER, '["7","8","bot:b","ok",{}]')
    told = it.act(Refuse(it.conns(Knocked)[1], {"reason": "starting", "retry": True}))
    assert told == [
        Write(
            1, Frame('["7","7","bot:b","phx_reply",{"status":"error","response":{"retry":true,"reason":"starting"}}]')
        ),
        Write(1, Frame('[null,"8","bot:b","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]')),
    ]
    assert it.closed() == []


def test_a_join_behind_a_join() -> None:
    it = host("1.3")
    it.says(LATER, '["8","8","bot:c","phx_join",{"later":1}]', '["9","9","bot:b","phx_join",{}]', BEAT)
    b = it.conns(Knocked)[1]
    assert it.act(Accept(b)) == [Write(1, Frame(f'["7","7","bot:b","phx_reply",{OK13}]'))]
    c = it.conns(Knocked)[2]
    assert it.act(Accept(c)) == [
        Write(1, Frame(f'["8","8","bot:c","phx_reply",{OK13}]')),
        Write(1, Frame(f'["9","9","bot:b","phx_reply",{OK13}]')),
        Write(1, Frame('["7","7","bot:b","phx_close",{}]')),
        Write(1, Frame(BEAT_REPLY)),
    ]
    assert it.closed() == [("<channel bot:b of 1>", 1000)]


def test_a_crash_behind_a_join_ends_it_all() -> None:
    it = host("1.3")
    it.says(LATER, "garbage", BEAT)
    b = it.conns(Knocked)[1]
    assert it.act(Accept(b)) == [Write(1, Frame(f'["7","7","bot:b","phx_reply",{OK13}]')), Shut(1, 1011)]
    assert it.closed() == [("<channel bot:b of 1>", 1011), ("<socket 1>", 1011)]


@both
def test_the_mailbox_is_bounded(profile: str) -> None:
    it = host(profile)
    it.says(LATER)
    assert it.says(*[BEAT] * MOST_MAIL) == []
    assert it.says(BEAT) == [Drop(1)]
    assert it.closed() == [("<socket 1>", 1006)]


@both
def test_what_waits_to_go_out_is_bounded(profile: str) -> None:
    it = host(profile, JOIN)
    it.says(LATER)
    a = it.conns(Opened)[1]
    push = Send((a,), Message("ping", ({},)))
    assert it.act(*[push] * MOST_MAIL) == []
    assert it.act(push, push, Close(a, 1000, whole=False)) == [Drop(1)]
    assert it.closed() == [("<channel bot:a of 1>", 1006), ("<socket 1>", 1006)]
    assert it.act(Accept(it.conns(Knocked)[2])) == []


@both
@pytest.mark.parametrize("way", ["in", "out", "both"])
def test_what_waits_is_bounded_by_its_size(profile: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_WAITING", 6000)
    it = host(profile, JOIN)
    a = it.conns(Opened)[1]
    push = Send((a,), Message("ping", ({"text": "x" * 1000},)))
    beat = BEAT.replace("{}", f'{{"text":"{"x" * 1000}"}}')
    for _ in range(3):
        # What does not wait any more does not count.
        it.says(LATER)
        assert it.says(*[beat] * 2) == []
        assert it.act(*[push] * 2) == []
        assert it.act(Accept(it.conns(Knocked)[-1]))
    it.says(LATER)
    assert it.says(*[beat] * {"in": 5, "out": 0, "both": 2}[way]) == []
    assert it.act(*[push] * {"in": 0, "out": 5, "both": 3}[way]) == []
    assert (it.says(beat) if way == "in" else it.act(push)) == [Drop(1)]


@pytest.mark.parametrize("code", [1000, 1006])
def test_the_socket_ends_while_a_join_waits(code: int) -> None:
    it = host()
    it.says(LATER)
    it.take(Detached(1, code))
    assert it.closed() == [("<socket 1>", code)]
    b = it.conns(Knocked)[1]
    assert it.act(Accept(b), Accept(b)) == []
    assert it.closed() == [("<socket 1>", code), ("<channel bot:b of 1>", 1006)]
    it.connect(2)
    it.says(LATER, link=2)
    it.take(Detached(2))
    assert it.act(Refuse(it.conns(Knocked)[-1], {})) == []
    assert len(it.closed()) == 3


def test_a_refusal_that_can_not_be_written() -> None:
    it = host()
    it.says(LATER)
    b = it.conns(Knocked)[1]
    assert it.act(Refuse(b, float("nan"))) == [Shut(1, 1011)]
    assert it.closed() == [("<socket 1>", 1011)]


# ---- what rules send


@both
def test_pushes_and_broadcasts(profile: str) -> None:
    """A push has its channel's join_ref since 1.5.7, a broadcast never; each serializer writes a broadcast once."""
    it = host(profile, JOIN)
    it.connect(2)
    it.says('["2","2","bot:a","phx_join",{}]', link=2)
    it.connect(3, query="")
    it.says('{"topic":"bot:a","event":"phx_join","payload":{},"ref":"3"}', link=3)
    channels = it.conns(Opened)[1::2]
    texts = [
        str(write.item.data)
        for write in it.act(Send(channels, Message("m", ({"b": 1, "a": 2},))))
        if isinstance(write, Write)
    ]
    first, second = ("null", "null") if profile == "1.3" else ('"1"', '"2"')
    body = '{"b":1,"a":2}' if profile == "1.3" else '{"a":2,"b":1}'
    assert texts[:2] == [f'[{first},null,"bot:a","m",{body}]', f'[{second},null,"bot:a","m",{body}]']
    v1 = {
        "1.3": '{"topic":"bot:a","ref":null,"payload":{},"event":"m"}',
        "1.8": '{"event":"m","payload":{},"ref":null,"topic":"bot:a"}',
    }[profile]
    assert texts[2] == v1.replace("{}", body)
    one, two, three = it.act(Send(channels, Message("m", topic="bot:a")))
    assert isinstance(one, Write)
    assert isinstance(two, Write)
    assert one == Write(1, Frame('[null,null,"bot:a","m",{}]'))
    assert one.item is two.item
    broadcast = v1 if profile == "1.8" else v1.replace('"event"', '"join_ref":null,"event"')
    assert three == Write(3, Frame(broadcast))


def test_what_can_not_be_written_is_told() -> None:
    it = host("1.3", JOIN)
    it.connect(2, query="")
    it.says('{"topic":"bot:a","event":"phx_join","payload":{},"ref":"3"}', link=2)
    a, b = it.conns(Opened)[1::2]
    frame = Frame(b"\x02\x05\x01bot:ambytes")
    assert it.act(Send((a, b), Message("m", (b"bytes",), topic="bot:a"))) == [Write(1, frame)]
    malformed = it.events[-1]
    assert isinstance(malformed, Malformed)
    assert (malformed.conn, malformed.error.why) == (b, "a payload of bytes needs the V2 serializer")
    crash = Frame('{"topic":"bot:a","ref":"3","payload":{},"event":"phx_error"}')
    assert it.act(Send((a, b), Message("m", (b"bytes",)))) == [
        Write(1, Frame(b"\x00\x00\x05\x01bot:ambytes")),
        Write(2, crash),
    ]
    assert it.closed() == [("<channel bot:a of 2>", 1011)], "what a channel can't push ends it"


def test_reply_without_words() -> None:
    it = host("1.3", JOIN)
    [a] = it.conns(Opened)[1:]
    assert it.act(Reply(a, NO_REF)) == [Write(1, Frame(f'["1",null,"bot:a","phx_reply",{OK13}]'))]
    assert it.act(Reply(a, "5", ("error", {"b": [], "a": 1}))) == [
        Write(1, Frame('["1","5","bot:a","phx_reply",{"status":"error","response":{"b":[],"a":1}}]'))
    ]


def test_reply_that_can_not_be_written_crashes_its_channel() -> None:
    it = host("1.3", JOIN)
    [a] = it.conns(Opened)[1:]
    assert it.act(Reply(a, "1", ("ok", float("inf")))) == [Write(1, Frame('["1","1","bot:a","phx_error",{}]'))]
    assert it.closed() == [("<channel bot:a of 1>", 1011)]
    assert it.act(Reply(a, "1"), Close(a, whole=False), Close(a)) == []


@pytest.mark.parametrize("ref", ["[" * 500 + "]" * 500, "[" * 1000 + "]" * 1000, "[" * 1100 + "]" * 1100])
def test_deep_refs(ref: str) -> None:
    [told] = host().says(f'[null,{ref},"phoenix","heartbeat",{{}}]')
    assert told in (f'[null,{ref},"phoenix","phx_reply",{OK13}]', Shut(1, 1011))


# ---- how rules close


@both
def test_close_a_channel(profile: str) -> None:
    it = host(profile, JOIN)
    assert it.says('["1","2","bot:a","end",{}]') == ['["1","1","bot:a","phx_close",{}]']
    assert it.closed() == [("<channel bot:a of 1>", 1000)]
    it.says('["3","3","bot:a","phx_join",{}]')
    it.act(Close(it.conns(Opened)[-1], None, whole=False))
    assert it.closed()[1:] == [("<channel bot:a of 1>", 1005)]


@both
@pytest.mark.parametrize(("code", "closed"), [(4001, 4001), (None, 1005)])
def test_close_the_whole_socket(profile: str, code: int | None, closed: int) -> None:
    for which in (0, 1):
        it = host(profile, JOIN)
        assert it.act(Close(it.conns(Opened)[which], code, "bye")) == [Shut(1, code, "bye")]
        assert it.closed() == [("<channel bot:a of 1>", closed), ("<socket 1>", closed)]
        assert it.act(Close(it.conns(Opened)[which])) == it.says(JOIN) == []


def test_outputs_of_an_end() -> None:
    wire = Phoenix(World(now=0.0, ids=Ids.seeded(1), seed=0, settings=0), topics=("bot:*",))
    [knocked] = wire.take(Asked(1, asking(), WEBSOCKET))
    assert isinstance(knocked, Knocked)
    socket = knocked.conn
    assert isinstance(wire.take(Accept(socket))[0], Upgrade)
    assert wire.take(Attached(1, 1)) == [After(60.0, socket, "idle"), Opened(socket)]
    assert wire.take(Close(socket, 1001)) == [Shut(1, 1001, ""), Cancel(socket), Closed(socket, 1001)]


# ---- whatever comes, in whatever order

REFS = st.sampled_from(['"1"', '"2"', "1", "null", "1.5", '[{"a":1e3}]', "99999999999999999999", '""'])
TOPICS = st.sampled_from(['"bot:a"', '"bot:b"', '"exact"', '"phoenix"', '"x"', "7", "{}", "[[]]"])
EVENTS = st.sampled_from(
    ['"phx_join"', '"phx_join"', '"phx_leave"', '"heartbeat"', '"ok"', '"say"', '"push"', '"crash"', '"end"', "null"]
)
PAYLOADS = st.sampled_from(["{}", '{"later":1}', '{"refuse":"no"}', "null", '"x"', "[1.0]", '"\\u0000\\u007f"'])
FRAMES = st.one_of(
    st.builds("[{},{},{},{},{}]".format, REFS, REFS, TOPICS, EVENTS, PAYLOADS),
    st.builds('{{"ref":{},"topic":{},"event":{},"payload":{}}}'.format, REFS, TOPICS, EVENTS, PAYLOADS),
    st.sampled_from(["", "{}", "[]", "[1,2,3,4]", "\udcff", b"", b"\x00\x01", b"\x00\x01\x01\x05\x0211bot:aok", b"[]"]),
    st.text(max_size=10),
    st.binary(max_size=10),
)
ITEMS = st.one_of(
    st.builds(Frame, FRAMES), st.builds(Frame, FRAMES), st.builds(Ping, st.binary(max_size=3)), st.just(Pong())
)


LINKS = st.integers(1, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), LINKS, st.sampled_from(["", "later", "gone", "later gone"])),
        st.tuples(st.just("got"), LINKS, ITEMS),
        st.tuples(st.just("got"), LINKS, ITEMS),
        st.tuples(st.just("got"), LINKS, ITEMS),
        st.tuples(st.just("lost"), LINKS, st.none()),
        st.tuples(st.just("time"), st.sampled_from([1.0, 30.0, 61.0]), st.none()),
        st.tuples(
            st.just("rules"),
            st.integers(0, 9),
            st.sampled_from(["accept", "refuse", "end", "close", "send", "all", "reply"]),
        ),
        st.tuples(st.just("server"), st.just(0), st.sampled_from([Drain(), Beat()])),
    ),
    max_size=30,
)


def act(conn: Any, what: str) -> Action:
    match what:
        case "accept":
            return Accept(conn)
        case "refuse":
            return Refuse(conn, {} if isinstance(conn, Channel) else Response(403))
        case "end":
            return Close(conn, 1000, whole=False)
        case "close":
            return Close(conn, 4000)
        case "reply":
            return Reply(conn, "1")
    return Send((conn,), Message("m", ({},), topic="bot:a" if what == "all" else ""))


def step(it: Host, calls: list[int], what: str, which: Any, how: Any) -> list[object]:
    """One step; links are counted from the newest call."""
    link = len(calls) - which
    match what:
        case "open":
            calls.append(len(calls) + 1)
            query = "vsn=2.0.0" if which > 1 else ""
            asked = it.take(Asked(calls[-1], asking(f"{query}&{how}"), WEBSOCKET))
            return [*asked, *it.take(Aborted(calls[-1]) if "gone" in how else Attached(calls[-1], calls[-1]))]
        case "got":
            return it.take(Got(link, how))
        case "lost":
            return it.take(Detached(link, 1001))
        case "time":
            return it.at(it.engine.world.now() + which)
        case "server":
            return it.take(how)
    conns = it.conns(Knocked)
    return it.act(act(conns[-1 - which % len(conns)], how)) if conns else []


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["1.3", "1.8"]), STEPS)
def test_nothing_is_raised_and_ends_are_said_once(profile: str, steps: list[tuple[str, Any, Any]]) -> None:
    it = Host(profile)
    calls: list[int] = []
    ended: set[int] = set()
    for what, which, how in [("open", 2, ""), *steps]:
        if what == "lost":
            ended.add(len(calls) - which)
        for effect in step(it, calls, what, which, how):
            assert not isinstance(effect, Write) or effect.link not in ended
            if isinstance(effect, Shut | Drop):
                ended.add(effect.link)
    for call in calls:
        it.take(Detached(call))
        it.take(Aborted(call))
    knocked, opened, closed = ([id(conn) for conn in it.conns(kind)] for kind in (Knocked, Opened, Closed))
    assert len(closed) == len(set(closed))
    assert len(opened) == len(set(opened))
    assert set(opened) <= set(closed) <= set(knocked), "who was told of an open is told of its end"
    assert it.engine.next_due() is None
    assert [*it.wire.owes()] == []
