"""chip's conversations, without a network."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from simulator.backends.chip.messages import COMMANDS
from simulator.core.message import Message, Response
from tests.talk import UPGRADE, Talk

EVE = "65vbbDAQCdPdEWlEhDGy4utO"
MAIN = "7d62d551-3030-4100-a260-2d7c4e9693e7"
HELP = "8291264a-4581-4d12-96e5-e9fcfa6e68d9"
OTHER = "16955bac-23fd-4b5f-8981-530679ae0ac4"


@pytest.fixture
def chip() -> Talk:
    return Talk(settings={"time_digits": 6})


def sends(talk: Talk, chat: str, number: int, text: str = "x", channel: str = MAIN, **msg: Any) -> Response:
    body = {"chat_id": chat, "secret": "sesame", "msg": {"id": number, "text": text, "origin": "flow", **msg}}
    return talk.request("POST", f"/wc/send/{channel}/", json.dumps(body).encode())


def test_a_whole_conversation(chip: Talk) -> None:
    chip.play("""
        client connects
        client is silent
        client >> {"type":"start_chat"}
        server << {"type":"chat_started","chat_id":"BKbbJtqUVVRS1znHKe1ovg4Q"}
        client >> {"type":"send_msg","text":"hi <b> é 👍"}
        after 1.0
        client is silent
        after 0.1
        server << {"type":"chat_out","msg_out":{"id":1417319002,"text":"You said: hi <b> é 👍","origin":"flow","time":"2026-01-01T00:00:01Z"}}
        client >> {"type":"ack_chat","msg_id":1417319002}
        after 1.0
        client is silent
        client >> {"type":"get_history","before":"2026-01-01T00:00:01Z"}
        server << {"type":"history","history":[{"msg_in":{"id":1417319001,"text":"hi <b> é 👍","time":"2026-01-01T00:00:00Z"}}]}
        client >> {"type":"set_email","email":"ada@example.com"}
        client is silent
        client closes 1000
        again connects
        again >> {"type":"start_chat","chat_id":"BKbbJtqUVVRS1znHKe1ovg4Q"}
        again << {"type":"chat_resumed","chat_id":"BKbbJtqUVVRS1znHKe1ovg4Q","email":"ada@example.com"}
    """)


def test_a_known_chat_is_resumed_on_all_channels_of_its_org_and_on_no_other(chip: Talk) -> None:
    chip.play(f"""
        client connects /wc/connect/{HELP}/
        client >> {{"type":"start_chat","chat_id":"{EVE}"}}
        server << {{"type":"chat_resumed","chat_id":"{EVE}","email":"eve@example.com"}}
        other connects /wc/connect/{OTHER}
        other >> {{"type":"start_chat","chat_id":"{EVE}"}}
        other << {{"type":"chat_started","chat_id":"$new"}}
    """)
    assert chip.kept["new"] != EVE


def test_history_is_newest_first_and_carries_who_wrote(chip: Talk) -> None:
    chip.play(f"""
        client connects
        client >> {{"type":"start_chat","chat_id":"{EVE}"}}
        server << {{"type":"chat_resumed","chat_id":"{EVE}","email":"eve@example.com"}}
        client >> {{"type":"get_history","before":"2024-04-01T13:18:00.000001Z"}}
        server << {{"type":"history","history":[{{"msg_out":{{"id":34635,"text":"Here is the form.","attachments":["application/pdf:https://example.com/form.pdf"],"origin":"ticket","user":{{"id":235,"email":"amina@example.com","name":"Amina Desk"}},"time":"2024-04-01T13:17:45.25Z"}}}},{{"msg_out":{{"id":34634,"text":"Thanks for contacting us!","origin":"chat","user":{{"id":234,"email":"bob@example.com","name":"Bob McTickets","avatar":"http://localhost/media/avatars/bob.jpg"}},"time":"2024-04-01T13:16:02Z"}}}},{{"msg_out":{{"id":34633,"text":"Welcome, someone will be with you soon.","origin":"flow","time":"2024-04-01T13:15:31.5Z"}}}},{{"msg_in":{{"id":34632,"text":"I need help!","time":"2024-04-01T13:15:30.123456Z"}}}}]}}
    """)


def test_the_documents_order_of_history_is_a_setting() -> None:
    talk = Talk(settings={"history_order": "oldest"})
    client = talk.connect()
    client.send(f'{{"type":"start_chat","chat_id":"{EVE}"}}')
    client.texts()
    client.send('{"type":"get_history","before":"2030-01-01T00:00:00Z"}')
    [text] = client.texts()
    times = [next(iter(item.values()))["time"] for item in json.loads(text)["history"]]
    assert times == sorted(times)
    assert len(times) == 5


def test_a_page_has_25(chip: Talk) -> None:
    client = chip.connect()
    client.send('{"type":"start_chat"}')
    chat = json.loads(client.texts()[0])["chat_id"]
    for number in range(30):
        assert sends(chip, chat, 1000 + number).status == 200
        chip.after(1)
    client.texts()
    client.send('{"type":"get_history","before":"2030-01-01T00:00:00Z"}')
    page = json.loads(client.texts()[0])["history"]
    assert [item["msg_out"]["id"] for item in page] == list(range(1029, 1004, -1))


def test_silence_where_the_real_server_is_silent_and_a_word_to_the_operator(chip: Talk) -> None:
    client = chip.connect()
    for text in (
        "garbage", "[]", "{}", '{"type":5}', '{"type":"nope"}', '{"type":"send_msg","text":"too early"}',
        '{"type":"start_chat","chat_id":"short"}', '{"type":"start_chat","chat_id":5}',
    ):  # fmt: skip
        client.send(text)
        assert client.texts() == []
    client.send('{"type":"start_chat"}')
    assert len(client.texts()) == 1
    for text in (
        '{"type":"start_chat"}', '{"type":"send_msg"}', '{"type":"ack_chat","msg_id":"1"}', '{"type":"ack_chat","msg_id":0}',
        '{"type":"ack_chat","msg_id":1}', '{"type":"get_history"}', '{"type":"get_history","before":"soon"}',
        '{"type":"get_history","before":"2024-01-01T00:00:00+16:00"}', '{"type":"get_history","before":"0001-01-01T00:00:00Z"}',
        '{"type":"set_email","email":""}', f'{{"type":"set_email","email":"{"x" * 129}"}}',
    ):  # fmt: skip
        client.send(text)
        assert client.texts() == []
    warnings = [text for level, text, _ in chip.logged if level == "warning"]
    assert len(warnings) == 19
    assert "ignored: send_msg: no chat started on this socket, send start_chat first" in warnings
    assert "ignored: ack_chat: msg_id 1: nothing is waiting" in warnings


@pytest.mark.parametrize(
    ("name", "key", "values"),
    [
        ("send_msg", "text", ["x", " ", "", 7, True, None, ["x"], {"x": 1}, 1.5]),
        ("ack_chat", "msg_id", [1, 0, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, True, "1", 1.0, None, [1]]),
        ("get_history", "before", ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "x", "", 7, None, True]),
        ("set_email", "email", ["a@example.com", "", 7, None]),
        ("start_chat", "chat_id", [None, "", "x", 7]),
    ],
)
def test_what_needs_no_model_is_what_the_model_takes(chip: Talk, name: str, key: str, values: list[Any]) -> None:
    """The operator reads the model's words exactly where it has some."""
    client = chip.connect()
    client.send('{"type":"start_chat"}')
    for body in ({}, *({key: value} for value in values), *({key: value, "before": "x"} for value in values)):
        wrong = False
        try:
            TypeAdapter(COMMANDS[name]).validate_python(body)
        except ValidationError:
            wrong = True
        chip.logged.clear()
        client.send(json.dumps({"type": name, **body}))
        told = [text for _, text, _ in chip.logged if text.startswith(f"ignored: {name}: {key}: ")]
        assert len(told) == wrong, (body, chip.logged)


def test_one_inactive_user_loses_the_whole_history(chip: Talk) -> None:
    talk = Talk(
        seeded={
            "channels": [{"uuid": MAIN}],
            "users": [{"id": 1, "email": "gone@example.com", "active": False}],
            "contacts": [
                {
                    "chat_id": EVE,
                    "messages": [{"direction": "out", "id": 1, "user": 1, "time": "2024-01-01T00:00:00Z"}],
                }
            ],
        }
    )
    client = talk.connect()
    client.send(f'{{"type":"start_chat","chat_id":"{EVE}"}}')
    client.texts()
    client.send('{"type":"get_history","before":"2030-01-01T00:00:00Z"}')
    assert client.texts() == []
    client.send('{"type":"get_history","before":"2024-01-01T00:00:00Z"}')
    assert client.texts() == ['{"type":"history","history":[]}']


def test_two_sockets_of_one_chat_get_each_message_once_and_the_seed_says_which() -> None:
    def who(seed: int) -> list[str]:
        talk = Talk(seed=seed)
        for name in "ab":
            talk.connect(name)
        talk.sockets["a"].send('{"type":"start_chat"}')
        chat = json.loads(talk.sockets["a"].texts()[0])["chat_id"]
        talk.sockets["b"].send(f'{{"type":"start_chat","chat_id":"{chat}"}}')
        talk.sockets["b"].texts()
        got = []
        for number in range(1, 13):
            sends(talk, chat, number)
            talk.after(0.1)
            [name] = [name for name in "ab" if talk.sockets[name].texts()]
            got.append(name)
            other = "a" if name == "b" else "b"
            talk.sockets[other].send(f'{{"type":"ack_chat","msg_id":{number}}}')
        return got

    assert who(7) == who(7)
    assert set(who(7)) == {"a", "b"}
    assert who(7) != who(8)


def test_the_ready_head_goes_to_a_socket_on_another_channel(chip: Talk) -> None:
    chip.play(f"""
        a connects
        a >> {{"type":"start_chat"}}
        a << {{"type":"chat_started","chat_id":"$chat"}}
        b connects /wc/connect/{HELP}/
        b >> {{"type":"start_chat","chat_id":"$chat"}}
        b << {{"type":"chat_resumed","chat_id":"$chat","email":""}}
        a closes 1000
    """)
    assert sends(chip, chip.kept["chat"], 5).status == 200
    chip.play("""
        after 1.0
        b is silent
        a connects
        a >> {"type":"start_chat","chat_id":"$chat"}
        a << {"type":"chat_resumed","chat_id":"$chat","email":""}
    """)
    chip.after(0.1)
    got = [name for name in "ab" if chip.sockets[name].texts()]
    assert len(got) == 1


def test_one_of_two_sockets_goes_and_the_other_waits_for_a_start(chip: Talk) -> None:
    chip.play("""
        a connects
        a >> {"type":"start_chat"}
        a << {"type":"chat_started","chat_id":"$chat"}
        b connects
        b >> {"type":"start_chat","chat_id":"$chat"}
        b << {"type":"chat_resumed","chat_id":"$chat","email":""}
        a closes 1000
    """)
    sends(chip, chip.kept["chat"], 1)
    chip.play("""
        after 1
        b is silent
        c connects
        c >> {"type":"start_chat","chat_id":"$chat"}
        c << {"type":"chat_resumed","chat_id":"$chat","email":""}
    """)
    chip.after(0.1)
    assert len(chip.sockets["b"].texts() + chip.sockets["c"].texts()) == 1


def test_an_ack_sent_too_early_swallows_the_message(chip: Talk) -> None:
    chip.play("""
        client connects
        client >> {"type":"start_chat"}
        server << {"type":"chat_started","chat_id":"$chat"}
    """)
    sends(chip, chip.kept["chat"], 1)
    sends(chip, chip.kept["chat"], 2)
    chip.play("""
        client >> {"type":"ack_chat","msg_id":1}
        after 0.1
        server << {"type":"chat_out","msg_out":{"id":2,"text":"x","origin":"flow","time":"2026-01-01T00:00:00$us"}}
    """)


def test_nothing_leaves_when_the_last_socket_went_before_the_outbox_looked(chip: Talk) -> None:
    chip.play("""
        client connects
        client >> {"type":"start_chat"}
        server << {"type":"chat_started","chat_id":"$chat"}
    """)
    sends(chip, chip.kept["chat"], 1)
    chip.play("""
        client closes 1001
        after 1.0
        again connects
        again >> {"type":"start_chat","chat_id":"$chat"}
        again << {"type":"chat_resumed","chat_id":"$chat","email":""}
        after 0.1
        again << {"type":"chat_out","msg_out":{"id":1,"text":"x","origin":"flow","time":"2026-01-01T00:00:00$us"}}
    """)


def test_a_full_outbox_refuses_as_the_real_one_does_without_redis() -> None:
    talk = Talk(settings={"kept_messages": 25, "bot_delay": 0, "outbox_interval": 0})
    for number in range(25):
        assert sends(talk, EVE, number + 1).status == 200
    refused = sends(talk, EVE, 99)
    assert (refused.status, refused.body) == (500, b'{"error":"unable to queue message"}')
    client = talk.connect()
    client.send(f'{{"type":"start_chat","chat_id":"{EVE}"}}')
    client.send('{"type":"send_msg","text":"hi"}')
    assert ("warning", "the outbox is full (kept_messages), the answer is lost", {"chat_id": EVE}) in talk.logged


def test_old_messages_and_old_contacts_make_room() -> None:
    talk = Talk(settings={"kept_messages": 25, "kept_contacts": 4, "bot": "none"})
    sends(talk, EVE, 1)
    clients = [talk.connect(f"c{i}") for i in range(3)]
    for client in clients:
        client.send('{"type":"start_chat"}')
    # Three came with the fixtures; the two oldest of those, whom nobody uses, are gone.
    assert next(iter(talk.running.engine.rules.talks())).rpartition("/")[2] == "Zq8fXk2LmN4pR6tV0wY1aB3c"
    for _ in range(30):
        clients[0].send('{"type":"send_msg","text":"hi"}')
        talk.after(1)
    clients[0].texts()
    clients[0].send('{"type":"get_history","before":"2026-01-01T00:00:05Z"}')
    assert clients[0].texts() == ['{"type":"history","history":[]}']
    clients[0].send('{"type":"get_history","before":"2026-01-01T00:00:30Z"}')
    assert len(json.loads(clients[0].texts()[0])["history"]) in (23, 24, 25)
    more = [talk.connect(f"d{i}") for i in range(3)]
    for client in more:
        client.send('{"type":"start_chat"}')
    assert len(talk.running.engine.rules.talks()) == 6


def _state(talk: Talk) -> Any:
    rules: Any = talk.running.engine.rules
    return rules._state


def chatting(talk: Talk) -> str:
    client = talk.connect()
    client.send('{"type":"start_chat"}')
    chat: str = json.loads(client.texts()[0])["chat_id"]
    return chat


def test_whose_talk_a_message_is_and_who_is_in_it(chip: Talk) -> None:
    quiet, client = chip.connect("quiet"), chip.connect("ada")
    client.send('{"type":"start_chat"}')
    chat = json.loads(client.texts()[0])["chat_id"]
    rules, message = chip.running.engine.rules, Message("get_history", ({},))
    first, second = (present.conns[""] for present in chip.running.engine.wire.clients())
    assert [rules.talk_of(conn, message) for conn in (first, second, object())] == [None, f"{MAIN}/{chat}", None]
    assert [*rules.conns_of(chat)] == [*rules.conns_of(f"{MAIN}/{chat}")] == [second]
    assert [*rules.conns_of("nobody's")] == []
    quiet.close()


def test_courier_is_told_of_a_channel_that_is_not_there(chip: Talk) -> None:
    answer = sends(chip, EVE, 1, channel="00000000-0000-4000-8000-000000000000")
    assert (answer.status, json.loads(answer.body)) == (400, {"error": "no such channel"})


# --- the door


def test_the_door(chip: Talk) -> None:
    answer = chip.connect("a", f"/wc/connect/{MAIN[:-1]}0/").refused
    assert answer is not None
    assert (answer.status, answer.body) == (400, b'{"error":"no such channel"}')
    plain = chip.connect("b", f"/wc/connect/{MAIN}/", headers=(("Host", "x"),)).refused
    assert plain is not None
    assert (plain.status, plain.body) == (400, b"Bad Request\n")
    post = chip.connect("c", f"/wc/connect/{MAIN}/", method="POST").refused
    assert post is not None
    assert (post.status, post.body) == (405, b"Method Not Allowed\n")
    assert chip.connect("d", f"/wc/connect/{MAIN}?chat_id={EVE}", headers=UPGRADE).open


def test_a_socket_that_is_gone_before_it_opens_leaves_nothing(chip: Talk) -> None:
    socket = chip.connect()
    chip.play("client closes 1006")
    refused = chip.connect("x", headers=())
    assert refused.refused is not None
    assert socket.open is False
    assert chip.running.engine.next_due() is None


def test_pings_and_the_silent_peer(chip: Talk) -> None:
    chip.play("""
        client connects
        alive connects
        after 29.9
        client is silent
        after 0.1
        client is pinged
        alive is pinged
        alive pongs
        client >> {"type":"start_chat"}
        server << {"type":"chat_started","chat_id":"$chat"}
        after 29.9
        client >> {"type":"get_history","before":"2000-01-01T00:00:00Z"}
        server << {"type":"history","history":[]}
        after 0.1
        client is pinged
        client is dropped
        alive is pinged
        after 30
        alive is pinged
        alive is dropped
    """)


def test_shutdown(chip: Talk) -> None:
    chip.connect()
    chip.drain()
    chip.play("client is shut 1000")


def test_live_times_have_the_servers_zone_and_as_many_digits_as_set() -> None:
    for settings, expected in (
        ({"time_digits": 9, "utc_offset": "-05:30"}, r'"time":"2025-12-31T18:30:00.25\d*-05:30"'),
        ({"time_digits": 0, "utc_offset": "+02:00"}, r'"time":"2026-01-01T02:00:00\+02:00"'),
        ({"time_digits": 2}, '"time":"2026-01-01T00:00:00.25Z"'),
    ):
        talk = Talk(settings=settings, now=1767225600.25)
        chat = chatting(talk)
        sends(talk, chat, 1)
        talk.after(0.1)
        [text] = talk.sockets["client"].texts()
        assert re.search(expected, text), text


def test_who_has_left_makes_room_for_who_is_here() -> None:
    talk = Talk(settings={"kept_megabytes": 1, "bot": "none"})
    for number in range(10):
        answer = sends(talk, EVE, number + 1, text="x" * 100_000)
    # A contact is not let go for what is said to it.
    assert (answer.status, answer.body) == (500, b'{"error":"unable to queue message"}')
    chat = chatting(talk)
    for number in range(4):
        assert sends(talk, chat, number + 1, text="y" * 100_000).status == 200
    talk.after(0.1)
    assert '"text":"yyy' in talk.sockets["client"].texts()[-1]
    answer = sends(talk, EVE, 11)
    assert (answer.status, answer.body.partition(b":")[0]) == (400, b'{"error"')
    # Among those who are here nobody goes.
    for number in range(10):
        answer = sends(talk, chat, number + 5, text="y" * 100_000)
    assert answer.status == 500


def test_all_chats_together_are_bounded() -> None:
    talk = Talk(settings={"kept_megabytes": 1, "bot": "none"})
    other = talk.connect("other")
    other.send('{"type":"start_chat"}')
    for number in range(30):
        answer = sends(talk, EVE, number + 1, text="x" * 100_000)
    assert (answer.status, answer.body) == (500, b'{"error":"unable to queue message"}')
    # Who is here does not lose its own for who is not.
    other.texts()
    other.send('{"type":"send_msg","text":"hi"}')
    other.send('{"type":"get_history","before":"2030-01-01T00:00:00Z"}')
    [history] = other.texts()
    assert '"text":"hi"' in history


def test_a_message_that_fits_the_outbox_alone_is_in_the_history_as_well() -> None:
    talk = Talk(settings={"kept_megabytes": 1, "bot": "none"})
    chat = chatting(talk)
    room = _state(talk).room
    number = 0
    while room.left >= 150_000:
        number += 1
        assert sends(talk, EVE, number, text="x" * min(100_000, (room.left - 149_000) // 2)).status == 200
    assert 100_000 < room.left < 200_000
    assert sends(talk, chat, 99, text="y" * 100_000).status == 200
    client = talk.sockets["client"]
    client.send('{"type":"get_history","before":"2030-01-01T00:00:00Z"}')
    assert any('"type":"history"' in text and "yyy" in text for text in client.texts())


def test_what_a_client_says_costs_whoever_has_left_and_not_its_own_history() -> None:
    talk = Talk(settings={"kept_megabytes": 1, "bot": "none"})
    chatting(talk)
    for number in range(10):
        sends(talk, EVE, number + 1, text="x" * 100_000)
    client, room = talk.sockets["client"], _state(talk).room
    client.send('{"type":"send_msg","text":"the first"}')
    left = room.left
    while room.left <= left:
        left = room.left
        client.send(json.dumps({"type": "send_msg", "text": "y" * 500}))
    here, gone = _state(talk).contacts(), _state(talk).contact(1, EVE)
    assert (gone, [contact.messages[0].text for contact in here if contact.messages]) == (None, ["the first"])


def test_where_all_are_here_nobody_is_looked_for_at_each_message() -> None:
    talk = Talk(settings={"kept_megabytes": 1, "bot": "none"})
    chat, state = chatting(talk), _state(talk)
    for number in range(10):
        answer = sends(talk, chat, number + 1, text="y" * 100_000)
    assert (answer.status, state._busy) == (500, True), "Eve had nothing, and has gone"
    other = talk.connect("other")
    other.send('{"type":"start_chat"}')
    [text] = other.texts()
    assert sends(talk, json.loads(text)["chat_id"], 1, text="y" * 100_000).status == 500
    talk.sockets["client"].close()
    assert state._busy is False
    assert sends(talk, json.loads(text)["chat_id"], 1, text="y" * 100_000).status == 200


def test_who_makes_room_takes_nothing_of_a_contact_of_that_id_elsewhere() -> None:
    """An org's contact goes; the one of another org with the same id keeps its outbox, and what it takes is given back."""
    talk = Talk(
        settings={"kept_megabytes": 1, "bot": "none"},
        seeded={
            "channels": [{"uuid": MAIN, "secret": "sesame"}, {"uuid": OTHER, "org": 2, "secret": "sesame"}],
            "contacts": [{"chat_id": EVE}, {"chat_id": EVE, "org": 2}],
        },
    )
    state = _state(talk)
    for number in range(3):
        assert sends(talk, EVE, number + 1, text="x" * 100_000).status == 200
    for number in range(4):
        assert sends(talk, EVE, number + 1, text="y" * 100_000, channel=OTHER).status == 200
    assert [len(state.outbox(channel, EVE).items) for channel in (MAIN, OTHER)] == [0, 4]
