"""Every message of M.I.A.'s chat, both ways.

The document (mia.md) names them and gives three payloads; what it leaves out stands in the source of the real server
(mia-chat-api), whose files are named here: src/types.ts, src/services/chat/chat-service.ts, src/utils.ts.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, RootModel

Status: TypeAlias = Literal["sent", "delivered", "read", "failed"]
"""src/types.ts MessageStatus; the document has the same four."""

STATUSES: tuple[Status, ...] = ("sent", "delivered", "read", "failed")

TEXT, MEDIA_LINK, CHAT_STATE = (
    "text/plain",
    "application/vnd.lime.media-link+json",
    "application/vnd.lime.chatstate+json",
)
"""src/types.ts MessageType and MiaChatState; the last one only comes over HTTP."""


class Command(BaseModel):
    """From the client. What the server does not know is passed over."""

    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)


class ClientMessage(Command):
    """src/types.ts ClientMessageDto, documented: what a client should send. The real server checks nothing of it."""

    content: str


class Event(BaseModel):
    """To the client. Key order on the wire is the order of the fields."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True, populate_by_name=True)


class MediaLink(Event):
    """src/types.ts MessageContentMediaLink: a picture or a file that lies at a URL; Lime has more fields."""

    model_config = ConfigDict(extra="allow")

    type: str | None = None
    uri: str | None = None
    title: str | None = None


class ServerMessage(Event):
    """src/types.ts ServerMessageDto. The document has no `type`, and only knows texts as content.

    `from` is not there for a person nobody knows. The real server gives back any content as it was sent, and leaves it
    out where none was.
    """

    id: str
    content: str | MediaLink | Any = None
    from_: str | None = Field(None, alias="from")
    createdAt: str
    """ISO 8601 with milliseconds, UTC."""
    status: Status
    direction: Literal["outgoing", "incoming"]
    """As the person sees it: outgoing is theirs, incoming is Mia's."""
    type: Literal["text/plain", "application/vnd.lime.media-link+json"] | None = None


class MessageList(RootModel[list[ServerMessage]]):
    """src/services/chat/chat-service.ts initConversation: an array, the oldest first; documented without its type."""

    model_config = ConfigDict(strict=True, defer_build=True)


class PersonData(Event):
    """src/services/chat/chat-service.ts sendPersonDataToClient, documented as PersonDTO."""

    name: str | None
    email: str | None
    phoneNumber: str | None


class MessageStatus(Event):
    """src/types.ts StatusDTO, documented."""

    messageId: str
    status: Status


class ChatState(Event):
    """src/types.ts ChatStateDTO; the document gives no payload. The README knows `composing` and any other text."""

    from_: str = Field(alias="from")
    state: Any = None


class Instance(Event):
    """src/services/chat/chat-service.ts initRoom: who answers; `color` is left out when unset, `avatar` is null."""

    id: int
    name: str
    avatar: str | None = None
    color: str | None = None


class InitRoom(Event):
    """src/services/chat/chat-service.ts initRoom; the document gives no payload."""

    roomId: Any
    """A text; whatever the client gave as its own."""
    instance: Instance


class Error(Event):
    """src/services/chat/chat-service.ts closeSocket; the document gives no payload."""

    message: str


SEND_MESSAGE = "EVENT_CLIENT_SEND_MESSAGE"
MESSAGE = "EVENT_SERVER_SEND_MESSAGE"
MESSAGE_LIST = "EVENT_SERVER_INIT_MESSAGE_LIST"
USER_DATA = "EVENT_SERVER_SEND_USER_DATA"
MESSAGE_STATUS = "EVENT_SERVER_SEND_MESSAGE_STATUS"
STATE = "EVENT_SERVER_SEND_CHAT_STATE"
INIT_ROOM = "EVENT_INIT_ROOM"
ERROR = "EVENT_ERROR"

COMMANDS: dict[str, type[BaseModel]] = {SEND_MESSAGE: ClientMessage}

EVENTS: dict[str, type[BaseModel]] = {
    INIT_ROOM: InitRoom,
    USER_DATA: PersonData,
    MESSAGE_LIST: MessageList,
    MESSAGE: ServerMessage,
    MESSAGE_STATUS: MessageStatus,
    STATE: ChatState,
    ERROR: Error,
}
