"""Who chats, and what was said: parties with their sessions and sockets, connections as the database's rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orjson import Fragment

from simulator.core.events import Conn
from simulator.core.ids import Ids
from simulator.core.message import Json

if TYPE_CHECKING:
    from simulator.backends.concierge.state import Agent, Person

HOUR = 3_600_000
"""Milliseconds from `updatedAt` to `expiredAt`, in all four samples."""


def _weight(value: Json) -> int:
    """Characters of metadata, roughly, with something for each of its parts: an empty list costs memory too."""
    left: list[Json] = [value] if value else []
    total = 0
    while left:
        item = left.pop()
        total += 60
        if isinstance(item, dict):
            left += item.values()
            total += sum(map(len, item)) + 60 * len(item)
        elif isinstance(item, list):
            left += item
        elif isinstance(item, str):
            total += len(item)
    return total


@dataclass(slots=True, eq=False)
class Msg:
    """A row of the message table; times in Unix milliseconds."""

    id: int
    session: Session
    agent: Agent | None
    """Who of BACKEND_USER said it; None is the tenant."""
    content: str
    kind: str
    """contentType."""
    metadata: Json
    sent: int
    status: int
    seen: int | None = None
    size: int = 0
    """Characters, for the bound on all that is kept."""
    deleted: bool = False
    """Unsent, whether history still has it or not."""

    @property
    def waiting(self) -> set[Msg]:
        """Where it stands for as long as it is there and was not seen: counted by nobody, however long the history."""
        return self.session.unseen if self.agent is None else self.session.party.unread


@dataclass(slots=True, eq=False)
class Session:
    """A row of the session table."""

    id: int
    uuid: str
    party: Party
    pinged: int
    """lastPingedByChatInitiator."""
    agent: Agent | None = None
    """Who joined."""
    agent_pinged: int | None = None
    closed: bool = False
    messages: list[Msg] = field(default_factory=list)
    unseen: set[Msg] = field(default_factory=set)
    """What the tenant said that nobody of the other side has seen."""
    told: dict[str, Json] | None = None
    """As answers had it first, once one did: what of it never changes need not be spelled again."""


@dataclass(slots=True, eq=False)
class Link:
    """A row of the connection table: one for each device that is connected."""

    id: int
    connection: str
    device: str
    created: int
    updated: int
    told: Fragment | None = None
    """As answers have it, once one did: a row that changes is a new one."""


class Party:
    """A tenant with all that is theirs; the ids of one do not depend on what others do."""

    __slots__ = ("_next", "_taken", "ids", "links", "person", "rows", "sessions", "size", "sockets", "unread")

    def __init__(self, person: Person, ids: Ids, taken: Mapping[str, Collection[int]]) -> None:
        """With the ids that are taken in each table, by the fixtures."""
        self.person = person
        self.ids = ids
        self.sessions: list[Session] = []
        self.sockets: list[Socket] = []
        self.links: dict[str, Link] = {}
        """By device."""
        self.rows: deque[Msg] = deque()
        """All messages, the oldest first, also those that were unsent: the shelf's."""
        self.size = 0
        """Characters of these."""
        self.unread: set[Msg] = set()
        """What was said to the tenant, in all sessions, and not seen."""
        self._next: dict[str, int] = {}
        self._taken = taken

    def new_id(self, table: str) -> int:
        """The next id of a table; the real ones are one sequence for all, ours start at a seeded place for each."""
        number = self._next.get(table)
        if number is None:
            number = (1_000 + self.ids.child(table).below(1_000_000)) * 1_000
        # Fixtures may come from what an earlier run with the same seed has said.
        while number in self._taken.get(table, ()):
            number += 1
        self._next[table] = number + 1
        return number

    def connect(self, socket: Socket, now: int) -> None:
        """A connection's row: that of the same device is taken over while its old socket is still there.

        The samples show both: 2262 keeps its `id` and `createdAt` over a reconnect, 2260 became 2262.
        """
        self.sockets.append(socket)
        link = self.links.get(socket.device)
        if link is None:
            self.links[socket.device] = Link(self.new_id("link"), socket.id, socket.device, now, now)
        else:
            self.links[socket.device] = Link(link.id, socket.id, link.device, link.created, now)

    def disconnect(self, socket: Socket) -> None:
        """A socket is gone, and its row, unless it is another's now; an older one that is still there gets it back."""
        self.sockets.remove(socket)
        link = self.links[socket.device]
        if link.connection != socket.id:
            return
        older = next((other for other in reversed(self.sockets) if other.device == socket.device), None)
        if older is None:
            del self.links[socket.device]
        else:
            opened = round(older.opened * 1000)
            self.links[socket.device] = Link(link.id, older.id, link.device, link.created, opened)

    def all_messages(self) -> list[Msg]:
        """Those of all sessions, the oldest first."""
        return sorted(
            (msg for session in self.sessions for msg in session.messages), key=lambda msg: (msg.sent, msg.id)
        )


class Socket:
    """One connection, from the knock on; its id is known when it is open."""

    __slots__ = ("active", "agent", "conn", "device", "id", "ids", "opened", "party")

    def __init__(self, conn: Conn, party: Party, device: str, agent: str) -> None:
        self.conn = conn
        self.party = party
        self.device = device
        self.agent = agent
        """The User-Agent."""
        self.ids = party.ids
        self.id = ""
        self.opened = self.active = 0.0

    @property
    def link(self) -> Link:
        """The row of its device, which another socket may have taken over meanwhile."""
        return self.party.links[self.device]


class Shelf:
    """All messages of everybody: what is too much is let go, the oldest of whoever has the most.

    Who floods it loses his own, not the others'.
    """

    __slots__ = ("_count", "_left", "_most", "_parties")

    def __init__(self, messages: int, characters: int) -> None:
        self._parties: dict[Party, None] = {}
        self._most = messages
        self._left = characters
        self._count = 0

    def put(self, msg: Msg) -> None:
        """Keep a message."""
        party = msg.session.party
        self._parties[party] = None
        msg.size = 300 + len(msg.content) + _weight(msg.metadata)
        party.rows.append(msg)
        msg.session.messages.append(msg)
        if msg.seen is None:
            msg.waiting.add(msg)
        self._add(party, 1, msg.size)
        while self._count > self._most:
            self._let_go(max(self._parties, key=lambda party: len(party.rows)))
        while self._left < 0 and self._count > 1:
            self._let_go(max(self._parties, key=lambda party: party.size))

    def _add(self, party: Party, count: int, size: int) -> None:
        party.size += size
        self._left -= size
        self._count += count

    def _let_go(self, party: Party) -> None:
        old = party.rows.popleft()
        self._add(party, -1, -old.size)
        if old in old.session.messages:
            old.session.messages.remove(old)
            old.waiting.discard(old)

    def hide(self, msg: Msg) -> None:
        """It is unsent: nobody waits for it to be seen."""
        msg.deleted = True
        msg.waiting.discard(msg)

    def drop(self, msg: Msg) -> None:
        """Take a message out of its session; its place here goes when its turn comes."""
        self.hide(msg)
        msg.session.messages.remove(msg)
