"""Who chats, what was said, and what still waits: contacts with their messages, outboxes, sockets."""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import attrgetter
from typing import TYPE_CHECKING, final

from msgspec import Struct

from simulator.core.events import Conn
from simulator.core.ids import Ids
from simulator.core.message import Json

if TYPE_CHECKING:
    from simulator.backends.chip.state import Agent, Channel

PAGE = 25
"""web/client.go: messages in one history event."""
ROW = 300
"""For how many characters a message stands besides its own."""


class Room:
    """Characters that all chats together may still keep: every message takes some, what is let go gives them back."""

    __slots__ = ("left",)

    def __init__(self, characters: int) -> None:
        self.left = characters


@final
class Msg(Struct, gc=False):
    """A row of the message table."""

    created: int
    """Microseconds since 1970: what Postgres keeps."""
    id: int
    out: bool
    text: str
    size: int
    """Characters, see `weight`."""
    attachments: tuple[str, ...] = ()
    origin: str = ""
    user: int = 0

    def item(self, agent: Agent | None, time: str, storage_url: str) -> Json:
        """What an event says of it, keys in the order of the wire, empty ones left out (core/models/msg.go)."""
        if not self.out:
            return {"msg_in": {"id": self.id, "text": self.text, "time": time}}
        if agent is None and not self.attachments:
            return {"msg_out": {"id": self.id, "text": self.text, "origin": self.origin, "time": time}}
        body: dict[str, Json] = {"id": self.id, "text": self.text}
        if self.attachments:
            body["attachments"] = list(self.attachments)
        body["origin"] = self.origin
        if agent is not None:
            user: dict[str, Json] = {"id": agent.id, "email": agent.email, "name": agent.name}
            if agent.avatar:
                user["avatar"] = storage_url + agent.avatar
            body["user"] = user
        body["time"] = time
        return {"msg_out": body}


def weight(text: str, attachments: tuple[str, ...]) -> int:
    """Characters of a message, with something for the rest of it."""
    return ROW + len(text) + sum(map(len, attachments))


class Contact:
    """Someone who chats, known in all channels of an org by the chat id."""

    __slots__ = ("agent", "channel", "chat_id", "email", "ids", "kept", "messages", "next_id", "org", "room", "sent")

    def __init__(self, org: int, chat_id: str, ids: Ids, channel: Channel, kept: int, room: Room) -> None:
        self.org = org
        self.chat_id = chat_id
        self.email = ""
        self.ids = ids
        self.channel = channel
        """Where the contact was last seen."""
        self.agent = 0
        """The user to whom the bot handed over, 0 for none."""
        self.messages: list[Msg] = []
        self.sent: set[int] = set()
        """Ids of the messages to the contact."""
        self.kept = kept
        self.room = room
        self.next_id = 0

    def new_id(self) -> int:
        """The next message id of this chat.

        The real ids are one sequence of a database. Ours start at a seeded place for each chat, so that chats do not
        change each other's, and stay below 2**31.
        """
        if not self.next_id:
            self.next_id = (1_000 + self.ids.child("msg").below(2_000_000)) * 1_000
        self.next_id += 1
        return self.next_id

    def add(self, msg: Msg) -> None:
        """Keep a message; one with an id that is there already is the same row."""
        messages = self.messages
        if msg.out:
            if msg.id in self.sent:
                return
            self.sent.add(msg.id)
        created = msg.created
        if messages and created <= (last := messages[-1]).created and (created < last.created or msg.id < last.id):
            # As history is ordered (core/models/msg.go sqlSelectContactMessages).
            insort(messages, msg, key=_place)
        else:
            messages.append(msg)
        self.room.left -= msg.size
        if len(messages) > self.kept or self.room.left < 0:
            # A tenth at once: taking the first off a long list moves all the others.
            self.forget(len(messages) // 10 + 1)

    def forget(self, count: int) -> None:
        """Let the oldest messages go."""
        for old in self.messages[:count]:
            self.sent.discard(old.id)
            self.room.left += old.size
        del self.messages[:count]

    def before(self, instant: int) -> list[Msg]:
        """At most a page of messages strictly before an instant in microseconds, the newest first."""
        end = bisect_left(self.messages, instant, key=_created)
        return self.messages[max(0, end - PAGE) : end][::-1] if end else []


_created = attrgetter("created")
_place = attrgetter("created", "id")


class Outbox:
    """What waits for one chat on one channel: only the head is ever in flight (core/queue/outboxes.go)."""

    __slots__ = ("armed", "chat_id", "items", "ready", "room")

    def __init__(self, chat_id: str, room: Room) -> None:
        self.chat_id = chat_id
        self.room = room
        # Contacts are kept by the ten thousand, nearly all with nothing here: an empty deque is ten times as large.
        self.items: list[tuple[int, Json, int]] = []
        """Message id, body and size."""
        self.ready = False
        """Whether the head may be sent; sending takes it away, the right ack and start_chat give it."""
        self.armed = False
        """Whether a look at this outbox is already on its way."""

    def put(self, msg: Msg, body: Json) -> None:
        """A message waits."""
        size = msg.size
        self.room.left -= size
        self.items.append((msg.id, body, size))

    def pop(self) -> None:
        """The head was received."""
        self.room.left += self.items.pop(0)[2]


class Client:
    """A socket (web/client.go Client)."""

    __slots__ = ("channel", "conn", "conns", "contact", "ids", "outbox", "talk")

    def __init__(self, conn: Conn, channel: Channel, ids: Ids) -> None:
        self.conn = conn
        self.conns = (conn,)
        self.channel = channel
        self.ids = ids
        """From when it is open: who only knocks changes nobody's."""
        self.contact: Contact | None = None
        self.outbox: Outbox | None = None
        """Of the started chat on this channel."""
        self.talk = ""
        """The name of the started chat."""


def pick(sockets: list[Client]) -> Client:
    """One of a chat's sockets: the real server takes any (a Go map's order), ours takes one by seed."""
    contact = sockets[0].contact
    assert contact is not None
    return contact.ids.pick(sockets)
