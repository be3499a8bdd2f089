"""The cassette's file as a recorder has it: bounded, and where something is missing it says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from simulator.cassette.entries import Cut, Lost
from simulator.cassette.records import dump
from simulator.cassette.sink import Sink
from simulator.cassette.tape import LINE_LIMIT

_RESERVE: Final = 300
"""Bytes that the record about a full cassette takes."""
_DIFFERENT: Final = 100
"""Kinds of failures that are counted each for itself."""


@dataclass(slots=True)
class Counts:
    """What a recording has so far."""

    connections: int = 0
    """Refused ones too."""
    exchanges: int = 0
    frames: int = 0
    bytes: int = 0
    """Of the file, and of bodies beside it."""
    redactions: int = 0
    failures: int = 0
    """Records that are not in the file."""


class Ledger:
    """Writes records through a sink. Only `put` and `beside` raise, what the sink raises; `lost` is for that."""

    __slots__ = ("_gap", "_gap_conn", "_gap_why", "_max_size", "_sink", "_tell", "at", "counts", "kinds", "stopped")

    def __init__(self, sink: Sink, max_size: int | None, tell: Callable[[str], None]) -> None:
        self.counts = Counts()
        self.stopped = ""
        """Why nothing is written any more; empty while it is."""
        self.at = 0.0
        """The time of the last entry."""
        self.kinds: dict[str, int] = {}
        """How often each kind of failure was met."""
        self._sink = sink
        self._max_size = max_size
        self._tell = tell
        self._gap = 0
        """Records that were lost since the last one that could be written."""
        self._gap_why = ""
        self._gap_conn: int | None = None

    def put(self, record: bytes) -> None:
        """One record, behind a mark for those that are missing. Past the bound it is the last one that is not there."""
        if len(record) > LINE_LIMIT:
            raise ValueError(f"{len(record)} bytes are more than a record can have")
        if self.counts.bytes and not self._fits(len(record)):
            self._full()
            return
        self._mark()
        self._write(record)

    def beside(self, name: str, data: bytes) -> str | None:
        """Keep a body in a file of its own; None when there is no room for it."""
        if not self._fits(len(data)):
            return None
        path = self._sink.beside(name, data)
        self.counts.bytes += len(data)
        return path

    def lost(self, doing: str, error: Exception, conn: int | None = None) -> None:
        """Count it, tell it, leave a mark. Of an error in redaction only the kind is told: its words may be secrets."""
        why = f"{doing} failed: {type(error).__name__ if doing == 'redacting' else error}"
        self.missing(why, conn)

    def missing(self, why: str, conn: int | None = None) -> None:
        """One record is not there."""
        self.counts.failures += 1
        self._gap_conn = conn if self._gap == 0 or self._gap_conn == conn else None
        self._gap += 1
        self._gap_why = why
        if not self.stopped:
            with suppress(Exception):
                self._mark()
        times = self.kinds.get(why, 0) + 1
        if times > 1 or len(self.kinds) < _DIFFERENT:
            self.kinds[why] = times
        # At once, and then ever less often: a full disk is no reason to fill a terminal.
        if times & (times - 1) == 0:
            self._say(f"not recorded: {why}" + (f" ({times} times)" if times > 1 else ""))

    def close(self) -> None:
        """Nothing comes any more."""
        self.stopped = self.stopped or "the recording ended"
        try:
            self._sink.close()
        except Exception as error:
            self.lost("writing", error)

    def _fits(self, size: int) -> bool:
        return self._max_size is None or self.counts.bytes + size + _RESERVE <= self._max_size

    def _write(self, record: bytes) -> None:
        self._sink.write(record)
        self.counts.bytes += len(record)

    def _mark(self) -> None:
        """Where records are missing, say so."""
        if self._gap:
            self._write(dump(Lost(self.at, self._gap_conn, self._gap, self._gap_why)))
            self._gap = 0

    def _full(self) -> None:
        self.stopped = f"the cassette is full ({self._max_size} bytes)"
        self._say(f"{self.stopped}: what passes from now on is not recorded")
        self._write(dump(Cut(self.at, None, self.stopped)))

    def _say(self, line: str) -> None:
        with suppress(Exception):
            self._tell(line)
