"""RAG answers: where they go, how many at once, and how they end early."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.core.bot import End, HandOff, Stream, Typing
from tests.backends.chatbot.chats import Event, chat, codes, names, one, person, user


def test_without_a_conversation() -> None:
    visitor = person(chat(stream_words=50))
    assert visitor.emit("request-rag-response-stream", {"query": "refunds"}) == []
    text = (
        "Send a bike back within thirty days, and we refund the price within a week. You do not need to give a reason."
    )
    assert visitor.after(1) == [
        ("rag-stream-chunk", {"chunk": text}),
        ("rag-response", {"query": "refunds", "response": text}),
        ("rag-stream-complete", {}),
    ]


def test_not_more_than_some_at_once() -> None:
    visitor = person(chat(most_streams=2))
    visitor.emit("request-rag-response", {"query": "refunds"})
    visitor.emit("request-rag-response-stream", {"query": "refunds"})
    assert codes(visitor.emit("request-rag-response", {"query": "refunds"})) == ["RAG_BUSY"]
    assert codes(visitor.emit("request-rag-response-stream", {"query": "refunds"})) == ["RAG_BUSY"]
    visitor.after(5)
    for event in ("request-rag-response", "request-rag-response-stream"):
        assert codes(visitor.emit(event, {"query": "refunds"})) == [], "both are over"
    assert codes(visitor.emit("request-rag-response", {"query": "refunds"})) == ["RAG_BUSY"]


def test_an_end_cuts_it() -> None:
    talk = chat()
    visitor, other = person(talk), person(talk, "other")
    id = visitor.join()["conversationId"]
    other.join(conversationId=id)
    for query in ("refunds", "password"):
        visitor.emit("request-rag-response-stream", {"query": query})
    talk.act(id, Stream(["never "] * 100))
    visitor.after(0.5)
    other.events()
    assert names(visitor.emit("end-conversation", {"conversationId": id}))[:3] == ["rag-stream-complete"] * 3
    assert "rag-stream-chunk" not in names(visitor.after(10))
    assert "rag-stream-chunk" not in names(other.events())
    rules: Any = talk.running.engine.rules
    assert rules._answers._streams == {}
    assert visitor.emit("request-rag-response-stream", {"query": "x"}) == [], "the ended one is not asked about"
    assert codes(visitor.emit("request-rag-response-stream", {"query": "x", "context": {"conversationId": id}})) == [
        "CONVERSATION_ENDED"
    ]


def test_a_person_has_it() -> None:
    talk = chat()
    visitor, bob = person(talk), user(talk, "agent-bob")
    id = visitor.join()["conversationId"]
    bob.join(conversationId=id)
    bob.emit("send-message", {"content": "I am here", "conversationId": id})
    visitor.events()
    assert visitor.emit("request-rag-response-stream", {"query": "refunds"}) == [
        ("rag-stream-complete", {"conversationId": id})
    ]
    assert one(bob.events(), "message")["message"]["content"] == "refunds"
    assert visitor.after(5) == []


def test_who_asked_is_gone() -> None:
    talk = chat()
    visitor, other = person(talk), person(talk, "other")
    id = visitor.join()["conversationId"]
    other.join(conversationId=id)
    visitor.emit("request-rag-response", {"query": "refunds"})
    visitor.emit("request-rag-response-stream", {"query": "refunds"})
    visitor.socket.close(1001)
    assert names(other.after(5))[-2:] == ["message", "rag-stream-complete"]
    alone = person(talk, "alone")
    alone.emit("request-rag-response-stream", {"query": "refunds"})
    alone.socket.close(1001)
    talk.after(5)


def test_contexts_that_name_nothing() -> None:
    visitor = person(chat())
    contexts: list[Any] = ["text", [], {"conversationId": 5}, {"conversationId": ""}, {}]
    for context in contexts:
        assert codes(visitor.emit("request-rag-response", {"query": "refunds", "context": context})) == []
        visitor.after(1)


def test_what_the_ai_was_asked_is_signed_by_the_ai() -> None:
    talk = chat()
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    visitor.emit("request-rag-response-stream", {"query": "refunds"})
    talk.act(id, HandOff("Bob Desk"))
    said = [str(body) for name, body in visitor.after(10) if name == "message"]
    assert "'sender': 'ai'" in said[-1]


def test_an_agent_looks_something_up() -> None:
    talk = chat()
    visitor, bob = person(talk), user(talk, "agent-bob")
    id = visitor.join()["conversationId"]
    bob.join(conversationId=id)
    visitor.events()
    bob.emit("request-rag-response-stream", {"query": "refunds"})
    assert names(bob.after(10))[-1] == "rag-stream-complete"
    assert visitor.events() == [], "that is nobody else's"


def test_who_asks_from_outside_hears_the_answer() -> None:
    """A socket that never joined the conversation, or joined another one: the whole answer, and nothing else."""
    talk = chat(stream_words=50)
    ada, inside = user(talk, "user-ada"), user(talk, "user-ada")
    inside.join(conversationId="conv-456")
    asked = {"query": "refunds", "context": {"conversationId": "conv-456"}}
    assert [body["isTyping"] for name, body in ada.emit("request-rag-response-stream", asked)] == [True]
    assert names(ada.after(5)) == ["typing", "rag-stream-chunk", "message", "rag-stream-complete"]
    assert names(inside.events()) == [
        "message",
        "typing",
        "typing",
        "rag-stream-chunk",
        "message",
        "rag-stream-complete",
    ]
    talk.act("conv-456", Stream(["to those who are in it"]))
    assert ada.after(1) == []
    ada.emit("request-rag-response-stream", asked)
    inside.emit("end-conversation", {"conversationId": "conv-456"})
    assert names(ada.events())[-2:] == ["typing", "rag-stream-complete"]


def test_who_asked_from_outside_is_gone() -> None:
    talk = chat(stream_words=50)
    ada, inside = user(talk, "user-ada"), user(talk, "user-ada")
    inside.join(conversationId="conv-456")
    ada.emit("request-rag-response-stream", {"query": "refunds", "context": {"conversationId": "conv-456"}})
    ada.socket.close(1001)
    assert names(inside.after(5))[-2:] == ["message", "rag-stream-complete"]


def typing(events: list[Event]) -> list[tuple[str, bool]]:
    return [(body["sender"], body["isTyping"]) for name, body in events if name == "typing"]


@pytest.mark.parametrize("how", ["user", "operator", "idle", "silent"])
def test_typing_ends_with_the_conversation(how: str) -> None:
    """Whoever is seen typing when it ends: the AI in a streamed answer, the bot, an agent, the visitor."""
    talk = chat(rag_delay=50, bot_delay=60, bot_typing=0, idle_timeout=30, reply_end=how != "silent")
    visitor, other, bob = person(talk), person(talk, "other"), user(talk, "agent-bob")
    id = visitor.join()["conversationId"]
    other.join(conversationId=id)
    bob.join(conversationId=id)
    visitor.emit("send-message", {"content": "hello", "conversationId": id})
    visitor.emit("request-rag-response-stream", {"query": "refunds"})
    bob.emit("typing", {"conversationId": id, "isTyping": True})
    visitor.emit("typing", {"conversationId": id, "isTyping": True})
    assert typing(other.events()) == [("ai", True), ("ai", True), ("agent", True), ("user", True)]
    visitor.events()
    if how == "operator":
        talk.act(id, End())
    elif how == "idle":
        visitor.after(30)
    else:
        visitor.emit("end-conversation", {"conversationId": id})
    came = other.events()
    assert typing(came) == [("ai", False), ("ai", False), ("agent", False), ("user", False)]
    ends = ["rag-stream-complete", *([] if how == "silent" else ["status-change", "conversation-ended"])]
    assert [name for name in names(came) if name not in ("typing", "status-change")] == [
        name for name in ends if name != "status-change"
    ]
    assert typing(bob.events())[-3:] == [("ai", False), ("ai", False), ("user", False)], "nobody is told of itself"
    bob.socket.send("41")
    talk.after(100)
    assert typing(other.events()) == [], "and nothing follows it"


def test_who_stops_typing_is_who_began() -> None:
    talk = chat()
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    talk.act(id, Typing())
    talk.act(id, HandOff("Bob Desk"))
    talk.act(id, Typing(on=False))
    assert typing(visitor.events()) == [("ai", True), ("ai", False)]
