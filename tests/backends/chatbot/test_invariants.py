"""Nine people do whatever they like for a while: what has to hold, holds after every step."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from simulator.backends.chatbot.machine import WAITING
from simulator.backends.chatbot.rooms import Client
from simulator.backends.chatbot.talks import Conversation
from simulator.core.bot import Act, End, HandOff, Leave, Picture, Queue, Raw, Say, Status, Stream, Typing
from simulator.core.message import Request
from tests.backends.chatbot.chats import HARBOUR, HILL, WORKSHOP, Event, Person, as_user, chat, checked, person
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
        most_joined=dice.choice([1, 2, 500]),
        most_waiting=dice.choice([1, 10]),
        idle_timeout=dice.choice([0, 20, 300]),
        close_after=dice.choice([0, 5]),
        stream_message=dice.choice(["before", "after", "none"]),
        bad_input=dice.choice(["error", "silent"]),
        stream_interval=dice.choice([0, 0.05]),
        rag_delay=dice.choice([0, 0.5]),
    )


def found(value: Any, key: str) -> Iterator[Any]:
    """All values of a key, however deep."""
    if isinstance(value, dict):
        yield from ([value[key]] if key in value else [])
        value = [*value.values()]
    if isinstance(value, list):
        for inner in value:
            yield from found(inner, key)


class Eavesdropper:
    """Reads what everyone hears: it fits its model, and is about what they may see."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.rules: Any = talk.running.engine.rules
        self.known: dict[str, Conversation] = {}
        """Also those that were lost since."""
        self.heard = 0

    def read(self, who: Person, auth: Any, events: list[Event]) -> None:
        checked(self.talk, events)
        caller = self.rules._door.admit(auth, Request("GET", "/"), self.talk.clock.now())
        for conversation in self.rules._talks:
            self.known[conversation.id] = conversation
        for name, body in events:
            if name == "error":
                continue
            assert {*found(body, "tenantId")} <= {caller.tenant_id}
            for id in found(body, "conversationId"):
                conversation = self.known[id]
                # An org of one's own tells all its people of its conversations.
                told = name == "notification" and conversation.tenant_id == caller.tenant_id
                assert told or caller.may_see(conversation), (name, body)
                self.heard += 1


def step(talk: Talk, dice: random.Random, people: list[Person], ears: Eavesdropper) -> None:
    rules: Any = talk.running.engine.rules
    ids = [conversation.id for conversation in rules._talks]
    number, chance = dice.randrange(len(people)), dice.random()
    if chance < 0.08:
        ears.read(people[number], PEOPLE[number], people[number].after(dice.choice([0.1, 1, 5])))
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
        ears.read(people[number], PEOPLE[number], people[number].emit(event, body))


def holds(rules: Any) -> None:
    queues = rules._desk._queues
    waiting = [conversation for queue in queues.values() for conversation in queue]
    assert all(queues.values()), "no empty queue is kept"
    assert len({conversation.id for conversation in waiting}) == len(waiting)
    assert {conversation.id for conversation in waiting} == {c.id for c in rules._talks if c.status == "queued"}
    assert all(c.tenant_id == tenant for tenant, queue in queues.items() for c in queue)
    assert {*rules._desk._served} <= {*queues}
    assert not any(isinstance(where, Conversation) and where.over for where in rules._answers._streams)
    assert not any(conversation.over and conversation.typing for conversation in rules._talks)
    for conversation in rules._talks:
        for side in (False, True):
            said = [msg for msg in conversation.messages.values() if (msg.sender == "user") is side]
            assert [*conversation.of[side].values()] == said
    for conversation in rules._talks:
        typists = [client for client in rules._clients.values() if conversation in client.typing]
        assert {*typists} == {who for who in conversation.typing if isinstance(who, Client)}
    loads = Counter((c.tenant_id, c.agent_id) for c in rules._talks if c.status == "agent")
    assert rules._desk._loads == loads
    waits = Counter((c.tenant_id, c.side, c.visitor) for c in rules._talks if c.status in WAITING)
    assert rules._desk._waiting == waits
    for client in rules._clients.values():
        assert {("conversation", c.id) for c in client.joined} == {r for r in client.rooms if r[0] == "conversation"}
        assert client.talk is None or client.talk in client.joined
    shares(rules)
    assert all(0 <= client.streams <= 4 for client in rules._clients.values())
    for room, inside in rules._rooms._rooms.items():
        assert inside, "no empty room is kept"
        assert all(room in client.rooms for client in inside)


def shares(rules: Any) -> None:
    """What is counted by tenant, side and visitor is what there is."""
    kept: dict[Any, list[Conversation]] = {}
    for conversation in rules._talks:
        kept.setdefault((conversation.tenant_id, conversation.side, conversation.visitor), []).append(conversation)
    for tenant, share in rules._talks._shares.items():
        mine = {place: found for place, found in kept.items() if place[0] == tenant}
        assert share.count == sum(map(len, mine.values())) <= max(rules._settings.kept_conversations, 8)
        assert {*share} == {conversation for found in mine.values() for conversation in found}
        visitors = {(tenant, side, name): v for side, s in share._sides.items() for name, v in s.visitors.items()}
        assert {*visitors} == {*mine}
        for place, visitor in visitors.items():
            assert {*visitor.quiet} == {c for c in mine[place] if not rules._rooms.conns(("conversation", c.id))}
            assert {*visitor.watched} == {c for c in mine[place] if c.watched}
            assert {*visitor.quiet, *visitor.watched} == {*mine[place]}
            assert {*visitor.spoken} == {c for c in mine[place] if c.messages}
            assert visitor.size == sum(msg.size for c in mine[place] for msg in c.messages.values())
        for side in share._sides.values():
            of = [*side.visitors.values()]
            assert side.size == sum(visitor.size for visitor in of)
            assert side.by_count.first().by_count() == max(visitor.by_count() for visitor in of)
            if side.size:
                assert side.by_size.first().by_size() == max(visitor.by_size() for visitor in of)


@pytest.mark.parametrize("seed", range(30))
def test_what_has_to_hold(seed: int) -> None:
    dice = random.Random(seed)
    talk = some(dice)
    people = [person(talk, f"p{number}", auth) for number, auth in enumerate(PEOPLE)]
    rules: Any = talk.running.engine.rules
    ears = Eavesdropper(talk)
    for _ in range(120):
        step(talk, dice, people, ears)
        holds(rules)
    for who, auth in zip(people, PEOPLE, strict=True):
        ears.read(who, auth, who.events())
        who.socket.close(1001)
    assert ears.heard
    talk.after(5000)
    assert (rules._clients, rules._rooms._rooms, rules._answers._streams) == ({}, {}, {})
