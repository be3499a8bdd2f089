"""What is in a cassette, for who has just recorded it: read back from the file, so that it is known to be readable."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from simulator import backends
from simulator.cassette.entries import Entry, Header, Opened, Passed
from simulator.cassette.records import dump_header
from simulator.cassette.tape import open_tape
from simulator.core.backend import Backend, Route, find
from simulator.core.errors import SimulatorError
from simulator.core.message import Frame
from simulator.core.wire import Turn
from simulator.record import reports

_SECONDS: Final = 3.0
"""How long a cassette is read for the names of its messages; whoever pressed Ctrl-C waits."""
_FIRST: Final = 2000
"""Entries that are looked at to find out which backend it is."""
_NAMES: Final = 5
_ENVELOPES: Final = frozenset({"connect", "connect_error", "disconnect", "heartbeat", ""})
"""Names of messages that say nothing about a backend."""


@dataclass(slots=True)
class Found:
    """What was read."""

    header: Header
    frames: int = 0
    names: Counter[str] = field(default_factory=Counter)
    whole: bool = True
    """All of it was read."""
    torn: bool = False


def text(out: Path, counts: reports.Counts) -> str:
    """Some lines. Labels the cassette, where it says nothing and its traffic is certainly a backend's."""
    try:
        name = label(out)
        found = look(out, name)
    except (SimulatorError, OSError) as error:
        return f"{out}: {error}"
    lines = [f"{out}: {', '.join(reports.told(counts))}"]
    if name is not None:
        lines.append(f"  backend   {name}")
    if found.names:
        shown = ", ".join(f"{name} {number}" for name, number in found.names.most_common(_NAMES))
        more = len(found.names) - _NAMES
        first = "" if found.whole else f" of the first {found.frames} frames"
        lines.append(f"  messages{first}  {shown}" + (f", and {more} more names" if more > 0 else ""))
    if found.header.redacted:
        lines.append(f"  secrets   {counts.redacted} values were replaced")
    if counts.failures:
        lines.append(
            f"  missing   {counts.failures} records could not be written; the cassette says where, if it had room"
        )
    if counts.stopped:
        lines.append(f"  stopped   {counts.stopped}")
    if found.torn:
        lines.append("  torn      its last record is not whole, and will be left out")
    return "\n".join(lines)


def label(out: Path) -> str | None:
    """The backend of a cassette; written into its head if it was not there and the traffic leaves no doubt."""
    with open_tape(out) as tape:
        header = tape.header
        if header.backend is not None:
            return header.backend
        name = guess([*islice(tape, _FIRST)])
    if name is not None:
        header.backend = name
        _behead(out, header)
    return name


def _behead(out: Path, header: Header) -> None:
    """Another head for the same entries, in one step: whoever opens the cassette has the old or the new one."""
    part = out.with_name(f"{out.name}.part")
    try:
        with out.open("rb") as old, open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:  # noqa: PTH123
            for line in old:
                if line.startswith(b"entries:"):
                    break
            new.write(dump_header(header))
            shutil.copyfileobj(old, new, 1 << 20)
            new.flush()
            os.fsync(new.fileno())
        shutil.copymode(out, part)
        part.replace(out)
    except OSError:
        # A full disk: it stays as it was.
        with suppress(OSError):
            part.unlink()


def guess(entries: list[Entry]) -> str | None:
    """The only backend that can have had this traffic, or None."""
    paths = {entry.path.partition("?")[0] for entry in entries if isinstance(entry, Opened)}
    fitting = [name for name in backends.names() if paths and _fits(backends.load(name), paths, entries)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(backend: Backend, paths: set[str], entries: list[Entry]) -> bool:
    if not all(isinstance(find(backend.routes, "GET", path), Route) for path in paths):
        return False
    known = {"client": backend.commands, "server": backend.events}
    read = reading(backend)
    said = {
        (turn.sender, turn.message.name)
        for entry in entries
        for turn in read(entry)
        if turn.message is not None and turn.message.name not in _ENVELOPES and not turn.message.name.startswith("phx_")
    }
    return bool(said) and all(name in known[sender] for sender, name in said)


def reading(backend: Backend) -> Callable[[Entry], list[Turn]]:
    """The turns that an entry completes."""
    reader = backend.reader()

    def read(entry: Entry) -> list[Turn]:
        # All links of a conn are one here. A packet of a poll is a poll of its own: they are the same packets.
        return reader.read(entry.sender, entry.conn, Frame(entry.data, entry.via)) if isinstance(entry, Passed) else []

    return read


def look(out: Path, name: str | None) -> Found:
    """Walk a cassette, for at most some seconds. Raises CassetteError."""
    read = None if name is None else reading(backends.load(name))
    with open_tape(out) as tape:
        found = Found(tape.header)
        for entry in _in_time(tape, found):
            if isinstance(entry, Passed):
                found.frames += 1
            if read is not None:
                found.names.update(turn.message.name for turn in read(entry) if turn.message and turn.message.name)
        found.torn = tape.torn is not None
    return found


def _in_time(entries: Iterable[Entry], found: Found) -> Iterator[Entry]:
    until = time.monotonic() + _SECONDS
    for number, entry in enumerate(entries):
        if number % 256 == 0 and time.monotonic() > until:
            found.whole = False
            return
        yield entry
