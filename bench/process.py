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
from typing import Self

ROOT = Path(__file__).parents[1]
_PATIENCE = 30.0


class Failed(Exception):
    """A child that did not do what it had to; the text is for the reader of the table."""


def cores() -> tuple[int, int] | None:
    """A core for the servers and one for everything else; None where we can't choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[-1], allowed[0]) if len(allowed) > 1 else None


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

    def __init__(self, name: str, command: Sequence[str | Path], core: int | None = None) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._rest = b""
        try:
            with _on(core):
                self._process = subprocess.Popen(
                    [str(part) for part in command],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                    bufsize=0,
                )
        except OSError as error:
            self._errors.close()
            raise Failed(f"{name}: {command[0]} can't be run: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        process = self._process
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, self._errors):
            if pipe is not None:
                pipe.close()

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
        except OSError:
            raise self._why("is gone") from None

    def line(self, seconds: float = _PATIENCE) -> str:
        """The next line of its standard output. Raises Failed."""
        assert self._process.stdout is not None
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise self._why(f"said nothing for {seconds:g} s")
            part = os.read(self._process.stdout.fileno(), 1 << 16)
            if not part:
                raise self._why("ended")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def cpu(self) -> float:
        """Seconds of CPU so far, user and system, all threads."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        try:
            spent = [int(path.read_text().split()[0]) for path in tasks.glob("*/schedstat")]
            if any(spent):
                return sum(spent) / 1e9
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except FileNotFoundError:
            return _seconds(self._ps("time"))

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
            raise self._why("is gone")
        return out

    def _why(self, what: str) -> Failed:
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
