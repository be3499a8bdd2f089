"""What a process full of clients has to tell: counts, and everything that was not as it should be."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.soak.client import Client, Origin
from tests.soak.lag import Lag
from tests.soak.pace import Pace
from tests.soak.people import NAMES, Person, Poller
from tests.soak.waits import Waits

_ROOM = {"concierge": 4}
"""Clients at once: a tenant's are told of each other's messages, and the fixtures have few tenants."""
MOST_WRONG = 20
UNSEEN = 100
"""Frames that a client may have been written and not have read when its session was lost: it says three messages at once."""


class Told:
    """The tally of one process."""

    def __init__(
        self, bases: dict[str, str], urls: dict[str, str], number: int, waits: Waits, lag: Lag, pace: Pace
    ) -> None:
        self.bases = bases
        self.urls = urls
        self.waits = waits
        self.lag = lag
        self.pace = pace
        self.origin = Origin(f"127.0.{number + 1}.1", waits.patience, lag)
        self.leaving = asyncio.Event()
        """Set when nobody is to stay for longer than he has to."""
        self._number = number
        self._names = 0
        self._here: Counter[str] = Counter()
        self.said = 0
        """Messages that had to be answered."""
        self.received = 0
        self.wild_said = 0
        """Messages of those who may not stay for the answer."""
        self.starved = 0
        """Clients who behaved and lost their session while this process was away from its loop for too long."""
        self.starved_said = 0
        """Messages of theirs that were not answered."""
        self.here: Counter[str] = Counter()
        """Who has come and not left yet."""
        self.done: Counter[str] = Counter()
        self.came: Counter[str] = Counter()
        """`flood chip` and so on: who has done what where, to its end."""
        self.explained: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.uploads: Counter[str] = Counter()
        self.frames: Counter[str] = Counter()
        """Of those who behave in the default space, `chip client` and so on."""
        self.unsure: Counter[str] = Counter()
        """By how many of them the server may differ, as a starved client cannot know."""
        self.ids: set[str] = set()
        self.wrong: list[str] = []
        self.wrongs = 0

    def name(self) -> str:
        """Somebody new."""
        self._names += 1
        return f"w{self._number}c{self._names}"

    def amiss(self, what: str) -> None:
        """Something is not as it should be."""
        self.wrongs += 1
        if len(self.wrong) < MOST_WRONG:
            self.wrong.append(what)

    def one_of(self, dice: random.Random, *names: str) -> str:
        """A backend that has room."""
        return dice.choice([name for name in names or NAMES if self._here[name] < _ROOM.get(name, 1 << 20)])

    @contextmanager
    def at(self, backend: str, what: str) -> Iterator[None]:
        """While one client is at a backend."""
        self._here[backend] += 1
        try:
            yield
            self.came[f"{what} {backend}"] += 1
        finally:
            self._here[backend] -= 1

    async def pause(self, seconds: float) -> None:
        """So long, or until all have to leave."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.leaving.wait()

    def person(self, backend: str, carrier: Client | Poller) -> Person:
        """Somebody new who behaves."""
        return Person(backend, carrier, self.name(), self.pace.answered)

    async def leave(self, person: Person, space: str) -> None:
        """An orderly end. Raises Wrong."""
        left = await person.carrier.close()
        person.settled(left)
        person.left = True
        if person.backend in ("mia", "chatbot"):
            # The real servers' are unique everywhere.
            # Of equal seeds two spaces make equal ones.
            ids = {f"{space} {id}" for id in person.ids}
            twice = ids & self.ids
            if twice:
                self.amiss(f"{person.backend}: the id{twice.pop()} came to two clients")
            self.ids |= ids

    def gone(self, person: Person, space: str) -> None:
        """The accounts of one who behaved, however it ended."""
        self.said += person.said
        self.received += person.answered
        ours = {"client": person.carrier.sent, "server": person.carrier.got}
        if not space:
            self.frames.update({f"{person.backend} {sender}": number for sender, number in ours.items()})
        if not person.left and self.lag.starved:
            self.starved_said += person.said - person.answered
            # What was sent may not have been read, and what was written not have come.
            self.unsure[f"{person.backend} client"] += person.carrier.sent
            self.unsure[f"{person.backend} server"] += UNSEEN

    def tally(self) -> dict[str, Any]:
        """As JSON."""
        counts = ("done", "came", "explained", "ended", "uploads", "frames", "unsure")
        single = ("said", "received", "wild_said", "starved", "starved_said", "wrong", "wrongs")
        return {
            "late": [self.lag.worst],
            "lost": self.lag.lost,
            "ids": len(self.ids),
            "at_once": self.pace.most,
            "narrowed": self.pace.narrowed,
            "slowest": [self.pace.slowest],
            "times": {str(power): number for power, number in self.pace.times.items()},
            "here": {name: number for name, number in self.here.items() if number},
            **{name: getattr(self, name) for name in single},
            **{name: dict(getattr(self, name)) for name in counts},
        }
