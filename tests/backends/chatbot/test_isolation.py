"""Two tenants, two orgs, two dashboards: nothing leaks from one to the other."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from simulator.core.bot import Say
from tests.backends.chatbot.chats import HILL, WORKSHOP, Person, chat, codes, fixtures, names, one, person, user
from tests.talk import Talk

TENANTS: dict[str, dict[str, str]] = {
    "agent-bob": {"tenantId": "tenant-123", "org": "org-harbour", "dashboard": "dash-harbour"},
    "agent-mia": {"tenantId": "tenant-123", "org": "org-workshop", "dashboard": "dash-workshop"},
    "agent-tim": {"tenantId": "tenant-456", "org": "org-hill", "dashboard": "dash-hill"},
}


def everywhere(talk: Talk, name: str) -> Person:
    """An agent in every room that is open to it."""
    agent, rooms = user(talk, name), TENANTS[name]
    agent.emit("join-conversation-list", {"tenantId": rooms["tenantId"]})
    agent.emit("join-knowledge-room", {"tenantId": rooms["tenantId"]})
    agent.emit("join-org", {"orgId": rooms["org"]})
    agent.emit("subscribe-dashboard", {"dashboardId": rooms["dashboard"]})
    return agent


def live(talk: Talk, visitor: Person) -> None:
    """Everything that others could hear of."""
    id = visitor.join()["conversationId"]
    visitor.emit("send-message", {"content": "a secret", "conversationId": id})
    visitor.after(2)
    visitor.emit("typing", {"conversationId": id, "isTyping": True})
    visitor.emit("track-activity", {"activity": "secret click"})
    visitor.emit("page-view", {"page": "/secret"})
    visitor.emit("search-knowledge", {"query": "secret of Mars"})
    visitor.emit("request-rag-response-stream", {"query": "secret order"})
    visitor.emit("update-conversation-metadata", {"metadata": {"secret": 1}})
    visitor.after(5)
    visitor.emit("rate", {"conversationId": id, "rating": "bad", "comment": "secret"})
    visitor.emit("escalate", {"conversationId": id, "reason": "secret"})
    visitor.after(30)
    visitor.emit("end-conversation", {"conversationId": id})
    visitor.after(250)


def test_tenants_orgs_and_dashboards() -> None:
    talk = chat(queue_delay=0)
    bob, mia, tim = (everywhere(talk, name) for name in TENANTS)
    live(talk, person(talk, "harbour"))
    assert tim.events() == []
    heard = mia.events()
    # Another org of the same tenant has the tenant's list and knowledge, and no notification of the org or its dashboard.
    assert {*names(heard)} == {"new_conversation", "conversation-update", "notification"}
    assert {body["type"] for name, body in heard if name == "notification"} == {"knowledge-gap"}
    kinds = {body["type"] for name, body in bob.events() if name == "notification"}
    assert kinds == {
        "new-conversation", "activity", "page-view", "knowledge-gap", "rating", "escalation", "conversation-ended",
    }  # fmt: skip
    live(talk, person(talk, "hill", HILL))
    # One whom the queue took to Bob is timed out meanwhile: of the other tenant there is nothing.
    for name, body in bob.events() + mia.events():
        told = body.get("conversation", {}).get("conversationId") or body["data"]["conversationId"]
        assert (name in ("conversation-update", "notification"), told) == (True, "conv-queued")
    assert {*names(tim.events())} == {"new_conversation", "conversation-update", "notification"}
    live(talk, person(talk, "workshop", WORKSHOP))
    assert {body["type"] for name, body in bob.events() if name == "notification"} == {"knowledge-gap"}
    assert "activity" in {body["type"] for name, body in mia.events() if name == "notification"}
    assert tim.events() == []


def test_queues_are_a_tenants_own() -> None:
    talk = chat(queue_delay=0)
    hill = person(talk, "hill", HILL)
    id = hill.join()["conversationId"]
    assert one(hill.emit("escalate", {"conversationId": id}), "queue-update")["position"] == 1
    assert hill.after(60) == [], "Bob is free, but not theirs"


ROOMS: list[tuple[str, dict[str, Any], str]] = [
    ("join-knowledge-room", {"tenantId": "tenant-456"}, "JOIN_KNOWLEDGE_ERROR"),
    ("join-knowledge-room", {"tenantId": "nobody"}, "JOIN_KNOWLEDGE_ERROR"),
    ("join-conversation-list", {"tenantId": "tenant-456"}, "JOIN_CONVERSATION_LIST_ERROR"),
    ("join-org", {"orgId": "org-hill"}, "JOIN_ORG_FAILED"),
    ("join-org", {"orgId": "org-workshop"}, "JOIN_ORG_FAILED"),
    ("join-org", {"orgId": "org-harbour", "userId": "user-ada"}, "JOIN_ORG_FAILED"),
    ("leave-org", {"orgId": "org-harbour"}, "JOIN_ORG_FAILED"),
    ("subscribe-dashboard", {"dashboardId": "dash-hill"}, "SUBSCRIBE_DASHBOARD_ERROR"),
    ("subscribe-dashboard", {"dashboardId": "dash-workshop"}, "SUBSCRIBE_DASHBOARD_ERROR"),
    ("join-conversation", {"conversationId": "conv-hill"}, "CONVERSATION_NOT_FOUND"),
    ("send-message", {"conversationId": "conv-hill", "content": "x"}, "CONVERSATION_NOT_FOUND"),
    ("typing", {"conversationId": "conv-hill", "isTyping": True}, "CONVERSATION_NOT_FOUND"),
    ("escalate", {"conversationId": "conv-hill"}, "CONVERSATION_NOT_FOUND"),
    ("end-conversation", {"conversationId": "conv-hill"}, "CONVERSATION_NOT_FOUND"),
    ("rate", {"conversationId": "conv-hill", "rating": "bad"}, "CONVERSATION_NOT_FOUND"),
    ("react-message", {"conversationId": "conv-hill", "messageId": "m", "reaction": "like"}, "CONVERSATION_NOT_FOUND"),
    ("request-rag-response", {"query": "x", "context": {"conversationId": "conv-hill"}}, "CONVERSATION_NOT_FOUND"),
    (
        "request-rag-response-stream",
        {"query": "x", "context": {"conversationId": "conv-hill"}},
        "CONVERSATION_NOT_FOUND",
    ),
]


@pytest.mark.parametrize(("event", "body", "code"), ROOMS)
def test_what_is_another_ones_is_refused(event: str, body: dict[str, Any], code: str) -> None:
    assert codes(user(chat(), "agent-bob").emit(event, body)) == [code]


def test_what_visitors_and_people_may_not() -> None:
    talk = chat()
    visitor, ada = person(talk, "visitor"), user(talk, "user-ada")
    for event, body, code in (
        ("join-conversation-list", {"tenantId": "tenant-123"}, "JOIN_CONVERSATION_LIST_ERROR"),
        ("join-org", {"orgId": "org-harbour"}, "JOIN_ORG_FAILED"),
        ("subscribe-dashboard", {"dashboardId": "dash-harbour"}, "SUBSCRIBE_DASHBOARD_ERROR"),
        ("join-conversation", {"conversationId": "conv-456"}, "CONVERSATION_NOT_FOUND"),
        ("join-conversation", {"conversationId": "conv-escalated"}, "CONVERSATION_NOT_FOUND"),
    ):
        assert codes(visitor.emit(event, body)) == [code]
    assert codes(ada.emit("join-conversation", {"conversationId": "conv-new"})) == ["CONVERSATION_NOT_FOUND"]
    assert codes(ada.emit("join-conversation-list", {"tenantId": "tenant-123"})) == ["JOIN_CONVERSATION_LIST_ERROR"]
    assert visitor.join(conversationId="conv-new")["status"] == "new", "who knows a widget's conversation may come back"


def test_orgs_are_open_to_their_people_or_to_staff_alone() -> None:
    """A user hears of the conversations of its org and what its people do: guessed, so it is a setting."""
    talk = chat()
    ada = user(talk, "user-ada")
    assert names(ada.emit("join-org", {"orgId": "org-harbour"})) == ["org-joined"]
    assert names(ada.emit("subscribe-dashboard", {"dashboardId": "dash-harbour"})) == ["dashboard-subscribed"]
    visitor = person(talk, "visitor")
    visitor.join()
    visitor.emit("page-view", {"page": "/"})
    assert [body["type"] for _, body in ada.events()] == ["new-conversation", "page-view"]
    strict = chat(orgs_open_to="staff")
    ada, bob, eve = (user(strict, name) for name in ("user-ada", "agent-bob", "admin-eve"))
    for who, found in ((ada, ["JOIN_ORG_FAILED", "SUBSCRIBE_DASHBOARD_ERROR"]), (bob, []), (eve, [])):
        events = who.emit("join-org", {"orgId": "org-harbour"})
        events += who.emit("subscribe-dashboard", {"dashboardId": "dash-harbour"})
        assert codes(events) == found


def test_orgs_of_one_name_are_a_tenants_own() -> None:
    """Two customers may both have an org `sales`: neither notifications nor dashboards meet."""
    seed = copy.deepcopy(fixtures())
    for tenant in seed["tenants"]:
        tenant["orgs"].append("sales")
    for owned in seed["widgets"] + seed["dashboards"]:
        owned["orgId"] = "sales"
    for someone in seed["users"]:
        someone["orgs"] = ["sales"]
    talk = Talk("chatbot", seeded=seed)
    bob, tim = user(talk, "agent-bob"), user(talk, "agent-tim")
    for agent, board in ((bob, "dash-harbour"), (tim, "dash-hill")):
        assert names(agent.emit("join-org", {"orgId": "sales"})) == ["org-joined"]
        assert names(agent.emit("subscribe-dashboard", {"dashboardId": board})) == ["dashboard-subscribed"]
    visitor = person(talk, "hill", HILL)
    visitor.emit("escalate", {"conversationId": visitor.join()["conversationId"]})
    visitor.emit("page-view", {"page": "/"})
    assert bob.events() == []
    assert [body["type"] for _, body in tim.events()] == ["new-conversation", "escalation", "page-view"]


def test_sessions_of_one_name_are_everyones_own() -> None:
    talk = chat()
    ids = {
        person(talk, "a").join(sessionId="same")["conversationId"],
        person(talk, "b", WORKSHOP).join(sessionId="same")["conversationId"],
        person(talk, "c", HILL).join(sessionId="same")["conversationId"],
        user(talk, "user-ada").join(sessionId="same")["conversationId"],
        user(talk, "user-otto").join(sessionId="same")["conversationId"],
    }
    assert len(ids) == 5


def test_knowledge_is_a_tenants_own() -> None:
    talk = chat()
    bob, tim = user(talk, "agent-bob"), user(talk, "agent-tim")
    for who, query, total in (
        (bob, "password", 1),
        (tim, "password", 0),
        (bob, "weekdays", 0),
        (tim, "weekdays", 1),
    ):
        assert one(who.emit("search-knowledge", {"query": query}), "knowledge-search-results")["totalResults"] == total


def test_a_room_that_was_left_is_silent() -> None:
    talk = chat()
    bob = everywhere(talk, "agent-bob")
    bob.emit("leave-org", {"orgId": "org-harbour"})
    person(talk, "visitor").join()
    assert names(bob.events()) == ["new_conversation"]
    ada, again = user(talk, "user-ada"), person(talk, "again")
    ada.join(conversationId="conv-456")
    talk.act("conv-456", Say("hello"))
    assert names(ada.events()) == ["message"]
    assert again.events() == []
