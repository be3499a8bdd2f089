"""Scenarios, and where talks stand in them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from simulator.serve.admin.shapes.form import Given, Told


class Scenario(Told):
    """One that comes along, or is played."""

    name: str
    file: str
    """Its name alone."""
    playing: bool
    states: list[str] | None
    """Of the one that is played; a scenario without states has one without a name."""


class Scenarios(Told):
    """By name."""

    scenarios: list[Scenario]


class Place(Told):
    """Where a talk stands."""

    backend: str
    talk: str
    state: str
    variables: dict[str, Any]
    agent: str | None
    over: bool
    """It ended, and steps behind its end are still under way."""
    busy: bool
    """Steps are under way."""
    waiting: int
    """What the client did meanwhile, and is not answered yet."""


class Standing(Told):
    """Where talks stand in the scenario that is played."""

    name: str
    states: list[str]
    talks: list[Place]


class Move(Given):
    """Where to go on."""

    state: str = Field(examples=["start"])
    talk: str | None = None
    """A talk by its name or the last part of it; left out, all of them."""
    backend: str | None = None
