"""The cassette's file: records out, records in. It is streamed both ways, and never whole in memory.

A record is written as one piece, keys in a fixed order, the last required one at the end. So a torn record is told from
a whole one by its last line: YAML alone cannot, half of all truncations are still YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from simulator.cassette import loader, migrate, shape
from simulator.cassette.entries import FORMAT, Entry, Header, Passed
from simulator.cassette.quoting import unquote
from simulator.cassette.records import dump, dump_header
from simulator.core.errors import CassetteError

__all__ = ["LINE_LIMIT", "MARK", "Tape", "Torn", "dump", "dump_header", "fast", "open_tape"]

MARK: Final = b"# recorded from here on\n"
"""Between what somebody wrote by hand and what a recorder has appended to it, which a crash may have torn."""
LINE_LIMIT: Final = 64 << 20
"""Bytes of one record; no line is read further."""
_HEAD_LIMIT: Final = 1 << 20


@dataclass(slots=True)
class Torn:
    """The last record is not whole: whoever wrote the file was killed. All before it can be used."""

    line: int
    why: str


_ENTRIES = re.compile(rb"entries:[ \t]*(\[\][ \t]*)?(#.*)?\n?")
_FIRST = re.compile(rb"( *)-(?:[ \n]|$)")
_FAST = re.compile(
    r"- at: (\d{1,12}\.\d{6})\n  conn: ([1-9]\d{0,9})\n  from: (client|server)\n(?:  via: (polling|longpoll)\n)?"
    r"(?:  body: ([1-9]\d{0,9})\n)?(?:  link: ([1-9]\d{0,9})\n)?(  redacted: true\n)?  text: ([\"'].*[\"'])\n"
)
"""A text frame exactly as `dump` writes it."""


class Tape:
    """A cassette that is read: its header at once, its entries one by one.

    Raises CassetteError, when it is made or while it is walked.
    """

    __slots__ = ("_by_hand", "_ended", "_lines", "_steps", "count", "header", "named", "path", "torn")

    def __init__(
        self,
        lines: Iterable[bytes] | BinaryIO,
        path: str,
        steps: Mapping[int, migrate.Step] = migrate.STEPS,
        today: int = FORMAT,
        limit: int = LINE_LIMIT,
    ) -> None:
        self.path = path
        self.count = 0
        """Entries that were given so far."""
        self.torn: Torn | None = None
        """Known when all entries were given."""
        self.named = 0
        """The line that says whose tape it is; 0 where none does."""
        self._lines = enumerate(self._bounded(lines, limit), 1)
        self._ended = False
        self._steps: list[migrate.Step] = []
        self.header = self._head(steps, today)
        self._by_hand = self.header.by_hand is not None

    def __iter__(self) -> Iterator[Entry]:
        at = 0.0
        for line, block, last in self._blocks():
            try:
                made = self._entries(line, block, last)
            except _TornError as error:
                self.torn = Torn(line, str(error))
                return
            for entry in made:
                if entry.at < at:
                    self._fail(line, f"at goes back from {at:.6f} to {entry.at:.6f}; entries stand in order of time")
                at = entry.at
                entry.line = line
                self.count += 1
                yield entry

    def _fail(self, line: int, why: str) -> NoReturn:
        raise CassetteError(self.path, line, why)

    # --- lines

    def _bounded(self, lines: Iterable[bytes] | BinaryIO, limit: int) -> Iterator[bytes]:
        """Lines with LF at their end, none longer than the limit. A file is never read further than that."""
        read = getattr(lines, "readline", None)
        source = iter(lambda: read(limit + 1), b"") if read is not None else iter(lines)
        number = 0
        try:
            for line in source:
                number += 1
                if len(line) > limit:
                    self._fail(number, f"a line of more than {limit >> 20} MiB")
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                yield line[:-2] + b"\n" if line.endswith(b"\r\n") else line
        except OSError as error:
            self._fail(0, f"can't be read: {error.strerror}")

    def _decode(self, line: int, block: bytes) -> str:
        try:
            return block.decode()
        except UnicodeDecodeError as error:
            self._fail(line + block.count(b"\n", 0, error.start), "is not a text in UTF-8")

    # --- the head

    def _head(self, steps: Mapping[int, migrate.Step], today: int) -> Header:
        head: list[bytes] = []
        size = 0
        found = None
        for _, line in self._lines:
            found = _ENTRIES.fullmatch(line)
            if found:
                break
            head.append(line)
            size += len(line)
            # Whatever else it may be, nobody wants to wait for its end.
            if size > _HEAD_LIMIT:
                break
        raw = self._load_head(b"".join(head))
        if not isinstance(raw, dict) or "cassette" not in raw:
            empty = found is None and not b"".join(head).strip()
            self._fail(0, "is empty" if empty else "is not a cassette, which begins with 'cassette: 1' and the like")
        number = raw["cassette"]
        if type(number) is not int:
            self._fail(self._line_of(head, "cassette"), f"cassette: expected the number of a format, got {number!r}")
        try:
            self._steps = migrate.way(number, steps, today)
        except ValueError as error:
            self._fail(self._line_of(head, "cassette"), str(error))
        if found is None:
            self._fail(len(head), "has no 'entries:', as a block list at the end of the file")
        self._ended = found[1] is not None
        self.named = self._line_of(head, "backend") if raw.get("backend") is not None else 0
        for step in self._steps:
            raw = step.header(raw)
        try:
            return shape.header(raw)
        except shape.Wrong as error:
            self._fail(self._line_of(head, error.key), error.why)

    def _load_head(self, head: bytes) -> Any:
        if b"\0" in head:
            self._fail(0, "is not a cassette: it is not a text")
        try:
            return loader.load(self._decode(1, head))
        except loader.Flaw as error:
            why = error.why if head.startswith(b"cassette:") else f"is not a cassette: {error.why}"
            self._fail(error.line + 1, why)

    @staticmethod
    def _line_of(lines: list[bytes], key: str) -> int:
        start = key.encode("utf-8", "surrogatepass")
        return next((i for i, line in enumerate(lines, 1) if line.lstrip(b" -").startswith(start + b":")), 1)

    # --- entries

    def _blocks(self) -> Iterator[tuple[int, bytes, bool]]:
        """Where each record begins, its lines, and whether it is the last one."""
        block: list[bytes] = []
        start = size = 0
        begin: bytes | None = None
        for number, line in self._lines:
            if line.endswith(b"\0"):
                # A disk that lost its power: the file has its length, but not what was in it.
                line = line.rstrip(b"\0")
                if not line:
                    continue
            if self._by_hand and line == MARK:
                self._by_hand = False
                continue
            if begin is None:
                # An editor may have indented all entries; the first one says by how much.
                match = _FIRST.match(line)
                if match is None:
                    if not line.strip() or line.lstrip().startswith(b"#"):
                        continue
                    self._fail(number, "expected an entry, which begins with '- at:'")
                if self._ended:
                    self._fail(number, "entries: [] says that there are none")
                begin = match[1] + b"-"
            if line.startswith(begin) and _FIRST.match(line):
                if block:
                    yield start, b"".join(block), False
                block, start, size = [line], number, 0
                continue
            block.append(line)
            size += len(line)
            if size > LINE_LIMIT:
                self._fail(start, f"an entry of more than {LINE_LIMIT >> 20} MiB")
        if block:
            yield start, b"".join(block), True

    def _entries(self, line: int, block: bytes, last: bool) -> list[Entry]:
        # Who writes by hand does not tear records, and may have an editor that ends no last line.
        tearable = last and not self._by_hand
        if not block.endswith(b"\n"):
            if tearable:
                raise _TornError("the last record is not whole: it was being written when the recorder ended")
            block += b"\n"
        text = self._decode(line, block)
        if not self._steps and (quick := fast(text)) is not None:
            return [quick]
        return self._parsed(line, text, tearable)

    def _parsed(self, line: int, text: str, tearable: bool) -> list[Entry]:
        lines = text.encode().splitlines()
        try:
            loaded = loader.load(text)
        except loader.Flaw as error:
            self._fail(line + error.line, error.why)
        assert isinstance(loaded, list)
        try:
            if len(loaded) != 1:
                raise shape.Wrong("", f"expected one entry, got {len(loaded)}")
            if self._steps and isinstance(loaded[0], dict):
                return [shape.entry(raw) for raw in migrate.convert(loaded[0], self._steps)]
            return [shape.entry(loaded[0])]
        except shape.Missing as error:
            if tearable:
                raise _TornError(f"the last record is not whole: {error.why}") from None
            self._fail(line, error.why)
        except shape.Wrong as error:
            self._fail(line - 1 + self._line_of(lines, error.key), error.why)


class _TornError(Exception):
    """The last record is not whole."""


def fast(text: str) -> Passed | None:
    """A record read without a parser, where it is a text frame just as `dump` writes it; None for all others."""
    match = _FAST.fullmatch(text)
    if match is None:
        return None
    at, conn, sender, via, body, link, redacted, scalar = match.groups()
    data = unquote(scalar)
    if data is None:
        return None
    return Passed(
        float(at),
        int(conn),
        sender,
        data,
        via or "websocket",
        int(body) if body else None,
        int(link) if link else 1,
        redacted is not None,
    )


@contextmanager
def open_tape(path: Path) -> Iterator[Tape]:
    """A cassette from a file, open as long as the block lasts. Raises CassetteError."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise CassetteError(str(path), 0, f"can't be read: {error.strerror}") from None
    with file:
        yield Tape(file, str(path))
