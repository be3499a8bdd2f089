"""concierge's routes, pushes and state, without a network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.core.bot import Say
from tests.backends.concierge.speak import (
    BOBS,
    CLOSED,
    OPEN,
    START,
    ask,
    concierge,
    connected,
    frame,
    good,
    history,
    say,
    texts,
)
from tests.talk import Socket, Talk


@pytest.fixture
def talk() -> Talk:
    return concierge()


def bobs(talk: Talk) -> str:
    """A token of tenant 35."""
    body = b'{"clientSecret":"client-secret","tenantId":35}'
    answer = json.loads(talk.request("POST", "/client/auth/authorize-tenant", body).body)
    return str(answer["accessToken"])


# ---- sessions ----


def test_a_new_session(talk: Talk) -> None:
    client = connected(talk)
    body = good(client, "init-chat-with-concierge", newSession=True)
    session, connection = body["chatSession"], body["connection"]
    assert session == {
        "id": session["id"],
        "orgId": "367",
        "chatSessionId": body["chatSessionId"],
        "chatInitiatedByEntityType": "TENANT",
        "chatInitiatedByEntityId": "34",
        "lastPingedByChatInitiator": str(START),
        "chatJoinedByEntityType": None,
        "chatJoinedByEntityId": None,
        "lastPingedByChatJoiner": None,
        "isSessionClosed": False,
    }
    assert connection == {
        "id": connection["id"],
        "connectionId": connection["connectionId"],
        "entityType": "TENANT",
        "entityId": "34",
        "deviceId": "123-postman-321",
        "expiredAt": str(START + 3_600_000),
        "createdAt": str(START),
        "updatedAt": str(START),
        "orgId": "367",
    }
    [push] = texts(client)
    assert push == {
        "actions": [],
        "channel": f"chat-session-update-{body['chatSessionId']}",
        "payload": {"chatSessionId": body["chatSessionId"], "chatSession": session},
        "receiverId": None,
        "receiverType": "BACKEND_USER",
        "senderId": "34",
        "senderType": "TENANT",
        "socketMessageId": push["socketMessageId"],
    }
    assert [*push] == [
        "actions", "channel", "payload", "receiverId", "receiverType", "senderId", "senderType", "socketMessageId",
    ]  # fmt: skip
    again = good(client, "init-chat-with-concierge", newSession=True)
    assert again["chatSessionId"] != body["chatSessionId"]
    assert int(again["chatSession"]["id"]) == int(session["id"]) + 1


def test_who_bumps_which_time(talk: Talk) -> None:
    client = connected(talk)

    def pinged(body: Any) -> int:
        return int(body["chatSession"]["lastPingedByChatInitiator"])

    talk.after(1)
    assert pinged(good(client, "get-chat-session", chatSessionId=OPEN)) == START + 1000
    talk.after(1)
    assert pinged(good(client, "ping-on-chat-session", chatSessionId=OPEN)) == START + 2000
    talk.after(1)
    again = good(client, "init-chat-with-concierge", newSession=False, chatSessionId=OPEN)
    assert pinged(again) == START + 2000, "the time of before"
    [push] = texts(client)
    assert pinged(push["payload"]) == START + 3000, "bumped after the answer"
    talk.after(1)
    sent = say(client)
    assert sent["sentAt"] == sent["deliveredAt"] == str(START + 4000)
    talk.after(1)
    assert pinged(good(client, "end-chat-with-concierge", chatSessionId=OPEN)) == START + 4000, "sentAt; end does not"
    talk.after(1)
    closed = good(client, "get-chat-session", chatSessionId=OPEN)
    assert closed["chatSession"]["isSessionClosed"] is True
    assert pinged(closed) == START + 4000


def test_a_closed_session_stays_closed(talk: Talk) -> None:
    client = connected(talk)
    ended = good(client, "end-chat-with-concierge", chatSessionId=OPEN)
    assert set(ended) == {"chatSessionId", "chatSession"}
    [push] = texts(client)
    assert push["payload"]["chatSession"]["isSessionClosed"] is True
    assert good(client, "end-chat-with-concierge", chatSessionId=OPEN) == ended
    assert texts(client) == [], "told once"
    for route, more in (
        ("init-chat-with-concierge", {"newSession": False}),
        ("ping-on-chat-session", {}),
        ("send-message", {"contentType": "TEXT", "messageContent": "x"}),
    ):
        answer = ask(client, route, chatSessionId=OPEN, **more)
        assert (answer["status"], answer["body"]) == (409, {"message": "Chat session is closed"})
    assert talk.running.engine.rules.objection(OPEN, Say("x")) == f"session {OPEN} is closed"


def test_connection_rows_are_by_device() -> None:
    talk = concierge()
    first = connected(talk, "first")
    row = good(first, "get-chat-session", chatSessionId=OPEN)["connection"]
    talk.after(10)
    second = connected(talk, "second")
    over = good(second, "get-chat-session", chatSessionId=OPEN)["connection"]
    assert (over["id"], over["createdAt"]) == (row["id"], row["createdAt"]), "2262 of the samples"
    assert over["connectionId"] != row["connectionId"]
    assert int(over["updatedAt"]) == int(row["updatedAt"]) + 10_000
    assert int(over["expiredAt"]) == int(over["updatedAt"]) + 3_600_000
    first.close()
    assert good(second, "get-chat-session", chatSessionId=OPEN)["connection"] == over
    second.close()
    talk.after(10)
    third = connected(talk, "third")
    new = good(third, "get-chat-session", chatSessionId=OPEN)["connection"]
    assert (new["id"], new["createdAt"]) != (row["id"], row["createdAt"]), "2260 became 2262"
    other = connected(talk, "other", deviceId="tablet")
    assert good(other, "get-chat-session", chatSessionId=OPEN)["connection"]["deviceId"] == "tablet"


def test_a_row_goes_back_to_the_older_socket(talk: Talk) -> None:
    """One row for each device, whichever of its sockets ends: nobody is told of a row that there is not."""

    def row(client: Socket) -> Any:
        return good(client, "get-chat-session", chatSessionId=OPEN)["connection"]

    first = connected(talk, "first")
    alone = row(first)
    talk.after(10)
    second = connected(talk, "second")
    talk.after(10)
    third = connected(talk, "third")
    assert row(first) == row(second) == row(third)
    second.close()
    assert row(first) == row(third)
    third.close()
    assert row(first) == alone
    first.close()
    assert row(connected(talk, "fourth"))["id"] != alone["id"]


# ---- messages ----


@pytest.mark.parametrize("kind", ["TEXT", "FILE", "IMAGE", "VIDEO"])
def test_a_message_is_answered_and_pushed_to_all(talk: Talk, kind: str) -> None:
    client, other = connected(talk), connected(talk, "other", deviceId="tablet")
    stranger = connected(talk, "bob", Auth=bobs(talk))
    metadata = {"key": "a", "messageUid": "b", "deep": [{"x": None}]}
    body = {"chatSessionId": OPEN, "contentType": kind, "messageContent": "Häi 👍", "metadata": metadata}
    message = good(client, "send-message", **body)["chatMessage"]
    assert message == {
        "id": message["id"],
        "orgId": "367",
        "chatSessionId": OPEN,
        "senderEntityType": "TENANT",
        "senderEntityId": "34",
        "messageContent": "Häi 👍",
        "sentAt": str(START),
        "status": 3,
        "seenAt": None,
        "deliveredAt": str(START),
        "contentType": kind,
        "metadata": metadata,
    }
    [push] = texts(client)
    assert texts(other) == [push]
    assert texts(stranger) == []
    number = {"TEXT": 1, "IMAGE": 2, "FILE": 3, "VIDEO": 3}[kind]
    assert push["payload"] == {"chatSessionId": OPEN, "chatMessage": {**message, "type": number}}
    assert (push["channel"], push["senderType"], push["senderId"]) == (f"chat-message-{OPEN}", "TENANT", "34")
    assert history(client) == [message]


def test_pages(talk: Talk) -> None:
    client = connected(talk)
    for number in range(25):
        say(client, str(number))

    def page(query: str) -> tuple[list[str], Any]:
        body = good(client, f"get-chat-messages{query}", chatSessionId=OPEN)
        return [msg["messageContent"] for msg in body["messages"]], body["paginate"]

    words = [str(number) for number in range(25)]
    assert page("") == (words[5:], {"per_page": 20, "offset": 0, "page": 1})
    assert page("?page=2") == (words[:5], {"per_page": 20, "offset": 20, "page": 2})
    assert page("?page=2&limit=10") == (words[5:15], {"per_page": 10, "offset": 10, "page": 2})
    assert page("?page=9&limit=10") == ([], {"per_page": 10, "offset": 80, "page": 9})
    assert page("?limit=1000")[1]["per_page"] == 100
    for wrong in ("?page=0&limit=0", "?page=x&limit=-1", "?page=&limit=", "?page=1.5&limit=%D9%A3", "?"):
        assert page(wrong) == page("")
    for digits in (10, 11, 17, 18, 25, 5000):
        text = "9" * digits
        last = min(int(text[:20]), 2**53 - 1)
        assert page(f"?page={text}") == ([], {"per_page": 20, "offset": (last - 1) * 20, "page": last}), "past the end"
        assert page(f"?limit={text}") == page("?limit=100"), "as many as there may be"
    assert page("?page=" + "0" * 30 + "2") == page("?page=2")
    assert [*good(client, "get-chat-messages?page=1&limit=2", chatSessionId=OPEN)] == ["messages", "paginate"]


def test_own_messages_can_be_unsent(talk: Talk) -> None:
    client = connected(talk)
    number = int(say(client)["id"])
    assert good(client, "delete-message", chatSessionId=OPEN, messageId=number) == {"messageId": number}
    [push] = texts(client)
    assert (push["channel"], push["payload"]) == ("chat-message-delete", {"messageId": number})
    assert history(client) == []
    again = ask(client, "delete-message", chatSessionId=OPEN, messageId=str(number))
    assert (again["status"], again["body"]) == (404, {"message": "Message not found"})
    theirs = ask(client, "delete-message", chatSessionId=CLOSED, messageId="1")
    assert (theirs["status"], theirs["body"]) == (403, {"message": "Forbidden"})


def test_seen_and_unread(talk: Talk) -> None:
    client = connected(talk)
    assert good(client, "get-unread-msg-count") == {"unreadMsgCount": "1"}, "one of the fixtures"
    talk.act(OPEN, Say("good morning"))
    pushed = texts(client)[-1]["payload"]["chatMessage"]
    assert good(client, "get-unread-msg-count") == {"unreadMsgCount": "2"}
    talk.after(5)
    seen = good(client, "update-message-seen-at", chatSessionId=OPEN, messageId=pushed["id"])
    assert seen["chatSessionId"] == OPEN
    assert (seen["chatMessage"]["status"], seen["chatMessage"]["seenAt"]) == (4, str(START + 5000))
    talk.after(5)
    assert good(client, "update-message-seen-at", chatSessionId=OPEN, messageId=int(pushed["id"])) == seen
    assert good(client, "get-unread-msg-count") == {"unreadMsgCount": "1"}
    mine = say(client)
    assert ask(client, "update-message-seen-at", chatSessionId=OPEN, messageId=mine["id"])["status"] == 403
    assert texts(client) == [], "nobody is told"


# ---- errors ----

SEND = {"chatSessionId": OPEN, "contentType": "TEXT", "messageContent": "x"}


def nested(depth: int) -> Any:
    return {"a": nested(depth - 1)} if depth else 1


@pytest.mark.parametrize(
    ("route", "body", "text"),
    [
        ("init-chat-with-concierge", {}, "newSession: Field required"),
        ("init-chat-with-concierge", {"newSession": 1}, "newSession: Input should be a valid boolean"),
        ("init-chat-with-concierge", {"newSession": False}, "chatSessionId is required unless newSession is true"),
        ("get-chat-session", {"chatSessionId": 7}, "chatSessionId: Input should be a valid string"),
        ("get-chat-messages", {}, "chatSessionId: Field required"),
        ("ping-on-chat-session", {"chatSessionId": None}, "chatSessionId: Input should be a valid string"),
        (
            "send-message",
            {**SEND, "contentType": "AUDIO"},
            "contentType: Input should be 'TEXT', 'FILE', 'IMAGE' or 'VIDEO'",
        ),
        ("send-message", {**SEND, "messageContent": ""}, "messageContent: String should have at least 1 character"),
        ("send-message", {**SEND, "metadata": nested(101)}, "metadata: expected at most 100 levels"),
        ("delete-message", {"chatSessionId": OPEN, "messageId": "x"}, "messageId: expected the number of a message"),
        ("delete-message", {"chatSessionId": OPEN, "messageId": -1}, "messageId: expected the number of a message"),
    ],
)
def test_missing_and_ill_typed(talk: Talk, route: str, body: dict[str, Any], text: str) -> None:
    answer = ask(connected(talk), route, **body)
    assert (answer["status"], answer["body"]) == (400, {"message": text})


def test_a_body_that_is_no_object(talk: Talk) -> None:
    client = connected(talk)
    bodies: tuple[object, ...] = ("", [], 1, None)
    for body in bodies:
        client.send(frame("get-chat-session", body))
    assert [answer["status"] for answer in texts(client)] == [400] * 4
    say(client, metadata=nested(99))
    assert history(client)[-1]["metadata"] == nested(99)


def test_foreign_and_unknown(talk: Talk) -> None:
    client, bob = connected(talk), connected(talk, "bob", Auth=bobs(talk))
    for route, more in (
        ("get-chat-session", {}),
        ("get-chat-messages", {}),
        ("ping-on-chat-session", {}),
        ("end-chat-with-concierge", {}),
        ("init-chat-with-concierge", {"newSession": False}),
        ("send-message", {"contentType": "TEXT", "messageContent": "x"}),
        ("delete-message", {"messageId": 1}),
        ("update-message-seen-at", {"messageId": 1}),
    ):
        assert ask(client, route, chatSessionId=BOBS, **more)["status"] == 403
        unknown = ask(client, route, chatSessionId="nobody", **more)
        assert (unknown["status"], unknown["body"]) == (404, {"message": "Chat session not found"})
        # A closed one is no less somebody else's.
        assert ask(bob, route, chatSessionId=CLOSED, **more)["status"] == 403
    assert texts(client) == texts(bob) == []


def test_tenants_do_not_change_each_others_ids() -> None:
    """Whatever Bob does between, Ada's bytes are the same."""

    def adas(talk: Talk, bob: Socket | None) -> list[object]:
        ada = connected(talk)
        for number in range(3):
            for who in (bob, ada):
                if who is not None:
                    who.send(frame("init-chat-with-concierge", {"newSession": True}))
                    who.send("garbage")
            say(ada, str(number))
        return [*ada.got]

    alone, watched = concierge(), concierge()
    bob = connected(watched, "bob", Auth=bobs(watched))
    assert adas(alone, None) == adas(watched, bob)
