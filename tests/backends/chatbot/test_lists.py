"""Lists: each filter alone and all together, pages, and what they cost."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from simulator.backends import load
from simulator.backends.chatbot import talks
from simulator.backends.chatbot.talks import Msg
from simulator.serve import seeds
from tests.backends.chatbot.chats import STATES, Person, chat, codes, cost, one, person, user
from tests.talk import Talk


def listed(who: Person, **filters: Any) -> list[str]:
    data = one(who.emit("request-conversation-list", filters), "conversation-list")["data"]
    assert data["pagination"]["total"] >= len(data["conversations"])
    return [conversation["conversationId"] for conversation in data["conversations"]]


@pytest.fixture
def bob() -> Person:
    return user(chat(), "agent-bob")


def test_newest_activity_first(bob: Person) -> None:
    assert listed(bob) == [
        "conv-new", "conv-456", "conv-queued", "conv-escalated", "conv-agent", "conv-active", "conv-ended", "conv-closed",
    ]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_each_state(bob: Person, state: str) -> None:
    assert listed(bob, status=state) == ["conv-456" if state == "ai" else f"conv-{state}"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"agentId": "agent-bob"}, ["conv-agent", "conv-ended"]),
        ({"agentId": "nobody"}, []),
        ({"startDate": "2025-12-31T22:00:00Z"}, ["conv-new", "conv-456"]),
        ({"startDate": "2025-12-31T23:00:00+01:00"}, ["conv-new", "conv-456"]),
        ({"startDate": "2025-12-31T22:00:00.001Z"}, ["conv-new"]),
        ({"startDate": "2025-12-31T22:00:00"}, ["conv-new", "conv-456"]),
        ({"endDate": "2025-12-01"}, ["conv-closed"]),
        ({"endDate": "2025-12-01T10:00:00Z"}, ["conv-closed"]),
        ({"endDate": "20251201"}, ["conv-closed"]),
        ({"endDate": "2025-12-01T09:59:59Z"}, []),
        ({"startDate": "2025-12-29", "endDate": "2025-12-30"}, ["conv-active", "conv-ended"]),
        (
            {"startDate": "2025-12-29", "endDate": "2025-12-29", "agentId": "agent-bob", "status": "ended"},
            ["conv-ended"],
        ),
        ({"startDate": "2025-12-29", "endDate": "2025-12-29", "agentId": "agent-bob", "status": "agent"}, []),
        ({"endDate": "9999-12-31"}, None),
        ({"startDate": "0001-01-01"}, None),
    ],
)
def test_filters(bob: Person, filters: dict[str, Any], found: list[str] | None) -> None:
    assert listed(bob, **filters) == (found if found is not None else listed(bob))


def test_filters_together_are_what_each_one_leaves(bob: Person) -> None:
    choices = {
        "status": [None, "agent", "ended", "ai"],
        "agentId": [None, "agent-bob"],
        "startDate": [None, "2025-12-29", "2025-12-31"],
        "endDate": [None, "2025-12-29", "2025-12-31T20:00:00Z"],
    }
    every = listed(bob)
    for values in product(*choices.values()):
        filters = {name: value for name, value in zip(choices, values, strict=True) if value is not None}
        alone = [set(listed(bob, **{name: value})) for name, value in filters.items()]
        assert listed(bob, **filters) == [id for id in every if all(id in left for left in alone)]


def test_pages(bob: Person) -> None:
    every, seen = listed(bob), []
    for page in (1, 2, 3):
        data = one(bob.emit("request-conversation-list", {"page": page, "limit": 3}), "conversation-list")["data"]
        assert data["pagination"] == {"page": page, "limit": 3, "total": 8, "totalPages": 3}
        seen += [conversation["conversationId"] for conversation in data["conversations"]]
    assert seen == every
    assert listed(bob, page=4, limit=3) == []
    assert listed(bob, page=1_000_000, limit=100) == []


@pytest.mark.parametrize("date", ["soon", "2026-13-01", "2026-02-30", "2026-1-1", "", "9" * 500])
@pytest.mark.parametrize("name", ["startDate", "endDate"])
def test_dates_that_are_none(bob: Person, name: str, date: str) -> None:
    assert codes(bob.emit("request-conversation-list", {name: date})) == ["INVALID_PAYLOAD"]


def test_people_see_their_own_and_visitors_what_they_began() -> None:
    talk = chat()
    assert listed(user(talk, "user-ada")) == ["conv-456", "conv-ended"]
    visitor, other = person(talk, "visitor"), person(talk, "other")
    mine = visitor.join()["conversationId"]
    assert (listed(visitor), listed(other)) == ([mine], [])


def test_the_dashboards_shape_and_more_messages() -> None:
    talk = chat(list_data="array", list_messages=2, list_limit=2)
    bob = user(talk, "agent-bob")
    data = one(bob.emit("request-conversation-list"), "conversation-list")["data"]
    assert [len(conversation["messages"]) for conversation in data] == [0, 2]
    assert [message["messageId"] for message in data[1]["messages"]] == ["msg-ada-1", "msg-ada-2"]


def crowd(messages: int) -> Talk:
    """200 conversations with so many messages each, of ten users and three agents."""
    seed: Any = seeds.load(load("chatbot"), None, []).model_dump()
    seed["users"] += [
        {"userId": f"user-{n}", "tenantId": "tenant-123", "name": f"User {n}", "email": f"user{n}@example.com"}
        for n in range(10)
    ]
    seed["conversations"] = [
        {
            "conversationId": f"conv-{n}",
            "tenantId": "tenant-123",
            "sessionId": f"session-{n}",
            "userId": f"user-{n % 10}",
            "status": STATES[n % 8],
            "assignedAgentId": ["agent-bob", "agent-mia", "admin-eve"][n % 3],
            "created": f"2025-{1 + n % 12:02}-{1 + n % 28:02}T10:00:00Z",
            "messages": [
                {"messageId": f"m-{n}-{i}", "sender": "user", "content": "x" * 50, "timestamp": "2025-12-31T10:00:00Z"}
                for i in range(messages)
            ],
        }
        for n in range(200)
    ]
    return Talk("chatbot", seeded=seed)


class Counted:
    """How many messages were looked at or written out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bodies = 0
        real = Msg.body

        def body(msg: Msg, beyond: bool) -> Any:
            self.bodies += 1
            return real(msg, beyond)

        monkeypatch.setattr(Msg, "body", body)


def test_200_conversations_with_50_messages_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a list is that of its conversations: counted, so that a slow machine says the same."""
    work = {}
    for messages in (1, 50):
        bob = user(crowd(messages), "agent-bob")
        counted = Counted(monkeypatch)
        sizes = []
        for filters in (
            {}, {"limit": 100}, {"page": 5, "limit": 40}, {"status": "queued"}, {"agentId": "agent-mia"},
            {"startDate": "2025-03-01", "endDate": "2025-06-30", "status": "agent", "agentId": "admin-eve"},
        ):  # fmt: skip
            sizes.append(len(listed(bob, **filters)))
        work[messages] = (sizes, counted.bodies)
        assert counted.bodies == sum(sizes), "the last message of each, and no other"
        monkeypatch.undo()
    assert work[1] == work[50]
    assert work[50][0][:4] == [20, 100, 40, 20]


def test_no_list_costs_more_where_there_are_more_messages() -> None:
    """All functions that are called for a list, a page, each filter and all together, among 200 and among 10,000 messages."""
    few, many = (user(crowd(messages), "agent-bob") for messages in (1, 50))
    wanted: list[dict[str, Any]] = [
        {}, {"limit": 100}, {"page": 5, "limit": 40}, *({"status": state} for state in STATES), {"agentId": "agent-mia"},
        {"startDate": "2025-03-01"}, {"endDate": "2025-06-30"},
        {"startDate": "2025-03-01", "endDate": "2025-06-30", "status": "agent", "agentId": "admin-eve"},
    ]  # fmt: skip
    for filters in wanted:
        costs = []
        for who in (few, many):
            # Who comes second would find seconds written.
            talks._second.cache_clear()
            costs.append(cost(who, "request-conversation-list", **filters))
        assert costs[0] == costs[1] > 100, filters
    # What it grows with is what is asked for.
    pages = [cost(many, "request-conversation-list", limit=limit) for limit in (20, 100)]
    assert pages[1] > 2 * pages[0]


def test_an_update_costs_one_message_too(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = crowd(50)
    bob = user(talk, "agent-bob")
    bob.emit("join-conversation-list", {"tenantId": "tenant-123"})
    counted = Counted(monkeypatch)
    assert one(bob.emit("rate", {"conversationId": "conv-2", "rating": "good"}), "conversation-update")
    assert counted.bodies == 1
