"""Where keys and values stand in JSON, and in JSON that is a string in JSON, without taking it apart.

At level n each quote has 2**n - 1 backslashes before it. What is not quite JSON (cut off, several documents, with an
envelope around it) is read as far as it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

KEY = re.compile(r'"([^"]{1,80})"\s{0,20}:\s{0,20}')
"""A key with its colon, at any level; the backslashes of its second quote are at the end of the group."""
_TOKEN = re.compile(r'(\\*)"|[{}\[\]]|-?\d[\d.eE+-]*')
_NUMBER = re.compile(r"-?\d[\d.eE+-]*")
_COLON = re.compile(r"\s{0,20}:")
_MOST: Final = 50_000
_NESTED: Final = 200
_DEEP: Final = 3
"""Levels that are looked into."""


class TooMany(Exception):
    """There is more in a text than anybody means to say in one message."""


class Walk:
    """How far a text was gone through, and how far one may still go: all of it once, whatever stands in it."""

    __slots__ = ("at", "left")

    def __init__(self, left: int = _MOST) -> None:
        self.at = 0
        self.left = left

    def step(self, at: int) -> None:
        """To this place. Raises TooMany."""
        self.at = max(self.at, at)
        self.left -= 1
        if self.left < 0:
            raise TooMany("too many values to look at in one message")


@dataclass(slots=True)
class Value:
    """A string's content or a number."""

    start: int
    end: int
    number: bool
    path: tuple[str, ...] = ()
    """The keys that lead to it, places in lists left out."""


def level_of(backslashes: int) -> int | None:
    """The level at which a quote has so many; None where there is none."""
    return {0: 0, 1: 1, 3: 2, 7: 3}.get(backslashes)


def close(text: str, start: int, level: int) -> int:
    """Where the string's content ends that begins at `start`: at its quote, or where it was cut off."""
    backslashes = (1 << level) - 1
    step = 1 << (level + 1)
    at = text.find('"', start)
    while at >= 0:
        first = at
        while first > start and text[first - 1] == "\\":
            first -= 1
        if (at - first) % step == backslashes:
            return at - backslashes
        if at - first < backslashes:
            # The string ends in which this one stands.
            return first
        at = text.find('"', at + 1)
    return len(text)


def value(text: str, start: int, level: int) -> Value | str | None:
    """What begins at `start`: a string or number, a bracket that opens something, or None for all else."""
    quote = "\\" * ((1 << level) - 1) + '"'
    if text.startswith(quote, start):
        begin = start + len(quote)
        return Value(begin, close(text, begin, level), False)
    if text[start : start + 1] in ("{", "["):
        return text[start]
    number = _NUMBER.match(text, start)
    return Value(start, number.end(), True) if number else None


def leaves(
    text: str, start: int, level: int, walk: Walk, path: tuple[str, ...] = (), deepest: int = _DEEP
) -> Iterator[Value]:
    """All strings and numbers inside of the bracket at `start`, and those in JSON that its strings are.

    Levels go up to the deepest. Raises TooMany.
    """
    backslashes = (1 << level) - 1
    stack: list[tuple[str, ...]] = []
    here = path
    at = start
    while (token := _TOKEN.search(text, at)) is not None:
        at = token.end()
        walk.step(at)
        kind = token[0][-1]
        if kind in "{[":
            stack.append(here)
            if len(stack) > _NESTED:
                raise TooMany(f"more than {_NESTED} brackets in each other")
        elif kind in "}]":
            stack.pop()
            if not stack:
                return
            here = stack[-1]
        elif kind != '"':
            yield Value(token.start(), at, True, here)
        elif len(token[1]) == backslashes:
            end = close(text, at, level)
            begin, at = at, end + backslashes + 1
            walk.step(min(at, len(text)))
            colon = _COLON.match(text, at)
            if colon:
                here = (*stack[-1], text[begin:end])
                at = colon.end()
            else:
                yield Value(begin, end, False, here)
                if level < deepest and text[begin : begin + 1] in ("{", "["):
                    yield from leaves(text, begin, level + 1, walk, here, deepest)
        elif len(token[1]) < backslashes:
            # The string ends in which this JSON stands.
            return
