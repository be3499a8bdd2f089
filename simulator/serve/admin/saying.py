"""What is answered, as JSON: whatever clients have brought into it, it can be written."""

from __future__ import annotations

from typing import Any

import orjson

_DEEP = 200
"""Collections in each other that are told; orjson reads more of them than it writes."""


def dumps(value: Any) -> bytes:
    """JSON in UTF-8. What JSON has no word for is told as near as can be: `…` stands for what is too deep."""
    try:
        return orjson.dumps(value, default=repr)
    except TypeError:
        return orjson.dumps(_near(value, _DEEP), default=repr)


def _near(value: Any, room: int) -> Any:
    match value:
        case str():
            # A header's bytes that are no UTF-8 are lone surrogates.
            return value.encode("utf-8", "replace").decode()
        case int() if not -(1 << 63) <= value < 1 << 64:
            return str(value)
        case dict() | list() | tuple() if not room:
            return "…"
        case dict():
            return {_near(str(key), room): _near(inner, room - 1) for key, inner in value.items()}
        case list() | tuple():
            return [_near(inner, room - 1) for inner in value]
        case _:
            return value
