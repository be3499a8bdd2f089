"""Search, answers, analyses and summaries: the same for the same text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.backends import load
from simulator.backends.chatbot import analysis, knowledge
from simulator.backends.chatbot.knowledge import Index
from simulator.backends.chatbot.state import Article
from simulator.serve import seeds

SEED: Any = seeds.load(load("chatbot"), None, [])
INDEX = Index(SEED.articles)


def found(query: str, **more: Any) -> list[str]:
    return [article.articleId for _, article in INDEX.search("tenant-123", query, **more)]


def test_search_ranks_and_narrows() -> None:
    assert found("How to reset password?")[0] == "kb-password"
    assert found("refunds") == ["kb-returns"]
    assert found("my order and its tracking") == ["kb-shipping"]
    assert found("password", category="SUPPORT") == ["kb-password"]
    assert found("password", category="billing") == []
    assert found("password brakes", tags=["Repair"]) == ["kb-brakes"]
    assert found("password", tags=["repair"]) == []
    assert found("the and of") == []
    assert [article.articleId for _, article in INDEX.search("tenant-456", "password")] == []
    assert [article.articleId for _, article in INDEX.search("nobody", "password")] == []


def test_equal_points_are_ordered_by_id() -> None:
    same = [Article(articleId=f"kb-{n}", tenantId="t", title="Same", content="x" * 200) for n in (2, 1)]
    rows = Index(same).search("t", "same")
    assert [article.articleId for _, article in rows] == ["kb-1", "kb-2"]
    result: Any = knowledge.result(*rows[0])
    assert result["content"] == "x" * knowledge.SNIPPET + "..."


def test_answers_and_how_sure_they_are() -> None:
    text, sure = INDEX.answer("tenant-123", "How do I reset my password?", "nothing")
    assert text.startswith("Open the sign-in page")
    assert 0.5 < sure <= 0.95
    assert INDEX.answer("tenant-123", "weather on Mars", "nothing") == ("nothing", 0.2)
    assert knowledge.confidence(1000) == 0.95


@given(st.text(max_size=80), st.integers(1, 5))
def test_chunks_are_the_text(text: str, size: int) -> None:
    assert "".join(knowledge.chunks(text, size)) == text


def test_chunks_have_so_many_words() -> None:
    assert knowledge.chunks("one two three four", 3) == ["one two three ", "four"]


@pytest.mark.parametrize(
    ("kind", "text", "result"),
    [
        ("sentiment", "I am frustrated with this service", {"sentiment": "negative", "score": -1.0}),
        ("sentiment", "Great, thank you!", {"sentiment": "positive", "score": 1.0}),
        ("sentiment", "It is a bike.", {"sentiment": "neutral", "score": 0.0}),
        ("sentiment", "That is not good, and not great.", {"sentiment": "negative", "score": -1.0}),
        ("sentiment", "It isn't bad, I love it; not so slow", {"sentiment": "positive", "score": 0.33}),
        ("intent", "I want to talk to a human", {"intent": "human_agent"}),
        ("intent", "Reset my password, the login fails", {"intent": "account"}),
        ("intent", "Where are my orders and parcels?", {"intent": "shipping"}),
        ("intent", "Is it blue?", {"intent": "question"}),
        ("intent", "It is blue", {"intent": "statement"}),
        ("language", "Wie kann ich bitte mein Rad bestellen", {"language": "de"}),
        ("language", "Wo habt ihr meine Bestellung?", {"language": "de"}),
        ("language", "Bonjour, comment et merci", {"language": "fr"}),
        ("language", "12345", {"language": "en"}),
        ("pii", "on 2026-01-31", {"hasPII": False, "entities": [], "redacted": "on 2026-01-31"}),
        ("pii", "nothing here", {"hasPII": False, "entities": [], "redacted": "nothing here"}),
        (
            "pii",
            "ada@example.com, 4111 1111 1111 1111",
            {
                "hasPII": True,
                "entities": [
                    {"type": "email", "value": "ada@example.com", "start": 0, "end": 15},
                    {"type": "card", "value": "4111 1111 1111 1111", "start": 17, "end": 36},
                ],
                "redacted": "[email], [card]",
            },
        ),
    ],
)
def test_analyses(kind: str, text: str, result: object) -> None:
    found, sure = analysis.analyse(kind, text)
    assert found == result
    assert 0 <= sure <= 1
    assert analysis.analyse(kind, text) == (found, sure)


@given(st.sampled_from(["intent", "sentiment", "pii", "language"]), st.text(max_size=100))
def test_any_text_can_be_analysed(kind: str, text: str) -> None:
    result, sure = analysis.analyse(kind, text)
    assert result
    assert 0 <= sure <= 1


def test_whole_numbers_are_written_as_javascript_writes_them() -> None:
    scores = [analysis.analyse("sentiment", text)[0]["score"] for text in ("bad", "good", "a", "good good bad")]
    assert json.dumps(scores) == "[-1, 1, 0, 0.33]"


def test_summaries() -> None:
    assert analysis.summary([], "new") == {
        "summary": "0 messages, the conversation is new. The customer has said nothing yet.",
        "keyPoints": [],
        "sentiment": "neutral",
    }
    lines = [("user", "My bike is broken"), ("ai", "Oh no"), ("user", "Thanks")]
    told = analysis.summary(lines, "ai")
    assert told["keyPoints"] == ["My bike is broken", "Thanks"]
    assert "My bike is broken" in str(told["summary"])
    assert analysis.summary(lines[:1], "ai")["summary"].startswith("1 message,")  # type: ignore[union-attr]
