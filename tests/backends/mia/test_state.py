"""What is remembered has bounds, and fixtures that contradict themselves are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from simulator.backends.mia import js
from simulator.backends.mia.rooms import State
from simulator.backends.mia.state import Seed
from simulator.core.ids import Ids
from tests.backends.mia.chats import chat, enter, events, inside, push, say

INSTANCE: dict[str, Any] = {"id": 1, "name": "Mia", "chat_id": "c"}


def listed(talk: Any, room: str, name: str = "tab") -> list[str]:
    told = dict(events(enter(talk, name, room)))
    return [message["content"] for message in told["EVENT_SERVER_INIT_MESSAGE_LIST"]]


def test_a_conversation_forgets_its_oldest_messages() -> None:
    talk = chat(kept_messages=2, bot="none", delivered_after=1)
    client = inside(talk, room="r")
    for text in ("one", "two", "three"):
        say(client, text)
    client.got.clear()
    talk.after(10)
    # Nobody waits for the status of what is forgotten.
    assert [body["status"] for _, body in events(client)] == ["delivered", "delivered", "read", "read"]
    assert listed(talk, "r") == ["two", "three"]


def test_everything_together_has_a_bound() -> None:
    talk = chat(kept_megabytes=1, bot="none", statuses="real")
    one, two = inside(talk, "one", "one"), inside(talk, "two", "two")
    for _ in range(3):
        say(one, "x" * 300_000)
    say(two, "y" * 300_000)
    say(two, "z" * 300_000)
    assert [len(text) for text in listed(talk, "one", "tab1")] == [300_000]
    assert [text[0] for text in listed(talk, "two", "tab2")] == ["y", "z"]


def test_the_oldest_conversation_without_a_socket_goes_first() -> None:
    talk = chat(kept_conversations=4, bot="none")
    # Three are in the fixtures.
    client = inside(talk, "client", "mine")
    push(talk, {"id": "1", "type": "text/plain", "content": "x", "to": "new"})
    push(talk, {"id": "2", "type": "text/plain", "content": "x", "to": "newer"})
    talks = [*talk.running.engine.rules.talks()]
    assert talks[-3:] == ["34/mine", "34/new", "34/newer"]
    assert len(talks) == 4
    client.close()
    tabs = [inside(talk, f"tab{i}", f"room{i}") for i in range(6)]
    assert len([*talk.running.engine.rules.talks()]) == len(tabs)


def test_ids_of_rooms_have_a_bound() -> None:
    """How long they are is the clients' choice; the oldest room without a socket goes first."""
    talk = chat(kept_megabytes=1, bot="none")
    tabs = [inside(talk, str(number), str(number) * 300_000) for number in range(4)]
    before = [name[:4] for name in talk.running.engine.rules.talks()]
    # Nobody in a room is turned out of it, and what is in the fixtures is nobody's.
    assert before == ["34/0", "34/1", "34/2", "34/3"]
    tabs[1].close()
    tabs[2].close()
    inside(talk, "4", "4")
    assert [name[:4] for name in talk.running.engine.rules.talks()] == ["34/0", "34/2", "34/3", "34/4"]


def test_what_begins_anew_has_new_ids() -> None:
    talk = chat(kept_conversations=1, bot="none", statuses="real")
    ids = []
    for room in ("r", "other", "r"):
        client = inside(talk, room, room)
        say(client, "hi")
        ids.append(events(client)[0][1]["id"])
        client.close()
        talk.after(1)
    assert len({*ids}) == 3


def test_persons_have_a_bound() -> None:
    talk = chat(kept_persons=1)
    for room in ("a", "b"):
        push(talk, {"to": room, "name": room}, path="identify-person")
    assert "EVENT_SERVER_SEND_USER_DATA" not in dict(events(enter(talk, "a", "a")))
    assert "EVENT_SERVER_SEND_USER_DATA" in dict(events(enter(talk, "b", "b")))


def earlier(*messages: dict[str, Any]) -> dict[str, Any]:
    """Fixtures with a conversation of these messages."""
    whole = {"actor": "user", "id": "1", "content": "x", "created_at": "2026-01-01T00:00:00Z"}
    told = [{**whole, **message} for message in messages]
    return {"instances": [INSTANCE], "conversations": [{"instance": 1, "room_id": "r", "messages": told}]}


@pytest.mark.parametrize(
    ("seed", "why"),
    [
        ({"instances": []}, "at least 1 item"),
        ({"instances": [INSTANCE, INSTANCE]}, r"instances\.1\.id\n  stands there twice, in instances\.0 too"),
        ({"instances": [INSTANCE, {**INSTANCE, "id": 2}]}, r"instances\.1\.chat_id\n  stands there twice, in instances\.0 too"),
        ({"instances": [INSTANCE], "persons": [{"room_id": "r"}] * 2}, r"persons\.1\.room_id\n  stands there twice"),
        ({"instances": [INSTANCE], "conversations": [{"instance": 2, "room_id": "r"}]}, r"conversations\.0\.instance\n  there is no instance 2 in instances"),
        (earlier({"created_at": "2026-01-01T00:00:00"}), "expected a time with its zone"),
        (
            earlier({}, {"id": "2"}, {}),
            r"conversations\.0\.messages\.2\.id\n  stands there twice, in conversations\.0\.messages\.0 too",
        ),
        (
            {"instances": [INSTANCE], "conversations": [{"instance": 1, "room_id": "r"}] * 2},
            r"conversations\.1\.room_id\n  stands there twice, in conversations\.0 too",
        ),
        (earlier({"id": ""}), "at least 1 character"),
        (earlier({"content": {"typ": "image/png", "uri": "x"}}), "a media-link with type and uri"),
        (earlier({"content": {"type": "image/png"}}), "a media-link with type and uri"),
        ({"instances": [{**INSTANCE, "id": True}]}, "valid integer"),
        ({"instances": [{**INSTANCE, "name": ""}]}, "at least 1 character"),
        ({"instances": [INSTANCE], "settings": {"gateway_url": "ftp://x"}}, "expected a URL such as"),
        ({"instances": [INSTANCE], "settings": {"gateway_url": "http://x:0"}}, "expected a URL such as"),
        ({"instances": [INSTANCE], "settings": {"gateway_url": "http://x y"}}, "expected a URL such as"),
        ({"instances": [INSTANCE], "settings": {"gateway_url": "http://x:99999"}}, "expected a URL such as"),
    ],
)  # fmt: skip
def test_fixtures_that_contradict_themselves(seed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Seed.model_validate(seed)


def test_what_was_said_earlier_is_told_in_its_order() -> None:
    late, soon = {"id": "late", "created_at": "2026-01-01T02:00:00+01:00"}, {"id": "soon"}
    seed = Seed.model_validate(earlier(late, soon))
    state = State(seed, Ids.seeded(7))
    [talk] = state.talks()
    assert [msg.id for msg in talk.messages] == ["soon", "late"]


def test_the_page_without_an_open_instance() -> None:
    closed = {"instances": [{**INSTANCE, "enabled": False}]}
    from tests.talk import Talk

    talk = Talk("mia", seeded=closed)
    assert b'"chatId":"c"' in talk.request("GET", "/").body


def test_json_of_what_is_too_deep() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    assert js.stringify(value) == "null"
    assert js.stringify({"a": "\ud800"}) == '{"a":"\\ud800"}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (b"\xff", "\ufffd"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (1e21, "1e+21"),
        (10**400, "Infinity"),
        (-(10**400), "-Infinity"),
        (float("inf"), "Infinity"),
        (12345678901234567890, "12345678901234567000"),
        (-1.0, "-1"),
        (10**22, "1e+22"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (0.000001, "0.000001"),
        ([], ""),
        ([[], [[]], [1, [2, None]], {}], ",,1,2,,[object Object]"),
        (None, "null"),
        ({}, "[object Object]"),
    ],
)
def test_texts_of_javascript(value: Any, text: str) -> None:
    assert js.text(value) == text
