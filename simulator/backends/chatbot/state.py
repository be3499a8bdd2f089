"""What of the Chatbot Backend is set: settings, and the world of fixtures/chatbot.yaml."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from simulator.backends.chatbot.machine import Status
from simulator.backends.chatbot.shapes import Name, Rating, Sender, Text
from simulator.core.flaw import Place, flaw


def instant(text: str) -> float:
    """Unix seconds of an ISO 8601 date with a time zone. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a date and time such as 2026-01-31T12:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError("expected a time zone, such as Z at the end")
    return found.timestamp()


_FIRST, _LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (1, 9999))


def _date(text: str) -> str:
    # Clocks go on from there, and no year has five digits.
    if not _FIRST <= instant(text) < _LAST:
        raise ValueError("expected a year from 1 to 9998 in UTC")
    return text


Date = Annotated[str, AfterValidator(_date)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, allow_inf_nan=False)


def _no(description: str) -> bool:
    found: bool = Field(False, description=description)
    return found


def _yes(description: str) -> bool:
    found: bool = Field(True, description=description)
    return found


LONG = 1e9
"""Seconds: what is longer is never, and no clock counts so far."""
MANY = 1_000_000
"""Messages."""


class Settings(_Model):
    """What `settings:` in the fixtures and `--set key=value` change."""

    bot: Literal["ai", "echo", "none"] = Field(
        "ai", description="ai answers from the articles, echo with the person's words, none leaves it to people"
    )
    bot_delay: float = Field(1.0, ge=0, le=LONG, description="seconds until the bot answers")
    bot_typing: float = Field(0.2, ge=0, le=LONG, description="seconds until it is seen typing, where it is the ai")
    jwt_secret: str = Field("invented-secret", min_length=1, description="HS256 secret of the tokens")
    auth_failure: Literal["error_event_then_disconnect", "connect_error"] = Field(
        "error_event_then_disconnect", description="how a client hears that it may not come in"
    )
    bad_input: Literal["error", "disconnect", "silent"] = Field(
        "error", description="what follows a wrong event: `error`, `error` and a disconnect, or nothing"
    )
    extra_fields: Literal["ignore", "reject"] = Field(
        "ignore", description="fields that the document does not name; the real widget sends some"
    )
    require_session: bool = _no("refuse a join-conversation without a sessionId, which the real widget never sends")
    resume_by_session: bool = _yes("a sessionId that the caller used before joins its open conversation again")
    unknown_conversation: Literal["error", "create"] = Field(
        "error", description="what joining a conversation that is not there does"
    )
    acknowledge: bool = _no("answer acknowledgements by {success} and what is wrong; else they are never called")
    echo_messages: Literal["room", "others", "none"] = Field(
        "room", description="who gets the `message` of a send-message: the room, the room without its sender, nobody"
    )
    echo_queries: Literal["room", "others", "none"] = Field(
        "others", description="the same for the query of a streamed answer, which the real widget has shown already"
    )
    reply_escalate: bool = _yes("answer escalate by status-change and queue-update")
    reply_end: bool = _yes("answer end-conversation by conversation-ended")
    reply_rate: bool = _no("answer rate by a notification")
    reply_metadata: bool = _no("answer update-conversation-metadata by a notification")
    reply_activity: bool = _no("answer track-activity by a notification")
    reply_page_view: bool = _no("answer page-view by a notification")
    beyond_document: bool = _yes("send the events and fields that only the real clients know")
    welcome: Literal["message", "field", "none"] = Field(
        "message", description="the widget's welcome: a first message, the field welcomeMessage alone, or neither"
    )
    join_event: Literal["never", "resumed", "always"] = Field(
        "resumed", description="when conversation-started is followed by the widget's `join`"
    )
    started_messages: int = Field(
        50, ge=0, le=MANY, description="messages that conversation-started brings, the last ones"
    )
    list_data: Literal["document", "array"] = Field(
        "document", description="conversation-list's data as documented, or the bare list that the dashboard reads"
    )
    list_limit: int = Field(20, ge=1, le=100, description="conversations on a page where the client names no limit")
    list_messages: int = Field(1, ge=0, le=MANY, description="messages of each listed conversation, the last ones")
    rag_delay: float = Field(0.5, ge=0, le=LONG, description="seconds until a RAG answer, or its first chunk")
    rag_fallback: str = Field(
        "I could not find anything about that. Would you like to talk to a person?",
        min_length=1,
        description="the answer where no article fits",
    )
    stream_interval: float = Field(0.05, ge=0, le=LONG, description="seconds between two chunks of a streamed answer")
    stream_words: int = Field(3, ge=1, description="words in a chunk")
    stream_message: Literal["before", "after", "none"] = Field(
        "before", description="where the whole `message` comes: before rag-stream-complete, after it, or not at all"
    )
    most_streams: int = Field(4, ge=1, description="streamed answers under way for one socket; one more is an error")
    most_unanswered: int = Field(
        200, ge=1, description="messages of one socket that the bot hears of within its delay, or a second"
    )
    most_joined: int = Field(500, ge=1, description="conversations that a socket is in; the one joined first is left")
    most_waiting: int = Field(
        10, ge=1, description="conversations of one visitor that wait for an agent; one more is an error"
    )
    queue_delay: float = Field(1.0, ge=0, le=LONG, description="seconds from escalated to queued")
    agent_after: float = Field(
        10.0,
        ge=0,
        le=LONG,
        description="seconds until an online agent takes the next one off a queue; 0 leaves it to people",
    )
    agent_greeting: str = Field(
        "Hello, this is {agent}. How can I help you?", description="what that agent says first; empty for nothing"
    )
    idle_timeout: float = Field(
        300.0, ge=0, le=LONG, description="seconds without a message until a timeout; 0 for never"
    )
    close_after: float = Field(240.0, ge=0, le=LONG, description="seconds from ended to closed; 0 for never")
    ip_address: str = Field("127.0.0.1", description="metadata.ipAddress where no X-Forwarded-For came")
    orgs_open_to: Literal["members", "staff"] = Field(
        "members",
        description="who may join an org's room and its dashboards: all people of it, or its agents and admins",
    )
    content_limit: int = Field(10_000, ge=1, description="characters of a text of a client")
    metadata_limit: int = Field(
        10_000, ge=2, description="characters of a conversation's metadata or an activity's data"
    )
    kept_conversations: int = Field(
        5_000, ge=1, description="conversations kept of a tenant; who has the most gives up first, where no socket is"
    )
    kept_messages: int = Field(1_000, ge=1, description="messages kept of one conversation")
    kept_megabytes: int = Field(
        64, ge=1, description="millions of characters kept of a tenant's messages; who said the most forgets first"
    )
    kept_polling: int = Field(10_000, ge=1, description="sessions that poll at once; one more is told 403 Forbidden")
    ping_interval: float = Field(25.0, gt=0, le=LONG, description="seconds between Engine.IO's pings")
    ping_timeout: float = Field(20.0, gt=0, le=LONG, description="seconds to wait for the pong")
    connect_timeout: float = Field(
        45.0, gt=0, le=LONG, description="seconds until a session without a namespace is closed"
    )


class Tenant(_Model):
    """A customer of the backend."""

    tenantId: Text
    name: str
    orgs: list[Text] = []


class Widget(_Model):
    """A chatbot on somebody's site, and the key that anonymous people come in with."""

    widgetKey: Text
    chatbotId: Text
    tenantId: Text
    orgId: str = ""
    displayName: str = "AI Assistant"
    welcomeMessage: str = "Hi! How can I help you today?"
    """What it says first; empty for nothing."""
    active: bool = True


class User(_Model):
    """Someone with a token: its `sub` (or `userId`) is the userId."""

    userId: Text
    tenantId: Text
    name: str
    email: str
    role: Literal["user", "agent", "admin"] = "user"
    orgs: list[Text] = []
    online: bool = True
    """Whether an agent takes people off the queue."""


class Article(_Model):
    """A piece of a tenant's knowledge."""

    articleId: Text
    tenantId: Text
    title: Text
    content: Text
    category: str = ""
    tags: list[str] = []


class Dashboard(_Model):
    """Who subscribes hears what the org's people do."""

    dashboardId: Text
    tenantId: Text
    orgId: str


class Said(_Model):
    """A message that is already there when the server starts."""

    messageId: Text
    sender: Sender
    senderName: str | None = None
    userId: str | None = None
    content: str
    timestamp: Date


class Begun(_Model):
    """A conversation that is already there when the server starts."""

    conversationId: Name
    tenantId: Text
    chatbotId: str | None = None
    orgId: str = ""
    sessionId: Name
    userId: str | None = None
    status: Status = "new"
    assignedAgentId: str | None = None
    created: Date
    queuedAt: Date | None = None
    agentAssignedAt: Date | None = None
    endedAt: Date | None = None
    userAgent: str = "Mozilla/5.0"
    ipAddress: str = "127.0.0.1"
    referrer: str | None = None
    rating: Rating | None = None
    ratingComment: str | None = None
    messages: list[Said] = []


class Seed(_Model):
    """fixtures/chatbot.yaml."""

    settings: Settings = Field(default_factory=lambda: Settings.model_validate({}))
    tenants: Annotated[list[Tenant], Field(min_length=1)]
    widgets: Annotated[list[Widget], Field(min_length=1)]
    users: list[User] = []
    articles: list[Article] = []
    dashboards: list[Dashboard] = []
    conversations: list[Begun] = []

    @model_validator(mode="after")
    def _consistent(self) -> Seed:
        # The first one is told; what comes after it is not asked for.
        if found := next(_flaws(self), None):
            where, why, got = found
            raise flaw(why, *where, got=got)
        return self


_Flaw: TypeAlias = tuple[Place, str, Any]
"""Where in the file, why, and what stands there."""


def _flaws(seed: Seed) -> Iterator[_Flaw]:
    """What no model of one part can see: names that are there twice, or mean nothing."""
    for what, key in (
        ("tenants", "tenantId"), ("widgets", "widgetKey"), ("users", "userId"), ("articles", "articleId"),
        ("dashboards", "dashboardId"), ("conversations", "conversationId"),
    ):  # fmt: skip
        yield from _twice(((what, i, key), getattr(part, key)) for i, part in enumerate(getattr(seed, what)))
    yield from _twice(
        (("conversations", i, "messages", j, "messageId"), said.messageId)
        for i, begun in enumerate(seed.conversations)
        for j, said in enumerate(begun.messages)
    )
    orgs = {tenant.tenantId: tenant.orgs for tenant in seed.tenants}
    for what in ("widgets", "users", "articles", "dashboards", "conversations"):
        for i, owned in enumerate(getattr(seed, what)):
            yield from _owner((what, i), owned, orgs)
    people = {(user.tenantId, user.userId): user.role for user in seed.users}
    chatbots = {(widget.tenantId, widget.chatbotId) for widget in seed.widgets}
    for i, begun in enumerate(seed.conversations):
        yield from _begun(("conversations", i), begun, people, chatbots)


def _twice(keys: Iterable[tuple[Place, str]]) -> Iterator[_Flaw]:
    seen: set[str] = set()
    for place, key in keys:
        if key in seen:
            yield place, "is there twice, expected one of its own", key
        seen.add(key)


def _owner(place: Place, owned: Any, orgs: dict[str, list[str]]) -> Iterator[_Flaw]:
    tenant = owned.tenantId
    if tenant not in orgs:
        yield (*place, "tenantId"), f"there is no such tenant, expected one of {_some(orgs)}", tenant
    theirs: list[tuple[Place, str]]
    theirs = [(("orgs", i), org) for i, org in enumerate(owned.orgs)] if isinstance(owned, User) else []
    if named := getattr(owned, "orgId", ""):
        theirs = [(("orgId",), named)]
    for where, org in theirs:
        if org not in orgs[tenant]:
            yield (*place, *where), f"{tenant} has no such org, expected one of {_some(orgs[tenant])}", org


def _begun(
    place: Place, begun: Begun, people: Mapping[tuple[str, str], str], chatbots: set[tuple[str, str]]
) -> Iterator[_Flaw]:
    tenant = begun.tenantId
    theirs = [user for of, user in people if of == tenant]
    staff = [user for user in theirs if people[tenant, user] != "user"]
    if begun.chatbotId is not None and (tenant, begun.chatbotId) not in chatbots:
        known = _some(dict.fromkeys(chatbot for of, chatbot in sorted(chatbots) if of == tenant))
        yield (*place, "chatbotId"), f"{tenant} has no widget of this chatbot, expected one of {known}", begun.chatbotId
    if begun.userId is not None and begun.userId not in theirs:
        why = f"{tenant} has no such user, expected one of {_some(theirs)}; leave it out for an anonymous visitor"
        yield (*place, "userId"), why, begun.userId
    agent = begun.assignedAgentId
    if agent is not None and agent not in staff:
        why = f"{tenant} has no such agent or admin, expected one of {_some(staff)}"
        yield (*place, "assignedAgentId"), why, agent
    if begun.status == "agent" and agent is None:
        yield (*place, "status"), "an agent has it: expected assignedAgentId, which says who", begun.status
    at, before = begun.created, "created"
    for name in ("queuedAt", "agentAssignedAt", "endedAt"):
        then = getattr(begun, name)
        if then is None:
            continue
        if instant(then) < instant(at):
            yield (*place, name), f"is before {before}, expected {at} or later", then
        at, before = then, name
    for i, said in enumerate(begun.messages):
        if said.userId is not None and said.userId not in theirs:
            why = f"{tenant} has no such user, expected one of {_some(theirs)}; leave it out for an anonymous visitor"
            yield (*place, "messages", i, "userId"), why, said.userId


_SHOWN = 10


def _some(names: Collection[str]) -> str:
    """The first few names of many."""
    shown = ", ".join(islice(names, _SHOWN))
    return f"{shown or 'none'}{' ...' if len(names) > _SHOWN else ''}"
