"""What bots and operators do, and the default bot."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from simulator.core.bot import ACTS, Act, End, File, HandOff, Leave, Picture, Queue, Raw, Say, Status, Stream, Typing
from tests.backends.chatbot.chats import Event, Person, chat, names, one, person, user
from tests.talk import Talk

ADA = "conv-456"


def acted(act: Act, **settings: object) -> list[Event]:
    talk = chat(**settings)
    ada = user(talk, "user-ada")
    ada.join(conversationId=ADA)
    talk.act(ADA, act)
    return ada.after(2)


def test_saying() -> None:
    said = one(acted(Say("hello")), "message")["message"]
    assert (said["sender"], said["senderName"], said["content"], "metadata" in said) == (
        "ai",
        "AI Assistant",
        "hello",
        False,
    )
    for name in ("agent-bob", "Bob Desk", "bob@example.com"):
        said = one(acted(Say("hello", agent=name)), "message")["message"]
        assert (said["sender"], said["senderName"], said["userId"]) == ("agent", "Bob Desk", "agent-bob")
    said = one(acted(Say("hello", agent="Eve Keys")), "message")["message"]
    assert (said["sender"], said["userId"]) == ("agent", "admin-eve"), "admins serve people too"
    said = one(acted(Say("hello", agent="Somebody New")), "message")["message"]
    assert (said["sender"], said["senderName"], said["userId"][:6]) == ("agent", "Somebody New", "agent_")


def test_typing_queue_and_raw() -> None:
    assert acted(Typing(False)) == [
        ("typing", {"sender": "ai", "senderName": "AI Assistant", "isTyping": False, "conversationId": ADA})
    ]
    assert acted(Queue(3)) == [("queue-update", {"position": 3, "estimatedWait": 30, "conversationId": ADA})]
    assert acted(Raw("anything", [1])) == [("anything", [1])]


def test_files_are_told_by_their_url() -> None:
    assert one(acted(Picture("https://example.com/a.jpg", "look")), "message")["message"]["content"] == (
        "look\nhttps://example.com/a.jpg"
    )
    assert one(acted(File("https://example.com/a")), "message")["message"]["content"] == "https://example.com/a"


def test_streaming_and_where_the_message_is() -> None:
    chunks = ["rag-stream-chunk", "rag-stream-chunk"]
    act = Stream(["good ", "morning"])
    assert names(acted(act)) == [*chunks, "message", "rag-stream-complete"]
    assert names(acted(act, stream_message="after")) == [*chunks, "rag-stream-complete", "message"]
    assert names(acted(act, stream_message="none")) == [*chunks, "rag-stream-complete"]
    assert names(acted(act, beyond_document=False)) == ["message"]


def test_protocol_tells_the_fields_of_every_act() -> None:
    text = (Path(__file__).parents[3] / "simulator" / "backends" / "chatbot" / "PROTOCOL.md").read_text()
    told = re.split(r"[;.]\s", text.partition("Fields: ")[2].partition("\n\n")[0].rstrip(".") + "; ")
    known = {name: [field.name for field in fields(act)] for name, act in ACTS.items()}
    for name, of in known.items():
        # What a picture's bytes are is not told here, and `after` is for bots.
        wanted = ", ".join(field for field in of if field not in ("after", "type")) or "none"
        assert f"`{name}` {wanted}" in told
    assert len(told) == len(known) + 1


def test_handing_off_and_back() -> None:
    talk = chat()
    ada = user(talk, "user-ada")
    ada.join(conversationId=ADA)
    talk.act(ADA, Leave())
    assert ada.events() == [], "nobody was there"
    talk.act(ADA, HandOff("bob@example.com"))
    assert names(ada.events()) == ["agent-joined", "status-change"]
    talk.act(ADA, Typing())
    talk.act(ADA, Stream(["as Bob"]))
    came = ada.after(1)
    assert one(came, "typing")["sender"] == "agent"
    assert one(came, "message")["message"]["senderName"] == "Bob Desk"
    talk.act(ADA, Leave())
    assert ada.events() == [("status-change", {"status": "ai", "conversationId": ADA})]
    silent = chat(bot="none")
    silent.act(ADA, HandOff("Grace"))
    silent.act(ADA, Leave())
    assert user(silent, "user-ada").join(conversationId=ADA)["status"] == "active"


def test_a_status_stands_in_the_history() -> None:
    talk = chat()
    bob = user(talk, "agent-bob")
    bob.emit("join-conversation-list", {"tenantId": "tenant-123"})
    for status, flags in (("sent", (False, False)), ("delivered", (True, False)), ("read", (True, True))):
        talk.act(ADA, Status(status))
        assert names(bob.events()) == ["conversation-update"]
        told = bob.join(conversationId=ADA)["messages"][0]["status"]
        assert (told["delivered"], told["read"]) == flags


@pytest.mark.parametrize(
    ("talk_name", "act", "why"),
    [
        ("nobody", Say("x"), "there is no conversation 'nobody'"),
        ("conv-ended", Say("x"), "the conversation is ended"),
        ("conv-closed", End(), "the conversation is closed"),
        (ADA, Status("failed"), "status: expected one of sent, delivered, read"),
        ("conv-new", Status("read"), "status: the person has said nothing yet"),
        (ADA, Raw("x"), "raw: nobody is in the conversation"),
        (ADA, Leave(), "leave: no agent has the conversation"),
        (
            ADA,
            HandOff("agent-tim"),
            "agent: 'agent-tim' is somebody of the fixtures, but no agent or admin of tenant-123",
        ),
        (
            ADA,
            Say("x", agent="Ada Example"),
            "agent: 'Ada Example' is somebody of the fixtures, but no agent or admin of tenant-123",
        ),
        (ADA, Queue(0), "position: expected a place from 1 to 1000000"),
        (ADA, Queue(-3), "position: expected a place from 1 to 1000000"),
        (ADA, Queue(10**30), "position: expected a place from 1 to 1000000"),
        (ADA, Say(""), "text: expected something to say"),
        (ADA, Say(" \n"), "text: expected something to say"),
        (ADA, Say("x", agent=""), "agent: expected an id, a name or an email"),
        (ADA, HandOff(""), "agent: expected an id, a name or an email"),
        (ADA, HandOff("  "), "agent: expected an id, a name or an email"),
        (ADA, Stream([]), "chunks: expected something to say"),
        (ADA, Stream(["", " "]), "chunks: expected something to say"),
        (ADA, Stream(["a"], 3601), "pace: expected seconds, at most 3600"),
        (ADA, Picture(""), "url: expected the one where it lies"),
        (ADA, File("", "a text"), "url: expected the one where it lies"),
    ],
)
def test_what_cannot_be_done(talk_name: str, act: Act, why: str) -> None:
    talk = chat()
    rules: Any = talk.running.engine.rules
    assert rules.objection(talk_name, act) == why, "what the control API answers"
    talk.act(talk_name, act)
    assert [text for _, text, _ in talk.logged] == [why]


@pytest.mark.parametrize("name", ["", "connect", "disconnect", "newListener"])
def test_raw_needs_a_name_that_an_event_may_bear(name: str) -> None:
    talk = chat()
    ada = user(talk, "user-ada")
    ada.join(conversationId=ADA)
    talk.act(ADA, Raw(name))
    assert ada.events() == []
    assert talk.logged[-1][1].startswith("name: expected that of an event, none of connect, connect_error, disconnect")


def told(talk: Talk, visitor: Person, id: str, text: str) -> Any:
    visitor.emit("send-message", {"content": text, "conversationId": id})
    return one(visitor.after(1), "message")["message"]["content"]


def test_the_assistant() -> None:
    talk = chat()
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    assert told(talk, visitor, id, "How do refunds work?").startswith("Send a bike back")
    assert told(talk, visitor, id, "hey").startswith("Hello!")
    assert told(talk, visitor, id, "thanks").startswith("You are welcome")
    assert told(talk, visitor, id, "bye").startswith("Goodbye")
    assert told(talk, visitor, id, "a human, someone").startswith("I can connect you")
    assert told(talk, visitor, id, "weather on Mars").startswith("I could not find")
    # In conv-agent Bob of the fixtures is there, without a socket.
    assert visitor.join(conversationId="conv-agent")["status"] == "agent"
    assert told(talk, visitor, "conv-agent", "well?").startswith("Thank you, I am looking")


def test_other_bots() -> None:
    talk = chat(bot="echo")
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    assert told(talk, visitor, id, "hi") == "You said: hi"
    silent = person(chat(bot="none"))
    id = silent.join()["conversationId"]
    silent.emit("send-message", {"content": "hi", "conversationId": id})
    assert silent.after(10) == []


def test_the_latest_open_one_is_meant_and_ended_ones_are_known() -> None:
    """Who acts in one that is over is told so, and not that there is none."""
    talk = chat()
    rules: Any = talk.running.engine.rules
    ids = [*rules.talks()]
    assert ids[:2] == ["conv-closed", "conv-ended"]
    assert (len(ids), ids[-1]) == (9, "conv-new")
    user(talk, "user-ada").emit("send-message", {"conversationId": ADA, "content": "hello"})
    assert [*rules.talks()][-1] == ADA


@pytest.mark.parametrize("takes", ["join-conversation", "send-message"])
def test_no_words_are_put_into_the_mouth_of_who_came_in_meanwhile(takes: str) -> None:
    """The bot thinks for a second; who took the conversation in person has not said that."""
    talk = chat(queue_delay=0, agent_after=0)
    visitor, bob = person(talk), user(talk, "agent-bob")
    id = visitor.join()["conversationId"]
    visitor.emit("send-message", {"conversationId": id, "content": "A refund?"})
    visitor.emit("escalate", {"conversationId": id})
    bob.emit(takes, {"conversationId": id, "content": "I have it"})
    assert visitor.events()[-1][0] == ("message" if takes == "send-message" else "status-change")
    answer = visitor.after(1)
    assert names(answer) == ["typing", "typing", "message"]
    assert [body["sender"] for name, body in answer if name == "typing"] == ["ai", "ai"]
    said = one(answer, "message")["message"]
    assert (said["sender"], said["senderName"], "userId" in said) == ("ai", "Harbour Helper", False)
    assert said["metadata"]["intent"] == "billing"


def test_the_simulators_own_agent_says_what_the_bot_says() -> None:
    talk = chat()
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    visitor.emit("send-message", {"conversationId": id, "content": "A refund?"})
    talk.act(id, HandOff("agent-bob"))
    visitor.events()
    said = one(visitor.after(1), "message")["message"]
    assert (said["sender"], said["userId"]) == ("agent", "agent-bob")


def test_a_stream_is_whose_it_was_at_its_beginning() -> None:
    talk = chat()
    ada, bob = user(talk, "user-ada"), user(talk, "agent-bob")
    ada.join(conversationId=ADA)
    talk.act(ADA, Stream(["from ", "the AI"]))
    bob.emit("send-message", {"conversationId": ADA, "content": "I have it"})
    ada.events()
    said = one(ada.after(1), "message")["message"]
    assert (said["sender"], "userId" in said) == ("ai", False)
    talk.act(ADA, Stream(["from ", "Bob"]))
    said = one(ada.after(1), "message")["message"]
    assert (said["sender"], said["senderName"], said["userId"]) == ("agent", "Bob Desk", "agent-bob")
