"""Clocks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.serve.admin.shapes.form import Given, Told


class Clock(Told):
    """The time of a space."""

    mode: Literal["wall", "manual"]
    """`wall` runs by itself, `manual` stands until it is moved."""
    now: float
    """Unix seconds."""
    time: str
    """The same, as ISO 8601 in UTC."""


class Advance(Given):
    """How far to move."""

    seconds: float = Field(ge=0, le=10 * 366 * 86400, examples=[60])
    """At most ten years; all that falls due on the way happens."""


class Instant(Given):
    """Where to move: an RFC 3339 instant with its zone, or Unix seconds."""

    time: str | float = Field(examples=["2026-01-01T00:10:00Z", 1767226200])
    """Such as 2026-01-01T00:10:00Z, or Unix seconds; not before the clock's own time, and at most ten years after
    it."""
