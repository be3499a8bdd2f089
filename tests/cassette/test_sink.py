"""What is written is there, whatever happens to the process."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from simulator.cassette.entries import Passed
from simulator.cassette.sink import FileSink, MemorySink
from simulator.cassette.tape import open_tape

BURST = """
import sys
from pathlib import Path
from simulator.cassette.recorder import Recorder
from simulator.cassette.sink import FileSink

recorder = Recorder(FileSink(Path(sys.argv[1])), 0.0)
line = recorder.open(0.0, "/", ())
for n in range(10**9):
    recorder.frame(n / 1000, line, "client", f"{n} " + "x" * (n % 300))
    sys.stdout.write(f"{n}\\n")
    sys.stdout.flush()
"""


def killed_in_a_burst(path: Path, frames: int) -> None:
    """Every frame that the process says it has written is in the file."""
    with subprocess.Popen([sys.executable, "-c", BURST, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(frames):
            process.stdout.readline()
        process.kill()
        rest = process.stdout.read().splitlines(keepends=True)
    told = frames + sum(line.endswith("\n") for line in rest)
    with open_tape(path) as tape:
        got = [entry.data for entry in tape if isinstance(entry, Passed)]
    assert len(got) >= told
    assert all(data == f"{n} " + "x" * (n % 300) for n, data in enumerate(got))


def test_killed_in_the_middle_of_a_burst(tmp_path: Path) -> None:
    killed_in_a_burst(tmp_path / "x.yaml", 1000)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    for n in range(20):
        killed_in_a_burst(tmp_path / f"{n}.yaml", 137 * n + 1)


@pytest.mark.parametrize("how", ["append", "replace"])
def test_a_cassette_has_one_writer(tmp_path: Path, how: str) -> None:
    """Two would give the same numbers to other connections, or one would take away what the other writes."""
    path = tmp_path / "x.yaml"
    first = FileSink(path)
    first.write(b"mine\n")
    with pytest.raises(OSError, match="another process is writing it"):
        FileSink(path, **{how: True})
    first.close()
    assert path.read_bytes() == b"mine\n"
    FileSink(path, **{how: True}).close()
    assert path.read_bytes() == (b"" if how == "replace" else b"mine\n")


def test_a_disk_that_knows_no_locks_is_written_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    sink = FileSink(tmp_path / "x.yaml")
    sink.write(b"mine\n")
    sink.close()
    assert (tmp_path / "x.yaml").read_bytes() == b"mine\n"


def test_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    sink = FileSink(path)
    sink.write(b"a\n")
    assert path.read_bytes() == b"a\n", "nothing waits in a buffer"
    assert sink.beside("1.bin", b"body") == "x.files/1.bin"
    assert (tmp_path / "x.files" / "1.bin").read_bytes() == b"body"
    sink.close()
    sink.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "x.files" / "1.bin").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        FileSink(path)
    sink = FileSink(path, replace=True)
    sink.close()
    assert path.read_bytes() == b""


def test_a_record_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = FileSink(tmp_path / "x.yaml")
    sink.write(b"first\n")
    write, room = os.write, [10]

    def small(file: int, data: bytes) -> int:
        done = write(file, data[: room[0]])
        room[0] -= done
        if not done:
            raise OSError(28, "No space left on device")
        return done

    monkeypatch.setattr(os, "write", small)
    with pytest.raises(OSError, match="No space left"):
        sink.write(b"second record\n")
    room[0] = 100
    sink.write(b"third\n")
    sink.close()
    assert sink.path.read_bytes() == b"first\nthird\n"


def test_the_disk_is_asked_once_in_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Semaphore(0)
    broken = [False]

    def fsync(file: int) -> None:
        asked.release()
        if broken[0]:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    sink = FileSink(tmp_path / "x.yaml", sync_every=0.001)
    assert not asked.acquire(timeout=0.05), "nothing was written"
    sink.write(b"a\n")
    assert asked.acquire(timeout=5)
    broken[0] = True
    sink.write(b"b\n")
    assert asked.acquire(timeout=5)
    deadline = threading.Event()
    while sink._error is None:
        assert not deadline.wait(0.001)
    with pytest.raises(OSError, match="Input/output error"):
        sink.write(b"c\n")
    sink.write(b"d\n")
    assert asked.acquire(timeout=5)
    broken[0] = False
    sink._error = sink._error or OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output error"):
        sink.close()


def test_in_memory() -> None:
    sink = MemorySink()
    sink.write(b"a\nb\n")
    sink.write(b"c\n")
    assert sink.lines == [b"a\n", b"b\n", b"c\n"]
    assert sink.beside("1.bin", b"x") == "cassette.files/1.bin"
    sink.close()
    assert sink.closed


def test_a_file_that_is_moved_away_is_told_at_the_end(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "x.yaml")
    sink.write(b"a\n")
    here = [sink.here]
    (tmp_path / "x.yaml").rename(tmp_path / "y.yaml")
    here.append(sink.here)
    (tmp_path / "x.yaml").write_bytes(b"another")
    assert [*here, sink.here] == [True, False, False]
    sink.write(b"b\n")
    with pytest.raises(FileNotFoundError, match="moved away while"):
        sink.close()
    assert (tmp_path / "y.yaml").read_bytes() == b"a\nb\n"


def test_a_file_that_is_deleted_is_told_by_the_next_write(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "x.yaml", sync_every=0.001)
    sink.write(b"a\n")
    (tmp_path / "x.yaml").unlink()

    def until_told() -> None:
        for _ in range(10_000):
            sink.write(b"b\n")
            threading.Event().wait(0.001)

    with pytest.raises(FileNotFoundError, match="deleted while"):
        until_told()
    # Once is enough.
    sink.write(b"c\n")
    sink.close()


def test_behind_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    path.write_bytes(b"one\n")
    sink = FileSink(path, append=True)
    sink.write(b"two\n")
    sink.close()
    assert path.read_bytes() == b"one\ntwo\n"
    with pytest.raises(FileNotFoundError):
        FileSink(tmp_path / "none.yaml", append=True)
