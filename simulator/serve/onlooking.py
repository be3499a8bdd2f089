"""What somebody who looks on is told of a space, beside its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Onlooker(Protocol):
    """Who wants to know what else happens in a space, beside its frames."""

    def opened(self, link: int) -> None: ...
    def closed(self, link: int, code: int, reason: str) -> None: ...
    def moved(self) -> None:
        """A manual clock was moved."""
        ...

    def began_anew(self) -> None: ...
    def ended(self) -> None:
        """The space is gone, or the server stops."""
        ...


@dataclass(slots=True, frozen=True)
class Met:
    """How a socket came."""

    time: float
    url: str
