"""How long and how often is measured: one object for all parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TURNS = 3
"""Windows of a row of messages in a round: what comes once in a while, as a collector does, is in each figure."""


@dataclass(slots=True, frozen=True)
class Pace:
    """What the command line asked for."""

    rounds: int
    seconds: float
    """Of a round of messages, all its windows together."""
    connections: int
    """Idle ones."""
    tell: Callable[[str], None]
    """Progress."""
    quick: bool = False
    """A first look: fewer rows."""
    warm_up: float = 1.0
    """Seconds of a window before the first round: until then what is compiled as it runs is not compiled."""

    @property
    def window(self) -> float:
        """Seconds of one."""
        return self.seconds / TURNS

    @property
    def beside(self) -> float:
        """Seconds of a window of the base, of which each row's has one before and one behind."""
        return self.window / 2

    def round(self, part: str, number: int, title: str) -> None:
        """Tell where it is; round 0 warms up."""
        self.tell(f"{part}, {f'round {number} of {self.rounds}' if number else 'warming up'}: {title}")
