"""What cassettes cost: writing frames, streaming them back, and the memory of both, by their number.

`python -m bench.cassettes write FILE FRAMES` and `python -m bench.cassettes read FILE` print seconds of CPU and of the
clock, and MiB of memory at most.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.pace import Pace
from bench.process import Child, sides
from bench.rows import Failed, Found, Row
from bench.talks import between

SIZES = (1_000, 10_000, 100_000, 1_000_000)
_TEXT = '{"type":"chat_out","msg_out":{"id":%d,"text":"' + "lorem ipsum " * 8 + '"}}'


def measure(pace: Pace) -> Found:
    """Each size with three rows."""
    found = Found()
    sizes = SIZES[:-1] if pace.quick else SIZES
    rows: dict[int, tuple[Row, Row, Row, Row]] = {}
    for frames in sizes:
        rows[frames] = (
            Row(f"cassettes.write.{frames}", f"write, {frames:,} frames", "us", base=f"cassettes.write.{SIZES[1]}"),
            Row(f"cassettes.read.{frames}", f"stream, {frames:,} frames", "us", base=f"cassettes.read.{SIZES[1]}"),
            Row(f"cassettes.write.memory.{frames}", f"memory to write {frames:,} frames", "MiB"),
            Row(f"cassettes.read.memory.{frames}", f"memory to stream {frames:,} frames", "MiB"),
        )
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, pace.rounds + 1):
            for frames in sizes:
                pace.round("cassettes", number, f"{frames:,} frames")
                path = Path(folder, f"{frames}.yaml")
                path.unlink(missing_ok=True)
                try:
                    _both(path, frames, rows[frames])
                except Failed as error:
                    found.notes.append(f"cassettes of {frames:,} frames: {error}")
    for kind in range(4):
        for frames in sizes:
            row = rows[frames][kind]
            found.rows += [row] if row.figures else []
    return found


def _both(path: Path, frames: int, rows: tuple[Row, Row, Row, Row]) -> None:
    for what, row, memory in (("write", rows[0], rows[2]), ("read", rows[1], rows[3])):
        command = (sys.executable, "-m", "bench.cassettes", what, path, str(frames))
        with Child(f"a cassette's {what}", command, sides()[0]) as child:
            spent, took, most = map(float, child.line(300).split())
        row.figures.append(spent / frames * 1e6)
        row.rate.append(frames / took)
        memory.figures.append(most)


# --- in a process of its own


def _write(path: Path, frames: int) -> Callable[[], None]:
    from simulator.cassette.entries import Header
    from simulator.cassette.recorder import Recorder
    from simulator.cassette.sink import FileSink

    def work() -> None:
        # A day in 2026; what the clock says is nothing to a cassette's cost.
        started = 1_767_225_600.0
        recorder = Recorder(FileSink(path), started, Header(backend="chip"))
        line = recorder.open(started, "/wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/", ())
        for i in range(frames):
            recorder.frame(started + i * 0.01, line, "server" if i % 2 else "client", _TEXT % i)
        recorder.close(started + frames * 0.01)

    return work


def _read(path: Path, frames: int) -> Callable[[], None]:
    from simulator.cassette.tape import open_tape

    def work() -> None:
        with open_tape(path) as tape:
            count = sum(1 for _ in tape)
        # With the one that opens, and the one that ends, where there is one.
        if not frames < count <= frames + 2:
            sys.exit(f"{frames} frames were written, and {count - 1} are there")

    return work


def main() -> None:
    """Work one of the two; what it imports is not counted."""
    work = {"write": _write, "read": _read}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    before, began = time.process_time(), time.perf_counter()
    work()
    spent, took = time.process_time() - before, time.perf_counter() - began
    print(f"{spent} {took} {_most()}", flush=True)


def _most() -> float:
    """MiB of memory at most. What Linux tells by getrusage begins with what the parent had when it forked."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(between(status.read_bytes(), b"VmHWM:", b"kB")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


if __name__ == "__main__":
    main()
