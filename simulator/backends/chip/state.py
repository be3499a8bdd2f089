"""What chip remembers: channels, users, contacts with their messages, outboxes; and what of it can be set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from simulator.backends.chip import gotime
from simulator.backends.chip.chats import PAGE, Client, Contact, Msg, Outbox, Room, weight
from simulator.backends.chip.messages import Instant, Int64, Origin
from simulator.core import bot
from simulator.core.events import Conn
from simulator.core.flaw import column, flaw, unique
from simulator.core.ids import Ids
from simulator.core.url import web_url

CHAT_ID = re.compile(r"[a-zA-Z0-9]{24}(:[^\s@]+@[^\s@]+)?", re.ASCII)
"""gocommon/urns/schemes.go, the path of a webchat URN."""

LONGEST_PATH = 255
"""Bytes of such a path (gocommon/urns/urns.go)."""

BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What Go's strings.TrimSpace cuts off; Python's strip cuts more."""

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
"""web/server.go: lower case alone."""


def _offset(text: str) -> str:
    if not re.fullmatch(r"Z|[+-](0\d|1[0-4]):[0-5]\d", text):
        raise ValueError("expected Z or an offset such as +02:00")
    return text


def _chat_id(text: str) -> str:
    if not CHAT_ID.fullmatch(text):
        raise ValueError("expected 24 letters and digits")
    return text


def _interval(seconds: float) -> float:
    if 0 < seconds < 0.001:
        raise ValueError("expected 0 for none, or at least 0.001")
    return seconds


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, allow_inf_nan=False)


class Settings(_Model):
    """What `settings:` in the fixtures and `--set key=value` change."""

    bot: Literal["echo", "none"] | None = Field(
        None,
        description="echo answers each message with its words; none is silent; unset: echo unless courier_url is set",
    )
    bot_delay: float = Field(1.0, ge=0, description="seconds until the bot answers")
    outbox_interval: float = Field(
        0.1, ge=0, description="seconds until the next chat_out leaves (the real server's loop)"
    )
    courier_url: Annotated[str, AfterValidator(web_url)] | None = Field(
        None,
        description="a Courier to notify, such as http://127.0.0.1:8080; off when unset",
    )
    courier_timeout: float = Field(
        10.0, ge=0, description="seconds to wait for Courier; 0 waits for ever, as v0.1.0 did"
    )
    message_limit: int = Field(4096, ge=1, description="bytes of a client's message")
    ping_interval: Annotated[float, AfterValidator(_interval)] = Field(
        30.0, ge=0, description="seconds between the server's pings; 0 for none"
    )
    pong_timeout: float = Field(
        60.0, ge=0, description="seconds without a pong until the socket is dropped; 0 for never"
    )
    time_digits: int = Field(9, ge=0, le=9, description="digits of a second in a live chat_out; the document shows 6")
    utc_offset: Annotated[str, AfterValidator(_offset)] = Field(
        "Z", description="the server's time zone in a live chat_out, such as +02:00"
    )
    history_order: Literal["newest", "oldest"] = Field(
        "newest", description="newest comes first in reality, oldest in the document's sample"
    )
    version: str = Field("dev", description="what GET / tells")
    storage_url: str = Field("http://localhost/media/", description="put before a user's avatar")
    email_limit: int = Field(128, ge=1, description="characters of an email address; longer ones are lost in silence")
    kept_messages: int = Field(10_000, ge=PAGE, description="messages kept for a chat, and un-acked ones in its outbox")
    kept_megabytes: int = Field(
        256,
        ge=1,
        description="millions of characters kept of all messages; beyond, the oldest contact without a socket "
        "goes, then chats forget and outboxes refuse",
    )
    kept_contacts: int = Field(50_000, ge=1, description="contacts kept; the oldest without a socket goes first")

    def zone(self) -> int:
        """Minutes east of Greenwich of `utc_offset`."""
        text = self.utc_offset
        return 0 if text == "Z" else (1 if text[0] == "+" else -1) * (int(text[1:3]) * 60 + int(text[4:]))


class Channel(_Model):
    """A web chat channel; only active ones of type CHP can be reached."""

    uuid: Annotated[str, Field(pattern=f"^{UUID}$")]
    org: int = 1
    name: str = ""
    secret: str = ""
    active: bool = True
    type: str = "CHP"

    @property
    def open(self) -> bool:
        """Whether anybody can reach it."""
        return self.active and self.type == "CHP"


class Agent(_Model):
    """A person who answers: the document's `user`."""

    id: Annotated[Int64, Field(gt=0)]
    email: str
    name: str = ""
    avatar: str = ""
    active: bool = True


class Stored(_Model):
    """A message that is already there when the server starts."""

    direction: Literal["in", "out"]
    id: Int64
    text: str = ""
    time: Instant
    attachments: list[str] = []
    origin: Origin = "flow"
    user: int = 0


class Person(_Model):
    """A contact that is already there when the server starts."""

    chat_id: Annotated[str, AfterValidator(_chat_id)]
    org: int = 1
    email: str = ""
    messages: list[Stored] = []


class Seed(_Model):
    """fixtures/chip.yaml."""

    settings: Settings = Field(default_factory=lambda: Settings.model_validate({}))
    channels: Annotated[list[Channel], Field(min_length=1)]
    users: list[Agent] = []
    contacts: list[Person] = []

    @model_validator(mode="after")
    def _consistent(self) -> Seed:
        unique(column("channels", "uuid", self.channels))
        if not any(channel.open for channel in self.channels):
            raise flaw("no client could connect: at least one has to be active and of type CHP", "channels")
        unique(column("users", "id", self.users))
        unique(((person.org, person.chat_id), ("contacts", i, "chat_id")) for i, person in enumerate(self.contacts))
        known = {user.id for user in self.users} | {0}
        for i, person in enumerate(self.contacts):
            for j, message in enumerate(person.messages):
                if message.user not in known:
                    why = f"there is no user {message.user} in users"
                    raise flaw(why, "contacts", i, "messages", j, "user")
        return self


def path_flaw(path: str) -> str | None:
    """What gocommon says of a chat id that can't be one (urns.go Validate), None for one that can."""
    if not path:
        return "scheme or path cannot be empty"
    if len(path.encode("utf-8", "replace")) > LONGEST_PATH:
        return "path component too long"
    return None if CHAT_ID.fullmatch(path) else "invalid path component"


class State:
    """Everything of one running chip."""

    __slots__ = ("_agents", "_busy", "_channels", "_contacts", "_outboxes", "clients", "room", "sockets", "talks")

    def __init__(self, seed: Seed, ids: Ids) -> None:
        settings = seed.settings
        self._channels = {channel.uuid: channel for channel in seed.channels if channel.open}
        self.room = Room(settings.kept_megabytes << 20)
        self._agents = {user.id: user for user in seed.users}
        self._contacts: dict[tuple[int, str], Contact] = {}
        self._busy = False
        """All contacts are known to be in use: where the room is full, nobody looks at all of them for each message."""
        self._outboxes: dict[tuple[str, str], Outbox] = {}
        self.talks: dict[str, tuple[str, Contact, Outbox]] = {}
        """What `talk` finds for the chats that were started on a socket, each with its outbox."""
        self.clients: dict[Conn, Client] = {}
        self.sockets: dict[str, list[Client]] = {}
        """Sockets by chat id, whatever their channel (web/server.go GetClient)."""
        for person in seed.contacts:
            channel = next((c for c in self._channels.values() if c.org == person.org), seed.channels[0])
            contact = Contact(
                person.org,
                person.chat_id,
                ids.child("contact", person.org, person.chat_id),
                channel,
                settings.kept_messages,
                self.room,
            )
            contact.email = person.email
            self._contacts[contact.org, contact.chat_id] = contact
            for stored in person.messages:
                contact.add(_row(stored))

    def channel(self, path: str) -> Channel | None:
        """The active channel of type CHP whose UUID a path ends in."""
        return self._channels.get(path.removesuffix("/").rpartition("/")[2])

    def agent(self, user_id: int) -> Agent | None:
        """An active user."""
        user = self._agents.get(user_id)
        return user if user is not None and user.active else None

    def find_agent(self, who: str) -> Agent | None:
        """An active user by id, name or email."""
        users = [user for user in self._agents.values() if user.active]
        return next((user for user in users if who in (str(user.id), user.name, user.email)), None)

    def contact(self, org: int, chat_id: str) -> Contact | None:
        """A contact of an org."""
        return self._contacts.get((org, chat_id))

    def talk(self, name: str) -> tuple[str, Contact] | None:
        """The channel's UUID and the contact that a talk means: `<channel uuid>/<chat id>`, or the chat id alone."""
        found = self.talks.get(name)
        if found is not None:
            return found[:2]
        uuid, _, chat_id = name.rpartition("/")
        if not uuid:
            return next(((c.channel.uuid, c) for c in self._contacts.values() if c.chat_id == chat_id), None)
        channel = self._channels.get(uuid)
        contact = self.contact(channel.org, chat_id) if channel is not None else None
        return None if contact is None else (uuid, contact)

    def objection(self, contact: Contact, act: bot.Act) -> str | None:
        """Why this act can't be done with this contact, or None."""
        if isinstance(act, (bot.Say, bot.HandOff)):
            if act.agent is not None and self.find_agent(act.agent) is None:
                return f"there is no active user {act.agent!r}"
        elif isinstance(act, bot.Raw):
            if not isinstance(act.body, dict | None):
                return "raw: expected an object as body"
            if contact.chat_id not in self.sockets:
                return "raw: the chat has no socket"
        return None

    def contacts(self) -> Iterator[Contact]:
        """All of them, in the order in which they came."""
        return iter(self._contacts.values())

    def new_contact(self, client: Client, chat_id: str, settings: Settings) -> Contact:
        """Make a contact for a socket; the oldest that nobody uses makes room."""
        if len(self._contacts) >= settings.kept_contacts and not self._busy:
            self._let_go(None)
        org = client.channel.org
        contact = Contact(
            org, chat_id, client.ids.child("contact", chat_id), client.channel, settings.kept_messages, self.room
        )
        self._contacts[org, chat_id] = contact
        return contact

    def has_room(self, size: int, contact: Contact) -> bool:
        """Whether a message to this contact can be kept; others whom nobody uses go for it, the oldest first."""
        while self.room.left < size:
            if self._busy or not self._let_go(contact):
                return False
        return True

    def _let_go(self, kept: Contact | None) -> bool:
        """The oldest contact that nobody uses goes, with all that is kept of it; whether there was one."""
        idles = (key for key, known in self._contacts.items() if known.chat_id not in self.sockets)
        idle = next(idles, None)
        self._busy = idle is None
        if kept is not None and idle == (kept.org, kept.chat_id):
            idle = next(idles, None)
        if idle is None:
            return False
        gone = self._contacts.pop(idle)
        gone.forget(len(gone.messages))
        for uuid, channel in self._channels.items():
            # A chat id may be another contact's in another org.
            if channel.org != idle[0]:
                continue
            self.talks.pop(f"{uuid}/{idle[1]}", None)
            outbox = self._outboxes.pop((uuid, idle[1]), Outbox("", self.room))
            while outbox.items:
                outbox.pop()
        return True

    def outbox(self, channel: str, chat_id: str) -> Outbox:
        """The outbox of a chat on a channel, made when it is first asked for."""
        key = (channel, chat_id)
        outbox = self._outboxes.get(key)
        if outbox is None:
            outbox = self._outboxes[key] = Outbox(chat_id, self.room)
        return outbox

    def join(self, client: Client, contact: Contact) -> None:
        """A socket has started a chat."""
        client.contact = contact
        client.talk = f"{client.channel.uuid}/{contact.chat_id}"
        contact.channel = client.channel
        # The latest last.
        self._contacts[contact.org, contact.chat_id] = self._contacts.pop((contact.org, contact.chat_id), contact)
        client.outbox = self.outbox(client.channel.uuid, contact.chat_id)
        self.talks[client.talk] = (client.channel.uuid, contact, client.outbox)
        self.sockets.setdefault(contact.chat_id, []).append(client)

    def leave(self, client: Client) -> None:
        """A socket with a chat is gone."""
        assert client.contact is not None
        here = self.sockets[client.contact.chat_id]
        here.remove(client)
        if not here:
            del self.sockets[client.contact.chat_id]
            self._busy = False


def _row(stored: Stored) -> Msg:
    return Msg(
        created=gotime.micros(gotime.parse(stored.time)),
        id=stored.id,
        out=stored.direction == "out",
        text=stored.text,
        size=weight(stored.text, tuple(stored.attachments)),
        attachments=tuple(stored.attachments),
        origin=stored.origin,
        user=stored.user,
    )
