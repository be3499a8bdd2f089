"""How long and how often is measured: one object for all parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Pace:
    """What the command line asked for."""

    rounds: int
    seconds: float
    """Of a round of messages."""
    connections: int
    """Idle ones."""
    tell: Callable[[str], None]
    """Progress."""
    quick: bool = False
    """A first look: fewer rows."""

    def round(self, part: str, number: int, title: str) -> None:
        """Tell where it is; round 0 warms up."""
        self.tell(f"{part}, {f'round {number} of {self.rounds}' if number else 'warming up'}: {title}")
