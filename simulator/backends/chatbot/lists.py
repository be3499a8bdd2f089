"""Pages: the conversation list with its filters, and the history of the REST sibling."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from math import ceil

from simulator.backends.chatbot.messages import RequestConversationList
from simulator.backends.chatbot.rooms import Caller
from simulator.backends.chatbot.talks import Conversation, Talks
from simulator.core.message import Json

DAY = len("2026-01-01")
SECONDS_A_DAY = 86_400


def bounds(order: RequestConversationList) -> tuple[float, float]:
    """From when and until before when conversations began, Unix seconds. Raises ValueError, saying which is none."""
    since, until = float("-inf"), float("inf")
    if order.startDate is not None:
        since = _instant("startDate", order.startDate)
    if order.endDate is not None:
        # A day alone is meant to its end, an instant is the last one that fits.
        until = _instant("endDate", order.endDate) + (SECONDS_A_DAY if len(order.endDate) <= DAY else 0.001)
    return since, until


def _instant(name: str, text: str) -> float:
    """A day alone begins in UTC, and so is a time without a zone: no server has its zone from the client."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{name}: expected a date such as 2026-01-31 or 2026-01-31T12:00:00Z") from None


def chosen(talks: Talks, caller: Caller, order: RequestConversationList) -> list[Conversation]:
    """What the caller may see and asked for, the newest activity first. Raises ValueError for a date that is none.

    The work is that of the tenant's conversations, or of the caller's own, and never that of their messages.
    """
    since, until = bounds(order)
    tenant = caller.tenant_id
    mine = talks.of_tenant(tenant) if caller.staff else talks.of_visitor(tenant, caller.side, caller.user_id)
    found = [
        talk
        for talk in mine
        if order.status in (None, talk.status)
        and order.agentId in (None, talk.agent_id)
        and since <= talk.created < until
    ]
    return sorted(found, key=lambda talk: (-talk.last_activity, talk.id))


def pagination(page: int, limit: int, total: int) -> dict[str, Json]:
    """conversation-list's own."""
    return {"page": page, "limit": limit, "total": total, "totalPages": ceil(total / limit)}


def history(talk: Conversation, page: int, limit: int, beyond: bool) -> dict[str, Json]:
    """A page of messages, in the order of time; the first has the newest: so the dashboard puts them together."""
    total = len(talk.messages)
    skipped = (page - 1) * limit
    newest = [msg.body(beyond) for msg in islice(reversed(talk.messages.values()), skipped, skipped + limit)]
    pages = ceil(total / limit)
    paging: dict[str, Json] = {
        "currentPage": page,
        "totalPages": pages,
        "totalMessages": total,
        "limit": limit,
        "hasNextPage": page < pages,
        "hasPrevPage": page > 1,
    }
    return {"messages": [*newest[::-1]], "pagination": paging}
