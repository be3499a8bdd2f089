"""What rules and wires may ask for: the time, ids, settings, and a place to say what they saw."""

from __future__ import annotations

from typing import Any, Protocol

from simulator.core.ids import Ids
from simulator.core.objects import Nothing, Objects


class Log(Protocol):
    """Where rules tell the operator what a peer will never hear."""

    def __call__(self, level: str, text: str, /, **facts: object) -> None:
        """Level is `debug`, `info` or `warning`; facts are plain values."""
        ...


def silent(level: str, text: str, /, **facts: object) -> None:
    """A Log that says nothing."""


class World:
    """One engine's view of everything outside of it."""

    __slots__ = ("_now", "by_hand", "ids", "log", "mark", "objects", "seed", "settings")

    def __init__(
        self,
        *,
        now: float,
        ids: Ids,
        seed: Any,
        settings: Any,
        log: Log = silent,
        objects: Objects | None = None,
        by_hand: bool = False,
        mark: str = "",
    ) -> None:
        self._now = now
        self.ids = ids
        self.seed = seed
        """The backend's fixtures, an instance of its seed model."""
        self.settings = settings
        """The backend's settings, an instance of its settings model."""
        self.log = log
        self.objects: Objects = Nothing() if objects is None else objects
        """Uploads."""
        self.by_hand = by_hand
        """Whether time stands still until somebody moves it: what only spares a real network must not wait for that."""
        self.mark = mark
        """What stands at the start of every name under which a session is found again, so that its space is, too.

        Eight characters of base64url; the default space has none.
        """

    def now(self) -> float:
        """Unix seconds. It stands still from an input to its last effect."""
        return self._now
