"""What the bot and the operator can do."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.core import bot
from simulator.core.bot import Act
from tests.backends.mia.chats import chat, enter, events, inside, say


def done(*acts: Act, talk_name: str = "34/r", said: str = "hi", **settings: object) -> list[tuple[str, Any]]:
    """What a client sees of acts after it has said something."""
    talk = chat(bot="none", statuses="real", **settings)
    client = inside(talk, room="r")
    if said:
        say(client, said)
    client.got.clear()
    for act in acts:
        talk.act(talk_name, act)
    return events(client)


@pytest.mark.parametrize(
    ("act", "seen"),
    [
        (bot.Say("yes"), {"content": "yes", "from": "Mia", "type": "text/plain"}),
        (bot.Say("yes", agent="Rui"), {"content": "yes", "from": "Rui"}),
        (bot.Stream(["y", "es"]), {"content": "yes"}),
        (
            bot.Picture("https://example.com/a.jpg", "look"),
            {"content": {"type": "image/jpeg", "uri": "https://example.com/a.jpg", "title": "look"}},
        ),
        (
            bot.File("https://example.com/a.pdf", type="application/pdf"),
            {
                "content": {"type": "application/pdf", "uri": "https://example.com/a.pdf"},
                "type": "application/vnd.lime.media-link+json",
            },
        ),
    ],
)
def test_messages(act: Act, seen: dict[str, Any]) -> None:
    [(name, body)] = done(act)
    assert name == "EVENT_SERVER_SEND_MESSAGE"
    assert {key: body[key] for key in seen} == seen
    assert (body["direction"], body["status"]) == ("incoming", "sent")


def test_typing() -> None:
    assert done(bot.Typing(), bot.Typing(on=False)) == [
        ("EVENT_SERVER_SEND_CHAT_STATE", {"from": "Mia", "state": "composing"}),
        ("EVENT_SERVER_SEND_CHAT_STATE", {"from": "Mia", "state": "paused"}),
    ]


def test_an_agent_takes_over_and_leaves() -> None:
    seen = done(bot.HandOff("Rui"), bot.Typing(), bot.Say("here"), bot.Leave(), bot.Say("bye"))
    assert [body["from"] for _, body in seen] == ["Rui", "Rui", "Mia"]


def test_raw() -> None:
    assert done(bot.Raw("EVENT_X", {"a": [1, None]}), bot.Raw("EVENT_Y")) == [
        ("EVENT_X", {"a": [1, None]}),
        ("EVENT_Y", None),
    ]
    assert done(bot.Raw("disconnect", {})) == []


def test_the_queue_is_silent() -> None:
    assert done(bot.Queue(3)) == []


@pytest.mark.parametrize("status", ["sent", "delivered", "read", "failed"])
def test_a_status_is_the_last_word(status: str) -> None:
    talk = chat(bot="none")
    client = inside(talk, room="r")
    say(client, "hi")
    [(_, said)] = events(client)
    talk.act("34/r", bot.Status(status))
    talk.after(10)
    assert events(client) == [("EVENT_SERVER_SEND_MESSAGE_STATUS", {"messageId": said["id"], "status": status})]


def test_the_end_empties_the_list() -> None:
    talk = chat(bot="none")
    client = inside(talk, room="r")
    say(client, "hi")
    client.got.clear()
    talk.act("34/r", bot.End())
    talk.after(10)
    # What became of it nobody is told any more.
    assert not client.got
    assert dict(events(enter(talk, "tab", "r")))["EVENT_SERVER_INIT_MESSAGE_LIST"] == []


NONE = "connect, connect_error, disconnect, disconnecting, newListener, removeListener"


@pytest.mark.parametrize(
    ("name", "act", "why"),
    [
        ("nobody", bot.Say("x"), "there is no conversation 'nobody'"),
        ("99/r", bot.Say("x"), "there is no conversation '99/r'"),
        ("34/r", bot.Status("seen"), "status: expected one of sent, delivered, read, failed"),
        ("34/r", bot.Status("read"), "status: the person has said nothing yet"),
        ("34/0f8a51c6-93d2-4c6e-8d8b-0c7f1f2b9e10", bot.Raw("x"), "raw: nobody is in the room"),
        ("34/r", bot.Say(" "), "text: expected something to say"),
        ("34/r", bot.Stream(["", " "]), "chunks: expected something to say"),
        ("34/r", bot.Say("x", agent=""), "agent: expected a name"),
        ("34/r", bot.HandOff(""), "agent: expected a name"),
        ("34/r", bot.Picture(""), "url: expected the one where it lies"),
        ("34/r", bot.File("http://x/", type=""), "type: expected a media type"),
        ("34/r", bot.Queue(0), "position: expected a place from 1 on"),
        ("34/r", bot.Raw(""), f"name: expected that of an event, none of {NONE}"),
        ("34/r", bot.Raw("disconnect"), f"name: expected that of an event, none of {NONE}"),
    ],
)
def test_what_cannot_be_done(name: str, act: Act, why: str) -> None:
    talk = chat()
    inside(talk, room="r")
    assert talk.running.engine.rules.objection(name, act) == why
    talk.act(name, act)
    assert talk.logged[-1][:2] == ("warning", why)


def test_a_room_is_known_by_its_id_alone() -> None:
    assert done(bot.Say("yes"), talk_name="r")
    talk = chat()
    client = inside(talk, room="a/b")
    talk.act("a/b", bot.Say("x"))
    talk.act("34/a/b", bot.Say("y"))
    assert [body["content"] for _, body in events(client)] == ["x", "y"]


def test_the_bot_that_is_silent() -> None:
    talk = chat(bot="none", statuses="real")
    client = inside(talk)
    say(client, "hi")
    client.got.clear()
    talk.after(10)
    assert not client.got
