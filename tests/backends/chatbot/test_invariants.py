"""Nine people do whatever they like for a while: what has to hold, holds after every step."""

from __future__ import annotations

import random
from typing import Any

import pytest

from simulator.core.bot import Act, End, HandOff, Leave, Picture, Queue, Raw, Say, Status, Stream, Typing
from tests.backends.chatbot.chats import HARBOUR, HILL, WORKSHOP, Person, as_user, chat, checked, person
from tests.backends.chatbot.test_hostile import RIGHT
from tests.talk import Talk

PEOPLE = [
    HARBOUR, HARBOUR, WORKSHOP, HILL, *map(as_user, ("user-ada", "agent-bob", "agent-mia", "admin-eve", "agent-tim")),
]  # fmt: skip
ACTS: list[Act] = [
    Say("x"), Say("x", agent="Bob Desk"), Typing(), Status("read"), Queue(2), HandOff("Bob Desk"), HandOff("Zed"),
    Leave(), Stream(["a", "b"] * 5), End(), Picture("https://example.com/a"), Raw("pong", {"timestamp": "x"}),
]  # fmt: skip
EVENTS = [*RIGHT, *["join-conversation", "send-message", "escalate"] * 2]


def some(dice: random.Random) -> Talk:
    return chat(
        bot=dice.choice(["ai", "echo", "none"]),
        queue_delay=dice.choice([0, 1]),
        agent_after=dice.choice([0, 3]),
        kept_conversations=dice.choice([3, 9, 5000]),
        kept_messages=dice.choice([2, 50]),
        idle_timeout=dice.choice([0, 20, 300]),
        close_after=dice.choice([0, 5]),
        stream_message=dice.choice(["before", "after", "none"]),
        bad_input=dice.choice(["error", "silent"]),
        stream_interval=dice.choice([0, 0.05]),
        rag_delay=dice.choice([0, 0.5]),
    )


def step(talk: Talk, dice: random.Random, people: list[Person]) -> None:
    rules: Any = talk.running.engine.rules
    ids = [conversation.id for conversation in rules._talks]
    number, chance = dice.randrange(len(people)), dice.random()
    if chance < 0.08:
        checked(talk, people[number].after(dice.choice([0.1, 1, 5])))
    elif chance < 0.2:
        talk.act(dice.choice(ids), dice.choice(ACTS))
    elif chance < 0.23:
        people[number].socket.close(1001)
        people[number] = person(talk, f"p{number}", PEOPLE[number])
    else:
        event = dice.choice(EVENTS)
        body = dict(RIGHT[event])
        if "conversationId" in body and dice.random() < 0.8:
            body["conversationId"] = dice.choice(ids)
        if event == "join-conversation" and dice.random() < 0.5:
            body = {}
        checked(talk, people[number].emit(event, body))


def holds(rules: Any) -> None:
    queues = rules._desk._queues
    waiting = [conversation for queue in queues.values() for conversation in queue]
    assert all(queues.values()), "no empty queue is kept"
    assert len({conversation.id for conversation in waiting}) == len(waiting)
    assert {conversation.id for conversation in waiting} == {c.id for c in rules._talks if c.status == "queued"}
    assert all(c.tenant_id == tenant for tenant, queue in queues.items() for c in queue)
    assert {*rules._desk._served} <= {*queues}
    assert not any(conversation.over for conversation in rules._answers._streams)
    assert all(0 <= client.streams <= 4 for client in rules._clients.values())
    for room, inside in rules._rooms._rooms.items():
        assert inside, "no empty room is kept"
        assert all(room in client.rooms for client in inside)


@pytest.mark.parametrize("seed", range(30))
def test_what_has_to_hold(seed: int) -> None:
    dice = random.Random(seed)
    talk = some(dice)
    people = [person(talk, f"p{number}", auth) for number, auth in enumerate(PEOPLE)]
    rules: Any = talk.running.engine.rules
    for _ in range(120):
        step(talk, dice, people)
        holds(rules)
    for who in people:
        checked(talk, who.events())
        who.socket.close(1001)
    talk.after(5000)
    assert (rules._clients, rules._rooms._rooms, rules._answers._streams) == ({}, {}, {})
    kept = sum(msg.size for conversation in rules._talks for msg in conversation.messages.values())
    assert rules._talks._left == rules._settings.kept_megabytes * 1_000_000 - kept
