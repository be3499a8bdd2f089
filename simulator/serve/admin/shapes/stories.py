"""Scenarios, and where talks stand in them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from simulator.serve.admin.shapes.form import Given, Told


class Scenario(Told):
    """One that comes along, or is played."""

    name: str
    """As its file is called, without the suffix."""
    file: str
    """Its name alone."""
    playing: bool
    """Whether this space plays it."""
    states: list[str] | None
    """Of the one that is played; a scenario without states has one without a name."""


class Scenarios(Told):
    """By name."""

    scenarios: list[Scenario]
    """Those that come along, and the one that is played."""


class Place(Told):
    """Where a talk stands."""

    backend: str
    """Whose talk it is."""
    talk: str
    """Its name."""
    state: str
    """In which state it is; "" where the scenario has none."""
    variables: dict[str, Any]
    """What they are now."""
    agent: str | None
    """Who has the talk; null while the bot has it."""
    over: bool
    """It ended, and steps behind its end are still under way."""
    busy: bool
    """Steps are under way."""
    waiting: int
    """What the client did meanwhile, and is not answered yet."""


class Standing(Told):
    """Where talks stand in the scenario that is played."""

    name: str
    """Of the scenario."""
    states: list[str]
    """Of the scenario; one without states has one without a name."""
    talks: list[Place]
    """All that have begun."""


class Move(Given):
    """Where to go on."""

    state: str = Field(examples=["start"])
    """One of the scenario that is played; its `enter` is done, as by a `go`."""
    talk: str | None = None
    """A talk by its name or the last part of it; left out, all of them."""
    backend: str | None = None
    """Its talks alone; left out, those of all."""
