"""Every event of the Chatbot Backend, both ways: the document's 23 and 21, and what its real clients use beyond it.

Sections are the document's. "Widget" and "dashboard" are its public clients (section 3.2 of fidelity/socketio.md).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.backends.chatbot.machine import Reason, Status
from simulator.backends.chatbot.shapes import Event, IConversation, IMessage, Name, Rating, Reactions, Sender, Text

Analysis = Literal["intent", "sentiment", "pii", "language"]


MOST_TAGS = 100
"""Of a search; ours."""


class Command(BaseModel):
    """From the client. What else is in it is passed over, or refused by the setting `extra_fields`."""

    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)


class JoinConversation(Command):
    """Section "Conversation Events". The real widget sends no sessionId, so it is only asked for by setting."""

    sessionId: Name | None = None
    conversationId: Name | None = None


class SendMessage(Command):
    """Section "Conversation Events"."""

    content: Text
    conversationId: Text


class Typing(Command):
    """Section "Conversation Events"."""

    conversationId: Text
    isTyping: bool


class Escalate(Command):
    """Section "Conversation Events"."""

    conversationId: Text
    reason: str | None = None


class OfConversation(Command):
    """Section "Conversation Events", end-conversation."""

    conversationId: Text


class Rate(Command):
    """Section "Conversation Events"."""

    conversationId: Text
    rating: Rating
    comment: str | None = None


class JoinTenantRoom(Command):
    """Section "AI & Knowledge Base Events" and section "Conversation Management Events"."""

    tenantId: Text


class SearchKnowledge(Command):
    """Section "AI & Knowledge Base Events"."""

    query: Text
    category: str | None = None
    tags: Annotated[list[str], Field(max_length=MOST_TAGS)] | None = None


class RequestRag(Command):
    """Section "AI & Knowledge Base Events", request-rag-response and request-rag-response-stream.

    The widget's context is `{chatbotId, widgetKey, conversationId, history: [{role, content}] (the last 8)}`.
    """

    query: Text
    context: Any = None


class RequestAnalysis(Command):
    """Section "AI & Knowledge Base Events"."""

    message: Text
    analysisType: Analysis


class RequestSummary(Command):
    """Section "AI & Knowledge Base Events": no payload; the conversation is the one that the socket joined last."""


class RequestConversationList(Command):
    """Section "Conversation Management Events"; dates are ISO 8601, a day alone means all of it."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] | None = None
    status: Status | None = None
    agentId: Text | None = None
    startDate: Text | None = None
    endDate: Text | None = None


class UpdateMetadata(Command):
    """Section "Conversation Management Events"; the conversation is the one that the socket joined last."""

    metadata: dict[str, Any]


class JoinOrg(Command):
    """Section "Notification Events"."""

    orgId: Text
    userId: Text | None = None


class LeaveOrg(Command):
    """Section "Notification Events"."""

    orgId: Text


class TrackActivity(Command):
    """Section "Analytics & Tracking Events"."""

    activity: Text
    data: Any = None


class SubscribeDashboard(Command):
    """Section "Analytics & Tracking Events"."""

    dashboardId: Text


class PageView(Command):
    """Section "Analytics & Tracking Events"."""

    page: Text
    referrer: str | None = None


class Ping(Command):
    """Section "Utility Events": no payload."""


class Disconnect(Command):
    """Section "Utility Events": a name that Socket.IO reserves, so that it travels as the packet `41`."""


class ClientError(Command):
    """Section "Utility Events", error: a JavaScript Error is `{}` as JSON, so that anything is taken."""

    error: Any = None


class ReactMessage(Command):
    """Not in the document, seen in code (section 3.2): the widget's thumbs."""

    conversationId: Text
    messageId: Text
    reaction: Literal["like", "dislike"]


class Connected(Event):
    """Section "Connection Events"."""

    message: str
    userId: str
    tenantId: str
    timestamp: str


class ServerError(Event):
    """Section "Connection Events", error."""

    message: str
    code: str
    details: str | None = None
    conversationId: str | None = None


class Stamped(Event):
    """Section "Connection Events", pong."""

    timestamp: str


class ConversationStarted(Event):
    """Section "Conversation Events"; the last three are the widget's (section 3.2)."""

    conversationId: str
    messages: list[IMessage]
    status: Status
    sessionId: str
    displayName: str | None = None
    welcomeMessage: str | None = None
    reactions: Reactions | None = None


class NewMessage(Event):
    """Section "Conversation Events", message."""

    message: IMessage
    conversationId: str


class SomeoneTypes(Event):
    """Section "Conversation Events", typing."""

    sender: Sender
    senderName: str | None = None
    isTyping: bool
    conversationId: str


class StatusChange(Event):
    """Section "Conversation Events"."""

    status: Status
    conversationId: str
    agentName: str | None = None
    agentId: str | None = None


class QueueUpdate(Event):
    """Section "Conversation Events": the position counts from 1, estimatedWait is seconds."""

    position: int
    estimatedWait: int
    conversationId: str


class AgentJoined(Event):
    """Section "Conversation Events"."""

    agentName: str
    agentId: str
    conversationId: str


class ConversationEnded(Event):
    """Section "Conversation Events"."""

    conversationId: str
    reason: Reason


class OfTenant(Event):
    """Section "AI & Knowledge Base Events", and the list's section: a room of a tenant was joined."""

    tenantId: str


class SearchResults(Event):
    """Section "AI & Knowledge Base Events"; what a result is, is guessed."""

    query: str
    results: list[Any]
    totalResults: int


class RagResponse(Event):
    """Section "AI & Knowledge Base Events"."""

    query: str
    response: str


class AnalysisResult(Event):
    """Section "AI & Knowledge Base Events"; what a result holds is guessed."""

    analysisType: str
    result: Any
    confidence: float | None = None


class Summary(Event):
    """Section "AI & Knowledge Base Events", conversation-summary."""

    summary: str
    keyPoints: list[str]
    sentiment: str


class Pagination(Event):
    """Section "Conversation Management Events"."""

    page: int
    limit: int
    total: int
    totalPages: int


class ListData(Event):
    """Section "Conversation Management Events"."""

    conversations: list[IConversation]
    pagination: Pagination


class ConversationList(Event):
    """Section "Conversation Management Events"; the dashboard reads `data` as the list itself (setting `list_data`)."""

    success: bool
    data: ListData | list[IConversation]
    timestamp: str


class OrgJoined(Event):
    """Section "Notification Events"; the room's name is guessed."""

    orgId: str
    roomName: str
    timestamp: str


class OrgLeft(Event):
    """Section "Notification Events"."""

    orgId: str
    timestamp: str


class Notification(Event):
    """Section "Notification Events"."""

    type: str
    title: str
    message: str
    data: Any = None
    timestamp: str


class DashboardSubscribed(Event):
    """Section "Analytics & Tracking Events"."""

    dashboardId: str
    timestamp: str


class Join(Event):
    """Not in the document, seen in code (section 3.2): the widget shows the message in its conversation."""

    message: str
    conversationId: str
    displayName: str
    reactions: Reactions


class MessageReacted(Event):
    """Not in the document, seen in code (section 3.2), react-message."""

    messageId: str
    conversationId: str
    liked: bool
    disliked: bool


class ConversationUpdate(Event):
    """Not in the document, seen in code (section 3.2): what the dashboard's list listens to."""

    type: Literal["created", "updated"]
    conversation: IConversation


class NewConversation(Event):
    """Not in the document, seen in code (section 3.2): the dashboard puts it first in its list."""

    conversation: IConversation


class StreamChunk(Event):
    """Not in the document, seen in code (section 3.2)."""

    conversationId: str | None = None
    chunk: str


class StreamComplete(Event):
    """Not in the document, seen in code (section 3.2)."""

    conversationId: str | None = None
