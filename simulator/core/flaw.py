"""What a validator of a whole fixtures file raises: wrong is something between rows, and one of them is meant."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeAlias

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Place: TypeAlias = "tuple[str | int, ...]"
"""Keys and indexes that lead to a value."""


def flaw(why: str, *place: str | int, got: object = None) -> ValidationError:
    """An error at a place below the validator's own, keys and indexes, of which the operator is told the line."""
    text = PydanticCustomError("value_error", "{why}", {"why": why})
    return ValidationError.from_exception_data("fixtures", [InitErrorDetails(type=text, loc=place, input=got)])


def unique(keys: Iterable[tuple[Hashable, Place]]) -> None:
    """Values that stand in one place each, the last key of which is theirs. Raises `flaw` where one stands in two."""
    seen: dict[Hashable, Place] = {}
    for value, place in keys:
        first = seen.setdefault(value, place)
        if first is not place:
            raise flaw(f"stands there twice, in {'.'.join(map(str, first[:-1]))} too", *place)


def column(what: str, key: str, rows: Iterable[object]) -> Iterable[tuple[Hashable, Place]]:
    """The values that the rows of a list have at a key, for `unique`."""
    return ((getattr(row, key), (what, i, key)) for i, row in enumerate(rows))
