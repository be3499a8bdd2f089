"""Ids too short to be looked for in a text: the number of a request, say. They are changed at their own key alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, TypeAlias

from simulator.cassette import opaque
from simulator.core.message import Json, Message

Path: TypeAlias = tuple[str, ...]
Scalar: TypeAlias = "str | int"
Short: TypeAlias = "tuple[Path, Scalar, Scalar]"
"""Where, what the tape's client said there, and what the live one says."""

_OF_REQUEST: Final = re.compile(
    r"id|rid|tid|cid|seq|nonce|ref|transaction|(?:req|request|call|invocation|correlation|transaction|msg|message)_?id",
    re.IGNORECASE,
)
"""Keys by which a client finds the answer to what it asked (JSON-RPC, SignalR, graphql-ws, Janus, ...)."""
_MOST: Final = 10_000


def request_ids(message: Message) -> list[tuple[str, Scalar]]:
    """By what a message may be asked for: its keys of that kind, and their values."""
    body = message.args[0] if message.args else None
    if not isinstance(body, dict):
        return []
    return [
        (key, value)
        for key, value in body.items()
        if isinstance(value, str | int) and not isinstance(value, bool) and _OF_REQUEST.fullmatch(key)
    ]


class Requests:
    """Whose answers a client waits for, on one connection of a tape whose envelope has no word for it."""

    __slots__ = ("_asked", "_told")

    def __init__(self) -> None:
        self._asked: dict[tuple[str, Scalar], int] = {}
        self._told: set[tuple[str, Scalar]] = set()

    def asks(self, message: Message, index: int) -> None:
        """The client said this in that line."""
        for key in request_ids(message):
            if key not in self._told and len(self._asked) < _MOST:
                self._asked[key] = index

    def answers(self, message: Message) -> int | None:
        """The line to which the server's message belongs; an id that the server said first is no request's."""
        for key in request_ids(message):
            if (index := self._asked.get(key)) is not None:
                return index
            if len(self._told) < _MOST:
                self._told.add(key)
        return None


class ShortIds:
    """Of one live connection."""

    __slots__ = ("_by_key", "_by_path")

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, Scalar], Scalar] = {}
        self._by_path: dict[int, dict[tuple[Path, Scalar], Scalar]] = {}
        """By line."""

    def learn(self, index: int, found: Iterable[Short]) -> None:
        """The live client says these in place of what the tape's said in that line."""
        for path, taped, live in found:
            if _OF_REQUEST.fullmatch(path[-1]):
                # The next request may have the number that the tape's had here, and a person too.
                self._by_path.setdefault(index, {})[path, taped] = live
            else:
                self._by_key[path[-1], taped] = live

    def changed(self, args: tuple[Json | bytes, ...], cause: int) -> tuple[Json | bytes, ...]:
        """What the server says after that line, with what its client calls things."""
        if not self._by_key and cause not in self._by_path:
            return args
        table = self._by_path.get(cause, {})
        return tuple(self._in(arg, (str(i),) if i else (), table) for i, arg in enumerate(args))

    def _in(self, value: Any, path: Path, table: dict[tuple[Path, Scalar], Scalar]) -> Any:
        if isinstance(value, dict):
            return {key: self._in(inner, (*path, key), table) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._in(inner, (*path, str(i)), table) for i, inner in enumerate(value)]
        if path and type(value) in (str, int):
            return table.get((path, value), self._by_key.get((path[-1], value), value))
        return value


@lru_cache(maxsize=1024)
def is_id(key: str) -> bool:
    """Whether the key says that its value is one."""
    return opaque.named(key) or _OF_REQUEST.fullmatch(key) is not None
