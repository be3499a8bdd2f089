"""Instants as Go writes and reads them: RFC3339Nano out; in, what time.Parse takes for RFC 3339 (src/time/format.go).

Seen with Go 1.22: a comma for the point, an hour of one digit, offsets with any two digits of minutes.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

_FORM = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d?:\d\d:\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_USUAL = re.compile(r"([1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
"""What nearly everybody writes; none of Go's own rules is needed for it."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # all of it is UTC; with a zone it takes twice as long
ZERO_TIME = -62_135_596_800 * 10**9
"""Year 1, which Go takes for no time at all when it is written with a Z."""
FARTHEST_OFFSET = 16 * 3600
"""Seconds: Postgres refuses a time zone that is so far away or farther, and the query fails."""


def parse(text: str) -> int:
    """Nanoseconds since 1970. Raises ValueError for what Go's time.Time does not take from JSON.

    Digits after the ninth are dropped.
    """
    found = _USUAL.fullmatch(text)
    if found is not None:
        whole, fraction = found.groups()
        return _seconds(whole, text) * 10**9 + (int(fraction) * 10 ** (9 - len(fraction)) if fraction else 0)
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an RFC 3339 timestamp")
    day, clock, fraction, sign, hours, minutes = found.groups()
    shift = 0
    if day.startswith("0000"):
        # Go knows a year 0, Python does not: the calendar is the same 400 years later.
        day, shift = f"0400{day[4:]}", 146_097 * 86_400
    seconds = _seconds(f"{day}T{clock:0>8}", text) - shift
    if sign:
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += -offset if sign == "+" else offset
    return seconds * 10**9 + (int(f"{fraction:0<9.9}") if fraction else 0)


def usual(text: str) -> int | None:
    """Microseconds since 1970 of the two forms that clients write: JavaScript's `toISOString`, and no fraction at all.

    None for all others, of which `parse` may still take some.
    """
    size = len(text)
    plain = size == 20 and text[4::3] == "--T::Z"
    if not plain and not (size == 24 and text[4:19:3] == "--T::" and text[19::4] == ".Z"):
        return None
    # Years that begin with 0 have rules of their own.
    if text[0] == "0":
        return None
    try:
        since = datetime.fromisoformat(text[:-1]) - _EPOCH
    except ValueError:
        return None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _seconds(whole: str, text: str) -> int:
    try:
        since = datetime.fromisoformat(whole) - _EPOCH
    except ValueError:
        raise ValueError(f"{text!r} is not a date and time of the calendar") from None
    return since.days * 86_400 + since.seconds


def nano(instant: int, offset: int = 0) -> str:
    """RFC3339Nano of nanoseconds since 1970: trailing zeros cut, no fraction when it is zero, `Z` for offset 0.

    The offset is in minutes east of Greenwich.
    """
    seconds, rest = divmod(instant, 10**9)
    if rest and not offset:
        fraction = "%09d" % rest  # noqa: UP031  # in half of the time
        return f"{_clock(seconds)}.{fraction.rstrip('0')}Z"
    zone = "Z" if not offset else f"{'+' if offset > 0 else '-'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    clock = _clock(seconds + offset * 60)
    return f"{clock}.{rest:09d}".rstrip("0") + zone if rest else clock + zone


@lru_cache(maxsize=64)
def _clock(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()


def offset(text: str) -> int:
    """Seconds east of Greenwich of a text that `parse` takes, 0 for Z."""
    if text.endswith("Z"):
        return 0
    seconds = int(text[-5:-3]) * 3600 + int(text[-2:]) * 60
    return seconds if text[-6] == "+" else -seconds


def micros(nanos: int) -> int:
    """Nanoseconds as Postgres takes them: to microseconds, half to even."""
    whole, rest = divmod(nanos, 1000)
    return whole + (rest > 500 or (rest == 500 and whole % 2 == 1))
