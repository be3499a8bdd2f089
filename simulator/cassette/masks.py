"""Values that differ from run to run and mean the same: ids, which have to refer to the same things, and times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from simulator.cassette.opaque import drawn
from simulator.cassette.pseudonyms import JWT_HEAD, WORD

Path = tuple[str, ...]
"""Keys from a message's body to a value; places in lists are `*`."""

_HEX: Final = "[0-9a-fA-F]"
_PARTS = re.compile(
    rf"(?P<id>{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}|(?<!{_HEX}){_HEX}{{24}}(?!{_HEX})"
    rf"|(?<!{_HEX}){_HEX}{{32}}(?!{_HEX})|(?<!{_HEX}){_HEX}{{40}}(?!{_HEX})|(?<!{_HEX}){_HEX}{{64}}(?!{_HEX})"
    rf"|{WORD}-?[a-z0-9]{{8,}}|{WORD.capitalize()}[a-z]{{6}}|{JWT_HEAD}\.[a-z0-9]+\.[a-z0-9]+)"
    r"|(?P<time>\d{8}T\d{6}Z|\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|(?<!\d)(?:1[5-9]|2[01])\d{8}(?:\d{3}|\d{6})?(?!\d))"
)
"""UUIDs, ids of MongoDB, hashes, what redaction puts (drawn anew for each cassette); ISO 8601, as AWS has it, too, and
epochs from 2017 to 2039 in seconds, milliseconds, microseconds."""
_EPOCHS: Final = ((1.5e9, 2.2e9), (1.5e12, 2.2e12), (1.5e15, 2.2e15))
_OWN: Final = ("connect.sid", "connect.pid", "connect.offset")
"""Of Socket.IO itself: its ids, one in twelve of which has no digit by which it could be told from a word, and what a
client had last when its connection broke, which has the time in it."""


class Volatile:
    """`Backend.volatile` and what is Socket.IO's own, looked up by message."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = [*names, *_OWN]
        self._of: dict[str, frozenset[Path]] = {}

    def of(self, message: str) -> frozenset[Path]:
        """The paths of a message's values that differ from run to run."""
        known = self._of.get(message)
        if known is None:
            start = f"{message}."
            found = (name[len(start) :] for name in self._names if name.startswith(start))
            known = self._of[message] = frozenset(tuple(path.split(".")) for path in found)
        return known


class Bonds:
    """Which id of one side is which of the other: once seen together, always together."""

    def __init__(self) -> None:
        self._theirs: dict[object, object] = {}
        self._ours: dict[object, object] = {}

    def bind(self, ours: object, theirs: object) -> bool:
        """Whether the two may be the same."""
        a, b = _key(ours), _key(theirs)
        if a not in self._theirs and b not in self._ours:
            self._theirs[a] = b
            self._ours[b] = a
        return self._theirs.get(a) == b and self._ours.get(b) == a

    def agree(self, ours: object, theirs: object, volatile: bool) -> bool:
        """Whether two scalars mean the same."""
        if ours == theirs and type(ours) is type(theirs) and not _idlike(ours):
            return True
        if isinstance(ours, str) and isinstance(theirs, str):
            return self._are_bound(ours, theirs) or self._texts(ours, theirs, volatile)
        if isinstance(ours, bool) or isinstance(theirs, bool):
            return False
        if isinstance(ours, int | float) and isinstance(theirs, int | float):
            if _epoch(ours) and _epoch(theirs):
                return True
            return self.bind(ours, theirs) if volatile else ours == theirs or self._are_bound(ours, theirs)
        return False

    def _are_bound(self, ours: object, theirs: object) -> bool:
        """An id that was told where ids are may be told anywhere else, too."""
        return self._theirs.get(_key(ours), self) == _key(theirs)

    def _texts(self, ours: str, theirs: str, volatile: bool) -> bool:
        a, b = [*_PARTS.finditer(ours)], [*_PARTS.finditer(theirs)]
        if a or b:
            alike = _PARTS.sub("\0", ours) == _PARTS.sub("\0", theirs)
            if alike or not volatile:
                return alike and all(self._parts(x, y) for x, y in zip(a, b, strict=True))
        if volatile or (drawn(ours) and drawn(theirs)):
            return self.bind(ours, theirs)
        return ours == theirs

    def _parts(self, ours: re.Match[str], theirs: re.Match[str]) -> bool:
        if ours.lastgroup != theirs.lastgroup:
            return False
        return ours.lastgroup == "time" or self.bind(ours[0].lower(), theirs[0].lower())


def masked(value: object) -> object:
    """A scalar with a mark in place of what may differ from run to run."""
    if isinstance(value, str):
        parts = _PARTS.sub("*", value)
        return "*" if parts == value and drawn(value) else parts
    return "*" if isinstance(value, int | float) and _epoch(value) else value


def _key(value: object) -> object:
    # An id may be a number here and a text there, but 1 and true are not one.
    return str(value) if isinstance(value, int | float) else value


def _idlike(value: object) -> bool:
    """Whether equal values may still be bound elsewhere."""
    return isinstance(value, str) and (_PARTS.search(value) is not None or drawn(value))


def _epoch(value: float) -> bool:
    return any(least <= value <= most for least, most in _EPOCHS)
