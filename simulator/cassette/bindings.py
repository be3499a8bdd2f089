"""Values of the tape and those of a live client that stand for the same: bound when they appear, changed both ways."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from simulator.cassette import opaque
from simulator.core.ids import Ids
from simulator.core.message import Json

SHORTEST: Final = 6
"""Characters; anything shorter also stands where it means something else."""

LONGEST: Final = 16_384
"""Characters of what a live side may call its own; a token with many claims has some 8,000."""


@dataclass(slots=True)
class Found:
    """A value of the tape that goes both ways."""

    value: str
    by: str
    """`server` or `client`: who made it."""
    line: int
    """Where it comes first."""
    back: int
    """Where the other side says it first."""
    kind: str
    """`uuid` or `token`."""


class Bindings:
    """Of one walk. What is bound stays so."""

    __slots__ = ("_live", "_looks", "_odd", "_pattern", "_taped", "_tell")

    def __init__(self, tell: Callable[[str], None] = lambda live: None) -> None:
        """`tell` is given every live value that is bound."""
        self._taped: dict[str, str] = {}
        self._live: dict[str, str] = {}
        self._looks: set[str] = set()
        """Patterns of what is bound, where it is no word."""
        self._odd: dict[str, None] = {}
        """What is bound and looks like nothing else, as it stands in JSON."""
        self._pattern = opaque.finder(())
        self._tell = tell

    def __len__(self) -> int:
        return len(self._live)

    def bind(self, taped: object, live: object) -> bool:
        """Take two values for the same, where they are fit to be found again; whether they are now."""
        if isinstance(taped, bool) or not isinstance(taped, str | int) or type(taped) is not type(live):
            return False
        old, new = str(taped), str(live)
        if len(old) < SHORTEST or not SHORTEST <= len(new) <= LONGEST or old in self._live:
            return False
        self._live[old] = new
        self._taped.setdefault(new, old)
        if not (opaque.TOKENS.fullmatch(old) and opaque.TOKENS.fullmatch(new)):
            for value in (_inner(old), _inner(new)):
                self._look_for(value)
            # What a file is called in its URL, it is called in a message alone.
            inner, other = opaque.uuids(old), opaque.uuids(new)
            if len(inner) == len(other):
                for one, made in zip(inner, other, strict=True):
                    self.bind(one, made)
        self._tell(new)
        return True

    def _look_for(self, value: str) -> None:
        look = opaque.look(value)
        if look is None:
            self._odd[value] = None
            if len(self._odd) > _ODD:
                del self._odd[next(iter(self._odd))]
        elif look not in self._looks:
            self._looks.add(look)
            self._pattern = opaque.finder(self._looks)

    def mint(self, taped: str, ids: Ids) -> None:
        """Bind a new value to one that the server made on the tape."""
        if taped not in self._live:
            self.bind(taped, opaque.mint(taped, ids))

    def taped_in(self, text: str) -> list[str]:
        """The tape's values that are bound and stand in a text of the tape."""
        return [taped for taped in self._live if taped in text]

    def release(self, text: str) -> list[tuple[str, str]]:
        """Unbind what stands in a text of the tape; the pairs, the tape's value first."""
        pairs = [(taped, self._live.pop(taped)) for taped in self.taped_in(text)]
        for _, live in pairs:
            self._taped.pop(live, None)
        return pairs

    def to_live(self, text: str) -> str:
        """A text of the tape with the live values in it."""
        return self._changed(text, self._live)

    def to_taped(self, text: str) -> str:
        """A text of a live client with the tape's values in it."""
        return self._changed(text, self._taped)

    def _changed(self, text: str, table: dict[str, str]) -> str:
        if not table:
            return text
        # A pattern of all odd ones would have to be made anew with each of them: milliseconds, where each message has
        # an id so.
        odd = [value for value in self._odd if value in text]
        pattern = opaque.finder(self._looks, odd) if odd else self._pattern

        def change(match: re.Match[str]) -> str:
            word = match[0]
            value = table.get(word)
            if value is None and "\\" in word:
                value = table.get(_outer(word))
            if value is None:
                # Ids inside of an address, or of a longer word.
                return word if word.isalnum() else opaque.each(word, lambda inner: table.get(inner, inner))
            if opaque.is_plain(word) and not _alone(text, match):
                return word
            return value if value.isalnum() else _inner(value)

        # All at once: what was put in is not looked at again, though it may be another value of the tape.
        return pattern.sub(change, text)


_ODD: Final = 500
"""Values of no known look, of one walk; the last ones count."""
_EDGES: Final = "\"'/:=&?#,"


def _alone(text: str, match: re.Match[str]) -> bool:
    """Whether it is the whole of a string, or of a part of an address or a topic, and no word in a sentence."""
    start, end = match.span()
    return (start == 0 or text[start - 1] in _EDGES) and (end == len(text) or text[end] in _EDGES)


def _inner(value: str) -> str:
    """A string as it stands between JSON's quotes."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _outer(text: str) -> str:
    """A string from between JSON's quotes."""
    return str(loads(f'"{text}"'))


def dumps(value: object, default: Callable[[Any], object] | None = None) -> str:
    """JSON, whatever it takes: integers beyond 64 bits, lone surrogates."""
    try:
        return orjson.dumps(value, default=default).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=default)


def loads(text: str) -> Any:
    """What `dumps` wrote. Raises ValueError, also where it is too deep for anybody."""
    try:
        return orjson.loads(text)
    except ValueError:
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("too many collections in each other") from None


def changed(args: Sequence[Json | bytes], change: Callable[[str], str]) -> tuple[Json | bytes, ...]:
    """The arguments of a message with their text changed; bytes stay as they are, wherever they are."""
    kept: list[bytes] = []

    def aside(value: Any) -> object:
        kept.append(value)
        return {_BYTES: len(kept) - 1}

    text = dumps(list(args), aside)
    after = change(text)
    if after == text:
        return tuple(args)
    try:
        value = loads(after)
    except ValueError:
        # Digits that are a text on one side are a number elsewhere.
        value = [_inside(item, change) for item in loads(text)]
    return tuple(_with(arg, kept) for arg in value) if kept else tuple(value)


_BYTES: Final = "\x00bytes"
"""Stands for bytes in a text."""


def _inside(value: Any, change: Callable[[str], str]) -> Any:
    """A value with its texts changed, and no number."""
    if isinstance(value, str):
        return _outer(change(_inner(value)))
    if isinstance(value, dict):
        return {_inside(key, change): _inside(inner, change) for key, inner in value.items()}
    return [_inside(inner, change) for inner in value] if isinstance(value, list) else value


def _with(value: Any, kept: list[bytes]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_BYTES}:
            return kept[value[_BYTES]]
        return {key: _with(inner, kept) for key, inner in value.items()}
    return [_with(inner, kept) for inner in value] if isinstance(value, list) else value
