"""JavaScript's ideas of truth and text: the real server checks little, and what it does then is what Node does."""

from __future__ import annotations

import re
from decimal import Decimal

from simulator.core.message import Json


def truthy(value: Json) -> bool:
    """Whether `value || other` is the value: an empty array is, an empty text is not."""
    return bool(value) or isinstance(value, list | dict)


def number(value: float) -> str:
    """A number as it is printed."""
    if abs(value) < 1e21 and value == int(value):
        return str(int(value))
    text = repr(float(value))
    if 1e-6 <= abs(value) < 1:
        return format(Decimal(text), "f")
    return re.sub(r"e([+-])0*", r"e\1", text)


def text(value: Json | bytes) -> str:
    """`String(value)`; of bytes, `Buffer.toString`; null, which has no toString, is the caller's to look for."""
    match value:
        case str():
            return value
        case bytes():
            return value.decode("utf-8", "replace")
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number(value)
        case list():
            return ",".join("" if item is None else text(item) for item in value)
        case None:
            return "null"
        case _:
            return "[object Object]"
