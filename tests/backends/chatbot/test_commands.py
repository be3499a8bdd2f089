"""Every event of a client, with the effects that PROTOCOL.md names; every event of the server, with what causes it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from simulator.backends import load
from simulator.backends.chatbot.messages import SendMessage
from simulator.backends.chatbot.names import BEYOND, COMMANDS, EVENTS
from simulator.backends.chatbot.telling import Failed
from simulator.core.bot import End
from simulator.core.message import Message
from simulator.serve import seeds
from tests.backends.chatbot.chats import Person, chat, checked, codes, names, one, person, user
from tests.talk import UPGRADE, Talk

PROTOCOL = Path(__file__).parents[3] / "simulator" / "backends" / "chatbot" / "PROTOCOL.md"


class Story:
    """One day at the desk: everything is said at least once, and noted."""

    def __init__(self) -> None:
        self.talk: Talk = chat()
        self.heard: list[tuple[str, Any]] = []
        self.said: set[str] = set()
        self.people: dict[str, Person] = {}

    def enter(self, name: str, auth: str | None = None) -> Person:
        found = Person(self.talk, name, {"widgetKey": "wk-harbour-1", "chatbotId": "bot-harbour"})
        if auth is not None:
            found = self.people[name] = user(self.talk, auth)
        else:
            self.people[name] = found
            self.note(found.events())
        return found

    def note(self, events: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        self.heard += events
        checked(self.talk, events)
        return events

    def emit(self, who: Person, event: str, *args: Any) -> list[tuple[str, Any]]:
        self.said.add(event)
        return self.note(who.emit(event, *args))


def test_all_23_client_events_have_their_effects_and_all_21_server_events_are_seen() -> None:
    story = Story()
    talk = story.talk
    agent = user(talk, "agent-bob")
    story.people["agent"] = agent
    visitor = Person(talk, "visitor", {"widgetKey": "wk-harbour-1", "chatbotId": "bot-harbour"})
    assert names(story.note(visitor.events())) == ["connected"]
    do = story.emit

    # The agent's rooms first, so that everything that follows is seen there.
    assert do(agent, "join-conversation-list", {"tenantId": "tenant-123"}) == [
        ("joined-conversation-list", {"tenantId": "tenant-123"})
    ]
    joined = one(do(agent, "join-org", {"orgId": "org-harbour", "userId": "agent-bob"}), "org-joined")
    assert joined == {"orgId": "org-harbour", "roomName": "org:org-harbour", "timestamp": "2026-01-01T00:00:00.000Z"}
    assert one(do(agent, "subscribe-dashboard", {"dashboardId": "dash-harbour"}), "dashboard-subscribed") == {
        "dashboardId": "dash-harbour", "timestamp": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    assert do(agent, "join-knowledge-room", {"tenantId": "tenant-123"}) == [
        ("knowledge-room-joined", {"tenantId": "tenant-123"})
    ]

    # join-conversation: started for the visitor, new for list and org.
    started = one(do(visitor, "join-conversation", {"sessionId": "session-123"}), "conversation-started")
    id = started["conversationId"]
    assert (started["status"], started["sessionId"], len(started["messages"])) == ("new", "session-123", 1)
    seen = story.note(agent.events())
    assert names(seen) == ["new_conversation", "notification"]
    assert seen[0][1]["conversation"]["conversationId"] == id
    assert seen[1][1]["type"] == "new-conversation"

    # send-message: echo, new -> ai, the answer after a while.
    said = do(visitor, "send-message", {"content": "How do I reset my password?", "conversationId": id})
    assert names(said) == ["message", "status-change"]
    assert said[1][1] == {"status": "ai", "conversationId": id}
    assert set(names(story.note(agent.events()))) == {"conversation-update"}
    answered = story.note(visitor.after(1))
    assert names(answered) == ["typing", "typing", "message"]
    answer = answered[2][1]["message"]
    assert (answer["sender"], answer["senderName"]) == ("ai", "Harbour Helper")
    assert answer["metadata"] == {"aiConfidence": pytest.approx(0.95), "intent": "account"}

    # react-message: the room sees the thumb.
    liked = {"conversationId": id, "messageId": answer["messageId"], "reaction": "like"}
    assert one(do(visitor, "react-message", liked), "react-message")["liked"] is True

    # track-activity and page-view: nothing comes back, the dashboard hears.
    assert do(visitor, "track-activity", {"activity": "click", "data": {"x": 1}}) == []
    told = one(story.note(agent.events()), "notification")
    assert (told["type"], told["data"]["activity"]) == ("activity", "click")
    assert do(visitor, "page-view", {"page": "/pricing", "referrer": "/home"}) == []
    paged = story.note(agent.events())
    assert one(paged, "notification")["data"]["page"] == "/pricing"
    assert one(paged, "conversation-update")["conversation"]["metadata"]["referrer"] == "/home"

    # update-conversation-metadata: it stands in the list.
    assert do(visitor, "update-conversation-metadata", {"metadata": {"plan": "gold"}}) == []
    assert one(story.note(agent.events()), "conversation-update")["conversation"]["metadata"]["plan"] == "gold"

    # Knowledge and AI.
    results = one(do(visitor, "search-knowledge", {"query": "password"}), "knowledge-search-results")
    assert (results["totalResults"], results["results"][0]["id"]) == (1, "kb-password")
    gap = one(do(visitor, "search-knowledge", {"query": "weather on Mars"}), "knowledge-search-results")
    assert gap == {"query": "weather on Mars", "results": [], "totalResults": 0}
    assert one(story.note(agent.events()), "notification")["type"] == "knowledge-gap"
    assert do(visitor, "request-rag-response", {"query": "refunds"}) == []
    assert one(story.note(visitor.after(0.5)), "rag-response")["response"].startswith("Send a bike back")
    for kind in ("intent", "sentiment", "pii", "language"):
        got = one(
            do(visitor, "request-ai-analysis", {"message": "I hate this", "analysisType": kind}), "ai-analysis-result"
        )
        assert got["analysisType"] == kind
    summary = one(do(visitor, "request-conversation-summary"), "conversation-summary")
    assert summary["keyPoints"] == ["How do I reset my password?"]

    # A streamed answer, in its order, whole.
    asked = {"query": "Where is my order?", "context": {"conversationId": id, "history": []}}
    assert do(visitor, "request-rag-response-stream", asked) == [
        ("typing", {"sender": "ai", "senderName": "Harbour Helper", "isTyping": True, "conversationId": id})
    ]
    streamed = story.note(visitor.after(3))
    order = names(streamed)
    assert order == ["typing", *["rag-stream-chunk"] * (len(order) - 3), "message", "rag-stream-complete"]
    text = "".join(body["chunk"] for name, body in streamed if name == "rag-stream-chunk")
    assert text == streamed[-2][1]["message"]["content"]
    agent.events()

    # typing both ways, escalate, queue, agent, rate, end.
    assert do(visitor, "typing", {"conversationId": id, "isTyping": True}) == []
    assert names(do(visitor, "escalate", {"conversationId": id, "reason": "a person please"})) == ["status-change"]
    hurried = story.note(agent.events())
    assert names(hurried) == ["conversation-update", "notification"]
    assert one(hurried, "notification")["data"] == {"conversationId": id, "reason": "a person please"}
    queued = story.note(visitor.after(1))
    assert queued == [
        ("status-change", {"status": "queued", "conversationId": id}),
        ("queue-update", {"position": 2, "estimatedWait": 20, "conversationId": id}),
    ]
    agent.events()
    taken = do(agent, "join-conversation", {"conversationId": id})
    assert names(taken)[:2] == ["conversation-started", "join"]
    came = story.note(visitor.events())
    assert came == [
        ("agent-joined", {"agentName": "Bob Desk", "agentId": "agent-bob", "conversationId": id}),
        ("status-change", {"status": "agent", "conversationId": id, "agentName": "Bob Desk", "agentId": "agent-bob"}),
    ]
    do(agent, "typing", {"conversationId": id, "isTyping": True})
    assert one(story.note(visitor.events()), "typing")["sender"] == "agent"
    do(agent, "send-message", {"content": "Hello!", "conversationId": id})
    assert one(story.note(visitor.events()), "message")["message"]["senderName"] == "Bob Desk"
    assert do(visitor, "rate", {"conversationId": id, "rating": "bad", "comment": "slow"}) == []
    rated = story.note(agent.events())
    assert one(rated, "notification")["message"] == "slow"
    ended = do(visitor, "end-conversation", {"conversationId": id})
    assert ended == [
        ("status-change", {"status": "ended", "conversationId": id}),
        ("conversation-ended", {"conversationId": id, "reason": "user_ended"}),
    ]
    agent.events()
    assert story.note(visitor.after(240)) == [("status-change", {"status": "closed", "conversationId": id})]
    agent.events()

    listed = one(do(agent, "request-conversation-list", {"status": "closed"}), "conversation-list")
    conversation = listed["data"]["conversations"][0]
    assert (conversation["rating"], conversation["metrics"]["agentMessageCount"]) == ("bad", 1)
    assert {"created", "lastActivity", "queuedAt", "agentAssignedAt", "endedAt"} == {*conversation["timestamps"]}
    assert {"queueTimeSeconds", "handleTimeSeconds"} < {*conversation["metrics"]}

    # The rest: ping, error, leave-org, disconnect.
    assert names(do(visitor, "ping")) == ["pong"]
    assert do(visitor, "error", {"error": {}}) == []
    assert any("a client has an error" in text for _, text, _ in talk.logged)
    assert one(do(agent, "leave-org", {"orgId": "org-harbour"}), "org-left")["orgId"] == "org-harbour"
    assert codes(do(visitor, "send-message", {"content": "too late", "conversationId": id})) == ["CONVERSATION_ENDED"]
    visitor.socket.send("41")
    story.said.add("disconnect")
    rules: Any = talk.running.engine.rules
    assert len(rules._clients) == 1

    assert story.said == set(COMMANDS)
    assert {name for name, _ in story.heard} == set(EVENTS)
    assert (len(story.said - {"react-message"}), len(set(EVENTS) - BEYOND)) == (23, 21)


def test_protocol_has_a_row_for_each_event() -> None:
    text = PROTOCOL.read_text()
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert set(COMMANDS) | set(EVENTS) <= named


def test_disconnect_ends_typing_and_is_a_reserved_name() -> None:
    talk = chat()
    agent, ada = user(talk, "agent-bob"), user(talk, "user-ada")
    agent.join(conversationId="conv-456")
    ada.join(conversationId="conv-456")
    ada.emit("typing", {"conversationId": "conv-456", "isTyping": True})
    assert one(agent.events(), "typing")["senderName"] == "Ada Example"
    ada.socket.send("41")
    assert one(agent.events(), "typing") == {
        "sender": "user", "senderName": "Ada Example", "isTyping": False, "conversationId": "conv-456",
    }  # fmt: skip
    agent.emit("typing", {"conversationId": "conv-456", "isTyping": True})
    agent.emit("end-conversation", {"conversationId": "conv-456"})
    agent.socket.send('42["disconnect"]')
    assert not agent.socket.open


def test_switched_replies() -> None:
    talk = chat(reply_rate=True, reply_metadata=True, reply_activity=True, reply_page_view=True, acknowledge=True)
    ada = user(talk, "user-ada")
    ada.join(conversationId="conv-456")
    kinds = []
    for event, body in (
        ("rate", {"conversationId": "conv-456", "rating": "good"}),
        ("update-conversation-metadata", {"metadata": {"a": 1}}),
        ("track-activity", {"activity": "x"}),
        ("page-view", {"page": "/"}),
    ):
        kinds.append(one(ada.emit(event, body), "notification")["type"])
    assert kinds == ["rating", "metadata", "activity", "page-view"]
    ada.socket.send('427["ping"]')
    assert ada.frames()[-1] == '437[{"success":true}]'
    ada.socket.send('428["send-message",{}]')
    [ack, error] = ada.frames()
    assert ack.startswith('438[{"success":false,"error":{"message":"Invalid payload","code":"INVALID_PAYLOAD"')
    assert error.startswith('42["error"')


def test_no_reply_to_escalate_and_end() -> None:
    talk = chat(reply_escalate=False, reply_end=False, queue_delay=0)
    ada = user(talk, "user-ada")
    ada.join(conversationId="conv-456")
    assert ada.emit("escalate", {"conversationId": "conv-456"}) == []
    assert ada.emit("end-conversation", {"conversationId": "conv-456"}) == []
    assert ada.join(conversationId="conv-456")["status"] == "ended"


def test_no_reply_to_end_is_about_clients_alone() -> None:
    """What an operator or the clock ends is told: no client has asked for it."""
    talk = chat(reply_end=False)
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    talk.act(id, End())
    assert one(visitor.events(), "conversation-ended")["reason"] == "resolved"
    id = visitor.join()["conversationId"]
    assert one(visitor.after(301), "conversation-ended")["reason"] == "timeout"


@pytest.mark.parametrize(("echo", "own", "others"), [("room", 1, 1), ("others", 0, 1), ("none", 0, 0)])
def test_who_hears_the_echo(echo: str, own: int, others: int) -> None:
    talk = chat(echo_messages=echo, echo_queries=echo, bot="none")
    ada, bob = user(talk, "user-ada"), user(talk, "agent-bob")
    ada.join(conversationId="conv-456")
    bob.join(conversationId="conv-456")
    said = {"content": "hello", "conversationId": "conv-456"}
    assert names(ada.emit("send-message", said)).count("message") == own
    assert names(bob.events()).count("message") == others
    ada.emit("request-rag-response-stream", {"query": "hello"})
    assert names(bob.events()).count("message") == others


def test_sessions_and_what_joining_can_be() -> None:
    talk = chat(join_event="never")
    visitor = person(talk)
    first = visitor.join(sessionId="s-1")
    assert visitor.join(sessionId="s-1")["conversationId"] == first["conversationId"]
    other = person(talk, "other")
    assert other.join(sessionId="s-1")["conversationId"] == first["conversationId"], "the same widget's session"
    visitor.emit("end-conversation", {"conversationId": first["conversationId"]})
    assert visitor.join(sessionId="s-1")["conversationId"] != first["conversationId"]
    assert visitor.join()["conversationId"] != visitor.join()["conversationId"]
    assert user(talk, "user-ada").join(sessionId="session-ada")["conversationId"] == "conv-456"

    anew = person(chat(resume_by_session=False))
    assert anew.join(sessionId="s")["conversationId"] != anew.join(sessionId="s")["conversationId"]
    strict = person(chat(require_session=True))
    assert codes(strict.emit("join-conversation", {})) == ["INVALID_PAYLOAD"]
    assert strict.join(sessionId="s")["status"] == "new"
    maker = person(chat(unknown_conversation="create"))
    assert maker.join(conversationId="mine")["conversationId"] == "mine"
    assert codes(maker.emit("join-conversation", {"conversationId": "conv-hill"})) == ["CONVERSATION_NOT_FOUND"]


def test_welcome_and_join_by_setting() -> None:
    started = person(chat(welcome="field")).join()
    assert (started["messages"], started["welcomeMessage"][:3]) == ([], "Hi!")
    started = person(chat(welcome="none")).join()
    assert (started["messages"], "welcomeMessage" in started) == ([], False)
    quiet: Any = seeds.load(load("chatbot"), None, []).model_dump()
    quiet["widgets"][0]["welcomeMessage"] = ""
    started = person(Talk("chatbot", seeded=quiet)).join()
    assert (started["messages"], "welcomeMessage" in started) == ([], False)
    always = person(chat(join_event="always")).emit("join-conversation", {})
    assert names(always) == ["conversation-started", "join"]
    assert always[1][1]["message"] == "Welcome!"
    plain = person(chat(beyond_document=False))
    [(name, started)] = plain.emit("join-conversation", {})
    assert (name, [*started]) == ("conversation-started", ["conversationId", "messages", "status", "sessionId"])
    assert "_id" not in started["messages"][0]
    again = user(chat(), "user-ada").emit("join-conversation", {"conversationId": "conv-456"})
    assert again[1][1] == {
        "message": "Welcome back!", "conversationId": "conv-456", "displayName": "AI Assistant",
        "reactions": {"liked": False, "disliked": False},
    }  # fmt: skip


def test_a_metadata_of_the_request() -> None:
    talk = chat()
    headers = (
        *UPGRADE,
        ("User-Agent", "Tester/1"),
        ("Referer", "https://shop.example.com/"),
        ("X-Forwarded-For", "10.0.0.9, 10.0.0.1"),
    )
    agent = user(talk, "agent-bob")
    agent.emit("join-conversation-list", {"tenantId": "tenant-123"})
    person(talk, "visitor", headers=headers).join()
    metadata = one(agent.events(), "new_conversation")["conversation"]["metadata"]
    assert metadata == {"userAgent": "Tester/1", "ipAddress": "10.0.0.9", "referrer": "https://shop.example.com/"}


def test_a_thumb_is_taken_back() -> None:
    talk = chat()
    ada = user(talk, "user-ada")
    ada.join(conversationId="conv-456")
    seen = []
    for reaction in ("like", "dislike", "dislike", "like", "like"):
        body = {"conversationId": "conv-456", "messageId": "msg-ada-2", "reaction": reaction}
        told = one(ada.emit("react-message", body), "react-message")
        seen.append((told["liked"], told["disliked"]))
    assert seen == [(True, False), (False, True), (False, False), (True, False), (False, False)]
    wrong = {"conversationId": "conv-456", "messageId": "nothing", "reaction": "like"}
    assert codes(ada.emit("react-message", wrong)) == ["MESSAGE_NOT_FOUND"]


def test_metadata_has_a_limit_and_keeps_its_types() -> None:
    talk = chat(metadata_limit=200)
    ada = user(talk, "user-ada")
    ada.join(conversationId="conv-456")
    assert codes(ada.emit("update-conversation-metadata", {"metadata": {"a": "x" * 300}})) == ["INVALID_PAYLOAD"]
    assert codes(ada.emit("update-conversation-metadata", {"metadata": {"a": "\ud800"}})) == ["INVALID_PAYLOAD"]
    assert codes(ada.emit("update-conversation-metadata", {"metadata": {"userAgent": 5}})) == ["INVALID_PAYLOAD"]
    assert ada.emit("update-conversation-metadata", {"metadata": {"a": [1, None]}}) == []
    assert ada.emit("page-view", {"page": "x" * 190}) == [], "too much of it is only not kept"
    fresh = user(talk, "user-otto")
    assert fresh.emit("page-view", {"page": "/", "referrer": "/a"}) == []
    assert codes(fresh.emit("update-conversation-metadata", {"metadata": {}})) == ["NO_CONVERSATION"]
    assert codes(fresh.emit("request-conversation-summary")) == ["NO_CONVERSATION"]


def test_read_and_delivered() -> None:
    talk = chat(bot="none")
    ada = user(talk, "user-ada")
    ada.join(conversationId="conv-456")
    sent = one(ada.emit("send-message", {"content": "hello", "conversationId": "conv-456"}), "message")["message"]
    assert sent["status"] == {"sent": True, "delivered": False, "read": False}
    bob = user(talk, "agent-bob")
    bob.join(conversationId="conv-456")
    bob.emit("typing", {"conversationId": "conv-456", "isTyping": True})
    told = one(bob.emit("send-message", {"content": "yes?", "conversationId": "conv-456"}), "message")["message"]
    assert told["status"] == {"sent": True, "delivered": True, "read": False}
    ada.emit("typing", {"conversationId": "conv-456", "isTyping": False})
    messages = ada.join(conversationId="conv-456")["messages"]
    assert [message["status"]["read"] for message in messages[-2:]] == [True, True]


@cache
def fresh_rules() -> Any:
    return chat().running.engine.rules


@pytest.mark.parametrize("content", ["Hello", "Grüße", "", " ", 1, None, "x" * 3, ["Hello"], "\ud800"])
@pytest.mark.parametrize("id", ["conv_1", "", 7, None, "größe"])
@pytest.mark.parametrize("more", [{}, {"extra": 1}])
def test_what_is_plainly_right_is_what_the_model_says(content: Any, id: Any, more: dict[str, Any]) -> None:
    rules = fresh_rules()
    body = {"conversationId": id, "content": content, **more}
    try:
        order = SendMessage.model_validate(body)
    except ValidationError:
        with pytest.raises(Failed):
            rules._read(Message("send-message", (body,)))
    else:
        read = rules._read(Message("send-message", (body,)))
        assert (read.conversationId, read.content) == (order.conversationId, order.content)
