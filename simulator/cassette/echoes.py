"""Secrets that were taken out once, found again where nothing gives them away.

A server may say back what it was told: the auth of a CONNECT, and with it the private id that lets one back in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_KEPT: Final = 10_000
_ALIKE: Final = 20
"""Secrets with the same handle that are remembered."""
_LONGEST: Final = 4096
_SHORT, _PLAIN = 12, 16
"""Characters from which one with a digit and a letter, and any other, is nothing that people say by chance."""
_RUNS = re.compile(r"[A-Za-z0-9]{6,}")
_BLANK: Final = bytes(byte if byte < 128 and chr(byte).isalnum() else 32 for byte in range(256))
"""For bytes of UTF-8: without a regular expression it takes a third of the time, and every frame is looked through."""


class Echoes:
    """One cassette's."""

    __slots__ = ("_by_handle",)

    def __init__(self) -> None:
        self._by_handle: dict[bytes, list[str]] = {}
        """By the longest run of letters and digits in them."""

    def __len__(self) -> int:
        return len(self._by_handle)

    def learn(self, secret: str) -> None:
        """Look out for it from now on, unless it could as well be a word."""
        size = len(secret)
        if size > _LONGEST or size < _SHORT:
            return
        if size < _PLAIN and not (any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))):
            return
        handle = max(_RUNS.findall(secret), key=len, default="")
        if not handle:
            return
        secrets = self._by_handle.setdefault(handle.encode(), [])
        if secret not in secrets:
            secrets.append(secret)
            del secrets[:-_ALIKE]
        if len(self._by_handle) > _KEPT:
            del self._by_handle[next(iter(self._by_handle))]

    def heard(self, text: str) -> bool:
        """Whether one of them may be in a text; quick, and never wrong when it says no."""
        known = self._by_handle
        if not known:
            return False
        return not known.keys().isdisjoint(text.encode("utf-8", "surrogatepass").translate(_BLANK).split())

    def found(self, text: str) -> Iterator[tuple[int, str]]:
        """Where they stand, whole."""
        for run in _RUNS.finditer(text):
            for secret in self._by_handle.get(run[0].encode(), ()):
                start = run.start() - secret.index(run[0])
                if start >= 0 and text.startswith(secret, start) and _alone(text, start, start + len(secret)):
                    yield start, secret


def _alone(text: str, start: int, end: int) -> bool:
    """Whether no longer word goes on before or behind."""
    return not (start and _sticks(text[start - 1], text[start])) and not (
        end < len(text) and _sticks(text[end], text[end - 1])
    )


def _sticks(one: str, other: str) -> bool:
    return one.isalnum() and other.isalnum()
