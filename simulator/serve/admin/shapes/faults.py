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
    """The name of a message; null is any."""
    nth: int | None
    """Of all that fits only this one, from 1; null is each."""


class Fault(Told):
    """A fault as it was asked for, and its fate."""

    name: str
    """Its own, or the one that was minted."""
    type: str
    """What goes wrong."""
    stream: Literal["upstream", "downstream"]
    """From the client, or to it."""
    toxicity: float
    """How probable a strike is, from 0 to 1."""
    attributes: dict[str, Any]
    """What belongs to the type, defaults filled in."""
    match: Match
    """What it is about."""
    count: int | None
    """After so many strikes it is spent; null is never."""
    backend: str | None
    """The only one at which it strikes; null is each."""
    transport: str | None
    """The only one over which it strikes; null is each."""
    seen: int
    """How often it was looked at."""
    struck: int
    """And how often it struck."""
    last: Any
    """What it struck last."""
    spent: bool
    """It has struck as often as it may."""


class Faults(Told):
    """Some of a space's faults."""

    faults: list[Fault]
    """In the order in which they were added."""
