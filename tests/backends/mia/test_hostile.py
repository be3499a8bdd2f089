"""Whatever comes, nothing is raised, and others do not feel it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.core.wire import Drop, Shut
from tests.backends.mia.chats import GARDEN, SYSTEM, chat, enter, inside, names, push, say

bounded = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(st.characters(), max_size=6)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def objects(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(keys, values))


@bounded
@given(
    auth=objects("instance", "roomId", "services", "referral", "pid", "offset"),
    access=objects("chatId", "token"),
    known=st.booleans(),
)
def test_any_auth(auth: dict[str, Any], access: dict[str, Any], known: bool) -> None:
    talk = chat(recovery=120, ping_interval=10_000)
    other = inside(talk, "other")
    client = talk.connect()
    brought = {**auth, "instance": {**GARDEN, **access} if known else auth.get("instance", access)}
    client.send(f"40{json.dumps(brought)}")
    say(client, "hi")
    talk.after(3)
    client.close(1006)
    talk.after(200)
    assert not any(isinstance(item, Shut | Drop) for item in other.got)


@bounded
@given(body=values, name=st.sampled_from(["EVENT_CLIENT_SEND_MESSAGE", "x", "__proto__", ""]), content=values)
def test_any_message(body: Any, name: str, content: Any) -> None:
    talk = chat(gateway_url="http://127.0.0.1:9", bot="echo")
    client = inside(talk, room="r")
    for sent in (body, {"content": content}, [content]):
        client.send(f"42{json.dumps([name, sent])}")
    for _ in range(len(talk.calls)):
        talk.called(200)
    talk.after(5)
    assert client.open
    assert names(enter(talk, "tab", "r"))[0] == "EVENT_INIT_ROOM"


@bounded
@given(
    body=values | objects("id", "type", "content", "to", "from", "name", "email", "phoneNumber"),
    kind=st.sampled_from(["text/plain", "application/vnd.lime.media-link+json", "application/vnd.lime.chatstate+json"]),
    path=st.sampled_from(["receive-message", "identify-person"]),
    whole=st.booleans(),
)
def test_any_request(body: Any, kind: str, path: str, whole: bool) -> None:
    talk = chat()
    client = inside(talk, room="r")
    sent = {"id": "1", "type": kind, "content": "x", "to": "r", **body} if whole and isinstance(body, dict) else body
    assert push(talk, sent, path=path).status in (200, 400, 500)
    talk.after(5)
    assert client.open
    assert push(talk, b"\xff\xfe{" + json.dumps(sent).encode(), path=path).status == 400


@pytest.mark.parametrize(
    "frame",
    [
        "42",
        "42{}",
        "42[]",
        "42[true]",
        "42[",
        '42["disconnect","x"]',
        "44",
        "40",
        '451-["EVENT_CLIENT_SEND_MESSAGE",{"_placeholder":true,"num":5}]',
        "9",
        "49",
        "2",
        "1",
        b"bytes that nobody announced",
    ],
)
def test_what_breaks_the_protocol_ends_one_connection(frame: str | bytes) -> None:
    talk = chat()
    client, other = inside(talk), inside(talk, "other")
    client.send(frame)
    client.send(b"more")
    talk.after(1)
    assert other.open
    say(other, "still here")
    assert names(other) == ["EVENT_SERVER_SEND_MESSAGE"]


def test_a_number_that_json_has_and_javascript_has_not() -> None:
    talk = chat()
    client = inside(talk, room="r")
    client.send('42["EVENT_CLIENT_SEND_MESSAGE",{"content":1e999}]')
    client.send(f'42["EVENT_CLIENT_SEND_MESSAGE",{{"content":{"9" * 400}}}]')
    client.send('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"\\ud800"}]')
    talk.after(5)
    assert client.open
    push(talk, {"id": "1", "type": "text/plain", "content": 10**400, "to": "r"})
    push(talk, b'{"id":1e999,"type":"text/plain","content":1e999,"to":"r"}')
    push(talk, b'{"id":"\\ud800","type":"text/plain","content":"\\ud800","to":"r"}')
    assert push(talk, {"id": "1", "content": "x", "to": "r"}, "1e999").status == 500
    assert push(talk, {"id": "1", "content": "x", "to": "r"}, "1" * 400).status == 500
    assert push(talk, {"id": "1", "content": "x", "to": "r"}, "0x" + "f" * 400, SYSTEM).status == 500


def test_what_the_gateway_can_hardly_be_told() -> None:
    talk = chat(gateway_url="http://127.0.0.1:9")
    for depth in (1, 300, 900):
        client = talk.connect(f"client{depth}")
        deep = "[" * depth + '"\\ud800"' + "]" * depth
        client.send(f'40{{"instance":{json.dumps(GARDEN)},"roomId":"\\ud800","referral":{deep}}}')
        client.send('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"\\ud800"}]')
        row = json.loads(talk.called(200).body)
        assert (row["content"], row["from"][:1]) == ("\ud800", "\ud800")
        assert json.loads(row["metadata"]["#chat.referral"]) is not False


def test_deep_payloads() -> None:
    talk = chat()
    client = inside(talk, room="r")
    for depth in (200, 320, 600, 900, 1_000, 1_030, 5_000):
        client.send(f'42["EVENT_CLIENT_SEND_MESSAGE",{{"content":{"[" * depth}{"]" * depth}}}]')
        push(talk, f'{{"id":"1","type":"text/plain","to":"r","content":{"[" * depth}{"]" * depth}}}'.encode())
        push(talk, f'{{"a__proto__":{"[" * depth}{"]" * depth}}}'.encode())
        link = '"type":"application/vnd.lime.media-link+json"'
        push(talk, f'{{"id":"1",{link},"to":"r","content":{"[" * depth}{"]" * depth}}}'.encode())
        inside(talk, "tab", "r")
    talk.after(5)
