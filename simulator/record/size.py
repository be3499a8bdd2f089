"""Sizes as people write them."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?", re.IGNORECASE)


def parse(text: str) -> int:
    """Bytes: 500MB, 1.5 GiB, 64k or a plain number. Raises ValueError that says what is expected."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no size: expected a number of bytes, or such as 500MB, 2GB, 64KiB")
    number, unit, binary = found.groups()
    base = 1024 if binary else 1000
    size = int(float(number) * base ** (" kmgt".index(unit.lower()) if unit else 0))
    if size < 1:
        raise ValueError(f"{text!r} is no size: expected more than nothing")
    return size


def told(size: int) -> str:
    """Bytes for people: 999 B, 1.2 kB, 34 MB."""
    number = float(size)
    for unit in ("B", "kB", "MB"):
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"
