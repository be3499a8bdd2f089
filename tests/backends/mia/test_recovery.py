"""Connections that are lost and come back within two minutes (`connectionStateRecovery`)."""

from __future__ import annotations

import json
from typing import Any

from simulator.core.message import Json
from simulator.core.wire import Shut
from tests.backends.mia.chats import ANA, GARDEN, inside, names, say
from tests.talk import Socket, Talk


def offset(socket: Socket) -> tuple[str, str, str]:
    """Sid, pid, and the offset of the last event."""
    texts = socket.texts()
    opened = json.loads(next(text for text in texts if text.startswith("40"))[2:])
    return opened["sid"], opened["pid"], json.loads(texts[-1][2:])[-1]


def met(talk: Talk, name: str = "client", room: Json = None) -> tuple[Socket, dict[str, Json]]:
    """A client, and what it brings when it comes back."""
    socket = talk.connect(name)
    auth: dict[str, Json] = {"instance": GARDEN, **({} if room is None else {"roomId": room})}
    socket.send(f"40{json.dumps(auth)}")
    _, pid, last = offset(socket)
    return socket, {"pid": pid, "offset": last, **auth}


def again(talk: Talk, auth: dict[str, Json], name: str = "again") -> list[str]:
    """What comes first when somebody comes back; the engine's handshake left out."""
    socket = talk.connect(name)
    socket.send(f"40{json.dumps(auth)}")
    return socket.texts()[1:]


def test_what_was_missed_comes_before_the_room() -> None:
    talk = Talk("mia")
    client, auth = met(talk, room=ANA)
    say(client, "hi")
    _, _, last = "", "", json.loads(client.texts()[-1][2:])[-1]
    client.close(1006)
    talk.after(5)
    texts = again(talk, {**auth, "offset": last})
    told = [json.loads(text[2:])[0] for text in texts if text.startswith("42")]
    assert told == [
        "EVENT_SERVER_SEND_MESSAGE_STATUS",
        "EVENT_SERVER_SEND_CHAT_STATE",
        "EVENT_SERVER_SEND_MESSAGE_STATUS",
        "EVENT_SERVER_SEND_CHAT_STATE",
        "EVENT_SERVER_SEND_MESSAGE",
        "EVENT_INIT_ROOM",
        # To the whole room, as at every entry; no list, for nothing was missed.
        "EVENT_SERVER_SEND_USER_DATA",
    ]
    assert [text[:2] for text in texts].index("40") == 5
    say(talk.sockets["again"], "still me")
    assert json.loads(talk.sockets["again"].texts()[0][2:])[1]["from"] == "Ana Silva"


def test_ids_go_on_where_the_lost_connection_left_them() -> None:
    """A cut changes no id of what is said later."""
    found = []
    for cut in (False, True):
        talk = Talk("mia", settings={"bot": "none"})
        client, auth = met(talk, room="r")
        say(client, "one")
        if cut:
            client.close(1006)
            again(talk, auth)
            client = talk.sockets["again"]
        client.got.clear()
        say(client, "two")
        found.append(json.loads(client.texts()[0][2:])[1]["id"])
    assert found[0] == found[1]


def test_who_brings_no_room_gets_a_new_one_and_stays_in_the_old_one() -> None:
    """initRoom runs again, and auth has no roomId: the real server mints another (socket.recovered is not asked)."""
    talk = Talk("mia", settings={"statuses": "real", "bot": "none"})
    client, auth = met(talk)
    [first] = [*talk.running.engine.rules.talks()][-1:]
    client.close(1006)
    texts = again(talk, auth)
    room = json.loads(texts[1][2:])[1]["roomId"]
    assert f"34/{room}" != first
    tab = inside(talk, "tab", first.partition("/")[2])
    say(tab, "to the old room")
    back = talk.sockets["again"]
    assert names(back) == ["EVENT_SERVER_SEND_MESSAGE"]
    say(back, "to the new room")
    assert names(back) == ["EVENT_SERVER_SEND_MESSAGE"]
    assert names(tab) == ["EVENT_SERVER_SEND_MESSAGE"]


def test_after_two_minutes_everything_begins_anew() -> None:
    talk = Talk("mia")
    client, auth = met(talk, room="r")
    client.close(1006)
    talk.after(121)
    assert talk.running.engine.next_due() is None
    texts = again(talk, auth)
    assert [json.loads(text[2:])[0] for text in texts[1:]] == ["EVENT_INIT_ROOM", "EVENT_SERVER_INIT_MESSAGE_LIST"]


def test_who_says_goodbye_is_gone() -> None:
    talk = Talk("mia")
    client, auth = met(talk, room="r")
    client.send("41")
    assert any(isinstance(item, Shut) for item in client.got) or client.open
    assert "EVENT_SERVER_INIT_MESSAGE_LIST" in "".join(again(talk, auth))


def test_who_is_not_let_in_any_more() -> None:
    talk = Talk("mia")
    client, auth = met(talk, room="r")
    client.close(1006)
    texts = again(talk, {**auth, "instance": {}})
    assert ["EVENT_ERROR" in text for text in texts[:2]] == [False, True]
    assert texts[2] == "41"


def test_no_more_are_remembered_than_the_setting_says() -> None:
    talk = Talk("mia", settings={"kept_away": 1})
    (one, first), (two, second) = met(talk, "one", "r"), met(talk, "two", "r")
    one.close(1006)
    two.close(1006)
    assert "EVENT_SERVER_INIT_MESSAGE_LIST" in "".join(again(talk, first, "first"))
    assert "EVENT_SERVER_INIT_MESSAGE_LIST" not in "".join(again(talk, second, "second"))


def test_no_more_sessions_poll_than_the_setting_says() -> None:
    talk = Talk("mia", settings={"kept_polling": 1})
    statuses = [talk.request("GET", "/socket.io/?EIO=4&transport=polling").status for _ in range(2)]
    assert statuses == [200, 403]


def test_long_rooms_of_those_who_are_away_have_a_bound() -> None:
    talk = Talk("mia", settings={"kept_megabytes": 1})
    (one, first), (two, second) = met(talk, "one", "1" * 600_000), met(talk, "two", "2" * 600_000)
    one.close(1006)
    two.close(1006)
    rules: Any = talk.running.engine.rules
    assert [client.auth for client in rules._state.away.values()] == [{}]
    assert "EVENT_SERVER_INIT_MESSAGE_LIST" in "".join(again(talk, first, "first"))
    assert "EVENT_SERVER_INIT_MESSAGE_LIST" not in "".join(again(talk, second, "second"))
    assert rules._state._away_left == 1_000_000


def test_a_client_keeps_nothing_of_what_it_brought_but_the_referral() -> None:
    talk = Talk("mia")
    client = talk.connect()
    client.send(f"40{json.dumps({'instance': GARDEN, 'roomId': 'r', 'more': 'x' * 1000, 'referral': {'from': 'a'}})}")
    rules: Any = talk.running.engine.rules
    assert [kept.auth for kept in rules._state.clients.values()] == [{"referral": {"from": "a"}}]


def test_without_recovery() -> None:
    talk = Talk("mia", settings={"recovery": 0})
    client = talk.connect()
    client.send(f"40{json.dumps({'instance': GARDEN, 'roomId': 'r'})}")
    assert "pid" not in client.texts()[1]
    client.close(1006)
    assert talk.running.engine.next_due() is None
