"""Every message of concierge, both ways; sections are those of its document (`protocols/concierge.md`)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

ContentType = Literal["TEXT", "FILE", "IMAGE", "VIDEO"]
"""Section 5; VIDEO came with the document's newest version."""

Entity = Literal["TENANT", "BACKEND_USER"]

DEEPEST = 100
"""Levels of a metadata: what is nested deeper no history could carry."""


def _number(value: int | str) -> int | str:
    if not re.fullmatch(r"\d{1,18}", str(value), re.ASCII):
        raise ValueError("expected the number of a message")
    return value


def shallow(value: Any) -> Any:
    """The value itself, unless it is nested deeper than DEEPEST. Raises ValueError."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"expected at most {DEEPEST} levels")
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return value


MessageId = Annotated[int | str, AfterValidator(_number)]
"""A number in the document, a string in its real client: both are taken."""

Metadata = Annotated[Any, AfterValidator(shallow)]

Number: TypeAlias = int | str
"""A bigint of the database: a string in every sample, a number in the document's TypeScript (a setting)."""


class Body(BaseModel):
    """From the client. What the server does not know is passed over (guessed)."""

    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)


class Init(Body):
    """Section 1, and section 2, step 2: a new session, or with its id an old one again."""

    newSession: bool
    chatSessionId: str | None = None

    @model_validator(mode="after")
    def _which(self) -> Init:
        if not self.newSession and self.chatSessionId is None:
            raise ValueError("chatSessionId is required unless newSession is true")
        return self


class OfSession(Body):
    """Section 2 (step 1), section 3, section 4 and section 9."""

    chatSessionId: str


class SendMessage(OfSession):
    """Section 5. The request's sample spells `metdata`; the newer document and the real client `metadata`."""

    contentType: ContentType
    messageContent: Annotated[str, Field(min_length=1)]
    metadata: Metadata = None
    metdata: Metadata = None


class OfMessage(OfSession):
    """Section 6 and section 7."""

    messageId: MessageId


class Nothing(Body):
    """Section 8: an empty object."""


class Row(BaseModel):
    """To the client. Key order on the wire is the order of the fields."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class ChatSession(Row):
    """`chatSession` of section 1; nobody has joined as long as the three joiner's fields are null."""

    id: Number
    orgId: Number
    chatSessionId: str
    chatInitiatedByEntityType: Entity
    chatInitiatedByEntityId: Number
    lastPingedByChatInitiator: Number
    chatJoinedByEntityType: Entity | None
    chatJoinedByEntityId: Number | None
    lastPingedByChatJoiner: Number | None
    isSessionClosed: bool


class Connection(Row):
    """`connection` of section 1; times in milliseconds."""

    id: Number
    connectionId: str
    entityType: Entity
    entityId: Number
    deviceId: str
    expiredAt: Number
    createdAt: Number
    updatedAt: Number
    orgId: Number


class ChatMessage(Row):
    """`chatMessage` of section 5; `type` stands in the push interface alone, `metdata` in the old sample."""

    id: Number
    type: Literal[1, 2, 3] | None = None
    orgId: Number
    chatSessionId: str
    senderEntityType: Entity
    senderEntityId: Number
    messageContent: str
    sentAt: Number
    status: int
    seenAt: Number | None
    deliveredAt: Number
    contentType: ContentType
    metadata: Any = None
    metdata: Any = None


class Email(Row):
    """`tenant.residentProfile.emails` of section 1."""

    email: str
    isActive: bool = True


class Phone(Row):
    """`tenant.residentProfile.phones` of section 1."""

    countryCode: str
    phoneNumber: str
    isActive: bool = True


class ResidentProfile(Row):
    """`tenant.residentProfile` of section 1."""

    firstName: str
    lastName: str
    gender: str | None = None
    idcard: str | None = None
    passport: str | None = None
    note: str | None = None
    cardNumber: str | None = None
    isActive: bool = True
    emails: list[Email] = []
    phones: list[Phone] = []


class OwnerProfile(Row):
    """`tenant.propertyOwnerProfile` of section 1."""

    firstName: str
    lastName: str
    isActive: bool = True


class Floor(Row):
    """`tenant.properties.floors` of section 1."""

    floorZoneCode: str
    floorId: int
    floorDescription: str


class Integration(Row):
    """`tenant.properties.thirdPartyIntegration` of section 1."""

    homeId: str


class Property(Row):
    """`tenant.properties` of section 1."""

    propertyUnitId: str
    unitNumber: str
    houseNumber: str
    thirdPartyIntegration: Integration | None = None
    floors: list[Floor] = []
    buildingPhaseCode: str
    buildingId: str
    buildingPhaseName: str
    projectCode: str
    projectId: str
    projectsName: str
    projectsNameThai: str
    hideLogoFromFrontEnd: bool = False
    companyName: str
    isPropertyOwner: bool = False
    isPropertyResident: bool = False
    isDefaultPropertyUnit: bool = False
    backgroundUrl: str | None = None
    iconUrl: str | None = None


class ShortTenant(Row):
    """`tenant` of section 2."""

    id: Number
    email: str
    countryId: Number
    code: str
    phoneNumber: str


class Tenant(ShortTenant):
    """`tenant` of section 1, when a session is new."""

    residentProfile: ResidentProfile
    propertyOwnerProfile: OwnerProfile
    properties: list[Property]


class Answer(Row):
    """The `body` of an answer with status 200 (its words are the sections' samples)."""


class Session(Answer):
    """Section 1, section 2 and section 4."""

    chatSessionId: str
    chatSession: ChatSession
    connection: Connection
    tenant: Tenant | ShortTenant


class Paginate(Row):
    """`paginate` of section 3."""

    per_page: int
    offset: int
    page: int


class Messages(Answer):
    """Section 3."""

    messages: list[ChatMessage]
    paginate: Paginate


class Sent(Answer):
    """Section 5 and section 7."""

    chatSessionId: str
    chatMessage: ChatMessage


class Deleted(Answer):
    """Section 6."""

    messageId: Number


class Unread(Answer):
    """Section 8: the number is a string."""

    unreadMsgCount: Number


class Ended(Answer):
    """Section 9: without connection and tenant."""

    chatSessionId: str
    chatSession: ChatSession


class Push(Row):
    """What is not asked for, here without `channel`: the keys of the real client's type NewBackedChatMessageResponse.

    Eight with it: what counts nine names these, see PROTOCOL.md. The document, section "Available WebSocket Events for
    Subscription", shows the payload alone.
    """

    actions: list[Any]
    payload: Any
    receiverId: Number | None
    receiverType: Entity
    senderId: Number | None
    senderType: Entity
    socketMessageId: str


class UpdatePayload(Row):
    """`payload` of section "Event: chat-session-update"."""

    chatSessionId: str
    chatSession: ChatSession


class SessionUpdate(Push):
    """Section "Event: chat-session-update-${chatSessionId}"; the envelope is guessed from chat-message's."""

    payload: UpdatePayload


class DeletePayload(Row):
    """`payload` of section "Event: chat-message-delete"."""

    messageId: Number


class MessageDelete(Push):
    """Section "Event: chat-message-delete"; the envelope is guessed from chat-message's."""

    payload: DeletePayload


class MessagePayload(Row):
    """`payload` of section "Event: chat-message"; the id stands in the real client's type."""

    chatSessionId: str
    chatMessage: ChatMessage


class NewMessage(Push):
    """Section "Event: chat-message-${chatSessionId}"."""

    payload: MessagePayload


class GatewayWord(Row):
    """The gateway's own frame (`fidelity/concierge.md`, section 3)."""

    connectionId: str
    requestId: str


COMMANDS: dict[str, type[Body]] = {
    "client/send-message": SendMessage,
    "client/ping-on-chat-session": OfSession,
    "client/init-chat-with-concierge": Init,
    "client/get-chat-session": OfSession,
    "client/get-chat-messages": OfSession,
    "client/delete-message": OfMessage,
    "client/update-message-seen-at": OfMessage,
    "client/get-unread-msg-count": Nothing,
    "client/end-chat-with-concierge": OfSession,
}

EVENTS: dict[str, type[Row]] = {
    "client/send-message": Sent,
    "client/ping-on-chat-session": Session,
    "client/init-chat-with-concierge": Session,
    "client/get-chat-session": Session,
    "client/get-chat-messages": Messages,
    "client/delete-message": Deleted,
    "client/update-message-seen-at": Sent,
    "client/get-unread-msg-count": Unread,
    "client/end-chat-with-concierge": Ended,
    "chat-message": NewMessage,
    "chat-session-update": SessionUpdate,
    "chat-message-delete": MessageDelete,
    "Forbidden": GatewayWord,
    "Internal server error": GatewayWord,
}
"""Answers by their route, pushes by their channel without the session's id, the gateway's words by themselves."""
