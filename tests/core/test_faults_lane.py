"""Delays and order, and frames that belong together."""

from __future__ import annotations

from simulator.core.bot import Say
from simulator.core.faults import Fault
from simulator.core.message import Frame
from simulator.serve.frames import encode
from tests.faulty import HISTORY, chip, fault, seen
from tests.talk import Socket, Talk


def say(talk: Talk, text: str = "there") -> None:
    """The operator says something in the chat that was started."""
    talk.act([*talk.running.engine.rules.talks()][-1], Say(text))


def test_latency_delays_what_comes_down() -> None:
    talk, socket = chip(fault("latency", latency=500))
    socket.send(HISTORY)
    talk.after(0.499)
    assert seen(socket) == []
    talk.after(0.001)
    assert seen(socket) == ["history"]


def test_latency_delays_what_goes_up() -> None:
    talk, socket = chip(fault("latency", latency=500, stream="upstream"))
    socket.send(HISTORY)
    socket.send(HISTORY)
    talk.after(0.499)
    assert seen(socket) == []
    talk.after(0.001)
    assert seen(socket) == ["history", "history"]


def test_jitter_keeps_the_order_of_a_link() -> None:
    talk, socket = chip(fault("latency", latency=500, jitter=500, stream="upstream"))
    for number in range(20):
        socket.send(f'{{"type":"send_msg","text":"{number}"}}')
    talk.after(1.0)
    socket.send(HISTORY)
    talk.after(1.0)
    assert [f'"text":"{number}"' in str(socket.got[0]) for number in range(20)] == [True] * 20
    assert seen(socket) == ["history"]


def test_a_named_message_holds_up_what_is_behind_it() -> None:
    talk, socket = chip(fault("latency", latency=500, message="history", count=1))
    socket.send(HISTORY)
    say(talk)
    talk.after(0.1)
    assert seen(socket) == []
    talk.after(0.4)
    assert seen(socket) == ["history", "chat_out"]


def test_delays_add_up_and_the_slowest_bandwidth_wins() -> None:
    talk, socket = chip(
        fault("latency", "a", latency=200), fault("latency", "b", latency=300),
        fault("bandwidth", "c", rate=1), fault("bandwidth", "d", rate=1000),
    )  # fmt: skip
    socket.send(HISTORY)
    size = len(encode(Frame('{"type":"history","history":[]}')))
    talk.after(0.5 + size / 1000 - 0.001)
    assert seen(socket) == []
    talk.after(0.001)
    assert seen(socket) == ["history"]


PICTURE = '["EVENT_CLIENT_SEND_MESSAGE",{"content":{"_placeholder":true,"num":0}}]'


def mia(*faults: Fault) -> tuple[Talk, Socket]:
    talk = Talk("mia", settings={"bot": "none", "init_delay": 0})
    socket = talk.connect()
    socket.send('40{"instance":{"chatId":"garden-homes","token":"garden-web-token"}}')
    talk.after(0.1)
    socket.got.clear()
    talk.fault(*faults)
    return talk, socket


def frames(socket: Socket) -> list[str | bytes]:
    """Beginnings of texts, and bytes."""
    found = [item.data for item in socket.got if isinstance(item, Frame)]
    socket.got.clear()
    return [data[:34] if isinstance(data, str) else data for data in found]


def test_attachments_share_the_fate_of_their_packet() -> None:
    came = ['451-["EVENT_SERVER_SEND_MESSAGE",{', b"picture"]
    _, socket = mia(fault("duplicate", count=1))
    socket.send(f"451-{PICTURE}")
    socket.send(b"picture")
    assert frames(socket) == came * 2
    _, socket = mia(fault("drop", stream="upstream", count=1))
    for _ in range(2):
        socket.send(f"451-{PICTURE}")
        socket.ping()
        socket.send(b"picture")
    assert frames(socket) == came
    _, socket = mia(fault("oversized", size=300, count=1), fault("latency", latency=0))
    socket.send(f"451-{PICTURE}")
    socket.send(b"picture")
    text, data = (item.data for item in socket.got if isinstance(item, Frame))
    assert len(text) == len(data) == 300


def test_two_attachments_come_or_what_was_announced_does_not() -> None:
    two = '["EVENT_CLIENT_SEND_MESSAGE",{"content":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]}]'
    _, socket = mia(fault("latency", latency=0, stream="upstream"))
    socket.send(f"452-{two}")
    socket.send(b"a")
    assert frames(socket) == []
    socket.send(b"b")
    assert frames(socket) == ['452-["EVENT_SERVER_SEND_MESSAGE",{', b"a", b"b"]
    socket.send(f"452-{two}")
    socket.send(b"a")
    socket.send('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"x"}]')
    assert seen(socket) == ["shut None"], "the wire reads what came, in its order, and closes"
