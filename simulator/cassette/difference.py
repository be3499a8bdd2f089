"""Differences between two conversations as lines for people, and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from simulator.cassette.compare import MISSING, MOVED, NEW, SHAPE, VALUE, Difference
from simulator.cassette.conversation import Said
from simulator.cassette.timeline import told
from simulator.core.message import Message

_SIGNS: Final = {NEW: "+", MISSING: "-", MOVED: ">", SHAPE: "~", VALUE: "~"}
_SHOWN: Final = 300
"""Characters of a payload."""
_ARROWS: Final = {"client": ">", "server": "<"}


def lines(one: Difference, ours: str, theirs: str) -> list[str]:
    """A difference: what it is, where it stands in either file, and below it what changed. Not safe for a terminal."""
    said = one.ours or one.theirs
    assert said is not None
    places = [f"{path}:{found.line}" for path, found in ((ours, one.ours), (theirs, one.theirs)) if found is not None]
    where = f"#{said.conn}" if said.conn else "http"
    head = f"{_SIGNS[one.kind]} {one.kind:<7} {where} {_ARROWS[said.sender]} {said.name}  {' '.join(places)}"
    if one.kind in (NEW, MISSING):
        return [head, f"    {_payload(said)}"] if said.args else [head]
    return [head, *(f"    {change.path or 'all of it'}: {change.what}" for change in one.changes)]


def _payload(said: Said) -> str:
    text = told(Message(said.name, said.args))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def summary(found: Sequence[Difference]) -> str:
    """How many of which kind."""
    if not found:
        return "no difference"
    kinds = Counter(one.kind for one in found)
    parts = ", ".join(f"{kinds[kind]} {word}" for kind, word in _WORDS.items() if kinds[kind])
    return f"{len(found)} difference{'' if len(found) == 1 else 's'}: {parts}"


_WORDS: Final = {NEW: "new", MISSING: "missing", MOVED: "moved", SHAPE: "of another shape", VALUE: "of another value"}


def as_json(one: Difference) -> dict[str, object]:
    """A difference for programs."""
    said = one.ours or one.theirs
    assert said is not None
    made: dict[str, object] = {"kind": one.kind, "conn": said.conn, "from": said.sender, "name": said.name}
    if said.topic:
        made["topic"] = said.topic
    made["a"], made["b"] = (_half(one.ours), _half(one.theirs))
    made["changes"] = [{"path": change.path, "what": change.what} for change in one.changes]
    return made


def _half(said: Said | None) -> object:
    return None if said is None else {"line": said.line, "conn": said.conn, "payload": _payload(said)}
