"""What is kept is bounded, and fairly: whoever has the most gives up first; nothing costs more where there is much."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from simulator.core.bot import Say
from simulator.core.message import Json
from tests.backends.chatbot.chats import HARBOUR, HILL, WORKSHOP, Person, chat, codes, cost, names, person, user
from tests.talk import Talk

TENANT = 8
"""Conversations of tenant-123 in the fixtures; four of them are with its chatbot bot-harbour."""


def kept(talk: Talk) -> list[str]:
    rules: Any = talk.running.engine.rules
    return [conversation.id for conversation in rules._talks]


def test_who_begins_ever_more_loses_its_own() -> None:
    talk = chat(kept_conversations=TENANT + 10)
    others = {name: person(talk, name, auth) for name, auth in (("a", HARBOUR), ("b", WORKSHOP), ("c", HILL))}
    theirs = {other.join()["conversationId"] for other in others.values()}
    ada = user(talk, "user-ada").join()["conversationId"]
    before = {*kept(talk)}
    visitor = person(talk, "visitor")
    mine = [visitor.join()["conversationId"] for _ in range(50)]
    assert theirs < before
    assert before - {*kept(talk)} == set(), "nobody else lost anything, with a socket or without"
    rest = [id for id in kept(talk) if id not in before]
    assert rest == mine[-7:]
    assert ada in kept(talk)
    assert codes(visitor.emit("send-message", {"conversationId": mine[0], "content": "x"})) == [
        "CONVERSATION_NOT_FOUND"
    ]


def test_of_ones_own_the_longest_without_a_socket_goes_first() -> None:
    """Ada has two of the fixtures: what is open on her screen stays, though it is older than what she left."""
    talk = chat(kept_conversations=TENANT + 2)
    ada, left = user(talk, "user-ada"), user(talk, "user-ada")
    first, second = ada.join()["conversationId"], left.join()["conversationId"]
    left.socket.close(1001)
    for gone in ("conv-456", "conv-ended", second):
        assert gone in kept(talk)
        ada.join()
        assert gone not in kept(talk)
    ada.join()
    assert first not in kept(talk), "of those with a socket the oldest, where no other is left"


def test_who_comes_anew_each_time_crowds_its_chatbot_alone() -> None:
    """Nobody can say that it is the same one: the other sides and who is there stay, of the others the longest away goes."""
    talk = chat(kept_conversations=TENANT + 10)
    there, away = person(talk, "there"), person(talk, "away")
    here, left = there.join()["conversationId"], away.join()["conversationId"]
    away.socket.close(1001)
    workshop, ada = (
        person(talk, "b", WORKSHOP).join()["conversationId"],
        user(talk, "user-ada").join()["conversationId"],
    )
    for number in range(50):
        flood = person(talk, f"flood-{number}")
        last = flood.join()["conversationId"]
        flood.socket.close(1001)
    found = kept(talk)
    assert {here, workshop, ada, last, "conv-456", "conv-active", "conv-escalated", "conv-ended", "conv-hill"} <= {
        *found
    }
    assert {left, "conv-new", "conv-closed"}.isdisjoint(found)


def test_what_a_lost_one_leaves_behind() -> None:
    talk = chat(kept_conversations=TENANT + 2, queue_delay=0)
    visitor, agent = person(talk), user(talk, "agent-bob")
    first = visitor.join(sessionId="mine")["conversationId"]
    agent.join(conversationId=first)
    visitor.emit("request-rag-response-stream", {"query": "refunds"})
    visitor.emit("typing", {"conversationId": first, "isTyping": True})
    agent.events()
    while first in kept(talk):
        visitor.events()
        others = visitor.emit("join-conversation", {})
    assert names(others)[:3] == ["typing", "rag-stream-complete", "conversation-started"]
    still = agent.events()
    assert names(still) == ["typing", "typing", "rag-stream-complete"]
    assert [(body["sender"], body["isTyping"]) for _, body in still[:2]] == [("ai", False), ("user", False)]
    assert visitor.join(sessionId="mine")["conversationId"] != first
    assert codes(agent.emit("request-conversation-summary")) == ["NO_CONVERSATION"]
    for _ in range(12):
        visitor.emit("escalate", {"conversationId": visitor.join()["conversationId"]})
    rules: Any = talk.running.engine.rules
    waiting = {conversation.id for queue in rules._desk._queues.values() for conversation in queue}
    assert waiting <= {*kept(talk)}
    visitor.socket.close(1001)
    agent.socket.close(1001)
    talk.after(4000)
    assert talk.running.engine.next_due() is None


def test_an_old_one_of_a_session_goes_without_the_new_one() -> None:
    talk = chat(kept_conversations=TENANT + 2)
    visitor = person(talk)
    for _ in range(3):
        old = visitor.join(sessionId="s")["conversationId"]
        visitor.emit("end-conversation", {"conversationId": old})
    new = visitor.join(sessionId="s")["conversationId"]
    while old in kept(talk):
        visitor.join()
    assert codes(visitor.emit("join-conversation", {"conversationId": old})) == ["CONVERSATION_NOT_FOUND"]
    assert visitor.join(sessionId="s")["conversationId"] == new


def test_room_for_one() -> None:
    talk = chat(kept_conversations=1)
    visitor, other = person(talk, "visitor"), person(talk, "other")
    for _ in range(3):
        visitor.join(), other.join()
    assert len(kept(talk)) == 2, "and that of the other tenant"
    assert codes(visitor.emit("request-conversation-summary")) == ["NO_CONVERSATION"]


def test_messages_of_a_conversation() -> None:
    talk = chat(kept_messages=20, bot="none")
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    for number in range(50):
        visitor.emit("send-message", {"conversationId": id, "content": str(number)})
    found = visitor.join(conversationId=id)["messages"]
    assert (len(found) <= 20, found[-1]["content"]) == (True, "49")
    listed = visitor.emit("request-conversation-list")[0][1]["data"]["conversations"][0]
    assert listed["metrics"]["messageCount"] == 51, "also those that were forgotten"
    one = person(chat(kept_messages=1, bot="none"))
    id = one.join()["conversationId"]
    one.emit("send-message", {"conversationId": id, "content": "last"})
    assert [message["content"] for message in one.join(conversationId=id)["messages"]] == ["last"]


def lines(who: Person, event: str, **body: Json) -> int:
    """How many lines of ours an event runs."""
    count = 0

    def seen(frame: FrameType, kind: str, arg: object) -> Any:
        nonlocal count
        count += kind == "line"
        return seen

    before = sys.gettrace()
    sys.settrace(seen)
    try:
        who.emit(event, body)
    finally:
        sys.settrace(before)
    return count


def test_a_message_costs_the_same_however_many_came_before() -> None:
    visitor = person(chat(bot="none"))
    body = {"conversationId": visitor.join()["conversationId"], "content": "again"}
    for _ in range(5):
        visitor.emit("send-message", body)
    early = lines(visitor, "send-message", **body)
    for _ in range(200):
        visitor.emit("send-message", body)
    assert lines(visitor, "send-message", **body) <= early + 5


def texts(who: Person, id: str) -> list[str]:
    return [message["content"] for message in who.join(conversationId=id)["messages"]]


def test_who_says_the_most_forgets_first() -> None:
    talk = chat(kept_megabytes=1, content_limit=200_000, bot="none", welcome="none")
    loud, quiet, ada = person(talk, "loud"), person(talk, "quiet"), user(talk, "user-ada")
    first, second = (loud.join()["conversationId"] for _ in range(2))
    mine = quiet.join()["conversationId"]
    quiet.emit("send-message", {"conversationId": mine, "content": "mine"})
    for _ in range(10):
        for id in (first, second):
            loud.emit("send-message", {"conversationId": id, "content": "x" * 200_000})
    assert texts(quiet, mine) == ["mine"]
    assert len(texts(ada, "conv-456")) == 2
    # The one who is over the bound keeps what was said last, and the others can speak.
    assert 0 < len(texts(loud, first)) + len(texts(loud, second)) < 5
    assert texts(loud, second)[-1] == "x" * 200_000
    quiet.emit("send-message", {"conversationId": mine, "content": "still here"})
    assert texts(quiet, mine) == ["mine", "still here"]
    ada.emit("send-message", {"conversationId": "conv-456", "content": "y" * 200_000})
    assert len(texts(ada, "conv-456")) == 3


def test_one_message_above_the_bound_is_kept_until_the_next() -> None:
    talk = chat(kept_megabytes=1, bot="none", welcome="none")
    visitor = person(talk)
    id = visitor.join()["conversationId"]
    for letter in "ab":
        talk.act(id, Say(letter * 1_000_001))
        assert [text[0] for text in texts(visitor, id)] == [letter]


def test_a_socket_is_in_so_many_conversations() -> None:
    talk = chat(most_joined=2)
    visitor = person(talk)
    ids = [visitor.join()["conversationId"] for _ in range(3)]
    visitor.join(conversationId=ids[1])
    visitor.join(conversationId=ids[2])
    for id in ids:
        talk.act(id, Say("hello"))
    assert [body["conversationId"] for _, body in visitor.events()] == ids[1:]
    visitor.join(conversationId=ids[0])
    talk.act(ids[1], Say("hello"))
    talk.act(ids[2], Say("hello"))
    assert [body["conversationId"] for _, body in visitor.events()] == ids[2:]


def test_a_visitor_has_so_many_conversations_that_wait() -> None:
    talk = chat(most_waiting=2, agent_after=0)
    visitor, other = person(talk), person(talk, "other")
    ids = [visitor.join()["conversationId"] for _ in range(3)]
    assert [codes(visitor.emit("escalate", {"conversationId": id})) for id in ids] == [[], [], ["ESCALATION_FAILED"]]
    visitor.after(1)
    assert codes(visitor.emit("escalate", {"conversationId": ids[2]})) == ["ESCALATION_FAILED"]
    assert codes(other.emit("escalate", {"conversationId": other.join()["conversationId"]})) == []
    visitor.emit("end-conversation", {"conversationId": ids[0]})
    assert codes(visitor.emit("escalate", {"conversationId": ids[2]})) == []
    user(talk, "agent-bob").join(conversationId=ids[1])
    again = visitor.join()["conversationId"]
    assert codes(visitor.emit("escalate", {"conversationId": again})) == []


def crowded(conversations: int) -> tuple[Talk, Person]:
    """So many conversations, which are all that are kept, of a visitor who was there, of many, and of another tenant."""
    talk = chat(kept_conversations=conversations, idle_timeout=0)
    for auth, share in ((HARBOUR, 2), (WORKSHOP, 1), (HILL, 3)):
        crowd = person(talk, "crowd", auth)
        for _ in range(conversations * share // 3):
            crowd.join()
        crowd.socket.close(1001)
    for number in range(conversations // 4):
        one = person(talk, f"one-{number}", WORKSHOP)
        one.join()
        one.socket.close(1001)
    return talk, person(talk, "visitor")


def test_a_join_costs_the_same_among_many_conversations() -> None:
    costs = []
    for conversations in (60, 1500):
        talk, visitor = crowded(conversations)
        assert len(kept(talk)) == 2 * conversations, "each one more makes one go"
        costs.append([cost(visitor, "join-conversation") for _ in range(3)])
        id = visitor.join()["conversationId"]
        for event in ("escalate", "request-conversation-list", "end-conversation"):
            costs[-1].append(cost(visitor, event, conversationId=id))
        talk.after(300)
    # The queue of the fixtures was served meanwhile or not: that is a call or two.
    assert all(abs(few - many) <= 0.05 * few for few, many in zip(*costs, strict=True)), costs


def test_no_more_sessions_poll_than_the_setting_says() -> None:
    talk = Talk("chatbot", settings={"kept_polling": 1})
    statuses = [talk.request("GET", "/socket.io/?EIO=4&transport=polling").status for _ in range(2)]
    assert statuses == [200, 403]
