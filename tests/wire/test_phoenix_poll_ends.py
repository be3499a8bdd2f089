"""Long polling sessions: joins that wait, ends and debts; and whatever comes, in whatever order."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.actions import Accept, Close, Refuse, Send
from simulator.core.events import Closed, Knocked, Opened
from simulator.core.message import Message, Response
from simulator.core.wire import Aborted, Answer, Drain
from simulator.wire.phoenix_channels import MOST_MAIL
from tests.wire.phoenix_host import JOIN, both
from tests.wire.test_phoenix_poll import LATER, NDJSON, Poller, body

# ---- joins that wait


def test_a_waiting_join_holds_its_post() -> None:
    it = Poller()
    assert it.post(LATER, '["7","8","bot:b","ok",{}]') == []
    assert it.post('[null,"9","phoenix","heartbeat",{}]') == []
    answers = it.host.act(Accept(it.host.conns(Knocked)[1]))
    assert [(answer.call, body(answer)) for answer in answers if isinstance(answer, Answer)] == [
        (2, {"status": 200}),
        (3, {"status": 200}),
    ]
    assert [json.loads(text)[1] for text in it.messages()] == ["7", "8", "9"]


def test_a_join_that_waits_too_long() -> None:
    it = Poller()
    it.post(LATER)
    assert [body(answer) for answer in it.host.at(10.0)] == [{"status": 408}]
    assert it.host.act(Accept(it.host.conns(Knocked)[1])) == []
    assert len(it.messages()) == 1


def test_the_mailbox_is_bounded() -> None:
    it = Poller()
    it.post(LATER)
    for _ in range(MOST_MAIL // 100):
        it.post(*['[null,"9","phoenix","heartbeat",{}]'] * 100)
    assert it.host.closed() == [("<socket 1>", 1006)]


def test_rules_close_the_session_while_mail_waits() -> None:
    """What was posted behind it is worked by nobody; the post waits out its window, as at any end."""
    it = Poller()
    it.post(JOIN)
    answers = it.post('["1","2","bot:a","bye",{}]', '[null,"9","phoenix","heartbeat",{}]')
    assert it.host.closed() == [("<channel bot:a of 1>", 1011), ("<socket 1>", 1011)]
    assert [*answers, *map(body, it.host.at(10.0))] == [{"status": 408}]


# ---- ends


@both
def test_close(profile: str) -> None:
    it = Poller()
    it.post(JOIN)
    socket, channel = it.host.conns(Opened)
    it.messages()
    it.poll()
    assert it.host.act(Close(socket if profile == "1.3" else channel, 4000)) == []
    assert it.host.closed() == [("<channel bot:a of 1>", 4000), ("<socket 1>", 4000)]
    assert it.host.act(Close(socket), Send((channel,), Message("m"))) == []
    assert [body(answer)["status"] for answer in it.host.at(10.0)] == [204]


def test_drain() -> None:
    it = Poller()
    it.poll()
    assert it.host.take(Drain()) == [Answer(2, None)]
    assert it.host.closed() == [("<socket 1>", 1012)]
    assert it.host.engine.next_due() is None


# ---- debts


def test_an_answered_poll_is_a_debt_until_the_next() -> None:
    it = Poller()
    owes = it.host.wire.owes
    [(session, number)] = owes()
    assert number == 1
    it.poll()
    assert [*owes()] == []
    it.host.at(10.0)
    assert [*owes()] == [(session, 2)]
    it.post(JOIN)
    assert [*owes()] == [(session, 2)]
    it.messages()
    assert [*owes()] == [(session, 3)], "answered at once, it has to come again"
    it.poll()
    it.host.take(Aborted(it.calls))
    assert [*owes()] == []
    it.host.at(100.0)
    assert [*owes()] == []


def test_an_older_poll_is_no_debt() -> None:
    it = Poller()
    it.poll()
    it.host.at(5.0)
    it.poll()
    it.host.at(10.0)
    assert [*it.host.wire.owes()] == [], "the newer one still waits"


# ---- whatever comes

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("poll"), st.none()),
        st.tuples(st.just("poll"), st.none()),
        st.tuples(
            st.just("post"),
            st.sampled_from(
                [JOIN, LATER, f"{JOIN}\n{JOIN}", f"{LATER}\n{JOIN}", "[]", "AAAA", "!", '["1","2","bot:a","push",{}]']
            ),
        ),
        st.tuples(st.just("abort"), st.integers(0, 3)),
        st.tuples(st.just("time"), st.sampled_from([1.0, 10.0, 16.0])),
        st.tuples(st.just("answer"), st.sampled_from([Accept, Refuse])),
        st.tuples(st.just("drain"), st.none()),
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_every_call_is_answered_once(steps: list[tuple[str, Any]]) -> None:
    it = Poller()
    host = it.host
    aborted: set[int] = set()
    for what, how in steps:
        match what:
            case "poll":
                it.poll()
            case "post":
                it.ask("POST", data=how, headers=NDJSON)
            case "abort":
                if (call := it.calls - how) > 0:
                    aborted.add(call)
                    host.take(Aborted(call))
            case "time":
                host.at(host.engine.world.now() + how)
            case "answer":
                conn = host.conns(Knocked)[-1]
                host.act(how(conn) if how is Accept else Refuse(conn, {} if hasattr(conn, "topic") else Response(403)))
            case "drain":
                host.take(Drain())
    host.at(host.engine.world.now() + 60.0)
    answers = [effect.call for _, effect in host.out if isinstance(effect, Answer)]
    assert len(answers) == len(set(answers))
    assert set(range(1, it.calls + 1)) == set(answers) | (aborted - set(answers))
    closed = [id(conn) for conn in host.conns(Closed)]
    assert len(closed) == len(set(closed))
    assert {id(conn) for conn in host.conns(Opened)} <= set(closed)
    assert host.engine.next_due() is None
    assert [*host.wire.owes()] == []
