"""Every setting at every value that it can have, numbers at both ends: a day goes by, and all that is said fits its model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest

from simulator.backends.chatbot.state import Settings
from simulator.core.bot import Say, Stream
from tests.backends.chatbot.chats import Person, chat, checked, person, user

DOOR = ("auth_failure", "jwt_secret")
"""Theirs is test_door.py."""


def values(name: str) -> Iterator[Any]:
    """Each of a choice, both of a switch, the least and the most of a number, an odd text."""
    field = Settings.model_fields[name]
    kind = field.annotation
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    elif kind is bool:
        yield from (False, True)
    elif kind is str:
        yield "{agent} \u2028 {0} %s"
    else:
        limits = {key: value for limit in field.metadata for key, value in vars_of(limit).items()}
        yield limits.get("ge", 0.001)
        yield limits.get("le", 10**30)


def vars_of(limit: Any) -> dict[str, Any]:
    return {key: getattr(limit, key) for key in ("ge", "gt", "le") if hasattr(limit, key)}


def day(who: Person, agent: Person, id: str) -> None:
    """What meets every setting."""
    who.emit("typing", {"conversationId": id, "isTyping": True})
    for text in ("refunds?", "a person"):
        who.emit("send-message", {"conversationId": id, "content": text})
        who.talk.after(1)
    who.emit("page-view", {"page": "/"})
    who.emit("track-activity", {"activity": "x", "data": {"a": 1}})
    who.emit("update-conversation-metadata", {"metadata": {"a": 1}})
    who.emit("request-rag-response", {"query": "weather on Mars"})
    who.emit("request-rag-response-stream", {"query": "refunds"})
    who.emit("search-knowledge", {"query": "refunds"})
    who.talk.act(id, Stream(["a ", "b"]))
    who.talk.act(id, Say("c"))
    who.emit("escalate", {"conversationId": id})
    who.talk.after(15)
    who.emit("rate", {"conversationId": id, "rating": "bad", "undocumented": 1})
    who.emit("join-conversation", {"sessionId": "mine"})
    who.emit("join-conversation", {"conversationId": "nothing"})
    agent.emit("request-conversation-list", {})
    agent.emit("join-conversation", {"conversationId": id})
    agent.emit("send-message", {"conversationId": id, "content": "hello"})
    who.emit("end-conversation", {"conversationId": id})
    who.talk.after(15)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in Settings.model_fields if name not in DOOR for value in values(name)]
)
def test_a_day_with_it(name: str, value: Any) -> None:
    talk = chat(**{name: value})
    visitor, agent = person(talk, "visitor"), user(talk, "agent-bob")
    agent.emit("join-conversation-list", {"tenantId": "tenant-123"})
    agent.emit("subscribe-dashboard", {"dashboardId": "dash-harbour"})
    begun = visitor.emit("join-conversation", {"sessionId": "mine"} if name != "content_limit" else {})
    id = begun[0][1]["conversationId"] if begun and begun[0][0] == "conversation-started" else "conv-new"
    if name.startswith("ping_") and value < 1:
        # Nobody answers so fast; what is left has to be true of who is gone.
        talk.after(100)
        assert not visitor.socket.open
        return
    day(visitor, agent, id)
    for who in (visitor, agent):
        checked(talk, who.events())
    assert not any("Traceback" in text for _, text, _ in talk.logged)
