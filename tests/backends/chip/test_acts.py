"""The bot's acts in chip, without a network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.core.bot import (
    Act,
    End,
    File,
    HandOff,
    Leave,
    Picture,
    Queue,
    Raw,
    Say,
    Status,
    Stream,
    Typing,
)
from tests.talk import Talk

EVE = "65vbbDAQCdPdEWlEhDGy4utO"
MAIN = "7d62d551-3030-4100-a260-2d7c4e9693e7"


@pytest.fixture
def chip() -> Talk:
    return Talk(settings={"time_digits": 6})


def chatting(talk: Talk) -> str:
    client = talk.connect()
    client.send('{"type":"start_chat"}')
    chat: str = json.loads(client.texts()[0])["chat_id"]
    return chat


def acted(talk: Talk, chat: str, act: Act) -> list[dict[str, Any]]:
    talk.act(chat, act)
    talk.after(0.1)
    found = [json.loads(text) for text in talk.sockets["client"].texts()]
    for event in found:
        if "msg_out" in event:
            talk.sockets["client"].send(f'{{"type":"ack_chat","msg_id":{event["msg_out"]["id"]}}}')
    return found


BOB = {"id": 234, "email": "bob@example.com", "name": "Bob McTickets"}


def test_the_bot_speaks_as_itself_as_an_agent_and_for_one(chip: Talk) -> None:
    chat = chatting(chip)
    [said] = acted(chip, chat, Say("Hello"))
    assert (said["msg_out"]["origin"], said["msg_out"].get("user")) == ("flow", None)
    for who in ("234", "Bob McTickets", "bob@example.com"):
        [said] = acted(chip, f"{MAIN}/{chat}", Say("Hello", agent=who))
        assert said["msg_out"]["origin"] == "chat"
        assert said["msg_out"]["user"] | BOB == said["msg_out"]["user"]
    assert acted(chip, chat, HandOff("bob@example.com")) == []
    for act in (Say("x"), Stream(["a", "b"]), Picture("https://example.com/a.jpg"), File("https://example.com/a", "f")):
        [said] = acted(chip, chat, act)
        assert said["msg_out"]["user"]["id"] == 234
    assert acted(chip, chat, Leave()) == []
    [said] = acted(chip, chat, Stream(["one ", "two"]))
    assert (said["msg_out"]["text"], "user" in said["msg_out"]) == ("one two", False)
    [said] = acted(chip, chat, Picture("https://example.com/a.jpg", "look"))
    assert said["msg_out"]["attachments"] == ["image/jpeg:https://example.com/a.jpg"]


@pytest.mark.parametrize("act", [Typing(), Status("read"), Queue(3), End()])
def test_acts_that_chip_has_no_word_for_are_silent(chip: Talk, act: Act) -> None:
    assert acted(chip, chatting(chip), act) == []


def test_a_raw_message_goes_past_everything(chip: Talk) -> None:
    chat = chatting(chip)
    assert acted(chip, chat, Raw("anything", {"a": 1})) == [{"type": "anything", "a": 1}]
    assert acted(chip, chat, Raw("bare")) == [{"type": "bare"}]
    assert acted(chip, chat, Raw("list", [1])) == []
    assert acted(chip, EVE, Raw("nobody", {})) == []


@pytest.mark.parametrize(
    ("talk", "act", "why"),
    [
        ("nobody", Say("x"), "there is no chat 'nobody'"),
        (f"{MAIN}/nobody", Say("x"), f"there is no chat '{MAIN}/nobody'"),
        (f"nowhere/{EVE}", Say("x"), f"there is no chat 'nowhere/{EVE}'"),
        (EVE, HandOff("nobody@example.com"), "there is no active user 'nobody@example.com'"),
        (EVE, HandOff("236"), "there is no active user '236'"),
        (EVE, Say("x", agent="nobody"), "there is no active user 'nobody'"),
        (EVE, Raw("x", [1]), "raw: expected an object as body"),
        (EVE, Raw("x", {}), "raw: the chat has no socket"),
    ],
)
def test_acts_that_can_not_be_done_are_told(chip: Talk, talk: str, act: Act, why: str) -> None:
    chip.act(talk, act)
    assert [text for _, text, _ in chip.logged] == [why]


def test_the_bot_can_be_silent() -> None:
    talk = Talk(settings={"bot": "none"})
    chatting(talk)
    talk.sockets["client"].send('{"type":"send_msg","text":"hi"}')
    talk.after(10)
    assert talk.sockets["client"].texts() == []


def test_an_act_keeps_its_delay(chip: Talk) -> None:
    chat = chatting(chip)
    assert acted(chip, chat, Say("later", after=2.0)) == []
    chip.after(2.0)
    assert len(chip.sockets["client"].texts()) == 1
