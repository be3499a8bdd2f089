"""Bodies that come in chunks."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from simulator.cassette.bodies import HELD, Room, Stream, beside
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


def test_beside_a_cassette(tmp_path: Path) -> None:
    """A stranger's tape may name anything: a pipe has no end, and a file may be bigger than the memory."""
    (tmp_path / "a.files").mkdir()
    (tmp_path / "a.files" / "x.bin").write_bytes(b"abc")
    assert beside(tmp_path, "a.files/x.bin") == b"abc"
    os.mkfifo(tmp_path / "a.files" / "pipe")
    with (tmp_path / "a.files" / "big").open("wb") as file:
        file.truncate(HELD + 1)
    (tmp_path / "a.files" / "link").symlink_to("/dev/zero")
    for name, why in (
        ("pipe", "is no file"),
        ("big", "has 64 MiB, and may have 64"),
        ("link", "is not in the folder"),
        ("../x", "is not in the folder"),
        ("none", "No such file"),
    ):
        with pytest.raises(OSError, match=why):
            beside(tmp_path, f"a.files/{name}" if name != "../x" else name)
