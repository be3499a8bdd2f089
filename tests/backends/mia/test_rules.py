"""What M.I.A.'s chat does, as transcripts without a network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.core.message import Json
from tests.backends.mia.chats import ANA, BRUNO, GARDEN, HARBOUR, chat, enter, events, inside, names, say

OPEN = 'server << 0{"sid":"$engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


def test_the_flow_of_a_stranger() -> None:
    chat().play(f"""
        client connects
        {OPEN}
        client >> 40{{"instance":{{"chatId":"garden-homes","token":"garden-web-token"}}}}
        server << 40{{"sid":"$sid"}}
        server << 42["EVENT_INIT_ROOM",{{"roomId":"$room","instance":{{"id":34,"name":"Mia","avatar":"https://cdn.example.com/mia.png","color":"#0a7f5a"}}}}]
        server << 42["EVENT_SERVER_INIT_MESSAGE_LIST",[]]
        client >> 42["EVENT_CLIENT_SEND_MESSAGE",{{"content":"Hello Mia!"}}]
        # Nobody knows who it is: there is no `from`.
        server << 42["EVENT_SERVER_SEND_MESSAGE",{{"id":"$id","content":"Hello Mia!","createdAt":"2026-01-01T00:00:00.000Z","status":"sent","direction":"outgoing","type":"text/plain"}}]
        client is silent
        after 0.2
        server << 42["EVENT_SERVER_SEND_MESSAGE_STATUS",{{"messageId":"$id","status":"delivered"}}]
        after 0.2
        server << 42["EVENT_SERVER_SEND_CHAT_STATE",{{"from":"Mia","state":"composing"}}]
        after 0.4
        server << 42["EVENT_SERVER_SEND_MESSAGE_STATUS",{{"messageId":"$id","status":"read"}}]
        after 0.2
        server << 42["EVENT_SERVER_SEND_CHAT_STATE",{{"from":"Mia","state":"paused"}}]
        server << 42["EVENT_SERVER_SEND_MESSAGE",{{"id":"$reply","content":"You said: Hello Mia!","from":"Mia","status":"sent","createdAt":"2026-01-01T00:00:01.000Z","direction":"incoming","type":"text/plain"}}]
        after 20
        client is silent
    """)


def test_who_is_known_hears_who_it_is_and_what_was_said() -> None:
    talk = chat()
    client = enter(talk, room=ANA)
    texts = client.texts()
    assert texts[3] == (
        '42["EVENT_SERVER_SEND_USER_DATA",{"name":"Ana Silva","email":"ana@example.com","phoneNumber":"+5500000000001"}]'
    )
    [name, listed] = json.loads(texts[4][2:])
    assert name == "EVENT_SERVER_INIT_MESSAGE_LIST"
    assert listed[0] == {
        "id": "7a1d7e0c-5d2b-4f39-9c55-0d6f2f7e4b01",
        "content": "Hi! Is the garden flat still free?",
        "from": "user",
        "createdAt": "2025-12-30T14:03:10.120Z",
        "status": "read",
        "direction": "outgoing",
        "type": "text/plain",
    }
    assert [(m["from"], m["status"], m["direction"], m["type"][:4]) for m in listed[1:]] == [
        ("assistant", "delivered", "incoming", "text"),
        ("function", "sent", "incoming", "appl"),
        ("user", "failed", "outgoing", "text"),
    ]
    assert listed[2]["content"] == {
        "type": "image/png",
        "uri": "https://cdn.example.com/plan.png",
        "title": "Floor plan",
    }
    say(client, "back again")
    assert events(client)[0][1]["from"] == "Ana Silva"


def test_a_room_has_a_conversation_with_each_instance() -> None:
    talk = chat()
    first = enter(talk, "first", ANA)
    assert [len(body) for name, body in events(first) if name.endswith("LIST")] == [4]
    second = enter(talk, "second", ANA, HARBOUR)
    told = dict(events(second))
    assert len(told["EVENT_SERVER_INIT_MESSAGE_LIST"]) == 1
    # Neither an avatar (null in the database) nor a colour (undefined).
    assert told["EVENT_INIT_ROOM"] == {"roomId": ANA, "instance": {"id": 35, "name": "Theo", "avatar": None}}
    # But what is said now is said to the room, whatever the instance.
    say(second, "hello both")
    assert names(first) == ["EVENT_SERVER_SEND_USER_DATA", "EVENT_SERVER_SEND_MESSAGE"]


def test_a_person_without_a_name() -> None:
    client = inside(talk := chat(), room=BRUNO)
    say(client, "hi")
    assert events(client)[0][1]["from"] is None
    assert "carla-room" not in [*talk.running.engine.rules.talks()]


def test_a_list_with_names() -> None:
    talk = chat(history_from="name")
    [listed] = [body for name, body in events(enter(talk, room=ANA)) if name.endswith("LIST")]
    assert [message["from"] for message in listed] == ["Ana Silva", "Mia", "Mia", "Ana Silva"]
    stranger = inside(talk, "stranger", "new-room")
    say(stranger, "hi")
    [listed] = [body for name, body in events(enter(talk, "tab", "new-room")) if name.endswith("LIST")]
    assert "from" not in listed[0]


def test_two_tabs_in_one_room_see_the_same() -> None:
    talk = chat()
    one, two = inside(talk, "one", "shared"), inside(talk, "two", "shared")
    for tab, text in ((one, "from one"), (two, "from two"), (one, "again")):
        say(tab, text)
        talk.after(0.3)
    talk.after(5)
    assert [*two.got] == [*one.got]
    contents = [body.get("content") for name, body in events(one) if name == "EVENT_SERVER_SEND_MESSAGE"]
    assert contents[:3] == ["from one", "from two", "again"]
    assert sorted(contents[3:]) == ["You said: again", "You said: from one", "You said: from two"]
    three = enter(talk, "three", "shared")
    [listed] = [body for name, body in events(three) if name.endswith("LIST")]
    assert [message["content"] for message in listed] == contents


def test_rooms_do_not_hear_each_other() -> None:
    talk = chat()
    one, two = inside(talk, "one"), inside(talk, "two")
    say(one, "psst")
    talk.after(5)
    assert one.got
    assert not two.got


@pytest.mark.parametrize("room", ["", None, 0, False, 0.0])
def test_a_room_is_minted_where_none_is_given(room: Json) -> None:
    socket = chat()
    client = socket.connect()
    client.send(f"40{json.dumps({'instance': GARDEN, 'roomId': room})}")
    minted = dict(events(client))["EVENT_INIT_ROOM"]["roomId"]
    assert len(minted) == 36
    assert minted[14] == "4"


@pytest.mark.parametrize(
    ("room", "key"), [(5, "5"), (True, "true"), (["a", 1], "a,1"), ({"a": 1}, "[object Object]"), ([], "")]
)
def test_a_room_may_be_anything_that_is_true(room: Json, key: str) -> None:
    talk = chat()
    assert dict(events(enter(talk, room=room)))["EVENT_INIT_ROOM"]["roomId"] == room
    assert [*talk.running.engine.rules.talks()][-1] == f"34/{key}"


# ---- who is not let in ----


@pytest.mark.parametrize(
    ("auth", "why"),
    [
        ("", "Chat Instance Error!"),
        ("{}", "Chat Instance Error!"),
        ('{"instance":null}', "Chat Instance Error!"),
        ('{"instance":"garden-homes"}', "Chat Instance Error!"),
        ('{"instance":{}}', "Chat Instance Error!"),
        ('{"instance":{"chatId":"nobody","token":"garden-web-token"}}', "Chat Instance Error!"),
        ('{"instance":{"chatId":["garden-homes"]}}', "Chat Instance Error!"),
        # Whether the chat is there comes before the token.
        ('{"instance":{"chatId":"closed-house","token":"closed-web-token"}}', "Instance Chat Access Denied!"),
        ('{"instance":{"chatId":"closed-house"}}', "Instance Chat Access Denied!"),
        ('{"instance":{"chatId":"garden-homes"}}', "Instance Access Denied!"),
        ('{"instance":{"chatId":"garden-homes","token":"wrong"}}', "Instance Access Denied!"),
        ('{"instance":{"chatId":"garden-homes","token":null}}', "Instance Access Denied!"),
        ('{"instance":{"chatId":"garden-homes","token":{}},"roomId":"x"}', "Instance Access Denied!"),
        # No token is no token where the instance has none.
        ('{"instance":{"chatId":"open-house","token":null}}', "Instance Access Denied!"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "[ChatService] ", "[Chat Service] "])
def test_who_is_not_let_in(auth: str, why: str, prefix: str) -> None:
    talk = chat(error_prefix=prefix)
    talk.play(f"""
        client connects
        {OPEN}
        client >> 40{auth}
        server << 40{{"sid":"$sid"}}
        server << 42["EVENT_ERROR",{{"message":"{prefix}{why}"}}]
        server << 41
        client is shut
    """)
    assert talk.logged
    talk.after(60)
    assert talk.running.engine.next_due() is None


def test_an_instance_without_a_token() -> None:
    talk = chat()
    assert names(enter(talk, instance={"chatId": "open-house"}))[0] == "EVENT_INIT_ROOM"


def test_another_namespace_is_refused() -> None:
    talk = chat()
    client = talk.connect()
    client.got.clear()
    client.send("40/chat,{}")
    assert client.texts() == ['44/chat,{"message":"Invalid namespace"}']


def test_other_services_are_left_alone() -> None:
    talk = chat()
    live = enter(talk, "live", services=["live"])
    assert names(live) == []
    say(live, "anyone?")
    talk.after(5)
    assert not live.got
    both = enter(talk, "both", services=["live", "chat"])
    assert names(both)[0] == "EVENT_INIT_ROOM"
    # What is no list is as if it were not there.
    assert names(enter(talk, "odd", services="live"))[0] == "EVENT_INIT_ROOM"


# ---- what a client can say ----


@pytest.mark.parametrize(
    ("sent", "echoed", "heard"),
    [
        ('{"content":"é👍"}', {"content": "é👍"}, "é👍"),
        ('{"content":""}', {"content": ""}, ""),
        ('{"content":5}', {"content": 5}, "5"),
        ('{"content":true,"agent":{}}', {"content": True}, "true"),
        ('{"content":[1,null,["a"]]}', {"content": [1, None, ["a"]]}, "1,,a"),
        ('{"content":{"type":"x"}}', {"content": {"type": "x"}}, "[object Object]"),
    ],
)
def test_a_message_may_be_anything(sent: str, echoed: dict[str, Any], heard: str) -> None:
    talk = chat(statuses="real", bot_typing=None)
    client = inside(talk)
    client.send(f'42["EVENT_CLIENT_SEND_MESSAGE",{sent},"more"]')
    [(_, body)] = events(client)
    assert {key: body.get(key) for key in echoed} == echoed
    talk.after(1)
    [(_, reply)] = events(client)
    assert reply["content"] == f"You said: {heard}"


@pytest.mark.parametrize("sent", ["{}", '{"content":null}', '"text"', "5", "[]", "true", '{"text":"hi"}'])
def test_a_message_without_content_fails(sent: str) -> None:
    talk = chat()
    client = inside(talk, room="r")
    client.send(f'42["EVENT_CLIENT_SEND_MESSAGE",{sent}]')
    [(_, body), (name, status)] = events(client)
    assert body.get("content", "none") == (None if "null" in sent else "none")
    assert (name, status) == ("EVENT_SERVER_SEND_MESSAGE_STATUS", {"messageId": body["id"], "status": "failed"})
    talk.after(5)
    assert not client.got
    assert dict(events(enter(talk, "tab", "r")))["EVENT_SERVER_INIT_MESSAGE_LIST"] == []


@pytest.mark.parametrize(
    "sent",
    [
        '["EVENT_CLIENT_SEND_MESSAGE"]',
        '["EVENT_CLIENT_SEND_MESSAGE",null]',
        '["EVENT_SET_CONTEXT",{"context":"x"}]',
        '["EVENT_SERVER_SEND_MESSAGE",{"content":"x"}]',
        '["message","x"]',
        "[5]",
        '["__proto__",{}]',
    ],
)
@pytest.mark.parametrize("ack", ["", "7"])
def test_what_nobody_listens_to_is_ignored(sent: str, ack: str) -> None:
    talk = chat()
    client = inside(talk)
    client.send(f"42{ack}{sent}")
    talk.after(5)
    assert not client.got
    assert client.open
    assert talk.logged[-1][0] == "warning"


def test_bytes_are_given_back_as_bytes() -> None:
    talk = chat(statuses="real", bot_typing=None)
    client = inside(talk)
    client.send('451-["EVENT_CLIENT_SEND_MESSAGE",{"content":{"_placeholder":true,"num":0}}]')
    client.send(b"\xc3\xa9")
    head, attachment = (client.got.popleft(), client.got.popleft())
    assert str(head).count("_placeholder") == 1
    assert attachment.data == b"\xc3\xa9"  # type: ignore[union-attr]
    talk.after(1)
    assert events(client)[0][1]["content"] == "You said: é"


def test_no_ack_is_ever_called() -> None:
    talk = chat()
    client = inside(talk)
    client.send('423["EVENT_CLIENT_SEND_MESSAGE",{"content":"hi"}]')
    talk.after(10)
    assert not [text for text in client.texts() if text.startswith("43")]


def test_what_is_sent_before_the_room_is_there_is_lost() -> None:
    talk = chat(init_delay=0.05)
    client = enter(talk)
    say(client, "too early")
    assert names(client) == []
    talk.after(0.05)
    assert names(client) == ["EVENT_INIT_ROOM", "EVENT_SERVER_INIT_MESSAGE_LIST"]
    assert "came before" in talk.logged[-2][1]
    gone = enter(talk, "gone")
    gone.close(1001)
    talk.after(100)


# ---- statuses ----


def test_real_statuses_are_none() -> None:
    talk = chat(statuses="real")
    client = inside(talk)
    say(client, "hi")
    talk.after(10)
    assert "EVENT_SERVER_SEND_MESSAGE_STATUS" not in names(client)


def test_the_list_knows_what_became_of_a_message() -> None:
    talk = chat(bot="none")
    client = inside(talk, room="r")
    for text in ("one", "two", "three"):
        say(client, text)
        talk.after(0.4)
    say(client, "four")
    [listed] = [body for name, body in events(enter(talk, "tab", "r")) if name.endswith("LIST")]
    assert [m["content"] for m in listed] == ["one", "two", "three", "four"]
    assert [m["status"] for m in listed] == ["read", "read", "delivered", "sent"]


def test_composing_ends_with_the_reply_alone() -> None:
    talk = chat(paused_state="", statuses="real")
    client = inside(talk)
    say(client, "hi")
    talk.after(5)
    assert names(client) == [
        "EVENT_SERVER_SEND_MESSAGE",
        "EVENT_SERVER_SEND_CHAT_STATE",
        "EVENT_SERVER_SEND_MESSAGE",
    ]


# ---- the gateway ----


def test_the_gateway_is_told() -> None:
    talk = chat(gateway_url="http://127.0.0.1:9/gw/")
    client = inside(talk, room="r/1", referral={"ad": 7})
    say(client, "hi")
    [(_, echoed)] = events(client)
    call = talk.called(200)
    assert (call.method, call.url, call.timeout) == ("POST", "http://127.0.0.1:9/gw/receiveMessage", None)
    assert json.loads(call.body) == {
        "id": echoed["id"],
        "from": "r/1@chat.channel.morada.ai",
        "to": "garden-homes",
        "content": "hi",
        "type": "text/plain",
        "metadata": {"#uniqueId": echoed["id"], "#chat.referral": '{"ad":7}'},
        "actor": "user",
        "createdAt": "2026-01-01T00:00:00.000Z",
    }
    talk.after(5)
    # There is no bot of ours then: the gateway answers.
    assert [body["status"] for _, body in events(client)] == ["delivered", "read"]
    say(client, "second")
    assert "#chat.referral" not in json.loads(talk.called(200).body)["metadata"]


@pytest.mark.parametrize(("status", "error"), [(500, ""), (302, ""), (0, "refused")])
def test_what_the_gateway_does_not_take_has_failed(status: int, error: str) -> None:
    talk = chat(gateway_url="http://127.0.0.1:9", gateway_timeout=3, statuses="real")
    client = inside(talk, referral="x")
    say(client, "hi")
    client.got.clear()
    assert talk.called(status, error).timeout == 3
    assert [body["status"] for _, body in events(client)] == ["failed"]
    # The first that is taken tells where the person came from.
    say(client, "again")
    assert "#chat.referral" in json.loads(talk.called(200).body)["metadata"]


def test_the_gateway_is_not_flooded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.backends.mia.rules.MOST_CALLS", 1)
    talk = chat(gateway_url="http://127.0.0.1:9")
    client = inside(talk)
    say(client, "one")
    say(client, "two")
    assert [body["status"] for _, body in events(client)] == ["sent", "sent", "failed"]
    assert len(talk.calls) == 1
