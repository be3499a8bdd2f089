"""Child processes on cores of their own, and what they have used of the machine."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Self

from bench.rows import Failed

ROOT = Path(__file__).parents[1]
_PATIENCE = 30.0

_alive: set[subprocess.Popen[bytes]] = set()


class _Starting:
    """Whether a child is being started: a signal in that moment would leave it to nobody."""

    now = False
    stop = False


def stop(number: int, frame: FrameType | None) -> None:
    """For `signal.signal`: a KeyboardInterrupt, as soon as every child is known."""
    if _Starting.now:
        _Starting.stop = True
    else:
        raise KeyboardInterrupt


def end_all() -> None:
    """Kill whatever still runs."""
    for process in [*_alive]:
        process.kill()
        process.wait()
        _alive.discard(process)


def cores() -> tuple[int, int] | None:
    """A core for the servers and one for everything else; None where we can't choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[-1], allowed[0]) if len(allowed) > 1 else None


def sides() -> tuple[int | None, int | None]:
    """The servers' core and the other one; None twice where we can't choose."""
    return cores() or (None, None)


@contextmanager
def _on(core: int | None) -> Iterator[None]:
    """Children that are started in here inherit the core, with all their threads."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Child:
    """One process; `with` ends it, whatever happens."""

    def __init__(self, name: str, command: Sequence[str | Path], core: int | None = None, quiet: bool = False) -> None:
        """`quiet` is for who writes a line for each message: nobody reads them, and its home is a folder of its own."""
        self.name = name
        self.where = ""
        """Where it serves, for who does not say it."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._home = tempfile.TemporaryDirectory() if quiet else None
        self._rest = b""
        _Starting.now = True
        try:
            with _on(core):
                self._process = subprocess.Popen(
                    [str(part) for part in command],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
                    stderr=self._errors,
                    bufsize=0,
                    # Ctrl-C is for us alone, and we end them.
                    start_new_session=True,
                    env={**os.environ, "HOME": self._home.name} if self._home else None,
                )
            _alive.add(self._process)
        except OSError as error:
            self._errors.close()
            raise Failed(f"{name}: {command[0]} can't be run: {error.strerror}") from None
        finally:
            _Starting.now = False
        if _Starting.stop:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        process = self._process
        process.kill()
        process.wait()
        _alive.discard(process)
        for pipe in (process.stdin, process.stdout, self._errors):
            if pipe is not None:
                pipe.close()
        if self._home is not None:
            self._home.cleanup()

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
        except OSError:
            raise self.why("is gone") from None

    def line(self, seconds: float = _PATIENCE) -> str:
        """The next line of its standard output. Raises Failed."""
        assert self._process.stdout is not None
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise self.why(f"said nothing for {seconds:g} s")
            part = os.read(self._process.stdout.fileno(), 1 << 16)
            if not part:
                raise self.why("ended")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def cpu(self) -> float:
        """Seconds of CPU so far, user and system, all threads."""
        try:
            spent = self._scheduled(0)
            if spent:
                return spent
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except FileNotFoundError:
            return _seconds(self._ps("time"))

    def waited(self) -> float:
        """Seconds that it could have worked in and had no core, all threads; 0.0 where the system does not tell."""
        try:
            return self._scheduled(1)
        except FileNotFoundError:
            return 0.0

    def _scheduled(self, column: int) -> float:
        files = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(path.read_text().split()[column]) for path in files) / 1e9

    def rss(self) -> int:
        """Bytes of memory that are resident now."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        except FileNotFoundError:
            return int(self._ps("rss")) * 1024

    def _ps(self, column: str) -> str:
        command = ["ps", "-o", f"{column}=", "-p", str(self._process.pid)]
        out = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        if not out:
            raise self.why("is gone")
        return out

    def why(self, what: str) -> Failed:
        """What happened, and the last that it said about it."""
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return Failed(": ".join([f"{self.name} {what}", *last]))


def _seconds(text: str) -> float:
    """[[days-]hours:]minutes:seconds[.hundredths], as ps writes it."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total + 86400 * int(days or 0)
