"""What the shapes have in common: nothing is guessed, nothing is silently left out."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Given(BaseModel):
    """What a caller sends: a key that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Asked(BaseModel):
    """Parameters behind `?`, which are text: numbers are read from it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Told(BaseModel):
    """What we answer."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Wrong(Told):
    """What is wrong with a call, and what to do about it."""

    error: str
    """In one line: the key, what was expected, and what to do."""
