"""Rows of a timeline for a terminal and for programs: as wide as the screen, and nothing in them moves its cursor."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final
from unicodedata import combining, east_asian_width

from simulator.cassette.timeline import Row

_COLOURS: Final = {
    "client": "32",
    "server": "34",
    "open": "36",
    "upgrade": "36",
    "close": "36",
    "http": "35",
    "refused": "31",
    "cut": "33",
    "lost": "31",
    "dim": "2",
    "name": "1",
    "wrong": "31",
}
_ARROWS: Final = {"client": ">", "server": "<"}
_LEAST: Final = 20
"""Cells that a payload gets even on a narrow screen."""
_NAME: Final = 28
"""Cells of the column of names; a longer name pushes its own line, up to half of the screen."""
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ODD = re.compile(r"[^\x20-\x7e]")


def safe(text: str) -> str:
    """Text in which no character moves the cursor, colours, hides or turns what stands beside it."""
    return text if text.isascii() and text.isprintable() else _ODD.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    number = ord(character)
    known = _ESCAPES.get(character)
    return known or (f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}")


def cells(text: str) -> int:
    """How many columns a safe text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int) -> str:
    """A safe text in at most so many columns, with an ellipsis where something is missing."""
    if len(text) * 2 <= width or cells(text) <= width:
        return text
    end = next(index for index, used in enumerate(accumulate(map(cells, text))) if used > width - 1)
    return f"{text[:end]}…"


class Screen:
    """Lays rows out."""

    def __init__(self, width: int | None, colour: bool, decoded: bool = False, raw: bool = False) -> None:
        """`width` in columns, None cuts nothing; `decoded` tells what envelopes say, `raw` what was on the wire."""
        self._width = width
        self._colour = colour
        self._decoded = decoded
        self._raw = raw

    def lines(self, row: Row) -> list[str]:
        """A row, and below it what its envelope says."""
        lines = [self._first(row)]
        if self._decoded and row.note:
            lines.append(self._below(safe(row.note), "dim"))
        if self._decoded and row.answers is not None:
            after = row.at - row.answers.at
            told = f"answers {safe(row.answers.name)}, line {row.answers.line}, {after:.3f} s after it"
            lines.append(self._below(told, "dim"))
        if self._decoded and row.answered is not None:
            answer = row.answered
            told = f"answered after {answer.at - row.at:.3f} s, line {answer.line}: {_head(answer.payload)}"
            lines.append(self._below(safe(told), "dim"))
        if row.wrong:
            lines.append(self._below(safe(row.wrong), "wrong"))
        return lines

    def _first(self, row: Row) -> str:
        where = "" if row.conn is None else f"{'http ' if row.kind == 'http' else '#'}{row.conn}"
        arrow = _ARROWS.get(row.sender, "*") if row.kind in ("frame", "http") else "*"
        left = f"{row.at:11.6f} {where:>4} "
        name = safe(row.name)
        if self._width is not None:
            name = cut(safe(row.name[: self._width * 4]), max(_NAME, self._width // 2))
        shown = f"{arrow} {_pad(name, _NAME)}"
        said = row.raw if self._raw and row.kind == "frame" else row.payload
        flag = " ~" if row.redacted else ""
        room = None
        if self._width is not None:
            room = max(_LEAST, self._width - cells(left) - cells(shown) - 1 - len(flag))
        # Long before it is made safe: of 64 MiB a screen shows a line.
        text = safe(said if room is None else said[: room * 4])
        if room is not None:
            text = cut(text, room)
        what = row.sender if row.kind == "frame" else row.kind
        faint = row.heartbeat or (row.kind == "frame" and row.name.startswith("(") and not row.wrong)
        return (
            f"{self._paint('dim', left)}{self._paint('dim' if faint else what, shown)} "
            f"{self._paint('dim', text) if faint else text}{self._paint('cut', flag)}"
        ).rstrip()

    def _below(self, text: str, what: str) -> str:
        indent = " " * 20
        return indent + self._paint(what, text if self._width is None else cut(text, max(_LEAST, self._width - 20)))

    def _paint(self, what: str, text: str) -> str:
        return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m" if self._colour and text else text


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _head(text: str) -> str:
    return text if len(text) <= 1000 else f"{text[:1000]}..."


def as_json(row: Row) -> dict[str, object]:
    """A row for programs; keys without a value are left out."""
    told: dict[str, object] = {"line": row.line, "at": row.at, "kind": row.kind}
    if row.conn is not None:
        told["http" if row.kind == "http" else "conn"] = row.conn
    for key, value in (
        ("from", row.sender),
        ("name", row.name),
        ("topic", row.topic),
        ("ref", row.ref),
        ("payload", row.payload),
        ("bytes" if row.binary else "text", row.raw),
        ("note", row.note),
        ("wrong", row.wrong),
        ("via", row.via),
        ("body", row.body),
        ("link", row.link if row.link != 1 else None),
        ("redacted", row.redacted or None),
        ("heartbeat", row.heartbeat or None),
        ("answers", None if row.answers is None else row.answers.line),
        ("answered", None if row.answered is None else row.answered.line),
    ):
        if value not in (None, ""):
            told[key] = value
    if row.kind == "frame":
        told["size"] = row.size
    return told
