"""Bodies that come in chunks."""

from __future__ import annotations

from hashlib import sha256

from simulator.cassette.bodies import Room, Stream
from simulator.cassette.entries import Beside


def test_a_short_one_is_whole() -> None:
    room = Room(100)
    stream = Stream(room, 10)
    for chunk in (b"abc", b"", b"de"):
        stream.feed(chunk)
    assert (stream.size, room.left) == (5, 95)
    assert stream.done() == b"abcde"
    assert room.left == 100


def test_of_a_long_one_the_hash_is_known() -> None:
    room = Room(100)
    stream = Stream(room, 10)
    for _ in range(5):
        stream.feed(b"abc")
    assert room.left == 100, "nothing is held any more"
    assert stream.done() == Beside(None, 15, sha256(b"abc" * 5).hexdigest())


def test_all_together_have_a_bound() -> None:
    room = Room(10)
    one, other = Stream(room, 8), Stream(room, 8)
    one.feed(b"a" * 7)
    other.feed(b"b" * 4)
    assert isinstance(other.done(), Beside)
    assert one.done() == b"a" * 7
    assert room.left == 10
