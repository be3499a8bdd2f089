"""What a backend tells its operator, kept for who wants to know why: beside which frame, and bounded."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulator.core.world import Log
from simulator.serve.reporter import Reporter

if TYPE_CHECKING:
    from simulator.core.space import Space

MOST: Final = 500


@dataclass(slots=True, frozen=True)
class Note:
    """One line."""

    number: int
    """Of the last frame before it."""
    backend: str
    space: str
    level: str
    text: str


class Notes(Reporter):
    """A reporter that shows nothing and keeps the last lines, those of replay that say how a message matched, too."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now, stream=io.StringIO())
        self.kept: deque[Note] = deque(maxlen=MOST)
        self.default: Space | None = None
        """The space that those are of who name none."""

    def log(self, backend: str, space: Space | None = None) -> Log:
        def log(level: str, text: str, /, **facts: object) -> None:
            where = space or self.default
            told = f"{text}{''.join(f' {key}={value}' for key, value in facts.items() if value != '')}"
            number = 0 if where is None else where.journal.total
            self.kept.append(Note(number, backend, "" if where is None else where.name, level, told))

        return log

    def tell(self, text: str) -> None:
        """Lines of nobody's."""
        for line in text.splitlines():
            self.log("simulator")("info", line.strip())
