"""The document's open questions, A1 to A21 of its fidelity table: each setting at each of its values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from simulator.backends.concierge.state import Settings
from simulator.core.bot import Say, Status, Typing
from simulator.core.wire import Shut
from tests.backends.concierge.speak import (
    BOBS,
    CLOSED,
    OPEN,
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


def two(**settings: Any) -> tuple[Talk, Socket]:
    talk = concierge(**settings)
    return talk, connected(talk)


@pytest.mark.parametrize("ids", ["string", "number"])
@pytest.mark.parametrize("push_ids", ["string", "number"])
def test_a1_ids_and_times(ids: str, push_ids: str) -> None:
    _, client = two(ids=ids, push_ids=push_ids)
    body = good(client, "init-chat-with-concierge", newSession=True)
    [push] = texts(client)
    kinds = {"string": str, "number": int}
    row, pushed = body["chatSession"], push["payload"]["chatSession"]
    for value in (row["id"], row["orgId"], row["lastPingedByChatInitiator"], body["connection"]["expiredAt"],
                  body["tenant"]["id"], body["tenant"]["countryId"]):  # fmt: skip
        assert type(value) is kinds[ids]
    for value in (pushed["id"], pushed["chatInitiatedByEntityId"], push["senderId"]):
        assert type(value) is kinds[push_ids]
    assert row["chatJoinedByEntityId"] is None
    message = say(client)
    assert type(message["sentAt"]) is type(message["senderEntityId"]) is kinds[ids]


@pytest.mark.parametrize(("key", "sent"), [
    ("metadata", {"metadata"}), ("metdata", {"metdata"}), ("both", {"metadata", "metdata"}),
])  # fmt: skip
def test_a2_metadata(key: str, sent: set[str]) -> None:
    _, client = two(metadata_key=key)
    givens: tuple[dict[str, Any], ...] = (
        {"metadata": {"a": 1}},
        {"metdata": {"a": 1}},
        {"metadata": {"a": 1}, "metdata": {"b": 2}},
    )
    for given in givens:
        message = say(client, **given)
        assert {name: message[name] for name in message if name.startswith("met")} == {name: {"a": 1} for name in sent}


@pytest.mark.parametrize(("message_id", "of_number", "of_string", "pushed"), [
    ("echo", int, str, int), ("number", int, int, int), ("string", str, str, str),
])  # fmt: skip
def test_a3_message_id(message_id: str, of_number: type, of_string: type, pushed: type) -> None:
    _, client = two(message_id=message_id)
    for kind, expected in ((int, of_number), (str, of_string)):
        number = kind(say(client)["id"])
        answer = good(client, "delete-message", chatSessionId=OPEN, messageId=number)["messageId"]
        assert (type(answer), int(answer)) == (expected, int(number))
        [push] = texts(client)
        assert type(push["payload"]["messageId"]) is pushed


@pytest.mark.parametrize(
    "settings", [{}, {"default_limit": 5}, {"max_limit": 30}, {"default_limit": 5, "max_limit": 3}]
)
def test_a4_limits(settings: dict[str, int]) -> None:
    _, client = two(**settings)
    default, most = settings.get("default_limit", 20), settings.get("max_limit", 100)

    def per_page(query: str) -> int:
        return int(good(client, f"get-chat-messages{query}", chatSessionId=OPEN)["paginate"]["per_page"])

    assert per_page("") == min(default, most)
    assert per_page("?page=1&limit=50") == min(50, most)
    assert per_page("?page=1&limit=1000") == most


def test_a4_sample_quirk() -> None:
    _, client = two(sample_quirk=True)
    client.send(frame("get-chat-messages?page=1&limit=50", {"chatSessionId": OPEN}))
    client.send(frame("get-chat-messages?limit=7", {"chatSessionId": OPEN}))
    channels = [answer["channel"] for answer in texts(client)]
    assert channels == ["client/get-chat-messages?page=1&limit=20", "client/get-chat-messages?page=1&limit=7"]


@pytest.mark.parametrize(("scope", "words"), [("session", ["now"]), ("tenant", ["hello", "hi there", "now"])])
def test_a5_history_scope(scope: str, words: list[str]) -> None:
    _, client = two(history_scope=scope)
    say(client, "now")
    found = history(client)
    assert [message["messageContent"] for message in found] == words
    assert found[0]["chatSessionId"] == (OPEN if scope == "session" else CLOSED)


@pytest.mark.parametrize(("field", "answered", "pushed"), [
    ("never", None, None), ("push", None, 1), ("always", 1, 1),
])  # fmt: skip
def test_a6_message_type(field: str, answered: int | None, pushed: int | None) -> None:
    talk, client = two(message_type_field=field)
    assert say(client).get("type") == answered
    talk.act(OPEN, Say("x"))
    assert texts(client)[-1]["payload"]["chatMessage"].get("type") == pushed


def test_a7_statuses() -> None:
    talk, client = two(status_delivered=13, status_seen=14, status_unsent=10, deleted="status0")
    message = say(client)
    assert message["status"] == 13
    talk.act(OPEN, Say("x"))
    assert history(client)[0]["status"] == 14
    good(client, "delete-message", chatSessionId=OPEN, messageId=message["id"])
    assert history(client)[0]["status"] == 10


@pytest.mark.parametrize(("name", "default", "act"), [
    ("status_sent", 2, Status("sent")), ("status_delivered", 3, Status("delivered")), ("status_seen", 4, Status("read")),
])  # fmt: skip
@pytest.mark.parametrize("value", [None, 0, 17, -1])
def test_a7_each_status(name: str, default: int, act: Status, value: int | None) -> None:
    talk, client = two(**({} if value is None else {name: value}))
    say(client)
    talk.act(OPEN, act)
    assert history(client)[0]["status"] == (default if value is None else value)


@pytest.mark.parametrize("value", [None, 0, 17])
def test_a7_unsent(value: int | None) -> None:
    _, client = two(deleted="status0", **({} if value is None else {"status_unsent": value}))
    good(client, "delete-message", chatSessionId=OPEN, messageId=say(client)["id"])
    assert history(client)[0]["status"] == (value or 0)


@pytest.mark.parametrize(
    ("profile", "new", "old"), [("sampled", True, False), ("full", True, True), ("short", False, False)]
)
def test_a8_tenant_profile(profile: str, new: bool, old: bool) -> None:
    _, client = two(tenant_profile=profile)
    body = good(client, "init-chat-with-concierge", newSession=True)
    assert ("residentProfile" in body["tenant"]) is new
    for route, more in (
        ("get-chat-session", {}),
        ("ping-on-chat-session", {}),
        ("init-chat-with-concierge", {"newSession": False}),
    ):
        assert ("properties" in good(client, route, chatSessionId=OPEN, **more)["tenant"]) is old


@pytest.mark.parametrize("ack", ["none", "frame"])
def test_a9_acknowledgment(ack: str) -> None:
    _, client = two(connect_ack=ack)
    got = texts(client)
    if ack == "none":
        assert got == []
        return
    [answer] = got
    assert (answer["channel"], answer["status"]) == ("connect", 200)
    assert answer["body"]["connection"] == good(client, "get-chat-session", chatSessionId=OPEN)["connection"]


@pytest.mark.parametrize(("to", "own", "twin", "tablet"), [
    ("all", True, True, True), ("other_devices", False, False, True), ("none", False, False, False),
])  # fmt: skip
def test_a10_push_to_sender(to: str, own: bool, twin: bool, tablet: bool) -> None:
    talk = concierge(push_to_sender=to)
    sockets = [connected(talk, "own"), connected(talk, "twin"), connected(talk, "tablet", deviceId="tablet")]
    body = {"chatSessionId": OPEN, "contentType": "TEXT", "messageContent": "x"}
    number = good(sockets[0], "send-message", **body)["chatMessage"]["id"]
    assert [bool(texts(socket)) for socket in sockets] == [own, twin, tablet]
    good(sockets[0], "delete-message", chatSessionId=OPEN, messageId=number)
    assert [bool(texts(socket)) for socket in sockets] == [own, twin, tablet]
    talk.act(OPEN, Say("x"))
    assert [len(texts(socket)) for socket in sockets] == [2, 2, 2], "what the other side says comes to all"


@pytest.mark.parametrize(
    "wanted", ["", "join", "end", "init", "agent_ping", "tenant_ping", "join,end", "join end init"]
)
def test_a11_session_updates(wanted: str) -> None:
    talk, client = two(session_update_on=wanted)
    told = set()

    def looked(why: str) -> None:
        if any(push["channel"].startswith("chat-session-update") for push in texts(client)):
            told.add(why)

    good(client, "init-chat-with-concierge", newSession=False, chatSessionId=OPEN)
    looked("init")
    good(client, "ping-on-chat-session", chatSessionId=OPEN)
    looked("tenant_ping")
    talk.act(OPEN, Say("x"))
    looked("join")
    talk.act(OPEN, Typing())
    looked("agent_ping")
    good(client, "end-chat-with-concierge", chatSessionId=OPEN)
    looked("end")
    assert told == {*wanted.replace(",", " ").split()}


def test_a12_errors() -> None:
    names = ("invalid", "foreign", "session", "message", "route", "closed")
    _, client = two(**{f"error_{name}": f"4{i}9 no {name}" for i, name in enumerate(names)})
    asked: list[tuple[str, dict[str, Any]]] = [
        ("get-chat-session", {}),
        ("get-chat-session", {"chatSessionId": BOBS}),
        ("get-chat-session", {"chatSessionId": "x"}),
        ("delete-message", {"chatSessionId": OPEN, "messageId": 1}),
        ("dance", {}),
        ("ping-on-chat-session", {"chatSessionId": CLOSED}),
    ]
    for i, (route, body) in enumerate(asked):
        answer = ask(client, route, **body)
        assert (answer["status"], answer["body"]) == (400 + 10 * i + 9, {"message": f"no {names[i]}"})


@pytest.mark.parametrize(
    "wrong", [{"error_route": "404"}, {"error_route": "no text"}, {"session_update_on": "join,lunch"}]
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="expected"):
        Settings.model_validate(wrong)


def test_settings_of_the_command_line() -> None:
    """These come as texts, an empty one as nothing."""
    settings = Settings.model_validate({"connect_status": "403", "session_update_on": None})
    assert (settings.connect_status, settings.session_update_on) == (403, "")


@pytest.mark.parametrize("way", ["404", "silent", "gateway_500"])
def test_a13_unknown_route(way: str) -> None:
    talk, client = two(unknown_route=way)
    client.send(frame("dance?page=1", {}))
    got = client.texts()
    if way == "404":
        assert got == ['{"channel":"client/dance?page=1","status":404,"body":{"message":"Route not found"}}']
    elif way == "silent":
        assert got == []
    else:
        assert got[0].startswith('{"message": "Internal server error", "connectionId":"')
    assert client.open
    assert "Route not found" in talk.logged[-1][1]


@pytest.mark.parametrize("deleted", ["remove", "status0"])
def test_a14_deleted(deleted: str) -> None:
    talk, client = two(deleted=deleted)
    number = say(client, "mine")["id"]
    good(client, "delete-message", chatSessionId=OPEN, messageId=number)
    left = history(client)
    assert [message["status"] for message in left] == ([] if deleted == "remove" else [0])
    assert ask(client, "delete-message", chatSessionId=OPEN, messageId=number)["status"] == 404
    assert good(client, "get-unread-msg-count")["unreadMsgCount"] == "1"
    talk.act(OPEN, Say("theirs"))
    assert [message["status"] for message in history(client)][:-1] == ([] if deleted == "remove" else [0]), "not seen"
    assert good(client, "get-unread-msg-count")["unreadMsgCount"] == "2"
    talk.act(OPEN, Status("unsent"))
    assert good(client, "get-unread-msg-count")["unreadMsgCount"] == "1"


def test_a15_the_message_that_was_asked_for_is_marked() -> None:
    talk, client = two()
    talk.act(OPEN, Say("one"))
    talk.act(OPEN, Say("two"))
    number = history(client)[1]["id"]
    answer = good(client, "update-message-seen-at", chatSessionId=OPEN, messageId=number)
    assert (answer["chatSessionId"], answer["chatMessage"]["id"]) == (OPEN, number)
    assert [message["status"] for message in history(client)] == [3, 4]


@pytest.mark.parametrize(("ids", "count"), [("string", "1"), ("number", 1)])
def test_a16_unread_count(ids: str, count: object) -> None:
    _, client = two(ids=ids)
    assert good(client, "get-unread-msg-count") == {"unreadMsgCount": count}


def test_a17_nobody_joined_is_null() -> None:
    talk, client = two()
    session = good(client, "get-chat-session", chatSessionId=OPEN)["chatSession"]
    assert [session[f"chatJoinedByEntity{what}"] for what in ("Type", "Id")] == [None, None]
    assert session["lastPingedByChatJoiner"] is None
    talk.act(OPEN, Say("x"))
    session = good(client, "get-chat-session", chatSessionId=OPEN)["chatSession"]
    assert session["chatJoinedByEntityType"] == "BACKEND_USER"


@pytest.mark.parametrize("route", ["none", "silent", "echo"])
def test_a18_default_route(route: str) -> None:
    _, client = two(default_route=route)
    client.send('{"action":"dance", "a": "é"}')
    client.send(b"\xff")
    frames = [item.data for item in client.got]  # type: ignore[union-attr]
    client.got.clear()
    if route == "none":
        assert all(str(data).startswith('{"message": "Forbidden", "connectionId":"') for data in frames)
        assert len(frames) == 2
    else:
        assert frames == ([] if route == "silent" else ['{"action":"dance", "a": "é"}', b"\xff"])
    assert client.open


@pytest.mark.parametrize("enforced", [False, True])
def test_a19_connection_expiry(enforced: bool) -> None:
    talk, client = two(enforce_connection_expiry=enforced, idle_timeout=0)
    talk.after(3599)
    assert client.open
    talk.after(1)
    assert client.open is not enforced
    assert [*client.got] == ([Shut(1, 1000, "Connection Closed Normally")] if enforced else [])


@pytest.mark.parametrize("wanted", ["off", "optional", "required"])
def test_a20_upload_auth(wanted: str) -> None:
    talk = concierge(upload_auth=wanted)
    body = b'{"filename":"a.png","mimeType":"image/png","type":"chat-images"}'
    token = json.loads(
        talk.request("POST", "/client/auth/authorize-tenant", b'{"clientSecret":"client-secret","tenantId":"34"}').body
    )["accessToken"]

    def status(*authorization: str) -> int:
        headers = tuple(("Authorization", value) for value in authorization)
        return talk.request("POST", "/file-new/get-upload-url", body, headers).status

    assert status(f"Bearer {token}") == status(f"bearer  {token}") == 200
    assert status() == (401 if wanted == "required" else 200)
    for wrong in ("Bearer x.y.z", f"Basic {token}", "", f"Bearer {token}x"):
        assert status(wrong) == (200 if wanted == "off" else 401)
        assert (talk.logged[-1:] == []) is (wanted == "off"), "the operator learns why"
    talk.after(3600)
    assert status(f"Bearer {token}") == (200 if wanted == "off" else 401), "expired"


@pytest.mark.parametrize(("bot", "delay", "answers"), [("echo", 1.0, 2), ("echo", 0.0, 2), ("none", 0.0, 0)])
def test_a21_bot(bot: str, delay: float, answers: int) -> None:
    talk, client = two(bot=bot, bot_delay=delay)
    client.send(frame("send-message", {"chatSessionId": OPEN, "contentType": "TEXT", "messageContent": "x"}))
    assert len(texts(client)) == 2 + (answers if not delay else 0)
    talk.after(1)
    assert len(texts(client)) == (answers if delay else 0)
