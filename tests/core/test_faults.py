"""Faults on a WebSocket, without I/O: what goes over it, and when."""

from __future__ import annotations

import pytest

from simulator.core import faults_machine
from simulator.core.bot import Say
from simulator.core.envelope import Bare
from simulator.core.faults import Fault, Faults, Latency
from simulator.core.ids import Ids
from simulator.core.message import Frame, Pong, Request
from simulator.core.wire import Aside, Due, Raw
from simulator.serve.frames import encode
from tests.faulty import HISTORY, SAY, chip, fault, seen
from tests.talk import Socket, Talk


def say(talk: Talk, text: str = "there") -> None:
    """The operator says something in the chat that was started."""
    talk.act([*talk.running.engine.rules.talks()][-1], Say(text))


# ---- delays


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


def test_what_is_long_comes_in_pieces_over_a_narrow_link() -> None:
    talk, socket = chip(fault("bandwidth", rate=1))
    for _ in range(3):
        socket.send(SAY)
    socket.send(HISTORY)
    talk.after(60)
    pieces = [item for item in socket.got if isinstance(item, Raw)]
    assert len(pieces) > 2
    whole = pieces[-1].shown
    assert whole is not None
    assert b"".join(piece.data for piece in pieces) == encode(whole)
    assert [piece.shown for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert {len(piece.data) for piece in pieces[:-1]} == {100}


def test_slices_are_fragments() -> None:
    talk, socket = chip(fault("slicer", average_size=8, size_variation=3, delay=1000))
    socket.send(HISTORY)
    talk.after(1.0)
    fragments = [item for item in socket.got if isinstance(item, Raw)]
    assert [fragment.data[0] for fragment in fragments] == [0x01, *[0x00] * (len(fragments) - 2), 0x80]
    assert all(5 <= fragment.data[1] <= 11 for fragment in fragments[:-1])
    assert b"".join(fragment.data[2:] for fragment in fragments) == b'{"type":"history","history":[]}'
    assert fragments[-1].shown == Frame('{"type":"history","history":[]}')


def test_pings_are_delayed_but_not_sliced() -> None:
    talk, socket = chip(fault("slicer", average_size=1), fault("latency", latency=10))
    socket.ping(b"are you there")
    assert not socket.got
    talk.after(0.01)
    assert socket.got.popleft() == Pong(b"are you there")


# ---- what is lost, doubled, moved


def test_drop_duplicate_reorder() -> None:
    talk, socket = chip(fault("drop", count=1))
    socket.send(HISTORY)
    socket.send(HISTORY)
    assert seen(socket) == ["history"]
    talk.fault(fault("duplicate", copies=2, count=1))
    socket.send(HISTORY)
    assert seen(socket) == ["history"] * 3
    talk.fault(fault("reorder", count=1))
    socket.send(HISTORY)
    assert seen(socket) == []
    socket.ping()
    assert seen(socket) == ["pong"], "no pong is a message"
    say(talk)
    assert seen(socket) == ["chat_out", "history"]


def test_who_waits_for_nobody_goes() -> None:
    talk, socket = chip(fault("reorder", window=200))
    socket.send(HISTORY)
    talk.after(0.199)
    assert seen(socket) == []
    talk.after(0.001)
    assert seen(socket) == ["history"]


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


# ---- what can't be read


@pytest.mark.parametrize(
    ("form", "came"),
    [
        ("json", '{"type":"history","history":[]'),
        ("envelope", "[]"),
        ("utf8", "8121" + b'{"type":"history","history":[]}'.hex() + "c328"),
        ("rsv", "a11f" + b'{"type":"history","history":[]}'.hex()),
        ("opcode", "831f" + b'{"type":"history","history":[]}'.hex()),
        ("mask", "819f00000000" + b'{"type":"history","history":[]}'.hex()),
        ("continuation", "801f" + b'{"type":"history","history":[]}'.hex()),
    ],
)
def test_malformed(form: str, came: str) -> None:
    _, socket = chip(fault("malformed", form=form))
    socket.send(HISTORY)
    [item] = socket.got
    if isinstance(item, Raw):
        assert item.data.hex() == came
        assert isinstance(item.shown, Frame)
    else:
        assert item == Frame(came)


def test_malformed_on_the_way_up() -> None:
    talk, socket = chip(fault("malformed", stream="upstream"))
    socket.send(HISTORY)
    assert seen(socket) == []
    assert talk.logged[-1][0] == "warning"


def test_oversized() -> None:
    _, socket = chip(fault("oversized", size=1000))
    socket.send(HISTORY)
    [item] = socket.got
    assert item == Frame('{"type":"history","history":[]}'.ljust(1000))
    _, socket = chip(fault("oversized", size=70000), fault("malformed", form="rsv"))
    socket.send(HISTORY)
    [item] = socket.got
    assert isinstance(item, Raw)
    assert len(item.data) == 70010
    assert item.data[:2].hex() == "a17f"


# ---- ends


def closed(talk: Talk) -> bool:
    """Whether the rules know that nobody is there any more."""
    return not talk.running.engine.rules._state.clients  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "reason", "said"), [(1012, "bye", "shut 1012 bye"), (4999, "", "shut 4999"), (None, "", "shut None")]
)
def test_close_at_once(code: int | None, reason: str, said: str) -> None:
    talk, socket = chip(fault("close", code=code, reason=reason))
    assert seen(socket) == [said]
    assert closed(talk)
    socket.send(HISTORY)
    socket.close(1000)
    assert seen(socket) == []


def test_ends_strike_whoever_comes_later_once() -> None:
    talk, socket = chip(fault("close", code=1012, count=2))
    assert seen(socket) == ["shut 1012"]
    assert seen(talk.connect("second")) == ["shut 1012"]
    third = talk.connect("third")
    third.send('{"type":"start_chat"}')
    assert seen(third) == ["chat_started"]


def test_an_end_in_place_of_a_message_or_behind_it() -> None:
    talk, socket = chip(fault("close", code=1011, message="history"))
    say(talk)
    socket.send(HISTORY)
    assert seen(socket) == ["chat_out", "shut 1011"]
    _, socket = chip(fault("close", code=1011, message="history", deliver=True), fault("latency", latency=100))
    socket.send(HISTORY)
    assert seen(socket) == []


def test_a_close_keeps_its_place() -> None:
    talk, socket = chip(fault("close", message="history", deliver=True), fault("latency", "l", latency=100))
    socket.send(HISTORY)
    talk.after(0.1)
    assert seen(socket) == ["history", "shut None"]


def test_slow_close() -> None:
    talk, socket = chip(fault("slow_close", delay=2000), ping_interval=0, pong_timeout=10)
    talk.after(11.9)
    assert seen(socket) == []
    socket.send(HISTORY)
    assert seen(socket) == [], "the wire has let go of it"
    talk.after(0.1)
    assert seen(socket) == ["dropped"]


def test_reset_now_and_later() -> None:
    talk, socket = chip(fault("reset_peer"))
    assert seen(socket) == ["reset"]
    assert closed(talk)
    talk, socket = chip(fault("reset_peer", timeout=500))
    socket.send(HISTORY)
    talk.after(0.499)
    assert seen(socket) == []
    talk.after(0.001)
    assert seen(socket) == ["reset"]


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_silence_in_one_direction(stream: str) -> None:
    talk, socket = chip(fault("timeout", timeout=500, stream=stream))
    socket.send(SAY)
    talk.after(0.5)
    assert seen(socket) == ["dropped"]
    said = [text for level, text, facts in talk.logged if "said" in text or "message" in text]
    assert closed(talk), said


def test_silence_for_ever_lasts_until_it_is_taken_away() -> None:
    talk, socket = chip(fault("timeout"))
    socket.send(HISTORY)
    talk.after(50)
    assert seen(socket) == []
    socket.pong()
    talk.fault(without="timeout")
    socket.send(HISTORY)
    assert seen(socket) == ["history"]
    assert talk.running._machine is None


def test_the_servers_end_is_lost_in_silence_and_told_when_it_is_over() -> None:
    talk, socket = chip(fault("timeout"), pong_timeout=10, ping_interval=0)
    talk.after(20)
    assert seen(socket) == []
    assert closed(talk)
    talk.fault(without="timeout")
    assert seen(socket) == ["dropped"]


def test_limit_data() -> None:
    talk, socket = chip(fault("limit_data", bytes=50))
    socket.send(HISTORY)
    assert seen(socket) == ["history"]
    socket.send(HISTORY)
    whole = encode(Frame('{"type":"history","history":[]}'))
    assert seen(socket) == [f"raw {whole[:19].hex()}", "dropped"]
    assert closed(talk)
    _, socket = chip(fault("limit_data", bytes=10, stream="upstream"))
    socket.send(HISTORY)
    assert seen(socket) == ["dropped"]
    _, socket = chip(fault("limit_data", bytes=0))
    socket.send(HISTORY)
    assert seen(socket) == ["dropped"]


# ---- doors


def test_refused_handshake() -> None:
    talk, _ = chip(fault("refused_handshake", status=429, body="later", count=1))
    refused = talk.connect("second").refused
    assert refused is not None
    assert (refused.status, refused.body) == (429, b"later")
    assert talk.connect("third").upgrade is not None


def test_a_late_101() -> None:
    talk, _ = chip(fault("latency", latency=300, count=1))
    socket = talk.connect("second")
    assert socket.upgrade is None
    talk.after(0.3)
    assert socket.upgrade is not None


def test_who_does_not_wait_for_his_101_was_never_there() -> None:
    talk, _ = chip(fault("latency", latency=300, stream="upstream"))
    socket = talk.connect("second")
    talk.abort(socket)
    talk.after(1.0)
    assert socket.upgrade is None
    talk, _ = chip(fault("latency", latency=300))
    socket = talk.connect("second")
    talk.abort(socket)
    talk.after(1.0)
    assert socket.upgrade is None


# ---- counting


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


def test_each_strike_is_told() -> None:
    talk, socket = chip(fault("drop", "gone", count=1))
    socket.send(HISTORY)
    assert talk.logged[-1] == ("info", "fault gone strikes downstream websocket: message history", {"struck": 1})


def test_only_at_one_backend_and_on_one_transport() -> None:
    talk, socket = chip(fault("drop", "a", backend="mia"))
    assert talk.running._machine is None
    talk.fault(fault("drop", "b", transport="polling"))
    socket.send(HISTORY)
    assert seen(socket) == ["history"]


# ---- coming and going


def test_what_was_held_comes_when_the_last_fault_goes() -> None:
    talk, socket = chip(
        fault("latency", "down", latency=10**9), fault("latency", "up", latency=5000, stream="upstream")
    )
    for _ in range(3):
        socket.send(HISTORY)
    talk.fault(without="down")
    assert seen(socket) == []
    talk.fault(without="up")
    assert seen(socket) == ["history"] * 3
    assert talk.running._machine is None
    assert talk.running.engine.next_due() is None or talk.running.engine.next_due() > talk.clock.now()  # type: ignore[operator]


def test_of_two_delays_one_goes() -> None:
    talk, socket = chip(fault("latency", "a", latency=1000), fault("latency", "b", latency=300))
    socket.send(HISTORY)
    talk.fault(without="a")
    talk.after(0.299)
    assert seen(socket) == []
    talk.after(0.001)
    assert seen(socket) == ["history"]


def test_faults_that_come_while_frames_are_held_do_not_let_others_pass_them() -> None:
    talk, socket = chip(fault("latency", "a", latency=1000, count=1))
    socket.send(HISTORY)
    talk.fault(fault("latency", "b", latency=1))
    say(talk)
    talk.after(0.5)
    assert seen(socket) == []
    talk.after(0.5)
    assert seen(socket) == ["history", "chat_out"]


def test_who_waited_to_change_places_goes_with_the_fault() -> None:
    talk, socket = chip(fault("reorder", "r", window=10**6), fault("latency", "l", latency=10))
    socket.send(HISTORY)
    talk.fault(without="r")
    talk.after(0.01)
    assert seen(socket) == ["history"]
    talk.fault(fault("reorder", "r", window=10**6))
    socket.send(HISTORY)
    talk.fault(without="l")
    assert seen(socket) == []
    talk.fault(without="r")
    assert seen(socket) == ["history"]


def test_an_end_that_was_to_come_does_not_when_its_fault_goes() -> None:
    talk, socket = chip(fault("reset_peer", timeout=500))
    talk.fault(without="reset_peer")
    talk.after(1.0)
    socket.send(HISTORY)
    assert seen(socket) == ["history"]


def test_a_client_that_leaves_takes_its_frames_along() -> None:
    talk, socket = chip(fault("latency", "d", latency=1000), fault("latency", "u", latency=1000, stream="upstream"))
    socket.send(HISTORY)
    talk.after(1.0)
    socket.send(HISTORY)
    machine = talk.running._machine
    assert machine is not None
    assert machine.held > 0
    socket.close()
    assert machine.held == 0
    talk.after(10.0)
    assert seen(socket) == []


def test_stopping_waits_for_nothing() -> None:
    talk, socket = chip(fault("latency", latency=10**9), fault("close", code=4000, message="chat_out"))
    socket.send(HISTORY)
    talk.drain()
    assert seen(socket) == ["history", "shut 1000"]
    talk, socket = chip(fault("timeout"), pong_timeout=10, ping_interval=0)
    talk.after(20)
    talk.drain()
    assert seen(socket) == ["dropped"]


def test_a_year_of_latency_holds_so_much_and_no_more() -> None:
    talk, socket = chip(fault("latency", latency=365 * 86_400_000, stream="upstream"))
    machine = talk.running._machine
    assert machine is not None
    big = f'{{"type":"send_msg","text":"{"x" * 60_000}"}}'
    for _ in range(60):
        socket.send(big)
        assert machine.held <= faults_machine.MOST_OF_ONE + 70_000
    for _ in range(60):
        socket.send(big)
    assert seen(socket) == ["dropped"]
    assert machine.held == 0
    assert ("warning", "more waits behind faults than there is room for: dropped", {"link": socket.call}) in talk.logged
    many = [talk.connect(f"c{number}") for number in range(20)]
    assert all(one.upgrade is None for one in many), "their requests wait, too"


def test_all_links_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_machine, "MOST_WAITING", 10_000)
    talk, socket = chip()
    others = [talk.connect(f"c{number}") for number in range(5)]
    talk.fault(fault("latency", latency=10**6, stream="upstream"))
    for other in others:
        for _ in range(10):
            other.send(HISTORY)
    machine = talk.running._machine
    assert machine is not None
    assert machine.held <= 11_000
    assert any(seen(other) == ["dropped"] for other in others)
    assert seen(socket) == []


def test_links_that_nobody_told_of_are_left_alone() -> None:
    talk, socket = chip()
    talk.space.faults.add(fault("drop"))
    talk.running.fault((), {})
    socket.send(HISTORY)
    assert seen(socket) == ["history"]
    socket.close()
    talk.take(Due(Aside(99), "up"))


def test_a_reset_brings_back_what_there_was_at_the_start() -> None:
    talk, socket = chip()
    first = fault("drop", "first", toxicity=0.5)
    talk.fault(first)
    talk.space.faults.keep()
    talk.fault(fault("close", "second", message="history"))
    for _ in range(10):
        socket.send(HISTORY)
    before = first.struck
    assert before
    talk.space.faults.remove("first")
    talk.space.reset()
    assert [one.name for one in talk.space.faults] == ["first"]
    assert (first.seen, first.struck, first.last) == (0, 0, "")
    assert talk.running._machine is not None


# ---- the list


def test_names_are_minted_and_not_given_twice() -> None:
    faults = Faults(Ids.seeded(1))
    one = Fault(faults.mint("latency", "downstream"), "latency", Latency())
    faults.add(one)
    assert one.name == "latency_downstream"
    assert faults.mint("latency", "downstream", {"latency_downstream_2"}) == "latency_downstream_3"
    with pytest.raises(KeyError):
        faults.add(Fault("x", "latency", Latency()), Fault("latency_downstream", "latency", Latency()))
    with pytest.raises(KeyError):
        faults.add(Fault("x", "latency", Latency()), Fault("x", "latency", Latency()))
    assert len(faults) == 1
    with pytest.raises(OverflowError):
        faults.add(*(Fault(f"{number}", "latency", Latency()) for number in range(1000)))
    assert faults.get("latency_downstream") is one
    assert faults.remove("nobody") == []
    assert faults.remove("latency_downstream") == [one]
    faults.add(one)
    assert faults.remove() == [one]
    assert faults.remove() == []


def test_an_envelope_that_nobody_knows() -> None:
    bare, request = Bare(), Request("GET", "/")
    assert bare.look("client", "x").name == ""
    assert not bare.opens(request, True)
    assert bare.split("client", request, b"x") == []
    assert bare.posted(request, ()) is request
    assert bare.answered(b"x", ()) == b"x"
    assert bare.farewell().status == 410


def test_the_server_has_one_last_word() -> None:
    talk, socket = chip(fault("slow_close", delay=60_000), ping_interval=0, pong_timeout=10)
    talk.fault(fault("close", code=4000))
    talk.after(59.9)
    assert seen(socket) == []
    talk.after(0.1)
    assert seen(socket) == ["shut 4000"]


# ---- frames that belong together

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
