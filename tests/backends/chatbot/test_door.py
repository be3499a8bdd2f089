"""Who comes in, and how the others hear that they may not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.backends.chatbot import jwt
from tests.backends.chatbot.chats import HARBOUR, NOW, Person, chat, codes, one, person, token, user
from tests.talk import UPGRADE


def none() -> str:
    head = jwt.sign({}, "x").split(".")[0].replace("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJhbGciOiJub25lIn0")
    return f"{head}.{token('user-ada').split('.')[1]}."


WRONG: list[tuple[Any, str, str]] = [
    (None, "NO_AUTH", "401"),
    ({}, "NO_AUTH", "401"),
    ({"token": ""}, "NO_AUTH", "401"),
    ({"token": None, "allowAnonymous": True}, "NO_AUTH", "401"),
    ({"token": 5}, "AUTH_ERROR", "401"),
    ({"token": "nonsense"}, "AUTH_ERROR", "401"),
    ({"token": none()}, "AUTH_ERROR", "401"),
    ({"token": jwt.sign({"sub": "user-ada"}, "forged")}, "AUTH_ERROR", "401"),
    ({"token": token("user-ada", exp=NOW)}, "AUTH_ERROR", "401"),
    ({"token": token("nobody")}, "AUTH_ERROR", "401"),
    ({"token": jwt.sign({"sub": 5}, "invented-secret")}, "AUTH_ERROR", "401"),
    ({"token": token("user-ada", tenantId="tenant-456")}, "AUTH_ERROR", "401"),
    ({"widgetKey": "wk-harbour-1"}, "WIDGET_VALIDATION_ERROR", "403"),
    ({"chatbotId": "bot-harbour"}, "WIDGET_VALIDATION_ERROR", "403"),
    ({"widgetKey": 5, "chatbotId": "bot-harbour"}, "WIDGET_VALIDATION_ERROR", "403"),
    ({"widgetKey": "wk-harbour-1", "chatbotId": "bot-hill"}, "WIDGET_VALIDATION_ERROR", "403"),
    ({"widgetKey": "wk-harbour-1", "chatbotId": 5}, "WIDGET_VALIDATION_ERROR", "403"),
    ({"widgetKey": "wk-harbour-1", "chatbotId": "nobody's"}, "WIDGET_VALIDATION_ERROR", "404"),
    ({"widgetKey": "wk-off-1", "chatbotId": "bot-off"}, "WIDGET_VALIDATION_ERROR", "403"),
    ({"widgetKey": "nobody's", "chatbotId": "bot-harbour"}, "WIDGET_VALIDATION_ERROR", "403"),
]


@pytest.mark.parametrize(("auth", "code", "status"), WRONG)
def test_an_error_and_the_end(auth: Any, code: str, status: str) -> None:
    talk = chat()
    frames = list(Person(talk, "client", auth).socket.got)
    texts = [getattr(item, "data", "(shut)") for item in frames]
    assert texts[1].startswith("40")
    assert codes([tuple(json.loads(texts[2][2:]))]) == [code]
    assert texts[3:] == ["41", "(shut)"]


@pytest.mark.parametrize(("auth", "code", "status"), WRONG)
def test_a_connect_error(auth: Any, code: str, status: str) -> None:
    talk = chat(auth_failure="connect_error")
    refused = Person(talk, "client", auth)
    [_, frame] = refused.frames()
    assert frame.startswith("44")
    body = json.loads(frame[2:])
    assert body["message"].startswith(status), "where the widget looks for it"
    assert body["data"]["code"] == code
    assert refused.socket.open, "the engine's connection stays until connectTimeout"
    talk.after(45)
    assert not refused.socket.open


def test_a_token_of_auth_or_of_the_header() -> None:
    talk = chat()
    header = (*UPGRADE, ("Authorization", f"Bearer {token('user-ada', exp=NOW + 10)}"))
    rows: list[tuple[Any, Any, str]] = [
        ({"token": token("user-ada")}, UPGRADE, "user-ada"),
        (None, header, "user-ada"),
        ({"token": token("agent-bob", tenantId="tenant-123")}, header, "agent-bob"),
        (HARBOUR, header, "user-ada"),
    ]
    for auth, headers, who in rows:
        connected = one(Person(talk, "client", auth, headers).events(), "connected")
        assert connected == {
            "message": "Connected to AI Support WebSocket",
            "userId": who,
            "tenantId": "tenant-123",
            "timestamp": "2026-01-01T00:00:00.000Z",
        }
    basic = (*UPGRADE, ("Authorization", "Basic YTpi"))
    assert codes(Person(talk, "client", None, basic).events()) == ["NO_AUTH"]


def test_userid_is_taken_for_sub_and_time_is_the_worlds() -> None:
    talk = chat()
    mine = jwt.sign({"userId": "user-ada", "exp": NOW + 10}, "invented-secret")
    assert one(Person(talk, "client", {"token": mine}).events(), "connected")["userId"] == "user-ada"
    talk.after(10)
    assert codes(Person(talk, "late", {"token": mine}).events()) == ["AUTH_ERROR"]


def test_anonymous_people_are_somebody_new_each_time() -> None:
    talk = chat()
    extra: dict[str, Any] = {**HARBOUR, "keyPermissions": ["chat"], "allowAnonymous": True}
    ids = {one(Person(talk, f"c{n}", extra).events(), "connected")["userId"] for n in range(3)}
    assert len(ids) == 3
    assert all(name.startswith("anon_") for name in ids)


def test_other_namespaces_are_not_there() -> None:
    talk = chat()
    socket = talk.connect()
    socket.send("40/admin,{}")
    assert socket.texts()[-1] == '44/admin,{"message":"Invalid namespace"}'


def test_who_goes_before_it_is_in() -> None:
    talk = chat()
    client = user(talk, "user-ada")
    client.socket.send("41")
    client.socket.send('42["ping"]')
    assert client.events() == []
    rules: Any = talk.running.engine.rules
    assert (rules._clients, rules._knocking) == ({}, {})
    assert person(talk, "again").emit("ping")[0][0] == "pong"
