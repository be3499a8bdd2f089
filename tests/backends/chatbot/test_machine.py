"""The conversation machine: the table alone, and every state, reason and queue as people see them."""

from __future__ import annotations

import copy
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.backends.chatbot import machine
from simulator.backends.chatbot.machine import TABLE, Status, Trigger
from simulator.core.bot import End, HandOff, Leave, Say
from tests.backends.chatbot.chats import STATES, WORKSHOP, Person, chat, codes, fixtures, names, one, person, user
from tests.talk import Talk


def test_the_table_has_every_state_and_leads_to_all() -> None:
    assert [*get_args(Status)] == STATES
    assert {*TABLE} == {*STATES}
    reached, edge = {"new"}, ["new"]
    while edge:
        for state in TABLE[edge.pop()].values():  # type: ignore[index]
            if state not in reached:
                reached.add(state)
                edge.append(state)
    assert reached == {*STATES}
    used = {trigger for row in TABLE.values() for trigger in row}
    assert used == {*Trigger}


@given(st.lists(st.sampled_from([*Trigger])))
def test_nothing_comes_back_from_the_end(triggers: list[Trigger]) -> None:
    state: Status = "new"
    for trigger in triggers:
        state = machine.after(state, trigger) or state
        if state in machine.OVER:
            assert machine.after(state, trigger) in (None, "closed")
    assert not TABLE["closed"]


def states(events: list[tuple[str, Any]]) -> list[str]:
    return [body["status"] for name, body in events if name == "status-change"]


def begun(**settings: object) -> tuple[Talk, Person, str]:
    talk = chat(**settings)
    visitor = person(talk)
    return talk, visitor, visitor.join()["conversationId"]


def test_all_eight_states_on_the_wire() -> None:
    _talk, visitor, id = begun()
    seen = ["new"]
    seen += states(visitor.emit("send-message", {"content": "hi", "conversationId": id}))
    seen += states(visitor.emit("escalate", {"conversationId": id}))
    seen += states(visitor.after(21))
    seen += states(visitor.emit("end-conversation", {"conversationId": id}))
    seen += states(visitor.after(240))
    assert seen == ["new", "ai", "escalated", "queued", "agent", "ended", "closed"]
    _, other, id = begun(bot="none")
    assert states(other.emit("send-message", {"content": "hi", "conversationId": id})) == ["active"]
    assert states(other.emit("send-message", {"content": "hi", "conversationId": id})) == []


def reason(events: list[tuple[str, Any]]) -> str:
    return str(one(events, "conversation-ended")["reason"])


def test_all_four_reasons() -> None:
    talk, visitor, id = begun()
    assert reason(visitor.emit("end-conversation", {"conversationId": id})) == "user_ended"

    id = visitor.join()["conversationId"]
    bob = user(talk, "agent-bob")
    bob.join(conversationId=id)
    assert reason(bob.emit("end-conversation", {"conversationId": id})) == "agent_ended"
    visitor.events()

    id = visitor.join()["conversationId"]
    talk.act(id, End())
    assert reason(visitor.events()) == "resolved"
    id = visitor.join()["conversationId"]
    bob.emit("send-message", {"content": "mine", "conversationId": id})
    visitor.events()
    talk.act(id, End())
    assert reason(visitor.events()) == "agent_ended"

    id = visitor.join()["conversationId"]
    assert "conversation-ended" not in names(visitor.after(299))
    visitor.emit("send-message", {"content": "still here", "conversationId": id})
    # The bot's answer a second later counts too.
    assert "conversation-ended" not in names(visitor.after(300))
    assert reason(visitor.after(1)) == "timeout"


def test_no_timers() -> None:
    _talk, visitor, id = begun(idle_timeout=0, close_after=0, bot="none")
    assert visitor.after(4000) == []
    assert states(visitor.emit("end-conversation", {"conversationId": id})) == ["ended"]
    assert visitor.after(4000) == []


def test_positions_fall_and_waits_with_them() -> None:
    talk = chat()
    people = [person(talk, f"p{n}") for n in range(3)]
    ids = [one.join()["conversationId"] for one in people]
    for visitor, id in zip(people, ids, strict=True):
        visitor.emit("escalate", {"conversationId": id})
    people[0].after(1)
    first = [one(who.events(), "queue-update") if who is not people[0] else None for who in people]
    assert [told["position"] for told in first if told] == [3, 4]
    # conv-queued of the fixtures was first; every ten seconds one goes to Bob.
    told = people[2].after(10)
    assert told == [("queue-update", {"position": 3, "estimatedWait": 30, "conversationId": ids[2]})]
    assert one(people[0].events(), "queue-update")["position"] == 1
    told = people[2].after(10)
    assert one(told, "queue-update") == {"position": 2, "estimatedWait": 20, "conversationId": ids[2]}
    assert names(people[0].events()) == ["agent-joined", "status-change", "message"]
    # Who leaves in between makes all behind it move too.
    people[1].emit("end-conversation", {"conversationId": ids[1]})
    assert one(people[2].events(), "queue-update") == {"position": 1, "estimatedWait": 10, "conversationId": ids[2]}
    assert names(people[2].after(10)) == ["agent-joined", "status-change", "message"]
    rules: Any = talk.running.engine.rules
    assert (rules._desk._queues, rules._desk._served) == ({}, {})


def test_a_wait_is_what_is_left_of_it() -> None:
    """Who comes while the next one's turn is near waits for the rest of that turn, in whole seconds."""
    talk = chat(queue_delay=0)
    first, second = person(talk, "first"), person(talk, "second")
    for who, place, wait in ((first, 2, 20), (second, 3, 24)):
        told = one(who.emit("escalate", {"conversationId": who.join()["conversationId"]}), "queue-update")
        assert (told["position"], told["estimatedWait"]) == (place, wait)
        talk.after(6.5)
    assert one(second.events(), "queue-update")["estimatedWait"] == 20
    talk.after(3.5)
    third = person(talk, "third")
    told = one(third.emit("escalate", {"conversationId": third.join()["conversationId"]}), "queue-update")
    assert (told["position"], told["estimatedWait"]) == (3, 24)


def test_the_agent_with_the_fewest_conversations_is_next() -> None:
    """Online ones alone; of equal ones the first in the fixtures. Bob has one of the fixtures already."""
    seed = copy.deepcopy(fixtures())
    seed["users"].append(
        {"userId": "agent-zed", "tenantId": "tenant-123", "name": "Zed", "email": "zed@example.com", "role": "agent"}
    )
    talk = Talk("chatbot", seeded=seed, settings={"queue_delay": 0})
    visitor = person(talk)
    for _ in range(3):
        visitor.emit("escalate", {"conversationId": visitor.join()["conversationId"]})
    told = [body["agentId"] for name, body in visitor.after(40) if name == "agent-joined"]
    # conv-queued went to Zed, and both have one then.
    assert told == ["agent-bob", "agent-zed", "agent-bob"]


def test_the_fixtures_queue_is_in_the_order_of_queuedat() -> None:
    seed = copy.deepcopy(fixtures())
    [queued] = [begun for begun in seed["conversations"] if begun["status"] == "queued"]
    before = {
        **queued,
        "conversationId": "conv-before",
        "sessionId": "before",
        "queuedAt": "2025-12-31T21:04:00Z",
        "messages": [],
    }
    seed["conversations"].append(before)
    talk = Talk("chatbot", seeded=seed, settings={"queue_delay": 0})
    visitor, first = person(talk), person(talk, "first")
    first.join(conversationId="conv-before")
    first.events()
    told = visitor.emit("escalate", {"conversationId": visitor.join()["conversationId"]})
    assert one(told, "queue-update")["position"] == 3
    assert names(first.after(10)) == ["agent-joined", "status-change", "message"]


@pytest.mark.parametrize("delay", [0, 60])
def test_who_waits_comes_back_and_waits_on(delay: int) -> None:
    """A page is loaded again, an admin looks in: only an agent who joins takes it, escalated or queued."""
    talk = chat(queue_delay=delay)
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    visitor.emit("escalate", {"conversationId": id})
    visitor.socket.close(1001)
    status = "escalated" if delay else "queued"
    again, eve = person(talk, "again"), user(talk, "admin-eve")
    for who in (again, eve):
        came = who.emit("join-conversation", {"conversationId": id})
        assert (names(came)[:2], came[0][1]["status"]) == (["conversation-started", "join"], status)
        assert came[2:] == (
            [] if delay else [("queue-update", {"position": 2, "estimatedWait": 20, "conversationId": id})]
        )
    assert again.events() == [], "who is there already is not told again"
    taken = user(talk, "agent-bob").emit("join-conversation", {"conversationId": id})
    assert names(taken)[2:] == ["agent-joined", "status-change"]


def test_an_empty_queue_stops_its_clock() -> None:
    talk = chat()
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    bob = user(talk, "agent-bob")
    bob.join(conversationId="conv-queued")
    visitor.emit("escalate", {"conversationId": id})
    assert one(visitor.after(1), "queue-update")["position"] == 1
    visitor.emit("end-conversation", {"conversationId": id})
    rules: Any = talk.running.engine.rules
    assert (rules._desk._queues, rules._desk._served) == ({}, {})
    assert names(visitor.after(60)) == []


@pytest.mark.parametrize("settings", [{"agent_after": 0}, {}])
def test_nobody_is_free(settings: dict[str, object]) -> None:
    """No clock of the queue, or nobody online: a queue that only people move."""
    talk = chat(**settings)
    tenant = "tenant-123" if settings else "tenant-456"
    widget = {"widgetKey": "wk-hill-1", "chatbotId": "bot-hill"} if not settings else WORKSHOP
    visitor, later = person(talk, "visitor", {**widget}), person(talk, "later", {**widget})
    ids = [visitor.join()["conversationId"], later.join()["conversationId"]]
    visitor.emit("escalate", {"conversationId": ids[0]})
    later.emit("escalate", {"conversationId": ids[1]})
    place = one(visitor.after(1), "queue-update")["position"]
    later.events()
    assert visitor.after(100) == []
    agent = user(talk, "agent-bob" if tenant == "tenant-123" else "agent-tim")
    agent.join(conversationId=ids[0])
    assert names(visitor.events()) == ["agent-joined", "status-change"]
    assert one(later.events(), "queue-update")["position"] == place


def test_a_bot_cannot_be_had_while_one_waits_and_stands_in_for_the_agent() -> None:
    talk, visitor, id = begun()
    visitor.emit("escalate", {"conversationId": id})
    visitor.emit("send-message", {"content": "hello?", "conversationId": id})
    assert "message" not in names(visitor.after(5))
    visitor.after(20)
    visitor.emit("send-message", {"content": "hello Bob", "conversationId": id})
    answer = one(visitor.after(2), "message")["message"]
    assert (answer["sender"], answer["senderName"]) == ("agent", "Bob Desk")
    # Where a real one is there, nobody stands in.
    bob = user(talk, "agent-bob")
    bob.join(conversationId=id)
    visitor.emit("send-message", {"content": "hello again", "conversationId": id})
    assert visitor.after(5) == []


def test_escalating_twice_and_an_agent_who_takes_over() -> None:
    talk, visitor, id = begun(agent_greeting="")
    visitor.emit("escalate", {"conversationId": id})
    assert codes(visitor.emit("escalate", {"conversationId": id})) == ["ESCALATION_FAILED"]
    bob, mia = user(talk, "agent-bob"), user(talk, "agent-mia")
    bob.emit("send-message", {"content": "I have it", "conversationId": id})
    assert names(visitor.events()) == ["agent-joined", "status-change", "message"]
    mia.emit("send-message", {"content": "no, I", "conversationId": id})
    came = visitor.events()
    assert names(came) == ["agent-joined", "message"]
    assert came[0][1]["agentName"] == "Mia Bench"
    assert names(visitor.after(5)) == [], "the queue was left before it was entered"
    talk.act(id, Say("as it is"))
    assert one(visitor.events(), "message")["message"]["senderName"] == "Mia Bench"


def test_an_agent_is_free_without_a_word() -> None:
    _talk, visitor, id = begun(agent_greeting="", queue_delay=0)
    assert names(visitor.emit("escalate", {"conversationId": id})) == ["status-change", "status-change", "queue-update"]
    assert names(visitor.after(20)) == ["queue-update", "agent-joined", "status-change"]


def test_waiting_is_counted_from_the_last_queue() -> None:
    talk = chat()
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    visitor.emit("escalate", {"conversationId": id})
    talk.act(id, HandOff("Bob Desk"))
    talk.after(16)
    talk.act(id, Leave())
    visitor.emit("escalate", {"conversationId": id})
    talk.after(4)
    listed = one(user(talk, "admin-eve").emit("request-conversation-list", {}), "conversation-list")
    [metrics] = [c["metrics"] for c in listed["data"]["conversations"] if c["conversationId"] == id]
    assert "queueTimeSeconds" not in metrics


def test_an_agent_who_takes_over_goes_on_with_the_others_time() -> None:
    talk = chat()
    bob, mia = user(talk, "agent-bob"), user(talk, "agent-mia")
    for agent in (bob, mia):
        agent.emit("send-message", {"content": "mine", "conversationId": "conv-456"})
        talk.after(20)
    bob.emit("end-conversation", {"conversationId": "conv-456"})
    listed = one(bob.emit("request-conversation-list", {"agentId": "agent-mia"}), "conversation-list")
    [row] = listed["data"]["conversations"]
    assert row["timestamps"]["agentAssignedAt"] == "2026-01-01T00:00:00.000Z"
    assert row["metrics"]["handleTimeSeconds"] == 40
