"""What a fault strikes, how often, and by which dice."""

from __future__ import annotations

from simulator.core.bot import Say
from simulator.core.message import Frame
from tests.faulty import HISTORY, chip, fault, seen
from tests.talk import Talk


def say(talk: Talk, text: str = "there") -> None:
    """The operator says something in the chat that was started."""
    talk.act([*talk.running.engine.rules.talks()][-1], Say(text))


def test_toxicity_none_and_all() -> None:
    talk, socket = chip(fault("drop", "never", toxicity=0.0), fault("drop", "often", toxicity=0.5))
    for _ in range(100):
        socket.send(HISTORY)
    never, often = talk.space.faults
    assert (never.seen, never.struck) == (100, 0)
    assert 30 < often.struck < 70
    assert len(seen(socket)) == 100 - often.struck


def test_a_count_of_a_thousand_million() -> None:
    talk, socket = chip(fault("duplicate", count=10**9))
    for _ in range(50):
        socket.send(HISTORY)
    assert seen(socket) == ["history"] * 100
    [found] = talk.space.faults
    assert (found.struck, found.spent) == (50, False)


def test_dropped_and_doubled_on_the_way_up() -> None:
    talk, socket = chip(fault("drop", stream="upstream", nth=2), fault("duplicate", stream="upstream", nth=1))
    socket.send(HISTORY)
    assert seen(socket) == ["history"] * 2
    socket.send(HISTORY)
    assert seen(socket) == []
    socket.send(HISTORY)
    assert seen(socket) == ["history"]
    assert [(one.seen, one.struck, one.last) for one in talk.space.faults] == [
        (3, 1, "upstream websocket: message get_history"),
        (2, 1, "upstream websocket: message get_history"),
    ]


def test_an_acknowledgement_of_chips_client_is_lost() -> None:
    talk, socket = chip(fault("dropped_ack", stream="upstream", count=1))
    say(talk, "one")
    say(talk, "two")
    talk.after(1.0)
    [out] = socket.got
    assert isinstance(out, Frame)
    number = str(out.data).partition('"id":')[2].partition(",")[0]
    socket.got.clear()
    socket.send(f'{{"type":"ack_chat","msg_id":{number}}}')
    talk.after(1.0)
    assert seen(socket) == []
    socket.send(f'{{"type":"ack_chat","msg_id":{number}}}')
    talk.after(1.0)
    assert seen(socket) == ["chat_out"]


def test_starved_of_pings_and_of_pongs() -> None:
    talk, socket = chip(fault("starved_ping"), ping_interval=30, pong_timeout=60)
    talk.after(59.9)
    socket.ping()
    assert seen(socket) == []
    talk.after(0.1)
    assert seen(socket) == ["dropped"]
    talk, socket = chip(fault("starved_ping", stream="upstream"), ping_interval=30, pong_timeout=60)
    talk.after(30)
    socket.pong()
    talk.after(30)
    assert seen(socket) == ["ping", "ping", "dropped"]
