"""What is to be said about a scenario: where, how grave, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

LEVELS = ("error", "warning", "note")
_SYNONYMS = {
    "image": "picture",
    "photo": "picture",
    "message": "say",
    "text": "say",
    "send": "raw",
    "push": "raw",
    "handoff": "hand_off",
    "transfer": "hand_off",
    "goto": "go",
    "state": "go",
    "sleep": "wait",
    "pause": "wait",
    "delay": "after",
    "finish": "end",
    "hangup": "close",
    "disconnect": "close",
    "increment": "count",
    "random": "choose",
    "unless": "not",
    "default": "else",
    "otherwise": "else",
    "jsonpath": "field",
    "json": "field",
    "idle": "silence",
    "connected": "connect",
    "vars": "variables",
    "on_enter": "enter",
    "probability": "toxicity",
    "direction": "stream",
}
"""What other tools and other authors call it."""


@dataclass(slots=True, frozen=True, order=True)
class Finding:
    """One line for the author."""

    line: int
    """From 1; 0 means the file as a whole."""
    level: str
    key: str
    """Keys and indexes with dots between them."""
    why: str

    def shown(self, path: str) -> str:
        """As compilers say it, so that editors find the place."""
        where = f"{path}:{self.line}" if self.line else path
        return f"{where}: {self.level}: {self.told}"

    @property
    def told(self) -> str:
        """The key and why."""
        return f"{self.key}: {self.why}" if self.key else self.why


def meant(name: str, known: Sequence[str]) -> str | None:
    """The name that was most probably meant."""
    synonym = _SYNONYMS.get(name)
    if synonym in known:
        return synonym
    return next(iter(get_close_matches(name, known, 1)), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that ends a sentence: the nearest name, or which there are."""
    known = [*known]
    if (close := meant(name, known)) is not None:
        return f"; did you mean {close}?"
    return f"; there are: {', '.join(known)}" if known else ""


def gravest(findings: Sequence[Finding]) -> str | None:
    """The level of the worst of them."""
    return min((finding.level for finding in findings), key=LEVELS.index, default=None)
