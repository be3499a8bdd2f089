"""RAG answers: where they go, how many at once, and how they end early."""

from __future__ import annotations

from typing import Any

from simulator.core.bot import HandOff, Stream
from tests.backends.chatbot.chats import chat, codes, names, one, person, user


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
    assert codes(visitor.emit("request-rag-response", {"query": "refunds"})) == []


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
