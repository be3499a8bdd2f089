"""What a model expected of a value, in words for who reads about it: pydantic's own are about Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

MISSING = "nothing"
"""What was got where something is missing."""

_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "a value",
    "extra_forbidden": lambda _: "no such key",
    "invalid_key": lambda _: "no such key",
    "dict_type": lambda _: "an object",
    "model_type": lambda _: "an object",
    "model_attributes_type": lambda _: "an object",
    "list_type": lambda _: "a list",
    "string_type": lambda _: "a text",
    "bool_type": lambda _: "true or false",
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "none_required": lambda _: "null",
    "greater_than": lambda told: f"more than {told['gt']}",
    "greater_than_equal": lambda told: f"{told['ge']} or more",
    "less_than": lambda told: f"less than {told['lt']}",
    "less_than_equal": lambda told: f"{told['le']} or less",
    "string_too_short": lambda told: f"a text of {told['min_length']} or more characters",
    "string_too_long": lambda told: f"a text of {told['max_length']} or fewer characters",
    "too_short": lambda told: f"{told['min_length']} or more of them",
    "too_long": lambda told: f"{told['max_length']} or fewer of them",
    "literal_error": lambda told: str(told["expected"]),
}
"""By pydantic's type of error, https://docs.pydantic.dev/latest/errors/validation_errors/."""


def expected(error: Any) -> str:
    """What one of `ValidationError.errors()` expected, to stand behind "expected": "a text", "5 or less"."""
    words = _WORDS.get(error["type"])
    if words is not None:
        return words(error.get("ctx", {}))
    text = str(error["msg"]).removeprefix("Value error, ")
    for begin in ("expected ", "Input should be "):
        if text.startswith(begin):
            return text.removeprefix(begin)
    return f"another value: {text}"


def first_wrong(error: ValidationError) -> str:
    """The first thing that is wrong, for a line in the log: its place, and what was expected there."""
    one = error.errors(include_url=False)[0]
    place = ".".join(map(str, one["loc"]))
    return f"{place}{': ' if place else ''}expected {expected(one)}"
