"""What opens a backend's doors, where a tape has placeholders: by the fixtures, and what the tape says beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from simulator import backends
from simulator.backends.chatbot import jwt
from simulator.backends.concierge import tokens
from simulator.core.message import Message, Request
from simulator.serve import seeds

NOW = 1_767_225_600.0
KITCHEN = "bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60"
NOT_ON_THE_WEB = "bot:5d9b3e70-46fa-4c82-b1d8-07a6c2f4e915"


def asked(name: str, said: Message | Request, *answers: Message) -> Sequence[tuple[Any, str]]:
    backend = backends.load(name)
    return [*backend.secrets(seeds.load(backend, None, []), said, answers, NOW)]


@pytest.mark.parametrize(
    ("name", "said", "found"),
    [
        ("chip", Message("start_chat", ({},)), []),
        ("aida", Message("phx_join", ({"access_token": "x"},), topic=KITCHEN), [("x", "harbour-web-token")]),
        ("aida", Message("phx_join", ({"access_token": "x"},), topic=NOT_ON_THE_WEB), []),
        ("aida", Message("phx_join", (), topic=KITCHEN), []),
        ("aida", Message("utb_msg", ({"text": "x"},), topic=KITCHEN), []),
        ("aida", Request("GET", "/"), []),
        ("mia", Message("connect", ({"instance": {"chatId": "garden-homes", "token": "x"}},)), [("x", "garden-web-token")]),
        ("mia", Message("connect", ({"instance": {"chatId": "open-house", "token": "x"}},)), []),
        ("mia", Message("connect", ({"instance": {"chatId": "nowhere", "token": "x"}},)), []),
        ("mia", Message("connect", ({"instance": "x"},)), []),
        ("mia", Message("connect"), []),
        ("mia", Request("POST", "/receive-message/34", headers=(("Token", "x"),)), [("x", "garden-system-token")]),
        ("mia", Request("POST", "/receive-message/99", headers=(("Token", "x"),)), []),
        ("chatbot", Message("connect", ({"widgetKey": "x", "chatbotId": "bot-harbour"},)), [("x", "wk-harbour-1")]),
        ("chatbot", Message("connect", ({"widgetKey": "x", "chatbotId": "bot-nobody"},)), []),
        ("chatbot", Message("connect", ({"token": "x"},)), []),
        ("chatbot", Message("send-message", ({"token": "x"},)), []),
        ("concierge", Message("client/send-message", ({"Auth": "x"},)), []),
        ("concierge", Request("POST", "/client/auth/authorize-tenant", body=b'{"clientSecret":"x"}'), [("x", "client-secret")]),
        ("concierge", Request("POST", "/client/auth/authorize-tenant", body=b'["x"]'), []),
        ("concierge", Request("POST", "/client/auth/authorize-tenant", body=b'{"clientSe'), []),
    ],
)  # fmt: skip
def test_what_the_fixtures_say(name: str, said: Message | Request, found: list[tuple[str, str]]) -> None:
    assert asked(name, said) == found


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (Message("connect", ({"token": "x"},)), Message("connected", ({"userId": "agent-bob"},))),
        (Request("GET", "/socket.io/", headers=(("authorization", "Bearer x"),)), Message("connected", ({"userId": "agent-bob"},))),
        (
            Request("GET", "/api/conversations/conv-1/messages", headers=(("Authorization", "bearer x"),)),
            Message("answer", (200, {"data": {"messages": [{"userId": 7}, {"userId": "anon_1"}, {"userId": "agent-bob"}]}})),
        ),
    ],
)  # fmt: skip
def test_chatbot_signs_for_whom_the_answers_name(said: Message | Request, answer: Message) -> None:
    [(taken, token)] = asked("chatbot", said, Message("welcome"), answer)
    assert taken == "x"
    assert jwt.verify(token, "invented-secret", NOW)["sub"] == "agent-bob"


@pytest.mark.parametrize(
    ("said", "answers", "tenant"),
    [
        (Request("GET", "/uat", "deviceId=d&Auth=x"), [{"chatSession": {"chatInitiatedByEntityId": "35"}}], "35"),
        (Request("GET", "/uat", "Auth=x"), ["text", {"chatSession": {"chatInitiatedByEntityId": 9}}, {"actions": []}], "34"),
        (Request("POST", "/file-new/get-upload-url", headers=(("Authorization", "Bearer x"),)), [], "34"),
    ],
)  # fmt: skip
def test_concierge_signs_for_whom_the_answers_name(said: Request, answers: list[Any], tenant: str) -> None:
    [(taken, token)] = asked("concierge", said, *(Message("answer", (200, answer)) for answer in answers))
    assert taken == "x"
    assert tokens.tenant_of("not-a-secret", token, NOW) == tenant


def test_concierge_looks_for_nothing_where_nothing_is() -> None:
    assert asked("concierge", Request("GET", "/uat", "deviceId=d", (("Authorization", "AWS4-HMAC-SHA256 x"),))) == []


def test_chatbot_signs_for_nobody_whom_it_does_not_know() -> None:
    strangers = Message("queue", ([{"userId": "anon_1"}, "text"],))
    assert asked("chatbot", Message("connect", ({"token": "x"},)), strangers) == []
