"""How a tape is played, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.cassette.conversation import Said


@dataclass(slots=True)
class Manner:
    """How a tape is played."""

    timeout: float = 10.0
    """Seconds on top of what the tape took for it."""
    recorded: bool = False
    """The client's steps keep the tape's times, where nothing holds them up; else they come as soon as they can."""
    settle: float = 0.1
    """Seconds before the client hangs up in which something can still come that is not on the tape."""
    transports: tuple[str, ...] | None = None
    """Of Engine.IO, in place of the tape's."""


@dataclass(slots=True)
class Outcome:
    """What came of it. Lines are the tape's."""

    heard: list[Said] = field(default_factory=list)
    """What was said live, by both sides, with the numbers of the tape's conns; in the order in which it came."""
    after: list[Said] = field(default_factory=list)
    """What came when the tape's client had hung up so early that nobody knows whether it came then, too."""
    unsaid: dict[int, str] = field(default_factory=dict)
    """Why a step of the client was not done, by its line."""
    slow: set[int] = field(default_factory=set)
    """What was waited for in vain."""
    notes: list[tuple[int, str]] = field(default_factory=list)
    """For people, with a line, or 0."""
    flooded: bool = False
    reached: bool = False
    """Whether anything went as on the tape: a connection was opened, or refused as it should be, a request answered."""
    down: str = ""
    """Why not."""
