"""Values that nobody reads: ids, tokens, times. What they look like, and others that look the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from simulator.cassette import meanings
from simulator.cassette.pseudonyms import WORD
from simulator.core.ids import ALPHANUMERIC, Ids

_UUID: Final = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_JWT: Final = r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"
_ISO: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_EPOCH: Final = r"1[0-9]{9}(?:[0-9]{3})?"

_KINDS: Final = (
    ("uuid", re.compile(_UUID)),
    ("jwt", re.compile(_JWT)),
    ("time", re.compile(_ISO)),
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+", re.IGNORECASE)),
    ("phone", re.compile(r"\+?\d[\d ().-]{8,}\d")),
    ("token", re.compile(rf"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[\w.=+/%-]{{12,}}|{WORD}[a-z0-9]{{8,}}", re.ASCII)),
)
_TIME_OF_DAY = re.compile(_EPOCH)
_NAMED = re.compile(
    r"(?:^|[_-])(?:id|at|ref|ts|time)$|[a-z](?:Id|ID|At|Ref|Time)$|(?:[uU]uid|UUID|[tT]imestamp|[nN]once)$"
)
"""Keys whose values are of no meaning by themselves."""

_BLIND = re.compile(rf"{_JWT}|{_ISO}|\b\d{{8}}T\d{{6}}Z\b|\bAWS4-HMAC-SHA256\b")
"""Of words that look like ids: what clients read, and what a presigned URL of S3's says of itself."""
_UUIDS = re.compile(_UUID)
_WORDS = re.compile(r"[\w-]{12,}", re.ASCII)
_REMEMBERED: Final = 200
"""Characters of a value beyond which it is looked at anew each time."""
_DIGIT, _LETTER = re.compile(r"\d", re.ASCII), re.compile("[A-Za-z]")
TOKENS: Final = re.compile(r"[\w-]+", re.ASCII)
_ANY = re.compile(rf"{_UUID}|[\w-]+?(?={_UUID})|[\w-]+", re.ASCII)
LOOKS: Final = (_JWT, _ISO, r"(?<![\w.+%-])[\w.+%-]++@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]+", r"[\w-]+")
_LONG = re.compile(r"[A-Za-z0-9_\-+=.~][A-Za-z0-9_\-+/=.~]{11,}")
_NAME = re.compile(r"[A-Za-z]+(?:[-_./][A-Za-z]+)*[-_./]?\d{0,4}")
_ADDRESS = re.compile(r"[/@:?=&\\_-]|[a-z][A-Z]")


def kind(value: object) -> str:
    """What it looks like; empty for what has a meaning."""
    if isinstance(value, str):
        return _look(value) if len(value) <= _REMEMBERED else _look.__wrapped__(value)
    if type(value) in (int, float) and _TIME_OF_DAY.fullmatch(str(value).partition(".")[0]):
        return "epoch"
    return ""


@lru_cache(maxsize=1024)
def _look(value: str) -> str:
    # One value is held against thousands.
    return next((name for name, pattern in _KINDS if pattern.fullmatch(value)), "")


@lru_cache(maxsize=1024)
def named(key: str) -> bool:
    """Whether a key says that its value is an id, or a time."""
    return _NAMED.search(key) is not None


def alike(taped: object, live: object, key: str) -> bool:
    """Whether two different values may stand for the same: they look alike, or their key says that they are ids."""
    if type(taped) is not type(live) or not isinstance(taped, str | int | float) or isinstance(taped, bool):
        return False
    if named(key) or meanings.of_key(key) is not None:
        return True
    other = kind(live)
    if isinstance(taped, str) and isinstance(live, str):
        # One in fifteen tokens of 16 characters has no digit.
        token = _token(live, other)
        if not other and not token:
            return False
        found = kind(taped)
        return found == other if found and other else token and _token(taped, found)
    return bool(other) and kind(taped) == other


def _token(value: str, found: str) -> bool:
    return found == "token" or (not found and drawn(value))


def drawn(text: str) -> bool:
    """Whether it looks drawn by dice: sids, tokens, keys."""
    if _LONG.fullmatch(text) is None:
        return False
    digits, lower, upper = (sum(map(of_kind, text)) for of_kind in (str.isdigit, str.islower, str.isupper))
    if digits and lower and upper:
        return _NAME.fullmatch(text) is None
    if digits and len(text) >= 16:
        return bool(lower or upper) and _NAME.fullmatch(text) is None
    # No word that people write has a capital at every third letter.
    return len(text) >= 16 and len(text) < upper * 4 < 3 * len(text) and bool(lower)


def found_in(text: str) -> Iterator[str]:
    """The ids and tokens of a text, which a server may have made; neither times nor JWTs, which clients look into."""
    if "eyJ" in text or "T" in text or "AWS4" in text:
        text = _BLIND.sub(" ", text)
    if "-" in text:
        for match in _UUIDS.finditer(text):
            yield match[0]
        text = _UUIDS.sub(" ", text)
    for word in _WORDS.findall(text):
        if _DIGIT.search(word) and _LETTER.search(word):
            yield word


def is_plain(value: str) -> bool:
    """Whether it could as well be a word, or several, of somebody's language."""
    return not _DIGIT.search(value) and not kind(value) and not _ADDRESS.search(value)


def look(value: str) -> str | None:
    """A pattern of all values that look so, as long as they go; None where it looks like no other."""
    return next((pattern for pattern in LOOKS if re.fullmatch(pattern, value, re.ASCII)), None)


def finder(looks: Collection[str], odd: Iterable[str] = ()) -> re.Pattern[str]:
    """A pattern of all that has one of these looks, of words with hyphens, and of values that look like no other."""
    longest = sorted(odd, key=len, reverse=True)
    whole = (rf"{re.escape(value)}(?![\w-])" for value in longest)
    return re.compile("|".join([*whole, *(one for one in LOOKS[:-1] if one in looks), LOOKS[-1]]), re.ASCII)


def uuids(text: str) -> list[str]:
    """Those that stand in a text, in their order."""
    return _UUIDS.findall(text)


def mint(value: str, ids: Ids) -> str:
    """Another one that looks the same."""
    if _UUIDS.fullmatch(value):
        made = ids.uuid()
        return made if value.islower() else made.upper()
    if value.isdecimal():
        # As a number it has no zero in front.
        return ids.token(1, "123456789") + ids.token(len(value) - 1, "0123456789")
    letters = ids.token(len(value), "0123456789abcdef" if re.fullmatch("[0-9a-f]+", value) else ALPHANUMERIC)
    if value == value.lower():
        letters = letters.lower()
    return "".join(old if old in "-_" else new for old, new in zip(value, letters, strict=True))


def each(text: str, change: Callable[[str], str]) -> str:
    """The text with every UUID, and every other word in it, as `change` has it."""
    return _ANY.sub(lambda match: change(match[0]), text)


_STAMPS = re.compile(rf"(?<![\w-])(?:({_ISO})|({_EPOCH}))(?![\w-])")
_NEAR: Final = 400 * 86400
"""Seconds around the recording in which a number is a time."""


def moved(text: str, base: float, seconds: float) -> str:
    """The text with all its times so many seconds later; `base` is when it was recorded, in Unix seconds."""

    def later(match: re.Match[str]) -> str:
        if match[1]:
            return _iso(match[1], seconds)
        number = int(match[2])
        unit = 1000 if len(match[2]) == 13 else 1
        return str(number + round(seconds * unit)) if abs(number / unit - base) < _NEAR else match[2]

    return _STAMPS.sub(later, text)


def _iso(text: str, seconds: float) -> str:
    zone = re.search(r"(?:Z|[+-]\d\d:?\d\d)$", text[19:])
    tail = zone[0] if zone else ""
    fraction = text[20 : len(text) - len(tail)]
    try:
        when = datetime.fromisoformat(f"{text[:19]}{'.' + fraction[:6].ljust(6, '0') if fraction else ''}")
        when = when.replace(tzinfo=UTC) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return text
    told = f"{when:%Y-%m-%d}{text[10]}{when:%H:%M:%S}"
    return f"{told}.{f'{when.microsecond:06d}'.ljust(9, '0')[: len(fraction)]}{tail}" if fraction else told + tail


def epoch(text: str) -> float | None:
    """Unix seconds of an instant in ISO 8601, or None."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
