"""What messages are made of: the document's common interfaces. Dates are ISO 8601, as JSON.stringify writes a Date."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from simulator.backends.chatbot.machine import Status

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
"""What a client may call a conversation or a session: these are kept, and counted nowhere. The bound is ours."""
Sender = Literal["user", "ai", "agent", "system"]
Rating = Literal["good", "bad"]


def number(value: float) -> float:
    """A number that JSON has as JSON.stringify writes it: 0 and -1, never 0.0 and -1.0."""
    return int(value) if value == int(value) else value


class Event(BaseModel):
    """To the client. Key order on the wire is the order of the fields; what is None is left out."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class MessageMetadata(Event):
    """Section "Message Interface"."""

    aiConfidence: Annotated[float, Field(ge=0, le=1)] | None = None
    intent: str | None = None


class MessageStatus(Event):
    """Section "Message Interface"."""

    sent: bool
    delivered: bool
    read: bool | None = None


class Reactions(Event):
    """Not in the document, seen in code (section 3.2)."""

    liked: bool
    disliked: bool


class IMessage(Event):
    """Section "Message Interface"; `_id`, reactions, reasoning and tools are the widget's (section 3.2)."""

    oid: Annotated[str | None, Field(alias="_id")] = None
    messageId: str
    conversationId: str
    userId: str | None = None
    sender: Sender
    senderName: str | None = None
    content: str
    timestamp: str
    color: str | None = None
    metadata: MessageMetadata | None = None
    status: MessageStatus
    reactions: Reactions | None = None
    reasoning: str | None = None
    tools: list[str] | None = None


class Timestamps(Event):
    """Section "Conversation Interface"."""

    created: str
    lastActivity: str
    queuedAt: str | None = None
    agentAssignedAt: str | None = None
    endedAt: str | None = None


class Metrics(Event):
    """Section "Conversation Interface"."""

    messageCount: int
    aiMessageCount: int
    agentMessageCount: int
    queueTimeSeconds: float | None = None
    handleTimeSeconds: float | None = None


class ConversationMetadata(Event):
    """Section "Conversation Interface", and what update-conversation-metadata put there."""

    model_config = ConfigDict(strict=True, extra="allow", defer_build=True)

    userAgent: str
    ipAddress: str
    referrer: str | None = None


class IConversation(Event):
    """Section "Conversation Interface"."""

    conversationId: str
    tenantId: str
    chatbotId: str | None = None
    sessionId: str
    userId: str | None = None
    status: Status
    assignedAgentId: str | None = None
    messages: list[IMessage]
    metadata: ConversationMetadata
    timestamps: Timestamps
    metrics: Metrics
    rating: Rating | None = None
    ratingComment: str | None = None


class Said(Struct, gc=False):
    """A `send-message` that is plainly right: what its model would give (`messages.SendMessage`)."""

    content: str
    conversationId: str
