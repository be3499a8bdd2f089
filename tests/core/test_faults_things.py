"""Messages in fragments and in pieces."""

from __future__ import annotations

from simulator.core.faults_things import MOST_COPIES, MOST_MADE
from simulator.core.message import Frame, Pong
from simulator.core.wire import Raw
from simulator.serve.frames import encode
from tests.faulty import HISTORY, SAY, chip, fault, seen
from tests.talk import Talk


def closed(talk: Talk) -> bool:
    """Whether the rules know that nobody is there any more."""
    return not talk.running.engine.rules._state.clients  # type: ignore[attr-defined]


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


def test_what_is_made_of_one_message_has_a_bound() -> None:
    many = [fault("duplicate", f"d{i}", copies=100) for i in range(11)]
    _, socket = chip(*many)
    socket.send(HISTORY)
    assert len(socket.got) == 1 + MOST_COPIES
    talk, socket = chip(*(fault("duplicate", f"d{i}", copies=100, stream="upstream") for i in range(11)))
    socket.send(HISTORY)
    talk.after(0)
    assert len(socket.got) == 1 + MOST_COPIES
    _, socket = chip(*many, fault("oversized", size=20 << 20))
    socket.send(HISTORY)
    assert len(socket.got) == MOST_MADE // (20 << 20)
    assert len({id(item.data) for item in socket.got if isinstance(item, Frame)}) == 1, "copies share what is long"


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


def test_malformed_on_the_way_up() -> None:
    talk, socket = chip(fault("malformed", stream="upstream"))
    socket.send(HISTORY)
    assert seen(socket) == []
    assert talk.logged[-1][0] == "warning"
