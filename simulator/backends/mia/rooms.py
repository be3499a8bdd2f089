"""What M.I.A. remembers while it runs: who is in which room, what was said there, and who they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from simulator.backends.mia import js
from simulator.backends.mia.messages import TEXT
from simulator.backends.mia.state import Instance, Person, Seed, Stored
from simulator.core.events import Conn
from simulator.core.ids import Ids
from simulator.core.message import Json


class Msg:
    """One message."""

    __slots__ = ("actor", "content", "created", "id", "size", "status", "talk", "type")

    def __init__(self, talk: Conversation, id: str, actor: str, content: Json, type: str, created: str) -> None:
        self.talk = talk
        self.id = id
        self.actor = actor
        self.content = content
        self.type = type
        self.created = created
        self.status = "sent"
        # Roughly what it takes in memory, in characters.
        if isinstance(content, str):
            self.size = 100 + len(content)
        else:
            self.size = 100 + sum(len(part) if isinstance(part, str) else 8 for part in js.parts(content))

    @property
    def outgoing(self) -> bool:
        """Whether it is the person's."""
        return self.actor == "user"


class Conversation:
    """What an instance and a room have said to each other."""

    __slots__ = ("agent", "ids", "instance", "messages", "room_id")

    def __init__(self, instance: Instance, room_id: str, ids: Ids) -> None:
        self.instance = instance
        self.room_id = room_id
        self.ids = ids
        self.messages: deque[Msg] = deque()
        self.agent = ""
        """Who has taken over; empty for Mia."""

    @property
    def name(self) -> str:
        """Under which bots and operators know it."""
        return f"{self.instance.id}/{self.room_id}"

    def last_outgoing(self) -> Msg | None:
        """The person's last message."""
        return next((msg for msg in reversed(self.messages) if msg.outgoing), None)


class Client:
    """One socket."""

    __slots__ = ("auth", "conn", "first", "ids", "person", "recovered", "rooms", "size", "talk")

    def __init__(self, conn: Conn, auth: dict[str, Json]) -> None:
        self.conn = conn
        self.auth = auth
        self.recovered = False
        self.rooms: list[str] = []
        """All that it is in: a recovered socket may be in two."""
        self.talk: Conversation | None = None
        """None until it is let in, and while it only wants other services."""
        self.person: Person | None = None
        self.first = True
        """Whether the gateway has not taken a message of this socket yet."""
        self.ids: Ids | None = None
        """The source of its messages' ids."""
        self.size = 0
        """Characters of its rooms' ids when it went away."""


class State:
    """Everything of one running M.I.A."""

    __slots__ = (
        "_away_left",
        "_conversations",
        "_forgotten",
        "_ids",
        "_left",
        "_room_left",
        "_rooms",
        "_settings",
        "away",
        "clients",
        "dropped",
        "instances",
        "persons",
    )

    def __init__(self, seed: Seed, ids: Ids) -> None:
        self._settings = seed.settings
        self._ids = ids
        self._left = self._room_left = self._away_left = seed.settings.kept_megabytes * 1_000_000
        self._forgotten = 0
        self.instances = seed.instances
        self.dropped: list[Msg] = []
        """Messages that were forgotten, whose timers nobody has taken back yet."""
        self.clients: dict[Conn, Client] = {}
        self.away: dict[Conn, Client] = {}
        """Closed, but they may come back: they stay in their rooms and miss nothing."""
        self._rooms: dict[str, dict[Conn, None]] = {}
        self._conversations: dict[tuple[int, str], Conversation] = {}
        self.persons: dict[str, Person] = {}
        """By their rooms."""
        for person in seed.persons:
            self.know(person)
        for earlier in seed.conversations:
            instance = self.instance(earlier.instance)
            assert instance is not None
            talk = self.open(instance, earlier.room_id)
            for stored in sorted(earlier.messages, key=lambda stored: stored.created_at):
                self.add(_row(talk, stored))

    # --- instances and persons

    def instance(self, id: float) -> Instance | None:
        """An instance by its number."""
        return next((instance for instance in self.instances if instance.id == id), None)

    def channel(self, chat_id: Json) -> Instance | None:
        """An instance by its chat id."""
        return next((instance for instance in self.instances if instance.chat_id == chat_id), None)

    def know(self, person: Person) -> None:
        """Remember a person; the oldest makes room."""
        self.persons.pop(person.room_id, None)
        self.persons[person.room_id] = person
        if len(self.persons) > self._settings.kept_persons:
            del self.persons[next(iter(self.persons))]

    def find(self, email: str | None, phone_number: str | None) -> Person | None:
        """A person with this email or this number."""
        return next(
            (
                person
                for person in self.persons.values()
                if (email and person.email == email) or (phone_number and person.phone_number == phone_number)
            ),
            None,
        )

    # --- rooms

    def members(self, room_id: str) -> tuple[Conn, ...]:
        """Everyone in a room, those who are away included."""
        return tuple(self._rooms.get(room_id, ()))

    def join(self, client: Client, room_id: str) -> None:
        """Bring a client into a room."""
        if room_id not in client.rooms:
            client.rooms.append(room_id)
        self._rooms.setdefault(room_id, {})[client.conn] = None

    def leave(self, client: Client, room_id: str) -> None:
        """Take a client out of a room."""
        client.rooms.remove(room_id)
        room = self._rooms[room_id]
        del room[client.conn]
        if not room:
            del self._rooms[room_id]

    def go(self, client: Client) -> None:
        """Take a client out of all its rooms."""
        for room_id in [*client.rooms]:
            self.leave(client, room_id)

    def rest(self, client: Client) -> list[Client]:
        """Remember one that is away; those that are away longest make room, and are given back."""
        # Whoever comes back brings it again.
        client.auth = {}
        self.away[client.conn] = client
        client.size = sum(map(len, client.rooms))
        self._away_left -= client.size
        displaced: list[Client] = []
        while len(self.away) > self._settings.kept_away or self._away_left < 0:
            oldest = self.back(next(iter(self.away)))
            assert oldest is not None
            self.go(oldest)
            displaced.append(oldest)
        return displaced

    def back(self, conn: Conn) -> Client | None:
        """One that was away and is not any more; it is in its rooms still."""
        client = self.away.pop(conn, None)
        if client is not None:
            self._away_left += client.size
        return client

    # --- conversations

    def talk(self, name: str) -> Conversation | None:
        """The conversation of that name, or the latest one in a room of that name."""
        id, _, room_id = name.partition("/")
        found = self._conversations.get((int(id), room_id)) if id.isascii() and id.isdecimal() else None
        return found or next((t for t in reversed(self._conversations.values()) if t.room_id == name), None)

    def talks(self) -> Iterator[Conversation]:
        """All of them, the one that was opened last at the end."""
        return iter(self._conversations.values())

    def open(self, instance: Instance, room_id: str) -> Conversation:
        """The conversation of a room with an instance, made when there is none; the oldest makes room."""
        key = (instance.id, room_id)
        talk = self._conversations.pop(key, None)
        if talk is None:
            # What is begun anew after it was forgotten must not give the old ids again.
            talk = Conversation(instance, room_id, self._ids.child("conversation", *key, self._forgotten))
            if len(self._conversations) >= self._settings.kept_conversations:
                self._forget_one()
            # How long a room's id is, is its client's choice.
            self._room_left -= len(room_id)
            while self._room_left < 0 and self._forget_one():
                pass
        self._conversations[key] = talk
        return talk

    def _forget_one(self) -> bool:
        idle = next((key for key, known in self._conversations.items() if known.room_id not in self._rooms), None)
        if idle is None:
            return False
        self.clear(self._conversations.pop(idle))
        self._room_left += len(idle[1])
        self._forgotten += 1
        return True

    def add(self, msg: Msg) -> None:
        """Keep a message; the oldest of its conversation make room, and then those of the oldest conversations."""
        kept = msg.talk.messages
        kept.append(msg)
        self._left -= msg.size
        if len(kept) > self._settings.kept_messages:
            self._drop(msg.talk)
        if self._left < 0:
            for talk in self._conversations.values():
                while talk.messages and self._left < 0:
                    self._drop(talk)

    def clear(self, talk: Conversation) -> None:
        """Forget all that was said."""
        while talk.messages:
            self._drop(talk)

    def _drop(self, talk: Conversation) -> None:
        msg = talk.messages.popleft()
        self._left += msg.size
        self.dropped.append(msg)


def _row(talk: Conversation, stored: Stored) -> Msg:
    content: Json = stored.content if isinstance(stored.content, str) else stored.content.model_dump(exclude_unset=True)
    kind = TEXT if isinstance(content, str) else "application/vnd.lime.media-link+json"
    msg = Msg(talk, stored.id, stored.actor, content, kind, stored.created_at)
    msg.status = stored.status
    return msg


def room_key(room_id: Json) -> str:
    """Rooms are known by texts: what else a client brings is what JavaScript prints of it (ours)."""
    return js.text(room_id)
