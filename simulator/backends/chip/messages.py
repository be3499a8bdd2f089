"""Every message of chip, both ways, with the place in its source (nyaruka/chip v0.1.0) that says so."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from simulator.backends.chip import gotime


def _not_zero(value: int) -> int:
    if not value:
        raise ValueError("expected a value: 0 is Go's word for nothing")
    return value


def _instant(value: str) -> str:
    gotime.parse(value)
    return value


def _before(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("expected a string")
    quick = gotime.usual(value)
    if quick is not None:
        return quick
    instant = gotime.parse(value)
    if value.endswith("Z"):
        if instant == gotime.ZERO_TIME:
            raise ValueError("expected a time: year 1 is Go's word for none")
    elif abs(gotime.offset(value)) >= gotime.FARTHEST_OFFSET:
        raise ValueError("expected a time zone that Postgres knows: none is that far away")
    return gotime.micros(instant)


Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""Go's int64 (core/models/msg.go MsgID)."""

Instant = Annotated[str, AfterValidator(_instant)]
"""Go's time.Time in JSON, as `gotime.parse` takes it."""


class Command(BaseModel):
    """From the client. Fields that the server does not know are passed over (web/commands/base.go)."""

    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)


class StartChat(Command):
    """web/commands/start_chat.go: a new chat, or with an id the resumption of one; null is no id."""

    chat_id: str | None = None


class SendMsg(Command):
    """web/commands/send_msg.go: a text that is not empty; blanks pass."""

    text: Annotated[str, Field(min_length=1)]


class AckChat(Command):
    """web/commands/ack_chat.go: the id of the chat_out that was received."""

    msg_id: Annotated[Int64, AfterValidator(_not_zero)]


class GetHistory(Command):
    """web/commands/get_history.go: messages strictly before an instant; here in microseconds since 1970."""

    before: Annotated[int, PlainValidator(_before, json_schema_input_type=str)]


class SetEmail(Command):
    """web/commands/set_email.go: any text that is not empty."""

    email: Annotated[str, Field(min_length=1)]


class Event(BaseModel):
    """To the client. Key order on the wire is the order of the fields."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class User(Event):
    """core/models/user.go User: avatar is left out when empty. The document shows another order of keys."""

    id: Int64
    email: str
    name: str
    avatar: Annotated[str, Field(min_length=1)] | None = None


class MsgIn(Event):
    """core/models/msg.go MsgIn."""

    id: Int64
    text: str
    time: Instant


class MsgOut(Event):
    """core/models/msg.go MsgOut: attachments (`content/type:url`) and user are left out when empty."""

    id: Int64
    text: str
    attachments: Annotated[list[str], Field(min_length=1)] | None = None
    origin: str
    """flow, broadcast, ticket or chat; live ones carry whatever Courier said."""
    user: User | None = None
    time: Instant


class ChatStarted(Event):
    """web/events/chat_started.go."""

    chat_id: str


class ChatResumed(Event):
    """web/events/chat_resumed.go: email is always there, empty when unset."""

    chat_id: str
    email: str


class ChatOut(Event):
    """web/events/chat_out.go."""

    msg_out: MsgOut


class HistoryMsgIn(Event):
    """web/events/history.go HistoryItem, a message of the contact."""

    msg_in: MsgIn


class HistoryMsgOut(Event):
    """web/events/history.go HistoryItem, a message to the contact."""

    msg_out: MsgOut


class History(Event):
    """web/events/history.go: newest first. The document's sample shows the oldest first."""

    history: list[HistoryMsgIn | HistoryMsgOut]


Origin = Literal["flow", "broadcast", "ticket", "chat"]
"""core/models/msg.go MsgOrigin."""

COMMANDS: dict[str, type[Command]] = {
    "send_msg": SendMsg,
    "ack_chat": AckChat,
    "get_history": GetHistory,
    "start_chat": StartChat,
    "set_email": SetEmail,
}

EVENTS: dict[str, type[Event]] = {
    "chat_started": ChatStarted,
    "chat_resumed": ChatResumed,
    "chat_out": ChatOut,
    "history": History,
}

FIELDS = frozenset({"type", *(field for model in COMMANDS.values() for field in model.model_fields)})
"""All names of fields that any command has."""
