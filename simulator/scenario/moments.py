"""A moment is what may set off a rule: a talk begins, a client connects, says or sends something, or is silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.core.actions import Heard
from simulator.core.message import Json, Message

START, CONNECT, SAID, SENT, SILENT = "start", "connect", "said", "sent", "silent"


class Moment:
    """One of them, and what rules may ask of it."""

    __slots__ = ("about", "body", "event", "heard", "kinds", "match", "nth", "silence", "text")

    def __init__(self, *kinds: str) -> None:
        self.kinds = frozenset(kinds)
        self.text = ""
        self.event = ""
        self.body: Any = None
        self.nth = 0
        """Which of the client's words it is, from 1; 0 for none."""
        self.silence = 0.0
        self.match: dict[int | str, str] = {}
        """What the last regular expression found that matched."""
        self.heard: Heard | None = None
        self.about: Mapping[str, Json] = {}

    def of(self, message: Message) -> None:
        """Take over a client's message."""
        self.event = message.name
        self.body = message.args[0] if len(message.args) == 1 else [*message.args]
