"""Whatever a client sends: the document's `error` with its code, the socket as the setting says, and nothing raised."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.backends.chatbot.commands import fits
from simulator.backends.chatbot.names import COMMANDS
from simulator.core.bot import Raw
from simulator.core.events import Received
from simulator.core.message import Message
from simulator.core.wire import Shut
from tests.backends.chatbot.chats import chat, checked, codes, names, one, person, user
from tests.talk import UPGRADE

RIGHT: dict[str, dict[str, Any]] = {
    "join-conversation": {"conversationId": "conv-456", "sessionId": "session-ada"},
    "send-message": {"conversationId": "conv-456", "content": "hello"},
    "typing": {"conversationId": "conv-456", "isTyping": True},
    "escalate": {"conversationId": "conv-456", "reason": "why not"},
    "end-conversation": {"conversationId": "conv-456"},
    "rate": {"conversationId": "conv-456", "rating": "good", "comment": "fine"},
    "join-knowledge-room": {"tenantId": "tenant-123"},
    "search-knowledge": {"query": "password", "category": "support", "tags": ["reset"]},
    "request-rag-response": {"query": "password", "context": None},
    "request-rag-response-stream": {"query": "password", "context": {"conversationId": "conv-456"}},
    "request-ai-analysis": {"message": "hello", "analysisType": "intent"},
    "request-conversation-summary": {},
    "join-conversation-list": {"tenantId": "tenant-123"},
    "request-conversation-list": {
        "page": 1, "limit": 5, "status": "ai", "agentId": "agent-bob", "startDate": "2025-01-01", "endDate": "2026-01-01",
    },
    "update-conversation-metadata": {"metadata": {"a": 1}},
    "join-org": {"orgId": "org-harbour", "userId": "agent-bob"},
    "leave-org": {"orgId": "org-harbour"},
    "track-activity": {"activity": "click", "data": [1]},
    "subscribe-dashboard": {"dashboardId": "dash-harbour"},
    "page-view": {"page": "/", "referrer": "/a"},
    "ping": {},
    "error": {"error": {"message": "oh"}},
    "react-message": {"conversationId": "conv-456", "messageId": "msg-ada-2", "reaction": "like"},
}  # fmt: skip
CODES = {
    "join-knowledge-room": "JOIN_KNOWLEDGE_ERROR", "join-org": "JOIN_ORG_FAILED", "leave-org": "JOIN_ORG_FAILED",
}  # fmt: skip
FREE = {"context", "data", "error"}
"""Fields that take anything."""


def code_of(event: str) -> str:
    return CODES.get(event, "INVALID_PAYLOAD")


def required(event: str) -> list[str]:
    return [name for name, field in COMMANDS[event].model_fields.items() if field.is_required()]


def test_every_event_is_here() -> None:
    assert {*RIGHT} == {*COMMANDS} - {"disconnect"}


@pytest.mark.parametrize("event", [*RIGHT])
def test_the_right_one_is_no_error(event: str) -> None:
    bob = user(chat(), "agent-bob")
    bob.join(conversationId="conv-456")
    bob.emit("join-org", {"orgId": "org-harbour"})
    assert codes(bob.emit(event, RIGHT[event])) == []


@pytest.mark.parametrize(("event", "field"), [(event, field) for event in RIGHT for field in required(event)])
def test_a_missing_field(event: str, field: str) -> None:
    bob = user(chat(), "agent-bob")
    body = {key: value for key, value in RIGHT[event].items() if key != field}
    error = one(bob.emit(event, body), "error")
    assert error["code"] == code_of(event)
    assert error["details"] == f"{field}: Field required"
    assert error.get("conversationId") == body.get("conversationId")
    assert bob.socket.open


@pytest.mark.parametrize(
    ("event", "field"), [(event, field) for event, body in RIGHT.items() for field in body if field not in FREE]
)
@pytest.mark.parametrize("value", [7.5, [], {"a": 1}, "", None, False])
def test_an_ill_typed_field(event: str, field: str, value: Any) -> None:
    bob = user(chat(), "agent-bob")
    bob.join(conversationId="conv-456")
    bob.emit("join-org", {"orgId": "org-harbour"})
    found = codes(bob.emit(event, {**RIGHT[event], field: value}))
    fine = (
        (value is None and field not in required(event) and field != "page")
        or (value == "" and field in ("reason", "comment", "category", "referrer"))
        or (field == "isTyping" and value is False)
        or (field == "tags" and value == [])
        or (field == "metadata" and value == {"a": 1})
    )
    assert found == ([] if fine else [code_of(event)])


@pytest.mark.parametrize("event", [event for event in RIGHT if required(event)])
@pytest.mark.parametrize("args", [(), (None,), (5,), ("text",), ([],), (True,)])
def test_no_object(event: str, args: tuple[Any, ...]) -> None:
    bob = user(chat(), "agent-bob")
    error = one(bob.emit(event, *args), "error")
    assert (error["code"], error["details"]) == (code_of(event), "expected an object")


@pytest.mark.parametrize("event", ["ping", "request-conversation-list", "error", "join-conversation"])
def test_no_payload_is_enough(event: str) -> None:
    bob = user(chat(), "agent-bob")
    assert codes(bob.emit(event)) == []
    assert codes(bob.emit(event, None)) == []
    assert codes(bob.emit("error", "text")) == codes(bob.emit("error", [1])) == []


@pytest.mark.parametrize("event", [*RIGHT])
def test_an_extra_field(event: str) -> None:
    body = {**RIGHT[event], "undocumented": 1}
    for setting, found in (("ignore", []), ("reject", [code_of(event)])):
        bob = user(chat(extra_fields=setting), "agent-bob")
        bob.join(conversationId="conv-456")
        bob.emit("join-org", {"orgId": "org-harbour"})
        assert codes(bob.emit(event, body)) == found
    assert codes(bob.emit("ping", {})) == []


def test_too_long_a_text() -> None:
    ada = user(chat(content_limit=10), "user-ada")
    body = {"conversationId": "conv-456", "content": "x" * 11}
    assert one(ada.emit("send-message", body), "error")["details"] == "content: longer than 10 characters"
    assert codes(ada.emit("send-message", {**body, "content": "x" * 10})) == []


@pytest.mark.parametrize("field", ["sessionId", "conversationId"])
def test_too_long_a_name(field: str) -> None:
    """What a client calls its conversation is kept with it, five thousand times."""
    ada = user(chat(unknown_conversation="create"), "user-ada")
    error = one(ada.emit("join-conversation", {field: "x" * 201}), "error")
    assert (error["code"], error["details"]) == (
        "INVALID_PAYLOAD",
        f"{field}: String should have at most 200 characters",
    )
    assert ada.join(**{field: "x" * 200})[field] == "x" * 200


@pytest.mark.parametrize("event", [event for event in RIGHT if required(event)])
def test_the_socket_as_the_setting_says(event: str) -> None:
    gone = user(chat(bad_input="disconnect"), "agent-bob")
    gone.socket.send(f'42["{event}",{{}}]')
    [error, bye, shut] = gone.socket.got
    assert code_of(event) in str(error)
    assert getattr(bye, "data", "") == "41"
    assert isinstance(shut, Shut)
    still = user(chat(bad_input="silent"), "agent-bob")
    assert still.emit(event, {}) == []
    assert names(still.emit("ping")) == ["pong"]
    assert [level for level, _, _ in still.talk.logged] == ["warning"]


def test_unknown_events_are_ignored() -> None:
    bob = user(chat(), "agent-bob")
    assert bob.emit("made-up", {}) == []
    bob.socket.send("42[5]")
    assert bob.events() == []
    assert len(bob.talk.logged) == 2


def test_what_comes_late_or_cannot_be_sent_is_nothing() -> None:
    talk = chat()
    rules: Any = talk.running.engine.rules
    assert rules.handle(Received("nobody", Message("ping"))) == []
    ada = user(talk, "user-ada")
    ada.join(conversationId="conv-456")
    deep: Any = []
    for _ in range(1500):
        deep = [deep]
    talk.act("conv-456", Raw("x", deep))
    assert ada.events() == []
    assert talk.logged[-1][1].startswith("not sent: ")


def test_bytes_and_what_is_no_unicode() -> None:
    talk = chat()
    bob, ada = user(talk, "agent-bob"), user(talk, "user-ada")
    bob.emit("subscribe-dashboard", {"dashboardId": "dash-harbour"})
    ada.socket.send('451-["track-activity",{"activity":"photo","data":{"_placeholder":true,"num":0}}]')
    ada.socket.send(b"\x01\x02")
    kinds = [type(item.data).__name__ for item in bob.socket.got if hasattr(item, "data")]
    assert kinds == ["str", "bytes"]
    for event in ("send-message", "update-conversation-metadata", "error"):
        ada.socket.send(f'451-["{event}",{{"_placeholder":true,"num":0}}]')
        ada.socket.send(b"\x01")
    assert codes(ada.events()) == ["INVALID_PAYLOAD", "INVALID_PAYLOAD"]
    ada.join(conversationId="conv-456")
    ada.socket.send('42["send-message",{"conversationId":"conv-456","content":"\\ud800 alone"}]')
    assert codes(ada.events()) == ["INVALID_PAYLOAD"]
    talk.after(5)
    assert names(bob.emit("request-conversation-list")) == ["conversation-list"]


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["conv-456", "conv-hill", "tenant-123", "ai", "like", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_FIELDS = st.sampled_from(sorted({field for model in COMMANDS.values() for field in model.model_fields}))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(RIGHT)), st.dictionaries(_FIELDS, _VALUES, max_size=5) | _VALUES),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_anything_at_all(events: list[tuple[str, Any]]) -> None:
    talk = chat()
    ada, other = user(talk, "user-ada"), person(talk, "other")
    ada.join(conversationId="conv-456")
    for event, body in events:
        for name, found in ada.emit(event, body):
            talk.backend.events[name].model_validate(found)
    for name, found in ada.after(600):
        talk.backend.events[name].model_validate(found)
    assert other.socket.open
    assert not any("Traceback" in text for _, text, _ in talk.logged)


def test_an_error_as_deep_as_one_likes() -> None:
    visitor = person(chat())
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    assert visitor.emit("error", {"error": deep}) == []
    assert visitor.emit("error", {"error": "short"}) == []
    assert names(visitor.emit("ping")) == ["pong"]


def test_what_no_python_can_write_does_not_fit() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert not fits(deep, 1_000_000)
    # A payload is a list of arguments: two brackets more.
    assert fits("ab", 6)
    assert not fits("ab", 5)


def test_what_is_relayed_and_kept_has_a_bound() -> None:
    talk = chat(metadata_limit=100)
    bob, ada = user(talk, "agent-bob"), user(talk, "user-ada")
    bob.emit("subscribe-dashboard", {"dashboardId": "dash-harbour"})
    deep: Any = []
    for _ in range(40):
        deep = [deep]
    assert codes(ada.emit("track-activity", {"activity": "x", "data": "y" * 99})) == ["INVALID_PAYLOAD"]
    assert codes(ada.emit("track-activity", {"activity": "x", "data": deep})) == []
    for _ in range(900):
        deep = [deep]
    big = user(chat(metadata_limit=10_000), "user-ada")
    # Too deep for Python 3.11 to write; later ones write it, as Node does.
    refused = ["INVALID_PAYLOAD"] if sys.version_info < (3, 12) else []
    assert codes(big.emit("track-activity", {"activity": "x", "data": deep})) == refused
    ada.socket.send('451-["track-activity",{"activity":"photo","data":{"_placeholder":true,"num":0}}]')
    ada.socket.send(b"x" * 101)
    assert codes(ada.events()) == ["INVALID_PAYLOAD"]
    assert names(bob.events()) == ["notification"]
    tags = [f"tag-{number}" for number in range(101)]
    assert codes(ada.emit("search-knowledge", {"query": "x", "tags": tags})) == ["INVALID_PAYLOAD"]
    assert codes(ada.emit("search-knowledge", {"query": "x", "tags": tags[:100]})) == []


def test_headers_that_are_no_text_and_limits_that_are_small() -> None:
    """A conversation has the document's metadata, whatever came."""
    talk = chat(metadata_limit=2)
    bob = user(talk, "agent-bob")
    bob.emit("join-conversation-list", {"tenantId": "tenant-123"})
    odd = (*UPGRADE, ("User-Agent", "odd \udcff"), ("X-Forwarded-For", "\udcfe, 10.0.0.1"), ("Referer", "x" * 5000))
    person(talk, "visitor", headers=odd).join()
    checked(talk, events := bob.events())
    metadata = one(events, "new_conversation")["conversation"]["metadata"]
    assert metadata == {"userAgent": "odd ?", "ipAddress": "?", "referrer": "x" * 1000}


def test_a_flood_is_kept_and_not_all_answered() -> None:
    talk = chat(most_unanswered=3)
    visitor, other = person(talk), person(talk, "other")
    id, theirs = visitor.join()["conversationId"], other.join()["conversationId"]
    for number in range(5):
        visitor.emit("send-message", {"conversationId": id, "content": f"refunds {number}"})
    other.emit("send-message", {"conversationId": theirs, "content": "refunds"})
    assert names(visitor.after(1)).count("message") == 3
    assert names(other.events()).count("message") == 1, "the other one is answered"
    assert [text for _, text, _ in talk.logged if text.startswith("the bot does not hear")] != []
    assert len(visitor.join(conversationId=id)["messages"]) == 1 + 5 + 3
    visitor.emit("send-message", {"conversationId": id, "content": "refunds"})
    assert names(visitor.after(1)).count("message") == 1


def test_the_log_says_which_conversation() -> None:
    """It is what a developer reads first, and with `silent` all there is."""
    talk = chat(bad_input="silent")
    ada = user(talk, "user-ada")
    ada.emit("send-message", {"conversationId": "conv-457", "content": "x"})
    ada.emit("send-message", {})
    assert talk.logged == [
        ("warning", "CONVERSATION_NOT_FOUND: Conversation not found", {"conversation": "conv-457"}),
        ("warning", "INVALID_PAYLOAD: Invalid payload: content: Field required", {"conversation": ""}),
    ]


def test_ids_of_another_conversation() -> None:
    """Foreign values in fields that are right by themselves."""
    ada = user(chat(), "user-ada")
    ada.join(conversationId="conv-456")
    thumb = {"conversationId": "conv-456", "messageId": "msg-hill-1", "reaction": "like"}
    assert codes(ada.emit("react-message", thumb)) == ["MESSAGE_NOT_FOUND"]
    assert one(ada.emit("request-conversation-list", {"agentId": "agent-tim"}), "conversation-list")["data"][
        "conversations"
    ] == []  # fmt: skip
    everything = {field: value for body in RIGHT.values() for field, value in body.items()}
    for event, body in RIGHT.items():
        if event not in ("end-conversation", "leave-org"):
            assert codes(ada.emit(event, {**everything, **body, "userId": "user-ada"})) in (
                [], ["JOIN_CONVERSATION_LIST_ERROR"], ["ESCALATION_FAILED"],
            ), event  # fmt: skip
