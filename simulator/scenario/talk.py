"""Where one talk stands in the story: its state and variables, and the steps under way."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from simulator.core.ids import Ids
from simulator.core.message import Json
from simulator.core.wire import Link
from simulator.core.world import World
from simulator.scenario.moments import Moment
from simulator.scenario.plan import Op, Part, Plan
from simulator.scenario.templates import Values

_NOTHING: Mapping[str, Json] = {}
_NONE: frozenset[int] = frozenset()


class Track:
    """Steps under way: a rule's, and what they lead to."""

    __slots__ = ("beside", "frames", "moment", "number", "ripe", "typing")

    def __init__(self, number: int, ops: list[Op], moment: Moment, beside: bool) -> None:
        self.number = number
        self.moment = moment
        self.beside = beside
        self.frames: list[tuple[list[Op], int]] = [(ops, 0)]
        self.ripe = False
        """The delay before the next step is over."""
        self.typing = False


class Talk:
    """Where a talk stands in the story."""

    __slots__ = (
        "about",
        "agent",
        "awaits",
        "backend",
        "count",
        "ids",
        "last",
        "link",
        "name",
        "over",
        "plan",
        "since",
        "state",
        "tracks",
        "used",
        "variables",
        "waiting",
        "world",
    )

    def __init__(self, name: str, plan: Plan, ids: Ids, world: World, backend: str) -> None:
        self.name = name
        self.backend = backend
        self.plan = plan
        self.ids = ids
        self.world = world
        self.state = plan.start
        self.variables: dict[str, Any] = deepcopy(plan.variables)
        self.count = 0
        """Of the client's words."""
        self.tracks: dict[Hashable, Track] = {}
        # Thousands of talks are remembered, most with nothing here: an empty deque is as large as all the rest.
        self.waiting: list[Moment] = []
        self.used = _NONE
        """Rules that apply once, and did."""
        self.agent = ""
        self.about: Mapping[str, Json] = _NOTHING
        self.since = 0.0
        """When the client's silence began."""
        self.awaits = 0.0
        """How long the silence is that is waited for, in seconds."""
        self.last = 0
        """The number of the latest track."""
        self.over = False
        self.link: Link | None = None
        """The socket over which the client sent something last."""

    @property
    def part(self) -> Part:
        """The part of the story in which it is."""
        return self.plan.parts[self.state]

    @property
    def busy(self) -> bool:
        """Whether steps are under way that others have to wait for."""
        return any(not track.beside for track in self.tracks.values())

    def values(self, moment: Moment) -> Values:
        """What templates find."""
        return {
            **self.variables,
            "text": moment.text,
            "event": moment.event,
            "message": moment.body,
            "match": moment.match,
            "client": self.about,
            "nth": moment.nth or self.count,
            "state": self.state,
            "talk": self.name,
            "backend": self.backend,
            "agent": self.agent,
            "now": datetime.fromtimestamp(self.world.now(), UTC).isoformat().replace("+00:00", "Z"),
            "uuid": self.ids.uuid,
            "number": self._number,
        }

    def _number(self, low: int, high: int) -> int:
        if high < low:
            raise ValueError(f"number({low}, {high}): the second is below the first")
        return low + self.ids.below(high - low + 1)
