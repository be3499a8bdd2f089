"""What a process full of clients has to tell: counts, and everything that was not as it should be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.soak.client import Client
from tests.soak.people import NAMES, Person, Poller

_ROOM = {"concierge": 4}
"""Clients at once: a tenant's are told of each other's messages, and the fixtures have few tenants."""
MOST_WRONG = 20


class Told:
    """The tally of one process."""

    def __init__(self, bases: dict[str, str], urls: dict[str, str], number: int) -> None:
        self.bases = bases
        self.urls = urls
        self.source = f"127.0.{number + 1}.1"
        self._number = number
        self._names = 0
        self._rooms = {name: asyncio.Semaphore(_ROOM.get(name, 1 << 20)) for name in NAMES}
        self.late = 0.0
        """Seconds by which this process was late at worst: clients on a machine that is too busy time out by themselves."""
        self.said = 0
        """Messages that had to be answered."""
        self.received = 0
        self.wild_said = 0
        """Messages of those who may not stay for the answer."""
        self.done: Counter[str] = Counter()
        self.explained: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.uploads: Counter[str] = Counter()
        self.frames: Counter[str] = Counter()
        """Of those who behave in the default space, `chip client` and so on."""
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

    @asynccontextmanager
    async def one_of(self, backend: str) -> AsyncIterator[None]:
        """One client of a backend, when there is room."""
        async with self._rooms[backend]:
            yield

    async def leave(self, person: Person, carrier: Client | Poller, space: str) -> None:
        """An orderly end, and the accounts of one who behaved. Raises Wrong."""
        left = await carrier.close()
        person.settled(left)
        self.said += person.said
        self.received += person.answered
        if person.backend in ("mia", "chatbot"):
            # The real servers' are unique everywhere.
            # Of equal seeds two spaces make equal ones.
            ids = {f"{space} {id}" for id in person.ids}
            twice = ids & self.ids
            if twice:
                self.amiss(f"{person.backend}: the id{twice.pop()} came to two clients")
            self.ids |= ids
        if not space:
            self.frames[f"{person.backend} client"] += carrier.sent
            self.frames[f"{person.backend} server"] += carrier.got

    def tally(self) -> dict[str, Any]:
        """As JSON."""
        counts = ("done", "explained", "ended", "uploads", "frames")
        return {
            "late": [self.late],
            "said": self.said,
            "received": self.received,
            "wild_said": self.wild_said,
            "ids": len(self.ids),
            "wrong": self.wrong,
            "wrongs": self.wrongs,
            **{name: dict(getattr(self, name)) for name in counts},
        }
