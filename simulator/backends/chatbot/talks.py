"""Conversations as they are now: what was said, where each stands, and which are forgotten when there are too many."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from simulator.backends.chatbot import machine
from simulator.backends.chatbot.machine import Status
from simulator.backends.chatbot.shapes import number
from simulator.backends.chatbot.shares import Shares
from simulator.backends.chatbot.state import Begun, Seed, instant
from simulator.core.ids import Ids
from simulator.core.message import Json

if TYPE_CHECKING:
    from simulator.backends.chatbot.rooms import Client

COLORS = {"user": "#2563eb", "ai": "#7c3aed", "agent": "#059669", "system": "#6b7280"}
"""`color`, "for visual differentiation": which is guessed."""

OBJECT_ID = "0123456789abcdef"
SHORT_ID = "0123456789abcdefghijklmnopqrstuvwxyz"


def iso(seconds: float) -> str:
    """A time as JavaScript's toISOString writes it."""
    millis = round(seconds * 1000)
    return f"{_second(millis // 1000)}.{millis % 1000:03}Z"


@lru_cache(8)
def _second(number: int) -> str:
    at = datetime.fromtimestamp(number, UTC)
    return f"{at.year:04}-{at.month:02}-{at.day:02}T{at:%H:%M:%S}"


class Msg:
    """One message (Message Interface)."""

    __slots__ = (
        "at",
        "confidence",
        "content",
        "conversation_id",
        "delivered",
        "disliked",
        "id",
        "intent",
        "liked",
        "oid",
        "read",
        "sender",
        "sender_name",
        "sent",
        "user_id",
    )

    def __init__(self, talk: Conversation, sender: str, content: str, at: float, name: str | None = None) -> None:
        ids = talk.ids
        self.id = f"msg_{round(at * 1000)}_{ids.token(9, SHORT_ID)}"
        self.oid = ids.token(24, OBJECT_ID)
        self.conversation_id = talk.id
        self.sender = sender
        self.sender_name = name
        self.user_id: str | None = None
        self.content = content
        self.at = at
        self.confidence: float | None = None
        self.intent: str | None = None
        self.sent = True
        self.delivered = self.read = False
        self.liked = self.disliked = False

    @property
    def size(self) -> int:
        """Characters, with something for the rest of it."""
        return 300 + len(self.content)

    def body(self, beyond: bool) -> dict[str, Json]:
        """IMessage; `beyond` adds what only the real clients know."""
        body: dict[str, Json] = {"_id": self.oid} if beyond else {}
        body["messageId"] = self.id
        body["conversationId"] = self.conversation_id
        if self.user_id is not None:
            body["userId"] = self.user_id
        body["sender"] = self.sender
        if self.sender_name is not None:
            body["senderName"] = self.sender_name
        body["content"] = self.content
        body["timestamp"] = iso(self.at)
        body["color"] = COLORS[self.sender]
        if self.confidence is not None or self.intent is not None:
            metadata: dict[str, Json] = {"aiConfidence": self.confidence, "intent": self.intent}
            body["metadata"] = {key: value for key, value in metadata.items() if value is not None}
        body["status"] = {"sent": self.sent, "delivered": self.delivered, "read": self.read}
        if beyond:
            body["reactions"] = {"liked": self.liked, "disliked": self.disliked}
        return body


class Conversation:
    """One conversation (Conversation Interface)."""

    __slots__ = (
        "agent_id",
        "agent_name",
        "anonymous",
        "assigned_at",
        "chatbot_id",
        "created",
        "ended_at",
        "id",
        "ids",
        "in_person",
        "last_activity",
        "messages",
        "metadata",
        "of",
        "org",
        "queued_at",
        "rating",
        "rating_comment",
        "said",
        "session_id",
        "status",
        "tenant_id",
        "typing",
        "user_id",
        "watched",
    )

    def __init__(self, id: str, tenant_id: str, session_id: str, ids: Ids, created: float) -> None:
        self.id = id
        self.tenant_id = tenant_id
        self.session_id = session_id
        self.ids = ids
        self.created = self.last_activity = created
        self.org = ""
        self.chatbot_id: str | None = None
        self.user_id: str | None = None
        self.anonymous = True
        """Whether it was begun with a widget's key: who knows its id may come back to it."""
        self.status: Status = "new"
        self.agent_id: str | None = None
        self.agent_name: str | None = None
        self.in_person = False
        """Whether that agent came by a socket; else it is the simulator's, and the bot speaks for it."""
        self.queued_at: float | None = None
        self.assigned_at: float | None = None
        self.ended_at: float | None = None
        self.messages: dict[str, Msg] = {}
        self.of: tuple[dict[str, Msg], dict[str, Msg]] = ({}, {})
        """The same once more, of all others and of the person."""
        """By id, the oldest first."""
        self.said = {"user": 0, "ai": 0, "agent": 0, "system": 0}
        """How many ever, also of those that were forgotten."""
        self.metadata: dict[str, Json] = {}
        self.rating: str | None = None
        self.rating_comment: str | None = None
        self.watched = False
        """Whether a socket is in it."""
        self.typing: dict[Hashable, tuple[str, str | None, Client | None]] = {}
        """Who is seen typing, by whatever ends it: sender, name, and who is told of it from outside."""

    @property
    def side(self) -> str | None:
        """Whose people it is with: a chatbot's visitors, or None for people with a token."""
        return self.chatbot_id or "" if self.anonymous else None

    @property
    def visitor(self) -> str:
        """Who began it; fixtures do not say it of anonymous ones."""
        return self.user_id or self.session_id

    @property
    def over(self) -> bool:
        """Whether nothing more can be said."""
        return self.status in machine.OVER

    def last(self, sender: str | None = None) -> Msg | None:
        """The newest message, or the newest of one kind of sender."""
        return next((msg for msg in reversed(self.messages.values()) if sender in (None, msg.sender)), None)

    def about(self) -> dict[str, Json]:
        """What a bot may know of it."""
        return {
            "conversationId": self.id,
            "tenantId": self.tenant_id,
            "status": self.status,
            "agentId": self.agent_id,
            "userId": self.user_id,
        }

    def body(self, beyond: bool, most: int) -> dict[str, Json]:
        """IConversation with its last messages, at most so many: the work does not grow with how many there are."""
        newest = [msg.body(beyond) for msg in islice(reversed(self.messages.values()), most)]
        body: dict[str, Json] = {"conversationId": self.id, "tenantId": self.tenant_id}
        rest: dict[str, Json] = {
            "chatbotId": self.chatbot_id,
            "sessionId": self.session_id,
            "userId": self.user_id,
            "status": self.status,
            "assignedAgentId": self.agent_id,
            "messages": [*newest[::-1]],
            "metadata": {**self.metadata},
            "timestamps": self._timestamps(),
            "metrics": self._metrics(),
            "rating": self.rating,
            "ratingComment": self.rating_comment,
        }
        return body | {key: value for key, value in rest.items() if value is not None}

    def _timestamps(self) -> Json:
        rest = {"queuedAt": self.queued_at, "agentAssignedAt": self.assigned_at, "endedAt": self.ended_at}
        return {
            "created": iso(self.created),
            "lastActivity": iso(self.last_activity),
            **{key: iso(at) for key, at in rest.items() if at is not None},
        }

    def _metrics(self) -> Json:
        said = self.said
        metrics: dict[str, Json] = {
            "messageCount": sum(said.values()),
            "aiMessageCount": said["ai"],
            "agentMessageCount": said["agent"],
        }
        if self.queued_at is not None and self.assigned_at is not None:
            metrics["queueTimeSeconds"] = number(round(self.assigned_at - self.queued_at, 3))
        if self.assigned_at is not None and self.ended_at is not None:
            metrics["handleTimeSeconds"] = number(round(self.ended_at - self.assigned_at, 3))
        return metrics


class Talks:
    """All conversations of all tenants."""

    __slots__ = ("_by_session", "_settings", "_shares", "_talks")

    def __init__(self, seed: Seed, ids: Ids) -> None:
        self._settings = seed.settings
        self._talks: dict[str, Conversation] = {}
        self._by_session: dict[tuple[str, ...], str] = {}
        self._shares = {tenant.tenantId: Shares() for tenant in seed.tenants}
        names = {user.userId: user.name for user in seed.users}
        for begun in seed.conversations:
            self._seed(begun, names, ids.child("conversation", begun.conversationId))

    def __iter__(self) -> Iterator[Conversation]:
        """The oldest first."""
        return iter(self._talks.values())

    def get(self, id: str) -> Conversation | None:
        """The conversation of that id."""
        return self._talks.get(id)

    def of_tenant(self, tenant_id: str) -> Iterator[Conversation]:
        """A tenant's."""
        return iter(self._shares[tenant_id])

    def of_visitor(self, tenant_id: str, side: str | None, visitor: str) -> list[Conversation]:
        """Those that one person began (see Conversation.side)."""
        return self._shares[tenant_id].of(side, visitor)

    def add(self, talk: Conversation) -> None:
        """Keep a conversation."""
        self._talks[talk.id] = talk
        self._by_session[_session(talk)] = talk.id
        self._shares[talk.tenant_id].add(talk)

    def of_session(self, tenant_id: str, who: str, session_id: str) -> Conversation | None:
        """The last open conversation of a session; `who` is the user, or the chatbot of anonymous people."""
        talk = self._talks.get(self._by_session.get((tenant_id, who, session_id), ""))
        return None if talk is None or talk.over else talk

    def crowding(self, tenant_id: str) -> Conversation | None:
        """Which one has to go before another one of that tenant fits, or None."""
        shares = self._shares[tenant_id]
        return shares.crowding() if shares.count >= self._settings.kept_conversations else None

    def watch(self, talk: Conversation, on: bool) -> None:
        """Somebody came in, or the last one left: conversations without a socket go first."""
        talk.watched = on
        self._shares[talk.tenant_id].watch(talk, on)

    def drop(self, talk: Conversation) -> None:
        """Forget a conversation."""
        del self._talks[talk.id]
        if self._by_session.get(_session(talk)) == talk.id:
            del self._by_session[_session(talk)]
        self._forget(talk, len(talk.messages))
        self._shares[talk.tenant_id].drop(talk)

    def say(self, talk: Conversation, msg: Msg) -> None:
        """Keep a message; old ones go where there are too many, never the one that was just said."""
        talk.messages[msg.id] = talk.of[msg.sender == "user"][msg.id] = msg
        talk.said[msg.sender] += 1
        talk.last_activity = max(talk.last_activity, msg.at)
        shares = self._shares[talk.tenant_id]
        shares.grow(talk, msg.size)
        # A tenth at once: the first key of a dict is found slowly when many before it are gone.
        if len(talk.messages) > self._settings.kept_messages:
            self._forget(talk, len(talk.messages) // 10 + 1)
        while shares.size > self._settings.kept_megabytes * 1_000_000:
            wordiest = shares.wordiest()
            count = min(len(wordiest.messages) // 10 + 1, len(wordiest.messages) - (wordiest is talk))
            if not count:
                break
            self._forget(wordiest, count)

    def _forget(self, talk: Conversation, count: int) -> None:
        gone = [*islice(talk.messages.values(), count)]
        for old in gone:
            del talk.messages[old.id], talk.of[old.sender == "user"][old.id]
        if gone:
            self._shares[talk.tenant_id].grow(talk, -sum(old.size for old in gone))

    def merge(self, talk: Conversation, more: dict[str, Json]) -> bool:
        """Put something into a conversation's metadata; False where that would be too much."""
        merged = {**talk.metadata, **more}
        try:
            size = len(orjson.dumps(merged))
        except TypeError:
            return False
        if size > self._settings.metadata_limit:
            return False
        talk.metadata = merged
        return True

    def _seed(self, begun: Begun, names: Mapping[str, str], ids: Ids) -> None:
        talk = Conversation(begun.conversationId, begun.tenantId, begun.sessionId, ids, instant(begun.created))
        talk.chatbot_id, talk.org, talk.user_id = begun.chatbotId, begun.orgId, begun.userId
        talk.anonymous = begun.userId is None
        talk.status, talk.agent_id = begun.status, begun.assignedAgentId
        talk.agent_name = names.get(begun.assignedAgentId or "")
        talk.rating, talk.rating_comment = begun.rating, begun.ratingComment
        talk.queued_at = None if begun.queuedAt is None else instant(begun.queuedAt)
        talk.assigned_at = None if begun.agentAssignedAt is None else instant(begun.agentAssignedAt)
        talk.ended_at = None if begun.endedAt is None else instant(begun.endedAt)
        talk.metadata = {"userAgent": begun.userAgent, "ipAddress": begun.ipAddress}
        if begun.referrer is not None:
            talk.metadata["referrer"] = begun.referrer
        self.add(talk)
        for said in sorted(begun.messages, key=lambda said: instant(said.timestamp)):
            msg = Msg(talk, said.sender, said.content, instant(said.timestamp), said.senderName)
            msg.id, msg.user_id = said.messageId, said.userId
            msg.delivered = msg.read = True
            self.say(talk, msg)


def _session(talk: Conversation) -> tuple[str, ...]:
    who = talk.chatbot_id if talk.anonymous else talk.user_id
    return talk.tenant_id, who or "", talk.session_id
