"""Everything drawn by lot comes from here: a tree of seeded sources, the same bytes for the same seed and key."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

HEX = "0123456789abcdef"
ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

NAMES = 1 << 15
"""Names that one source counts; far more than a test has, some 10 MB at most."""


def fresh_seed() -> int:
    """A seed below 2**31 for a run that was given none, short enough to be typed again."""
    return int.from_bytes(os.urandom(4), "big") >> 1


def fresh_key() -> bytes:
    """32 bytes that nobody can guess and nothing repeats: what a seed must not make."""
    return os.urandom(32)


class Ids:
    """One source. Its draws depend on its key and on how many came before, on nothing else."""

    __slots__ = ("_counts", "_draws", "_floor", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._draws = 0
        self._floor = 0
        self._counts: dict[object, int] | None = None

    @classmethod
    def seeded(cls, seed: int) -> Ids:
        """The root of a tree."""
        return cls(blake2b(str(seed).encode(), digest_size=16).digest())

    def child(self, *name: object) -> Ids:
        """The source of that name: always the same one, at its start."""
        return Ids(blake2b(repr(name).encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest())

    def nth(self, *name: object) -> Ids:
        """A new source for each call: the name, and how many equal ones came before.

        What a client brings is the name, so that other clients do not change its ids.
        """
        return self.child(*name, self.serial(name))

    def serial(self, of: object = "", first: int = 1) -> int:
        """Counts up from `first`, for each `of` apart; no number comes twice for one `of`.

        The `NAMES` that were used last are counted each for itself. Clients bring them, and may bring more: whoever
        comes back after that goes on behind all that was forgotten.
        """
        counts = self._counts
        if counts is None:
            counts = self._counts = {}
        text = repr(of)
        if len(text) >= 200:
            # Of what is long, as clients may make it, the hash alone is kept.
            of = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        number = counts.pop(of, None)
        if number is None:
            number = max(first, self._floor)
            if len(counts) >= NAMES:
                self._floor = max(self._floor, counts.pop(next(iter(counts))))
        # The latest last.
        counts[of] = number + 1
        return number

    def below(self, n: int) -> int:
        """An even draw from 0 to n - 1, n at most 2**64 (the bias is below n / 2**128)."""
        return int.from_bytes(self._block(), "big") % n

    def pick(self, options: Sequence[T]) -> T:
        """One of them."""
        return options[self.below(len(options))]

    def token(self, n: int, alphabet: str = ALPHANUMERIC) -> str:
        """N characters of the alphabet, which has two of them at least."""
        # Sixteen of each draw, its last digit in that base first.
        text = ""
        if alphabet == HEX:
            while len(text) < n:
                text += self._block().hex()[:15:-1]
            return text[:n]
        pairs, both, powers = _pairs(alphabet)
        while len(text) < n:
            # What is large is divided once; the one in front keeps the naughts behind it.
            power = powers[min((n - len(text) + 1) // 2, 8)]
            number = int.from_bytes(self._block(), "big") % power + power
            while number > 1:
                text += pairs[number % both]
                number //= both
        return text[:n]

    def uuid(self) -> str:
        """A version 4 UUID in lower case (RFC 9562, section 5.4)."""
        text = self._block().hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANTS[text[16]]}{text[17:20]}-{text[20:]}"

    def _block(self) -> bytes:
        self._draws += 1
        return blake2b(self._draws.to_bytes(8, "big"), key=self._key, digest_size=16).digest()


_VARIANTS = {digit: HEX[int(digit, 16) & 0x3 | 0x8] for digit in HEX}
"""The digit that bears the variant has its two upper bits set to it."""


@lru_cache(8)
def _pairs(alphabet: str) -> tuple[list[str], int, list[int]]:
    """All its pairs of letters, the last digit first, how many they are, and so many to the power of each number."""
    pairs = [first + second for second in alphabet for first in alphabet]
    return pairs, len(pairs), [len(pairs) ** count for count in range(9)]
