"""A timeline as one page that needs nothing else: for a bug report, or to look through a long talk.

Frames stand in it as data, and its script puts them on the screen as text alone. The policy in its head lets run what
is hashed there, and nothing else, and lets nothing be fetched.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from simulator.cassette.timeline import Row

FOLD: Final = 3.0
"""Seconds of silence that are folded."""
SHOWN: Final = 64 << 10
"""Characters of a frame that the page has."""

_COLUMNS: Final = (
    "line", "at", "kind", "conn", "sender", "name", "payload", "raw", "size", "topic", "ref", "note", "via", "link",
    "body", "redacted", "binary", "heartbeat", "wrong",
)  # fmt: skip
_LONG: Final = frozenset(("name", "payload", "raw"))
_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


def page(title: str, about: str, rows: Iterable[Row], fold: float = FOLD) -> Iterator[str]:
    """The page, piece by piece; all in ASCII but for the template's own signs. `fold` is seconds."""
    before, after = _template().split("DATA", 1)
    yield before
    head = {"title": title, "about": about, "fold": fold, "columns": [*_COLUMNS, "answers", "answered"]}
    yield f'{_data(head)[:-1]},"rows":['
    told = [*rows]
    # A row is named by its place: of an answer that a filter left out the page knows nothing.
    places = {id(row): place for place, row in enumerate(told)}
    for place, row in enumerate(told):
        values: list[object] = [_value(row, name) for name in _COLUMNS]
        values += [None if other is None else places.get(id(other)) for other in (row.answers, row.answered)]
        yield f"{',' if place else ''}\n{_data(values)}"
    yield f"]}}{after}"


def _value(row: Row, name: str) -> object:
    value = getattr(row, name)
    if name in _LONG and len(value) > SHOWN:
        return f"{value[:SHOWN]}... ({len(value)} characters, of which the page has {SHOWN})"
    return value


def _data(value: object) -> str:
    """JSON that no parser of HTML finds an end in."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _template() -> str:
    text = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    for kind, inline in _INLINE.findall(text):
        digest = b64encode(sha256(inline.encode()).digest()).decode()
        text = text.replace(f"{kind.upper()}-HASH", f"sha256-{digest}")
    return text
