"""Faults, and how often each struck."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import RootModel

from simulator.scenario.faults import FaultSpec
from simulator.serve.admin.shapes.form import Told


class NewFaults(RootModel[FaultSpec | list[FaultSpec]]):
    """One, or several: all are added or none."""


class Match(Told):
    """What a fault is about; where all is null, everything."""

    message: str | None
    nth: int | None


class Fault(Told):
    """A fault as it was asked for, and its fate."""

    name: str
    type: str
    stream: Literal["upstream", "downstream"]
    toxicity: float
    attributes: dict[str, Any]
    match: Match
    count: int | None
    backend: str | None
    transport: str | None
    seen: int
    """How often it was looked at."""
    struck: int
    last: Any
    """What it struck last."""
    spent: bool
    """It has struck as often as it may."""


class Faults(Told):
    """Some of a space's faults."""

    faults: list[Fault]
