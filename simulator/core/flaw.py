"""What a validator of a whole fixtures file raises: wrong is something between rows, and one of them is meant."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


def flaw(why: str, *place: str | int, got: object = None) -> ValidationError:
    """An error at a place below the validator's own, keys and indexes, of which the operator is told the line."""
    text = PydanticCustomError("value_error", "{why}", {"why": why})
    return ValidationError.from_exception_data("fixtures", [InitErrorDetails(type=text, loc=place, input=got)])
