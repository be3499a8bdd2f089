"""All 23 events of a client and `react-message`: each effect that PROTOCOL.md names in its row is seen, and seen here.

A walk does one event and returns all that anybody heard of it; the row's events and codes have to be among that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.backends.chatbot.names import COMMANDS, EVENTS
from simulator.backends.chatbot.state import Settings
from tests.backends.chatbot.chats import Event, Person, chat, checked, codes, names, one, person, user

PROTOCOL = (Path(__file__).parents[3] / "simulator" / "backends" / "chatbot" / "PROTOCOL.md").read_text()
ADA = "conv-456"
Walk = Callable[["Day"], list[Event]]
WALKS: dict[str, Walk] = {}


def row(event: str) -> str:
    [found] = re.findall(rf"^\| `{event}` \|.*$", PROTOCOL.partition("## Client events")[0], re.MULTILINE)
    return str(found)


def named(event: str) -> set[str]:
    """Events of the server and codes of errors that the row of an event names, not counting the event itself."""
    cells = row(event).split("|", 2)[2]
    words = set(re.findall(r"`([\w-]+)`", cells))
    return (words & set(EVENTS)) | {word for word in words if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", word)}


def walk(event: str) -> Callable[[Walk], Walk]:
    def kept(work: Walk) -> Walk:
        WALKS[event] = work
        return work

    return kept


class Day:
    """A user in her conversation, a second socket of hers beside, and an agent in every room that tells something."""

    def __init__(self, **settings: object) -> None:
        self.talk = chat(**settings)
        self.ada, self.beside = user(self.talk, "user-ada"), user(self.talk, "user-ada")
        self.bob = user(self.talk, "agent-bob")
        for who in (self.ada, self.beside):
            who.join(conversationId=ADA)
        for event, body in (
            ("join-conversation-list", {"tenantId": "tenant-123"}),
            ("join-knowledge-room", {"tenantId": "tenant-123"}),
            ("join-org", {"orgId": "org-harbour"}),
            ("subscribe-dashboard", {"dashboardId": "dash-harbour"}),
        ):
            self.bob.emit(event, body)
        self.row_of(ADA)

    def row_of(self, id: str) -> Any:
        """A conversation as the list has it."""
        listed = one(self.bob.emit("request-conversation-list", {"limit": 100}), "conversation-list")
        return next(row for row in listed["data"]["conversations"] if row["conversationId"] == id)

    def messages(self) -> Any:
        return self.ada.join(conversationId=ADA)["messages"]

    def told(self) -> list[Event]:
        """What the agent's rooms and the second socket heard."""
        return [*self.bob.events(), *self.beside.events()]


@pytest.mark.parametrize("event", [*COMMANDS])
def test_each_effect_of_its_row(event: str) -> None:
    day = Day()
    heard = WALKS[event](day)
    checked(day.talk, heard)
    assert named(event) <= {*names(heard), *codes(heard)}


def test_every_row_is_read() -> None:
    assert {*WALKS} == {*COMMANDS}
    assert named("request-rag-response-stream") == {
        "typing", "rag-stream-chunk", "message", "rag-stream-complete", "rag-response",
    }  # fmt: skip
    assert "JOIN_ORG_FAILED" in named("join-org")


def test_every_setting_is_written_down_and_no_other() -> None:
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)(?:=\w+)?`", PROTOCOL))
    assert set(Settings.model_fields) <= words
    others = {"new_conversation", "hand_off", "user_ended", "agent_ended", "connect_error"}
    assert {word for word in words if "_" in word} <= {*Settings.model_fields, *others}


@walk("join-conversation")
def join_conversation(day: Day) -> list[Event]:
    visitor = person(day.talk, "visitor")
    begun = visitor.emit("join-conversation", {"sessionId": "mine"})
    assert names(begun) == ["conversation-started"], "to the caller"
    id = begun[0][1]["conversationId"]
    told = day.told()
    assert names(told) == ["new_conversation", "notification"]
    assert told[0][1]["conversation"]["conversationId"] == id
    again = visitor.emit("join-conversation", {"sessionId": "mine"})
    assert (names(again), again[0][1]["conversationId"]) == (["conversation-started", "join"], id)
    named = visitor.emit("join-conversation", {"conversationId": id})
    assert (names(named), named[0][1]["conversationId"]) == (["conversation-started", "join"], id)
    assert codes(visitor.emit("join-conversation", {"conversationId": "nothing"})) == ["CONVERSATION_NOT_FOUND"]
    day.talk.act(id, _say())
    assert names(visitor.events()) == ["message"], "its room is joined"
    queued = user(day.talk, "admin-eve").emit("join-conversation", {"conversationId": "conv-queued"})
    assert one(queued, "queue-update")["position"] == 1
    for waiting in ("conv-escalated", "conv-queued"):
        taken = user(day.talk, "agent-bob").emit("join-conversation", {"conversationId": waiting})
        assert names(taken)[-2:] == ["agent-joined", "status-change"]
    return begun + told + again + queued


def _say() -> Any:
    from simulator.core.bot import Say

    return Say("hello")


@walk("send-message")
def send_message(day: Day) -> list[Event]:
    visitor = person(day.talk, "visitor")
    id = visitor.join()["conversationId"]
    said = visitor.emit("send-message", {"content": "refunds?", "conversationId": id})
    assert names(said) == ["message", "status-change"]
    assert said[1][1]["status"] == "ai"
    answer = one(visitor.after(1), "message")["message"]
    assert answer["content"].startswith("Send a bike back"), "the bot hears it"
    assert [m["content"] for m in visitor.join(conversationId=id)["messages"]][1:] == ["refunds?", answer["content"]]
    mine = day.bob.emit("send-message", {"content": "I have it", "conversationId": ADA})
    room = day.beside.events()
    assert names(room) == ["agent-joined", "status-change", "message"], "that agent takes the conversation"
    assert (day.row_of(ADA)["status"], day.row_of(ADA)["assignedAgentId"]) == ("agent", "agent-bob")
    assert "message" not in names(mine), "who is not in the room hears no echo"
    return said + room


@walk("typing")
def typing(day: Day) -> list[Event]:
    day.bob.join(conversationId=ADA)
    day.bob.emit("send-message", {"content": "Are you there?", "conversationId": ADA})
    day.told(), day.ada.events()
    assert day.ada.emit("typing", {"conversationId": ADA, "isTyping": True}) == [], "without the sender"
    room = day.told()
    assert [body["isTyping"] for _, body in room] == [True, True]
    assert day.messages()[-1]["status"]["read"] is True, "what was said to the one who types counts as read"
    return room


@walk("escalate")
def escalate(day: Day) -> list[Event]:
    first = day.ada.emit("escalate", {"conversationId": ADA, "reason": "why not"})
    assert [body["status"] for name, body in first if name == "status-change"] == ["escalated"]
    told = one(day.bob.events(), "notification")
    assert (told["type"], told["data"]["reason"]) == ("escalation", "why not")
    then = day.ada.after(1)
    assert [body["status"] for name, body in then if name == "status-change"] == ["queued"]
    assert one(then, "queue-update")["position"] == 2
    return [*first, *then, ("notification", told)]


@walk("end-conversation")
def end_conversation(day: Day) -> list[Event]:
    day.ada.emit("request-rag-response-stream", {"query": "refunds"})
    day.told()
    mine = day.ada.emit("end-conversation", {"conversationId": ADA})
    assert names(mine)[-4:] == ["typing", "rag-stream-complete", "status-change", "conversation-ended"]
    assert day.beside.events() == mine[-4:]
    assert day.row_of(ADA)["timestamps"]["endedAt"] == "2026-01-01T00:00:00.000Z"
    assert one(day.ada.after(240), "status-change")["status"] == "closed"
    assert one(user(day.talk, "agent-bob").emit("end-conversation", {"conversationId": ADA}), "error")
    return mine


@walk("rate")
def rate(day: Day) -> list[Event]:
    assert day.ada.emit("rate", {"conversationId": ADA, "rating": "bad", "comment": "slow"}) == []
    told = day.told()
    assert one(told, "notification")["message"] == "slow"
    assert one(told, "conversation-update")["conversation"]["rating"] == "bad"
    assert day.ada.emit("rate", {"conversationId": "conv-ended", "rating": "good"}) == [], "also when it is over"
    assert "notification" not in names(day.told()), "a good one is nobody's business"
    assert day.row_of("conv-ended")["rating"] == "good"
    day.ada.emit("rate", {"conversationId": ADA, "rating": "bad"})
    assert one(day.told(), "notification")["message"] == "without a comment"
    return told


@walk("join-knowledge-room")
def join_knowledge_room(day: Day) -> list[Event]:
    joined = day.ada.emit("join-knowledge-room", {"tenantId": "tenant-123"})
    assert joined == [("knowledge-room-joined", {"tenantId": "tenant-123"})]
    refused = day.ada.emit("join-knowledge-room", {"tenantId": "tenant-456"})
    day.beside.emit("search-knowledge", {"query": "weather on Mars"})
    assert one(day.ada.events(), "notification")["type"] == "knowledge-gap"
    mine = day.ada.emit("search-knowledge", {"query": "weather on Mars"})
    assert names(mine) == ["knowledge-search-results"], "to the others"
    return joined + refused


@walk("search-knowledge")
def search_knowledge(day: Day) -> list[Event]:
    found = day.ada.emit("search-knowledge", {"query": "password"})
    assert one(found, "knowledge-search-results")["results"][0]["id"] == "kb-password"
    narrow = day.ada.emit("search-knowledge", {"query": "password", "category": "billing", "tags": ["refund"]})
    assert one(narrow, "knowledge-search-results")["totalResults"] == 0
    told = day.told()
    assert one(told, "notification")["data"] == {"query": "password"}, "to others in the knowledge room"
    assert "notification" not in names(narrow)
    return found + told


@walk("request-rag-response")
def rag(day: Day) -> list[Event]:
    assert day.ada.emit("request-rag-response", {"query": "refunds"}) == []
    assert day.ada.after(0.4) == []
    answer = day.ada.after(0.1)
    assert one(answer, "rag-response")["response"].startswith("Send a bike back")
    day.ada.emit("request-rag-response", {"query": "weather on Mars"})
    assert one(day.ada.after(1), "rag-response")["response"].startswith("I could not find")
    return answer


@walk("request-rag-response-stream")
def rag_stream(day: Day) -> list[Event]:
    asked = day.ada.emit("request-rag-response-stream", {"query": "refunds"})
    said = one(day.beside.events(), "message")["message"]
    assert (said["content"], said["sender"]) == ("refunds", "user"), "the query is a message of the one joined last"
    answer = day.ada.after(5)
    order = names(answer)
    assert order == ["typing", *["rag-stream-chunk"] * (len(order) - 3), "message", "rag-stream-complete"]
    chunks = [body["chunk"] for name, body in answer if name == "rag-stream-chunk"]
    assert all(len(chunk.split()) == 3 for chunk in chunks[:-1])
    assert "".join(chunks) == answer[-2][1]["message"]["content"]
    assert names(day.told())[-1] == "rag-stream-complete"
    outside = user(day.talk, "user-ada")
    outside.emit("request-rag-response-stream", {"query": "refunds", "context": {"conversationId": ADA}})
    assert names(outside.after(5))[-2:] == ["message", "rag-stream-complete"], "who asks hears the answer"
    alone = person(day.talk, "alone")
    alone.emit("request-rag-response-stream", {"query": "refunds"})
    bare = alone.after(5)
    assert names(bare)[-2:] == ["rag-response", "rag-stream-complete"], "without a conversation"
    day.bob.emit("send-message", {"content": "I have it", "conversationId": ADA})
    day.ada.events(), day.told()
    late = day.ada.emit("request-rag-response-stream", {"query": "Bob?"})
    assert names(late) == ["rag-stream-complete"], "complete at once"
    assert day.messages()[-1]["content"] == "Bob?", "the agent hears it"
    return asked + answer + bare + late


@walk("request-ai-analysis")
def analysis(day: Day) -> list[Event]:
    heard: list[Event] = []
    for kind, text, result in (
        ("intent", "reset my password", {"intent": "account"}),
        ("sentiment", "I am frustrated with this service", {"sentiment": "negative", "score": -1}),
        ("pii", "I am ada@example.com", None),
        ("language", "Wie kann ich das bitte", {"language": "de"}),
    ):
        heard += day.ada.emit("request-ai-analysis", {"message": text, "analysisType": kind})
        told = heard[-1][1]
        assert (told["analysisType"], told["result"]) == (kind, result or told["result"])
        assert 0 < told["confidence"] <= 1
    assert heard[2][1]["result"]["redacted"] == "I am [email]"
    return heard


@walk("request-conversation-summary")
def summary(day: Day) -> list[Event]:
    told = day.ada.emit("request-conversation-summary")
    assert one(told, "conversation-summary")["keyPoints"] == ["How do I reset my password?"]
    return told + person(day.talk, "nowhere").emit("request-conversation-summary")


@walk("join-conversation-list")
def join_list(day: Day) -> list[Event]:
    eve = user(day.talk, "admin-eve")
    joined = eve.emit("join-conversation-list", {"tenantId": "tenant-123"})
    assert joined == [("joined-conversation-list", {"tenantId": "tenant-123"})]
    refused = eve.emit("join-conversation-list", {"tenantId": "tenant-456"})
    assert codes(day.ada.emit("join-conversation-list", {"tenantId": "tenant-123"})) == codes(refused)
    day.ada.emit("rate", {"conversationId": ADA, "rating": "good"})
    assert names(eve.events()) == ["conversation-update"]
    return joined + refused


@walk("request-conversation-list")
def request_list(day: Day) -> list[Event]:
    staff = day.bob.emit("request-conversation-list", {})
    ids = [row["conversationId"] for row in one(staff, "conversation-list")["data"]["conversations"]]
    assert (len(ids), "conv-hill" in ids) == (8, False), "staff the tenant's"
    own = one(day.ada.emit("request-conversation-list", {}), "conversation-list")["data"]["conversations"]
    assert [row["conversationId"] for row in own] == [ADA, "conv-ended"], "people their own, newest activity first"
    day.ada.emit("send-message", {"conversationId": ADA, "content": "hello"})
    again = one(day.bob.emit("request-conversation-list", {}), "conversation-list")["data"]["conversations"]
    assert (again[0]["conversationId"], len(again[0]["messages"])) == (ADA, 1)
    return staff


@walk("update-conversation-metadata")
def metadata(day: Day) -> list[Event]:
    assert day.ada.emit("update-conversation-metadata", {"metadata": {"plan": "gold", "ipAddress": "10.0.0.9"}}) == []
    told = day.told()
    found = one(told, "conversation-update")["conversation"]["metadata"]
    assert found == {"userAgent": "Mozilla/5.0", "ipAddress": "10.0.0.9", "plan": "gold"}, "put over what is there"
    return told


@walk("join-org")
def join_org(day: Day) -> list[Event]:
    eve = user(day.talk, "admin-eve")
    joined = eve.emit("join-org", {"orgId": "org-workshop", "userId": "admin-eve"})
    assert one(joined, "org-joined")["roomName"] == "org:org-workshop"
    refused = eve.emit("join-org", {"orgId": "org-hill"})
    assert codes(eve.emit("join-org", {"orgId": "org-workshop", "userId": "user-ada"})) == codes(refused)
    person(day.talk, "visitor", {"widgetKey": "wk-workshop-1", "chatbotId": "bot-workshop"}).join()
    assert names(eve.events()) == ["notification"]
    return joined + refused


@walk("leave-org")
def leave_org(day: Day) -> list[Event]:
    left = day.bob.emit("leave-org", {"orgId": "org-harbour"})
    assert one(left, "org-left")["orgId"] == "org-harbour"
    again = day.bob.emit("leave-org", {"orgId": "org-harbour"})
    day.ada.emit("escalate", {"conversationId": ADA})
    assert "notification" not in names(day.bob.events())
    return left + again


@walk("track-activity")
def track_activity(day: Day) -> list[Event]:
    assert day.ada.emit("track-activity", {"activity": "click", "data": {"x": [1]}}) == []
    told = day.told()
    assert one(told, "notification")["data"] == {
        "dashboardId": "dash-harbour", "userId": "user-ada", "activity": "click", "data": {"x": [1]},
    }  # fmt: skip
    return told


@walk("page-view")
def page_view(day: Day) -> list[Event]:
    assert day.ada.emit("page-view", {"page": "/pricing", "referrer": "/home"}) == []
    told = day.told()
    assert one(told, "notification")["data"]["page"] == "/pricing"
    found = day.row_of(ADA)["metadata"]
    assert (found["page"], found["referrer"]) == ("/pricing", "/home"), "they stand in the conversation's metadata"
    day.ada.emit("end-conversation", {"conversationId": ADA})
    day.told()
    day.ada.emit("page-view", {"page": "/late"})
    assert names(day.told()) == ["notification"]
    assert day.row_of(ADA)["metadata"]["page"] == "/pricing", "what is over stays as it was"
    return told


@walk("subscribe-dashboard")
def subscribe_dashboard(day: Day) -> list[Event]:
    eve = user(day.talk, "admin-eve")
    joined = eve.emit("subscribe-dashboard", {"dashboardId": "dash-workshop"})
    assert one(joined, "dashboard-subscribed")["dashboardId"] == "dash-workshop"
    otto = user(day.talk, "user-otto")
    otto.emit("track-activity", {"activity": "click"})
    assert one(eve.events(), "notification")["data"]["userId"] == "user-otto"
    return joined + eve.emit("subscribe-dashboard", {"dashboardId": "dash-hill"})


@walk("ping")
def ping(day: Day) -> list[Event]:
    day.talk.after(1.5)
    pong = day.ada.emit("ping")
    assert pong == [("pong", {"timestamp": "2026-01-01T00:00:01.500Z"})]
    return pong


@walk("disconnect")
def disconnect(day: Day) -> list[Event]:
    day.ada.emit("typing", {"conversationId": ADA, "isTyping": True})
    day.told()
    day.ada.socket.send("41")
    room = day.told()
    assert [body["isTyping"] for _, body in room] == [False], "who was typing is not any more"
    day.talk.act(ADA, _say())
    assert day.ada.events() == [], "rooms are left"
    day.beside.socket.send('42["disconnect"]')
    assert not day.beside.socket.open, "who writes it by hand is cut off"
    return room


@walk("error")
def error(day: Day) -> list[Event]:
    for what in ({}, {"message": "oh"}, "oh", [1], None):
        assert day.ada.emit("error", {"error": what}) == day.ada.emit("error", what) == []
    assert len([text for _, text, _ in day.talk.logged if "a client has an error" in text]) == 10
    return []


@walk("react-message")
def react(day: Day) -> list[Event]:
    thumb = {"conversationId": ADA, "messageId": "msg-ada-2", "reaction": "like"}
    first, again = day.ada.emit("react-message", thumb), day.ada.emit("react-message", thumb)
    assert [one(events, "react-message")["liked"] for events in (first, again)] == [True, False]
    assert names(day.beside.events()) == ["react-message"] * 2
    return first + day.ada.emit("react-message", {**thumb, "messageId": "nothing"})


def test_who_may_do_it_is_as_written() -> None:
    """A person, one of the staff: what the rows say of roles, on one day."""
    day = Day()
    people: list[Person] = [person(day.talk, "visitor"), day.ada]
    for who in people:
        assert codes(who.emit("join-conversation-list", {"tenantId": "tenant-123"})) == ["JOIN_CONVERSATION_LIST_ERROR"]
    assert codes(people[0].emit("join-org", {"orgId": "org-harbour"})) == ["JOIN_ORG_FAILED"]
