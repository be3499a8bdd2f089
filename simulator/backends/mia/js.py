"""JavaScript's ideas of truth and text: the real server checks little, and what it does then is what Node does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal

import orjson

from simulator.core.message import Json


def truthy(value: Json) -> bool:
    """Whether `value || other` is the value: an empty array is, an empty text is not."""
    return bool(value) or isinstance(value, list | dict)


def number(value: float) -> str:
    """A number as it is printed."""
    try:
        text = repr(float(value))
    except OverflowError:
        text = "inf" if value > 0 else "-inf"
    if text.endswith("inf"):
        return text.replace("inf", "Infinity")
    if not value:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(text), "f").removesuffix(".0")
    return re.sub(r"(\.0)?e([+-])0*", r"e\2", text)


def text(value: Json | bytes) -> str:
    """`String(value)`; of bytes, `Buffer.toString`; null, which has no toString, is the caller's to look for.

    Not by recursion: how deep a value goes is its sender's choice.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return _text(value)
    # An array in an array has no brackets either: only an empty one differs from its elements.
    found: list[str] = []
    waiting: list[Json] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list) and item:
            waiting += reversed(item)
        else:
            found.append("" if item is None or isinstance(item, list) else _text(item))
    return ",".join(found)


def _text(value: Json | bytes) -> str:
    match value:
        case str():
            return value
        case bytes():
            return value.decode("utf-8", "replace")
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number(value)
        case None:
            return "null"
        case _:
            return "[object Object]"


def parts(value: Json) -> Iterator[Json]:
    """A value and all that is in it; what an object is keyed by as well."""
    waiting: list[Json] = [value]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, dict):
            waiting += item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def stringify(value: Json) -> str:
    """`JSON.stringify`, for what orjson can't write as well; what is too deep even for json is null."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        try:
            return json.dumps(value, separators=(",", ":"))
        except RecursionError:
            return "null"
