"""What a bot follows: a script made ready for one backend, conditions and steps as functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from simulator.core import bot
from simulator.scenario import matching
from simulator.scenario.templates import Filled, Values

Make: TypeAlias = Callable[[Values], bot.Act]


@dataclass(slots=True)
class Do:
    """An act."""

    make: Make
    act: str
    agent: Filled | str = ""
    """Who takes over, as the scenario calls them."""


@dataclass(slots=True)
class Go:
    """To another state."""

    state: str


@dataclass(slots=True)
class Assign:
    """Variables get values."""

    values: dict[str, Any]


@dataclass(slots=True)
class Add:
    """To a counter."""

    name: str
    by: int


@dataclass(slots=True)
class Hang:
    """The client's socket ends."""

    code: int | None
    reason: str
    reset: bool


@dataclass(slots=True)
class Only:
    """Steps that are left out, their delays too, unless an expression is true."""

    test: Filled
    ops: list[Op]


@dataclass(slots=True)
class Choose:
    """One of several ways, by lot."""

    ways: list[list[Op]]
    weights: list[float]


@dataclass(slots=True)
class Nothing:
    """Time passes."""


@dataclass(slots=True)
class Op:
    """One step."""

    what: Do | Go | Assign | Add | Hang | Only | Choose | Nothing
    line: int
    after: float
    jitter: float


@dataclass(slots=True)
class Cue:
    """A rule: when it applies, and what is done then."""

    number: int
    line: int
    kinds: frozenset[str]
    test: matching.Test
    ops: list[Op]
    once: bool
    busy: str
    silences: frozenset[float]


@dataclass(slots=True)
class Part:
    """A state: what is done at its beginning, its rules before those of all states, and what is done without one."""

    enter: list[Op] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    otherwise: list[Op] = field(default_factory=list)
    silences: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """All of it."""

    path: str
    parts: dict[str, Part]
    start: str
    variables: dict[str, Any]
    busy: str
