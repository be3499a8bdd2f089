"""Values of the tape and those of a live client that stand for the same: bound when they appear, changed both ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from simulator.cassette import opaque
from simulator.core.ids import Ids
from simulator.core.message import Json

SHORTEST: Final = 6
"""Characters; anything shorter also stands where it means something else."""


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

    __slots__ = ("_live", "_long", "_taped", "_tell")

    def __init__(self, tell: Callable[[str], None] = lambda live: None) -> None:
        """`tell` is given every live value that is bound."""
        self._taped: dict[str, str] = {}
        self._live: dict[str, str] = {}
        self._long: list[str] = []
        self._tell = tell

    def __len__(self) -> int:
        return len(self._live)

    def bind(self, taped: object, live: object) -> bool:
        """Take two values for the same, where they are fit to be found again; whether they are now."""
        if isinstance(taped, bool) or not isinstance(taped, str | int) or type(taped) is not type(live):
            return False
        old, new = str(taped), str(live)
        if len(old) < SHORTEST or len(new) < SHORTEST or old in self._live:
            return False
        self._live[old] = new
        self._taped.setdefault(new, old)
        if not (opaque.TOKENS.fullmatch(old) and opaque.TOKENS.fullmatch(new)):
            # The longest first: one may stand in another, as a path in its URL.
            self._long = sorted({*self._long, old, new}, key=len, reverse=True)
            # What a file is called in its URL, it is called in a message alone.
            inner, other = opaque.uuids(old), opaque.uuids(new)
            if len(inner) == len(other):
                for one, made in zip(inner, other, strict=True):
                    self.bind(one, made)
        self._tell(new)
        return True

    def mint(self, taped: str, ids: Ids) -> None:
        """Bind a new value to one that the server made on the tape."""
        if taped not in self._live:
            self.bind(taped, opaque.mint(taped, ids))

    def to_live(self, text: str) -> str:
        """A text of the tape with the live values in it."""
        return self._changed(text, self._live)

    def to_taped(self, text: str) -> str:
        """A text of a live client with the tape's values in it."""
        return self._changed(text, self._taped)

    def _changed(self, text: str, table: dict[str, str]) -> str:
        if not table:
            return text
        for value in self._long:
            if value in table:
                text = text.replace(_inner(value), _inner(table[value]))
        return opaque.each(text, lambda word: table.get(word, word))


def _inner(value: str) -> str:
    """A string as it stands between JSON's quotes."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def dumps(value: object, default: Callable[[Any], object] | None = None) -> str:
    """JSON, whatever it takes: integers beyond 64 bits, lone surrogates."""
    try:
        return orjson.dumps(value, default=default).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=default)


def loads(text: str) -> Any:
    """What `dumps` wrote."""
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)


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
    value = loads(after)
    return tuple(_with(arg, kept) for arg in value) if kept else tuple(value)


_BYTES: Final = "\x00bytes"
"""Stands for bytes in a text."""


def _with(value: Any, kept: list[bytes]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_BYTES}:
            return kept[value[_BYTES]]
        return {key: _with(inner, kept) for key, inner in value.items()}
    return [_with(inner, kept) for inner in value] if isinstance(value, list) else value
