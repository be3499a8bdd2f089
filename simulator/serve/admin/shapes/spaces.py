"""Spaces."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from simulator.scenario.faults import FaultSpec
from simulator.serve.admin.shapes.form import Given, Told
from simulator.serve.admin.shapes.time import Clock


class NewSpace(Given):
    """A space to be made, or begun anew; what is left out is like the server's."""

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$", examples=["gw0"])
    """At most 64 letters, digits, dots, hyphens and underscores, the first a letter, a digit or an underscore."""
    seed: int | None = None
    """Of its ids: the same in every run with the same one."""
    clock: str | None = Field(None, examples=["manual", "2026-01-01T00:00:00Z"])
    """`wall`, `manual`, or the instant at which a manual one starts."""
    scenario: str | dict[str, Any] | None = Field(None, examples=["support-desk"])
    """The name of one that comes along, or one itself: as JSON or as the text of its file."""
    faults: FaultSpec | list[FaultSpec] = Field(default_factory=list)
    """With which it begins, also after a reset."""


class Space(Told):
    """One space."""

    name: str
    """"" is the default one."""
    prefix: str
    """What stands before the paths of its URLs."""
    seed: int
    """Of its ids."""
    clock: Clock
    """What time it is there."""
    scenario: str | None
    """Which one its bots play."""
    connections: int
    """Sockets that are open."""
    faults: int
    """How many it has."""
    journal: int
    """Frames that ever passed."""
    idle: float
    """Seconds without a socket or a request."""


class Spaces(Told):
    """All spaces, the default one first."""

    spaces: list[Space]
    """Those with a name in the order in which they were made."""


class SpaceEnded(Told):
    """It is gone."""

    name: str
    """Which it was."""
    ended: bool
    """True."""
