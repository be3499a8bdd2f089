"""What stands in place of a secret: always the same for the same secret, of its shape, and of no use to a stranger.

Placeholders come from BLAKE2 with a key that nobody keeps. Who has the cassette can neither compute back nor try out
short secrets. Each is made of letters, digits and what the secret's own shape brings, so that it needs no quoting in
JSON, URLs, headers and cookies, and each bears a mark by which it is known: what is redacted twice is redacted once.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from simulator.cassette.echoes import Echoes

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_BASE36: Final = _LETTERS + "0123456789"
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_OUR_UUID: Final = "00000000-0000-4000-8000-"
JWT_HEAD: Final = "eyJyZWRhY3RlZCI6MX0"
"""`{"redacted":1}` in base64url."""
_SCHEME = re.compile(r"(?i:bearer|basic|token|digest|negotiate) +(?=\S)")
_KEPT: Final = 10_000
_BETWEEN: Final = " .-/()+"
"""What may stand between digits, and needs no quoting."""

WORD: Final = "redacted"


class Pseudonyms:
    """One cassette's."""

    __slots__ = ("_key", "_known", "_made", "_tokens", "echoes", "lenient")

    def __init__(self, key: bytes) -> None:
        """`key` is 16 to 64 random bytes, to be forgotten with this object."""
        self._key = key
        self._known: dict[str, int] = {}
        self._tokens: dict[str, str] = {}
        self.echoes = Echoes()
        """What `token` was asked for; who has come by look or place is known anywhere."""
        self.lenient = False
        """Whether a number that could be a placeholder is taken for one: in an entry that says that it was changed."""
        self._made: set[str] = set()
        """Placeholders that do not look like such: numbers, and what was too short."""

    def _number(self, secret: str) -> int:
        number = self._known.get(secret)
        if number is None:
            digest = blake2b(secret.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest()
            if len(self._known) >= _KEPT:
                self._known.clear()
            number = self._known[secret] = int.from_bytes(digest, "big")
        return number

    def _draw(self, secret: str, alphabet: str, size: int) -> str:
        number = self._number(secret)
        drawn = []
        for _ in range(size):
            number, index = divmod(number, len(alphabet))
            drawn.append(alphabet[index])
        return "".join(drawn)

    def token(self, secret: str) -> str:
        """For what only has to be the same or not: a word of its length, 16 to 128; a UUID and a JWT stay such."""
        if is_ours(secret) or self._is_known(secret) or (self.lenient and WORD.startswith(secret)):
            return secret
        if _UUID.fullmatch(secret):
            self.echoes.learn(secret)
            return _OUR_UUID + f"{self._number(secret.lower()) % 16**12:012x}"
        if is_jwt(secret):
            return self.jwt(secret)
        scheme = _SCHEME.match(secret)
        if scheme:
            return scheme[0] + self.token(secret[scheme.end() :])
        put = self._tokens.get(secret)
        if put is None:
            size = min(max(len(secret), 16), 128)
            if len(self._tokens) >= _KEPT:
                self._tokens.clear()
            self.echoes.learn(secret)
            put = self._tokens[secret] = (WORD + self._draw(secret, _BASE36, 32)).ljust(size, "0")[:size]
        return put

    def jwt(self, secret: str) -> str:
        """Three parts, as in RFC 7519; the first says what it is."""
        drawn = self._draw(secret, _BASE36, 38)
        return f"{JWT_HEAD}.{drawn[:16]}.{drawn[16:]}"

    def local(self, secret: str) -> str:
        """For what stands before the @ of an address that is then at example.com."""
        return f"{WORD}-{self._draw(secret.lower(), _BASE36, 10)}"

    def name(self, secret: str) -> str:
        """For a person's name: one word of letters."""
        return f"Redacted{self._draw(secret, _LETTERS, 6)}"

    def shaped(self, secret: str) -> str:
        """For numbers of cards, papers and people: a digit stays a digit, a letter a letter, blanks and dashes stay.

        The first half are zeros and X, the second is drawn. Of up to three characters nothing is drawn.
        """
        if self._is_known(secret):
            return secret
        size = sum(map(str.isalnum, secret))
        plain = size if size <= 3 else (size + 1) // 2
        digits = iter(self._draw(secret, "0123456789", size))
        letters = iter(self._draw(secret, _LETTERS, size))
        shaped, at = [], 0
        for character in secret:
            if not character.isalnum():
                shaped.append(character if character in _BETWEEN else "-")
                continue
            at += 1
            if character.isdecimal():
                shaped.append("0" if at <= plain else next(digits))
            elif character.isupper():
                shaped.append("X" if at <= plain else next(letters).upper())
            else:
                shaped.append("x" if at <= plain else next(letters))
        return self.note("".join(shaped))

    def _is_known(self, text: str) -> bool:
        return text in self._made or (self.lenient and is_shaped(text))

    def note(self, made: str) -> str:
        """Remember a placeholder that does not look like one."""
        if len(self._made) >= _KEPT:
            self._made.clear()
        self._made.add(made)
        return made

    def number(self, secret: str) -> str:
        """For a number in JSON, which begins with no zero: nines, then what is drawn."""
        if self._is_known(secret):
            return secret
        size = sum(map(str.isdecimal, secret.partition(".")[0]))
        half = (size + 1) // 2
        return self.note("9" * half + self._draw(secret, "0123456789", size - half))

    def phone(self, secret: str) -> str:
        """For a phone number, its separators kept: it begins with 999, which is no country's."""
        if self._is_known(secret):
            return secret
        count = sum(map(str.isdecimal, secret))
        digits = iter(("999" + self._draw(re.sub(r"\D", "", secret), "0123456789", max(0, count - 3)))[:count])
        made = "".join(next(digits) if c.isdecimal() else c if c in _BETWEEN else "-" for c in secret)
        return self.note(made)


def is_jwt(text: str) -> bool:
    """Whether all of it is a JSON Web Token: RFC 7519, or RFC 7516 with five parts."""
    return text.startswith("eyJ") and re.fullmatch(r"[\w-]+(?:\.[\w-]*){2,4}", text, re.ASCII) is not None


def is_ours(text: str) -> bool:
    """Whether this stands for a secret already."""
    return (
        text.startswith((WORD, "Redacted", JWT_HEAD, _OUR_UUID))
        or (text.endswith("@example.com") and f"{WORD}-" in text)
        or ((scheme := _SCHEME.match(text)) is not None and is_ours(text[scheme.end() :]))
    )


def is_shaped(text: str) -> bool:
    """Whether `shaped`, `number` or `phone` made it."""
    signs = [c for c in text if c.isalnum()]
    plain = len(signs) if len(signs) <= 3 else (len(signs) + 1) // 2
    head = signs[:plain]
    return bool(head) and (all(c in "0Xx" for c in head) or all(c == "9" for c in head) or signs[:3] == ["9"] * 3)
