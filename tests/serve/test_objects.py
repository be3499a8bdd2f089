"""The object store: bounds, spilling, and who lets go of what."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from simulator.core.errors import StartError
from simulator.core.objects import Objects, Upload
from simulator.core.space import Store
from simulator.serve.objects import Cleared, Full, House, Shelf, Writing
from tests.serve.keeper import files, keeper

MIB = 1 << 20


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf(House(memory=1000, most=10_000))
    yield shelf
    shelf.clear()
    shelf.house.close()
    assert (shelf.total, shelf.house.in_memory, shelf.house.folder) == (0, 0, None)


def put(shelf: Shelf, data: bytes, *, kept: bool = True, pieces: int = 1) -> Upload:
    writing = shelf.begin()
    step = max(1, -(-len(data) // pieces))
    for start in range(0, len(data), step):
        writing.write(data[start : start + step])
    upload = writing.done("image/png", "cat.png")
    if kept:
        shelf.keep(upload.key)
    return upload


def descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def got(shelf: Shelf, upload: Upload) -> bytes | None:
    reading = shelf.open(upload)
    if reading is None:
        return None
    with reading:
        return b"".join(reading)


def test_an_object(shelf: Shelf) -> None:
    store: Store = shelf
    objects: Objects = store
    upload = put(shelf, b"hello", pieces=3)
    assert upload == Upload("1", 5, "image/png", "5d41402abc4b2a76b9719d911017c592", "cat.png")
    assert objects.head("1") is upload
    assert got(shelf, upload) == b"hello"
    assert (shelf.total, shelf.house.in_memory, shelf.house.folder) == (5, 5, None), "what is small needs no directory"
    objects.delete("1")
    objects.delete("1")
    objects.keep("1")
    assert (objects.head("1"), got(shelf, upload), shelf.total) == (None, None, 0)


def test_an_empty_one(shelf: Shelf) -> None:
    upload = put(shelf, b"")
    assert (upload.size, upload.md5, got(shelf, upload)) == (0, hashlib.md5(b"").hexdigest(), b"")  # noqa: S324


def test_keys_count_what_is_complete(shelf: Shelf) -> None:
    first, second = shelf.begin(), shelf.begin()
    shelf.begin().abandon()
    assert second.done(None).key == "1"
    assert first.done(None).key == "2"


def test_who_is_not_kept_goes(shelf: Shelf) -> None:
    for size in (10, 2000):
        upload = put(shelf, bytes(size), kept=False)
        shelf.settle(upload)
        assert shelf.head(upload.key) is None
        shelf.settle(upload)
    kept = put(shelf, b"abc")
    shelf.settle(kept)
    assert shelf.head(kept.key) is kept
    assert (files(shelf), shelf.total) == ([], 3)


def test_beyond_the_memory_there_is_a_directory_of_ones_own(shelf: Shelf) -> None:
    small, large = put(shelf, b"s" * 600), put(shelf, b"L" * 700, pieces=7)
    assert shelf.house.folder is not None
    assert stat.S_IMODE(shelf.house.folder.stat().st_mode) == 0o700
    assert (files(shelf), shelf.house.in_memory, shelf.total) == (["1"], 600, 1300)
    assert (got(shelf, small), got(shelf, large)) == (b"s" * 600, b"L" * 700)
    assert large.md5 == hashlib.md5(b"L" * 700).hexdigest()  # noqa: S324
    assert large.sha256 == hashlib.sha256(b"L" * 700).hexdigest()
    shelf.delete(large.key)
    assert files(shelf) == []


def test_nothing_of_a_client_becomes_a_path(shelf: Shelf) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "a\0b", ".", "..", "", "\udcff" * 300):
        writing = shelf.begin()
        writing.write(bytes(1001))
        upload = writing.done(name, name)
        assert (upload.filename, upload.type) == (name, name)
    assert files(shelf) == [str(i + 1) for i in range(7)]


def test_open_files_are_none_but_those_in_use(shelf: Shelf) -> None:
    before = descriptors()
    uploads = [put(shelf, bytes(1001)) for _ in range(5)]
    assert descriptors() == before
    reading = shelf.open(uploads[0])
    assert reading is not None
    assert descriptors() == before + 1
    reading.close()
    reading.close()
    assert descriptors() == before


@pytest.mark.parametrize("size", [900, 2000])
def test_a_reader_reads_on_whatever_happens(shelf: Shelf, size: int) -> None:
    upload = put(shelf, b"a" * size)
    reading = shelf.open(upload)
    assert reading is not None
    shelf.delete(upload.key)
    assert shelf.total == size, "it takes room until the reader is done"
    shelf.clear()
    newer = put(shelf, b"b" * size)
    assert newer.key == upload.key
    with reading:
        assert b"".join(reading) == b"a" * size
    assert shelf.total == size
    assert got(shelf, upload) is None, "another has its key"
    assert got(shelf, newer) == b"b" * size


@pytest.mark.parametrize("size", [900, 2000])
def test_a_clear_ends_what_is_on_its_way(shelf: Shelf, size: int) -> None:
    old = put(shelf, b"x", kept=False)
    begun, whole = shelf.begin(), shelf.begin()
    begun.write(bytes(size))
    whole.write(bytes(size))
    shelf.clear()
    assert (shelf.total, files(shelf)) == (0, [])
    newer = put(shelf, b"y", kept=False)
    with pytest.raises(Cleared):
        begun.write(b"more")
    with pytest.raises(Cleared):
        whole.done(None)
    begun.abandon()
    shelf.settle(old)
    assert shelf.head("1") is newer, "the old one's end does not touch the newer one"


def test_bound_of_all_together(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    kept = put(shelf, bytes(9000))
    writing = shelf.begin()
    writing.write(bytes(1000))
    with pytest.raises(Full):
        writing.write(b"x")
    assert shelf.total == 9000, "it is abandoned"
    with pytest.raises(Cleared):
        writing.write(b"")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "10000 bytes" in caplog.text
    shelf.delete(kept.key)
    put(shelf, bytes(10_000))


def test_who_fills_the_house_takes_nothing_from_anothers_part() -> None:
    """Two spaces of four: what is nobody's part goes to who comes first, the own part is there for sure."""
    house = House(memory=100, most=1000, shares=4)
    greedy, modest = Shelf(house), Shelf(house)
    first = greedy.begin()
    first.write(bytes(1000))
    with pytest.raises(Full):
        greedy.begin().write(b"x")
    second = modest.begin()
    second.write(bytes(250))
    with pytest.raises(Full):
        second.write(b"x")
    assert (house.total, greedy.total, modest.total) == (1000, 1000, 0)
    modest.begin().write(bytes(250))
    assert (house.total, modest.total, sorted(path.stat().st_size for path in _paths(house))) == (
        1250,
        250,
        [250, 1000],
    )
    greedy.clear()
    assert (house.total, modest.total) == (250, 250), "a reset of one throws nothing of the other away"
    modest.clear()
    house.close()


def _paths(house: House) -> list[Path]:
    assert house.folder is not None
    return [*house.folder.iterdir()]


class FullDisk:
    """A file on a disk that has room for some more bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.closed = False

    def write(self, data: bytes) -> int:
        size = min(len(data), self.room)
        if not size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= size
        return size

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("room", [0, 100, 950])
def test_disk_that_is_full(
    shelf: Shelf, room: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FullDisk(room)
    writing = shelf.begin()
    writing.write(bytes(900))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda *_, **__: disk)
        with pytest.raises(Full):
            writing.write(bytes(200))
    assert "No space left on device" in caplog.text
    assert disk.closed
    assert (shelf.total, shelf.house.in_memory, files(shelf)) == (0, 0, [])


def test_a_file_that_is_there_already_is_not_touched(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"not ours")
    monkeypatch.setattr(House, "new_path", lambda self: other)
    with pytest.raises(Full):
        shelf.begin().write(bytes(2000))
    assert other.read_bytes() == b"not ours"
    assert "File exists" in caplog.text


def test_directory_that_somebody_tidied_up(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    lost = put(shelf, bytes(1001))
    assert shelf.house.folder is not None
    (shelf.house.folder / "1").unlink()
    shelf.house.folder.rmdir()
    assert got(shelf, lost) is None
    assert "the object 1 can't be read: [Errno 2]" in caplog.text
    assert got(shelf, put(shelf, bytes(1002))) == bytes(1002), "a new one is made"
    shelf.delete(lost.key)


def test_file_that_became_shorter(shelf: Shelf) -> None:
    upload = put(shelf, bytes(2000))
    assert shelf.house.folder is not None
    os.truncate(shelf.house.folder / "1", 1500)
    reading = shelf.open(upload)
    assert reading is not None
    with reading, pytest.raises(OSError, match="500 bytes are missing"):
        b"".join(reading)


def test_close_in_the_middle(shelf: Shelf) -> None:
    put(shelf, bytes(2000))
    writing, reading = shelf.begin(), shelf.open(put(shelf, b"r" * 3000))
    writing.write(bytes(2000))
    folder = shelf.house.folder
    assert folder is not None
    shelf.clear()
    shelf.house.close()
    shelf.clear()
    shelf.house.close()
    assert not folder.exists()
    assert reading is not None
    with reading:
        assert b"".join(reading) == b"r" * 3000
    writing.abandon()
    assert got(shelf, put(shelf, b"again")) == b"again"


def test_memory_is_bounded_and_tiny_pieces_are_not_dear() -> None:
    shelf = Shelf(House(memory=4 * MIB))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tiny = shelf.begin()
        for _ in range(MIB // 4):
            tiny.write(b"xy")
        assert tracemalloc.get_traced_memory()[0] - before < MIB
        for _ in range(4):
            put(shelf, bytes(8 * MIB), pieces=200)
        assert shelf.total == 32 * MIB + MIB // 2
        assert tracemalloc.get_traced_memory()[0] - before < 5 * MIB
    finally:
        tracemalloc.stop()
        shelf.clear()
        shelf.house.close()


async def test_start_that_fails(tmp_path: Path) -> None:
    async with keeper(tmp_path) as taken:
        simulator = keeper(tmp_path)
        simulator._options.port = int(taken.url("keeper").rpartition(":")[2])
        simulator.shelf.begin().write(bytes(2 << 20))
        folder = simulator.shelf.house.folder
        assert folder is not None
        with pytest.raises(StartError):
            await simulator.start()
        assert not folder.exists()


class Lives(RuleBasedStateMachine):
    """Whatever the order: bytes are counted rightly, and each object is what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf(House(memory=100, most=1000))
        self.model: dict[str, bytes] = {}
        self.writings: list[tuple[Writing, bytearray]] = []

    @rule()
    def begin(self) -> None:
        self.writings.append((self.shelf.begin(), bytearray()))

    @precondition(lambda self: self.writings)
    @rule(data=st.data(), chunk=st.binary(max_size=150))
    def write(self, data: st.DataObject, chunk: bytes) -> None:
        pair = data.draw(st.sampled_from(self.writings))
        try:
            pair[0].write(chunk)
        except Full:
            assert self.count() + len(chunk) > 1000
            self.writings.remove(pair)
        else:
            pair[1].extend(chunk)

    @precondition(lambda self: self.writings)
    @rule(data=st.data(), well=st.booleans())
    def end(self, data: st.DataObject, well: bool) -> None:
        writing, written = self.writings.pop(data.draw(st.integers(0, len(self.writings) - 1)))
        if well:
            self.model[writing.done(None).key] = bytes(written)
        else:
            writing.abandon()

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.model)))
        self.shelf.delete(key)
        del self.model[key]

    @rule()
    def clear(self) -> None:
        self.shelf.clear()
        self.model.clear()
        self.writings.clear()

    def count(self) -> int:
        return sum(map(len, self.model.values())) + sum(len(written) for _, written in self.writings)

    @invariant()
    def holds(self) -> None:
        assert self.shelf.total == self.count()
        assert 0 <= self.shelf.house.in_memory <= 100
        for key, data in self.model.items():
            upload = self.shelf.head(key)
            assert upload is not None
            assert got(self.shelf, upload) == data

    def teardown(self) -> None:
        self.shelf.clear()
        self.shelf.house.close()
        assert (self.shelf.total, self.shelf.house.in_memory) == (0, 0)


TestLives = Lives.TestCase
