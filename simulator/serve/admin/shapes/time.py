"""Clocks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.serve.admin.shapes.form import Given, Told


class Clock(Told):
    """The time of a space."""

    mode: Literal["wall", "manual"]
    now: float
    """Unix seconds."""
    time: str
    """The same, as ISO 8601 in UTC."""


class Advance(Given):
    """How far to move."""

    seconds: float = Field(ge=0, le=10 * 366 * 86400, examples=[1.5])
