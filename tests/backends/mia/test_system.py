"""What comes over HTTP: Mia's messages as the real server takes them, persons (ours), pages. Words seen at Fastify 4."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

import pytest

from tests.backends.mia.chats import ANA, BRUNO, SYSTEM, chat, enter, events, inside, names, push, say

TEXT = {"id": "1212", "type": "text/plain", "content": "Hi!", "to": f"{ANA}@chat.channel.morada.ai"}
LINK = "application/vnd.lime.media-link+json"
STATE = "application/vnd.lime.chatstate+json"


def test_a_text() -> None:
    talk = chat()
    client, elsewhere = inside(talk, room=ANA), inside(talk, "elsewhere")
    answer = push(talk, TEXT)
    assert answer.status == 200
    assert answer.headers[0] == ("content-length", "0")
    assert answer.body == b""
    assert client.texts() == [
        '42["EVENT_SERVER_SEND_MESSAGE",{"id":"1212","content":"Hi!","from":"Mia","status":"sent",'
        '"createdAt":"2026-01-01T00:00:00.000Z","direction":"incoming","type":"text/plain"}]'
    ]
    assert not elsewhere.got
    [listed] = [body for name, body in events(enter(talk, "tab", ANA)) if name.endswith("LIST")]
    assert listed[-1]["content"] == "Hi!"


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ({"type": "text/plain", "content": 5}, ("EVENT_SERVER_SEND_MESSAGE", "5")),
        ({"type": "text/plain", "content": {"a": 1}}, ("EVENT_SERVER_SEND_MESSAGE", "[object Object]")),
        (
            {"type": LINK, "content": {"type": "image/png", "uri": "https://example.com/a.png"}},
            ("EVENT_SERVER_SEND_MESSAGE", {"type": "image/png", "uri": "https://example.com/a.png"}),
        ),
        ({"type": LINK, "content": None}, ("EVENT_SERVER_SEND_MESSAGE", None)),
        (
            {"type": STATE, "content": {"state": "composing"}},
            ("EVENT_SERVER_SEND_CHAT_STATE", {"from": "Mia", "state": "composing"}),
        ),
        ({"type": STATE, "content": {"state": "paused"}}, ("EVENT_SERVER_SEND_CHAT_STATE", {"from": "Mia", "state": "paused"})),
        ({"type": STATE, "content": "composing"}, ("EVENT_SERVER_SEND_CHAT_STATE", {"from": "Mia"})),
        ({"type": STATE, "content": {}}, ("EVENT_SERVER_SEND_CHAT_STATE", {"from": "Mia"})),
    ],
)  # fmt: skip
@pytest.mark.parametrize("domain", ["", "@chat.channel.morada.ai", "@a@b"])
def test_what_mia_can_say(body: dict[str, Any], event: tuple[str, Any], domain: str) -> None:
    talk = chat()
    client = inside(talk, room="1234")
    assert push(talk, {"id": 7, "to": f"1234{domain}", **body}).status == 200
    [(name, told)] = events(client)
    assert (name, told.get("content", told)) == event
    assert told.get("id", "7") == "7"


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({}, 400, "body must have required property 'id'"),
        ({"id": "1"}, 400, "body must have required property 'content'"),
        ({"id": "1", "content": "x"}, 400, "body must have required property 'to'"),
        ({**TEXT, "id": {}}, 400, "body/id must be string"),
        ({**TEXT, "id": ["a", "b"]}, 400, "body/id must be string"),
        ({**TEXT, "from": [1, 2]}, 400, "body/from must be string"),
        ([], 400, "body must be object"),
        (None, 400, "body must be object"),
        ({**TEXT, "content": None}, 500, "Cannot read properties of null (reading 'toString')"),
        ({**TEXT, "type": STATE, "content": None}, 500, "Cannot read properties of null (reading 'state')"),
        ({**TEXT, "type": "text/html"}, 500, "[Chat Service] Unsupported message type!"),
        ({"id": "1", "content": "x", "to": "y"}, 500, "[Chat Service] Unsupported message type!"),
        (b"", 400, "Body cannot be empty when content-type is set to 'application/json'"),
        (b"{", 400, "Unexpected end of JSON input"),
        (b'{"a":x}', 400, "Unexpected token x in JSON at position 5"),
        (b'{"a":[{"__proto__":1}]}', 400, "Object contains forbidden prototype property"),
        (b'{"a":[{"constructor":{"prototype":1}}]}', 400, "Object contains forbidden prototype property"),
        (b'{"a":"__proto__","constructor":{}}', 400, "body must have required property 'id'"),
        (b"a" * ((1 << 20) + 1), 413, "Request body is too large"),
    ],
)
def test_what_mia_may_not_say(body: object, status: int, why: str) -> None:
    talk = chat(error_prefix="[Chat Service] ")
    client = inside(talk, room=ANA)
    answer = push(talk, body)
    told = json.loads(answer.body)
    assert (answer.status, told["statusCode"], told["message"]) == (status, status, why)
    assert [*told][-2:] == ["error", "message"]
    assert not client.got
    assert talk.logged[-1][0] == "warning"


@pytest.mark.parametrize(
    ("body", "made"),
    [({"id": ["7"]}, "7"), ({"id": None}, ""), ({"id": False}, "false"), ({"id": 1e21}, "1e+21"), ({"id": 0.00001}, "0.00001")],
)  # fmt: skip
def test_texts_are_made_of_what_is_nearly_one(body: dict[str, Any], made: str) -> None:
    talk = chat()
    client = inside(talk, room=ANA)
    assert push(talk, {**TEXT, **body}).status == 200
    assert events(client)[0][1]["id"] == made


@pytest.mark.parametrize(
    ("instance", "token", "status", "why"),
    [
        ("34", None, 400, "headers must have required property 'token'"),
        ("99", "garden-system-token", 500, "Instance Error!"),
        ("36", "closed-system-token", 500, "Instance Chat Access Denied!"),
        ("34", "garden-web-token", 500, "Instance Access Denied!"),
        ("35", "garden-system-token", 500, "Instance Access Denied!"),
        ("abc", "garden-system-token", 400, "params/instanceId must be number"),
        ("", "garden-system-token", 400, "params/instanceId must be number"),
        ("%zz", "garden-system-token", 400, "'/receive-message/%zz' is not a valid url component"),
        ("%ff", "garden-system-token", 400, "'/receive-message/%ff' is not a valid url component"),
        ("34", "garden-system-token", 200, ""),
        ("0x22", "garden-system-token", 200, ""),
        ("3.4e1", "garden-system-token", 200, ""),
        ("%2034", "garden-system-token", 200, ""),
    ],
)
def test_who_may_speak_for_mia(instance: str, token: str | None, status: int, why: str) -> None:
    talk = chat()
    client = inside(talk, room=ANA)
    headers = tuple(line for line in SYSTEM if line[0] != "token") + ((("token", token),) if token else ())
    answer = push(talk, TEXT, instance, headers)
    assert answer.status == status
    assert (json.loads(answer.body)["message"] if answer.body else "") == why
    assert len(client.got) == (status == 200)


@pytest.mark.parametrize(
    ("kind", "status", "why"),
    [
        ("application/json; charset=utf-8", 200, ""),
        ("text/plain", 400, "body must be object"),
        ("APPLICATION/JSON", 200, ""),
        ("application/jsonx", 200, ""),
        ("application/json;", 415, "Unsupported Media Type: application/json;"),
        ("text/plain; a", 415, "Unsupported Media Type: text/plain; a"),
        ("text/html", 415, "Unsupported Media Type: text/html"),
        ("", 415, "Unsupported Media Type: undefined"),
    ],
)
def test_kinds_of_bodies(kind: str, status: int, why: str) -> None:
    answer = push(chat(), TEXT, headers=(("Content-Type", kind), ("token", "garden-system-token")))
    assert answer.status == status
    assert (json.loads(answer.body)["message"] if answer.body else "") == why


def test_no_body_at_all() -> None:
    answer = push(chat(), b"", headers=(("token", "garden-system-token"),))
    assert json.loads(answer.body)["message"] == "body must be object"


def test_a_room_where_nobody_is() -> None:
    talk = chat()
    assert push(talk, {**TEXT, "to": "empty"}).status == 200
    [listed] = [body for name, body in events(enter(talk, room="empty")) if name.endswith("LIST")]
    assert len(listed) == 1


# ---- persons ----


def identify(talk: Any, **body: object) -> Any:
    return push(talk, body, path="identify-person")


def test_a_person_is_identified_in_mid_session() -> None:
    talk = chat()
    client, tab = inside(talk, room="r"), inside(talk, "tab", "r")
    assert identify(talk, to="r@chat.channel.morada.ai", name="Dora").status == 200
    told = '42["EVENT_SERVER_SEND_USER_DATA",{"name":"Dora","email":null,"phoneNumber":null}]'
    assert client.texts() == tab.texts() == [told]
    say(client, "hi")
    assert events(client)[0][1]["from"] == "Dora"
    # What is not told stays, null takes it away.
    identify(talk, to="r", email="dora@example.com")
    identify(talk, to="r", name=None, phoneNumber="+550")
    assert [body for name, body in events(client) if name.endswith("DATA")][-1] == {
        "name": None,
        "email": "dora@example.com",
        "phoneNumber": "+550",
    }
    assert dict(events(enter(talk, "third", "r")))["EVENT_SERVER_SEND_USER_DATA"]["phoneNumber"] == "+550"


@pytest.mark.parametrize("by", [{"email": "ana@example.com"}, {"phoneNumber": "+5500000000001"}])
def test_who_is_recognized_comes_back_to_the_old_room(by: dict[str, str]) -> None:
    talk = chat(bot="none", statuses="real")
    client, other = inside(talk, room="r"), inside(talk, "other", ANA)
    assert identify(talk, to="r", **by).status == 200
    [(first, room), (second, person)] = events(client)
    assert (first, room["roomId"], room["instance"]["id"]) == ("EVENT_INIT_ROOM", ANA, 34)
    assert (second, person["name"]) == ("EVENT_SERVER_SEND_USER_DATA", "Ana Silva")
    assert names(other) == ["EVENT_SERVER_SEND_USER_DATA"]
    say(client, "it is me")
    assert events(other)[0][1]["from"] == "Ana Silva"
    push(talk, {**TEXT, "to": "r"})
    assert names(client) == ["EVENT_SERVER_SEND_MESSAGE"]


def test_who_is_away_is_identified_as_well() -> None:
    talk = chat(recovery=120)
    client = inside(talk, room="r")
    client.close(1006)
    identify(talk, to="r", email="ana@example.com")
    tab = inside(talk, "tab", "r")
    say(tab, "nobody is here")
    assert names(tab) == ["EVENT_SERVER_SEND_MESSAGE"]
    assert not client.got


def test_sockets_of_two_rooms_move_with_the_one_in_which_they_speak() -> None:
    talk = chat(recovery=120)
    identify(talk, to="r", email="dora@example.com")
    assert identify(talk, to="@x", name="Nobody").status == 200
    assert identify(talk).status == 400
    assert identify(talk, to="r", name={}).status == 400
    assert identify(talk, to=BRUNO, name="Bruno").status == 200


# ---- pages ----


@pytest.mark.parametrize("path", ["/", "/chat", "/live"])
def test_pages(path: str) -> None:
    talk = chat()
    answer = talk.request("GET", path)
    assert answer.status == 200
    assert answer.headers[:2] == (
        ("content-type", "text/html; charset=utf-8"),
        ("content-length", str(len(answer.body))),
    )
    assert answer.body.startswith(b"<!DOCTYPE html>")
    assert (b"garden-homes" in answer.body) is (path != "/live")
    assert talk.request("HEAD", path).body == b""


@pytest.mark.parametrize("path", ["/health-check", "/favicon.ico", "/mia-chat-api"])
def test_empty_answers(path: str) -> None:
    answer = chat().request("GET", path, headers=(("Host", "x"),))
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers == (
        ("content-length", "0"),
        ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("Connection", "keep-alive"),
        ("Keep-Alive", "timeout=72"),
    )


@pytest.mark.parametrize(
    ("method", "path", "why"),
    [
        ("GET", "/nope?x=1", "Route GET:/nope?x=1 not found"),
        ("DELETE", "/", "Route DELETE:/ not found"),
        ("PUT", "/%zz", "Route PUT:/%zz not found"),
        ("GET", "/receive-message/34", "Route GET:/receive-message/34 not found"),
        ("POST", "/receive-message/34/1234", "Route POST:/receive-message/34/1234 not found"),
    ],
)
def test_unknown_paths(method: str, path: str, why: str) -> None:
    answer = chat().request(method, path)
    assert answer.status == 404
    assert json.loads(answer.body) == {"message": why, "error": "Not Found", "statusCode": 404}


@pytest.mark.parametrize("path", ["/%zz", "/a%ff"])
def test_paths_that_are_none(path: str) -> None:
    answer = chat().request("GET", path)
    assert answer.status == 400
    assert answer.headers[0] == ("Content-Type", "application/json")
    assert json.loads(answer.body) == {
        "error": "Bad Request",
        "code": "FST_ERR_BAD_URL",
        "message": f"'{path}' is not a valid url component",
        "statusCode": 400,
    }


def test_the_first_steps_of_the_document() -> None:
    """What PROTOCOL.md gives to paste does what it says there."""
    text = resources.files("simulator.backends.mia").joinpath("PROTOCOL.md").read_text("utf-8").replace("\\\n", "")
    steps = re.findall(r"^curl -X POST http://127\.0\.0\.1:3001/([a-z-]+)/34 .*?-d '(.*)'$", text, re.MULTILINE)
    talk = chat(bot="none")
    client = inside(talk, room="my-room")
    for path, body in steps:
        assert push(talk, json.loads(body), path=path).status == 200
    assert names(client) == [
        "EVENT_SERVER_SEND_MESSAGE",
        "EVENT_SERVER_SEND_CHAT_STATE",
        "EVENT_SERVER_SEND_USER_DATA",
    ]
