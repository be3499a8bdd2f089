"""How long a soak waits for what, from the length of its run: a short one has all deadlines, but shorter ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

FULL = 120.0
"""Seconds of a run from which on the deadlines are the long ones."""
WRITE, POLL = 15.0, 25.0
"""Seconds that a frame may lie unread, and until aida forgets who went in the middle of a poll: no settings of the server."""


@dataclass(frozen=True)
class Waits:
    """Seconds. The first six are the server's, started so; the others the clients'."""

    request: float
    """For a request to come whole."""
    answer: float
    """That an answer may lie unread."""
    ping: float
    """Between two pings of Socket.IO."""
    pong: float
    """For the pong, and for the first packet of a session."""
    idle: float
    """Until chatbot ends a conversation in which nobody says anything."""
    recovery: float
    """That mia remembers who is away."""
    stay: float
    """That someone who stays says nothing, at most."""
    patience: float
    """Until a client says that what has to come does not: of those in which its own process was there to see it."""

    @classmethod
    def of(cls, run: float) -> Self:
        """For a run of so many seconds."""
        part = min(1.0, max(1 / 8, run / FULL))
        return cls(
            request=max(5.0, 30 * part),
            answer=max(5.0, 15 * part),
            ping=max(2.0, 10 * part),
            pong=max(8.0, 50 * part),
            idle=max(12.0, 60 * part),
            recovery=max(2.0, 5 * part),
            stay=40 * part,
            patience=max(30.0, 120 * part),
        )

    @property
    def left(self) -> float:
        """Until all is gone when everybody has left: the longest timer, and half of it again for a busy machine."""
        return 1.5 * max(self.ping + self.pong, self.idle, self.request, WRITE, POLL) + 5

    @property
    def last(self) -> float:
        """Until the last client has left: the longest that one may have to wait for the server, and then in vain."""
        return max(self.request, WRITE) + 2 * self.patience

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
