"""Which event is which model."""

from __future__ import annotations

from simulator.backends.chatbot import messages as m
from simulator.backends.chatbot.shapes import Event

COMMANDS: dict[str, type[m.Command]] = {
    "join-conversation": m.JoinConversation,
    "send-message": m.SendMessage,
    "typing": m.Typing,
    "escalate": m.Escalate,
    "end-conversation": m.OfConversation,
    "rate": m.Rate,
    "join-knowledge-room": m.JoinTenantRoom,
    "search-knowledge": m.SearchKnowledge,
    "request-rag-response": m.RequestRag,
    "request-rag-response-stream": m.RequestRag,
    "request-ai-analysis": m.RequestAnalysis,
    "request-conversation-summary": m.RequestSummary,
    "join-conversation-list": m.JoinTenantRoom,
    "request-conversation-list": m.RequestConversationList,
    "update-conversation-metadata": m.UpdateMetadata,
    "join-org": m.JoinOrg,
    "leave-org": m.LeaveOrg,
    "track-activity": m.TrackActivity,
    "subscribe-dashboard": m.SubscribeDashboard,
    "page-view": m.PageView,
    "ping": m.Ping,
    "disconnect": m.Disconnect,
    "error": m.ClientError,
    "react-message": m.ReactMessage,
}

EVENTS: dict[str, type[Event]] = {
    "connected": m.Connected,
    "error": m.ServerError,
    "pong": m.Stamped,
    "conversation-started": m.ConversationStarted,
    "message": m.NewMessage,
    "typing": m.SomeoneTypes,
    "status-change": m.StatusChange,
    "queue-update": m.QueueUpdate,
    "agent-joined": m.AgentJoined,
    "conversation-ended": m.ConversationEnded,
    "knowledge-room-joined": m.OfTenant,
    "knowledge-search-results": m.SearchResults,
    "rag-response": m.RagResponse,
    "ai-analysis-result": m.AnalysisResult,
    "conversation-summary": m.Summary,
    "joined-conversation-list": m.OfTenant,
    "conversation-list": m.ConversationList,
    "org-joined": m.OrgJoined,
    "org-left": m.OrgLeft,
    "notification": m.Notification,
    "dashboard-subscribed": m.DashboardSubscribed,
    "join": m.Join,
    "react-message": m.MessageReacted,
    "conversation-update": m.ConversationUpdate,
    "new_conversation": m.NewConversation,
    "rag-stream-chunk": m.StreamChunk,
    "rag-stream-complete": m.StreamComplete,
}

BEYOND = frozenset(
    ("join", "react-message", "conversation-update", "new_conversation", "rag-stream-chunk", "rag-stream-complete")
)
"""Names that only the real clients know; the setting `beyond_document` keeps them to itself when off."""
