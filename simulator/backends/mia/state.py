"""What of M.I.A. can be set: instances, persons, conversations that are already there, and settings."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from simulator.backends.mia.messages import MediaLink, Status
from simulator.core.flaw import column, flaw, unique
from simulator.core.url import web_url

PREFIXES = Literal["", "[ChatService] ", "[Chat Service] "]
"""What stands before the real server's error messages, by its version: the newest has the last."""


def _url(text: str) -> str:
    return web_url(text).rstrip("/")


def _instant(text: str) -> str:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("expected a time with its zone, such as 2026-01-01T12:00:00.000Z")
    return instant(at.timestamp())


def instant(seconds: float) -> str:
    """JavaScript's toISOString: milliseconds, UTC."""
    millis = int(seconds * 1000)
    return f"{_second(millis // 1000)}.{millis % 1000:03}Z"


@lru_cache(8)
def _second(number: int) -> str:
    return datetime.fromtimestamp(number, UTC).isoformat()[:-6]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, allow_inf_nan=False)


class Settings(_Model):
    """What `settings:` in the fixtures and `--set key=value` change."""

    bot: Literal["echo", "none"] | None = Field(
        None,
        description="echo answers each message with its words; none is silent; unset: echo unless gateway_url is set",
    )
    bot_delay: float = Field(1.0, ge=0, description="seconds until the bot answers")
    bot_typing: float | None = Field(
        0.4,
        ge=0,
        description="seconds until the bot is composing, at most bot_delay; null, or empty in --set: it never is",
    )
    statuses: Literal["documented", "real"] = Field(
        "documented",
        description="documented: a person's message becomes delivered, then read; real: only ever failed, as the real "
        "server does it",
    )
    delivered_after: float = Field(0.2, ge=0, description="seconds after a message until it is delivered")
    read_after: float = Field(0.6, ge=0, description="seconds after it was delivered until it is read")
    paused_state: str = Field(
        "paused", description="the state that ends composing (guessed: Lime's word); empty: none, the reply ends it"
    )
    error_prefix: PREFIXES = Field(
        "", description="before the error messages, by version: none, `[ChatService] ` or `[Chat Service] `"
    )
    history_from: Literal["actor", "name"] = Field(
        "actor",
        description="`from` in the first list: actor is `user` or `assistant`, as in reality; name is who",
    )
    init_delay: float = Field(
        0.0, ge=0, description="seconds that the database takes at a connect: what a client sends before is lost"
    )
    gateway_url: Annotated[str, AfterValidator(_url)] | None = Field(
        None, description="a Mia gateway, told of each message by POST <url>/receiveMessage; off when unset"
    )
    gateway_timeout: float = Field(0.0, ge=0, description="seconds to wait for it; 0 for ever, as the real one")
    recovery: float = Field(120.0, ge=0, description="seconds that a lost connection can be recovered; 0 for never")
    ping_interval: float = Field(25.0, gt=0, description="seconds between the server's pings")
    ping_timeout: float = Field(20.0, gt=0, description="seconds without a pong until a session ends")
    connect_timeout: float = Field(45.0, gt=0, description="seconds until a session without a namespace is closed")
    kept_conversations: int = Field(10_000, ge=1, description="conversations kept; the oldest unused one goes first")
    kept_messages: int = Field(1_000, ge=1, description="messages kept of a conversation")
    kept_megabytes: int = Field(
        64, ge=1, description="millions of characters kept of all messages, and as many of room ids"
    )
    kept_persons: int = Field(10_000, ge=1, description="persons kept; the oldest goes first")
    kept_away: int = Field(10_000, ge=1, description="clients that are away and may come back")
    kept_polling: int = Field(10_000, ge=1, description="sessions that poll at once; one more is told 403 Forbidden")


class Instance(_Model):
    """A chat channel of Mia's (the table `bots` of the real server)."""

    id: Annotated[int, Field(ge=0, lt=2**31, strict=True)]
    name: Annotated[str, Field(min_length=1)]
    avatar: str | None = None
    chat_id: Annotated[str, Field(min_length=1)]
    enabled: bool = True
    client_token: str | None = None
    """Without one a client gets in that sends none."""
    system_token: str | None = None
    """Asked for by /receive-message; without one nothing gets in."""
    color: str | None = None


class Person(_Model):
    """Somebody who is known, and the room that is theirs."""

    room_id: Annotated[str, Field(min_length=1)]
    name: str | None = None
    email: str | None = None
    phone_number: str | None = None


def _whole(content: str | MediaLink) -> str | MediaLink:
    if isinstance(content, MediaLink) and (content.type is None or content.uri is None):
        raise ValueError("expected a text, or a media-link with type and uri")
    return content


class Stored(_Model):
    """A message that is already there when the server starts."""

    actor: Literal["user", "assistant", "function"]
    id: Annotated[str, Field(min_length=1)]
    content: Annotated[str | MediaLink, AfterValidator(_whole)]
    created_at: Annotated[str, AfterValidator(_instant)]
    status: Status = "sent"


class Earlier(_Model):
    """A conversation that is already there when the server starts: one of a room with an instance."""

    instance: Annotated[int, Field(strict=True)]
    room_id: Annotated[str, Field(min_length=1)]
    messages: list[Stored] = []
    """Told in the order of their times, as the real server's database gives them."""


class Seed(_Model):
    """fixtures/mia.yaml."""

    settings: Settings = Field(default_factory=lambda: Settings.model_validate({}))
    instances: Annotated[list[Instance], Field(min_length=1)]
    persons: list[Person] = []
    conversations: list[Earlier] = []

    @model_validator(mode="after")
    def _consistent(self) -> Seed:
        unique(column("instances", "id", self.instances))
        unique(column("instances", "chat_id", self.instances))
        unique(column("persons", "room_id", self.persons))
        rows = [*enumerate(self.conversations)]
        unique(((earlier.instance, earlier.room_id), ("conversations", i, "room_id")) for i, earlier in rows)
        unique(
            (stored.id, ("conversations", i, "messages", j, "id"))
            for i, earlier in rows
            for j, stored in enumerate(earlier.messages)
        )
        known = {instance.id for instance in self.instances}
        for i, earlier in rows:
            if earlier.instance not in known:
                why = f"there is no instance {earlier.instance} in instances"
                raise flaw(why, "conversations", i, "instance")
        return self
