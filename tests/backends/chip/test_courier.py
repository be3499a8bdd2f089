"""chip between its client and Courier, without a network."""

from __future__ import annotations

import json

import pytest

from simulator.core.message import Response
from tests.talk import Talk

EVE = "65vbbDAQCdPdEWlEhDGy4utO"
MAIN = "7d62d551-3030-4100-a260-2d7c4e9693e7"


@pytest.fixture
def chip() -> Talk:
    return Talk(settings={"courier_url": "http://courier.example.com/"})


def sends(talk: Talk, chat: str, number: int) -> Response:
    body = {"chat_id": chat, "secret": "sesame", "msg": {"id": number, "text": "x", "origin": "chat"}}
    return talk.request("POST", f"/wc/send/{MAIN}/", json.dumps(body).encode())


def test_each_step_is_told_and_waited_for(chip: Talk) -> None:
    client = chip.connect()
    client.send('{"type":"start_chat"}')
    assert client.texts() == []
    assert client.paused
    call = chip.called(200)
    assert (call.method, call.url, call.timeout) == (
        "POST",
        f"http://courier.example.com/c/chp/{MAIN}/receive",
        10.0,
    )
    assert call.headers == (
        ("User-Agent", "Go-http-client/1.1"),
        ("Content-Length", "91"),
        ("Content-Type", "application/json"),
        ("Accept-Encoding", "gzip"),
    )
    chat = json.loads(client.texts()[0])["chat_id"]
    assert call.body == f'{{"chat_id":"{chat}","secret":"sesame","events":[{{"type":"chat_started"}}]}}'.encode()

    client.send('{"type":"send_msg","text":"<hé\u2028>"}')
    client.send('{"type":"get_history","before":"2030-01-01T00:00:00Z"}')
    assert client.texts() == []
    call = chip.called(204)
    assert json.loads(call.body)["events"] == [{"type": "msg_in", "msg": {"text": "<hé\u2028>"}}]
    assert b"<h\xc3\xa9\\u2028>" in call.body
    assert len(json.loads(client.texts()[0])["history"]) == 1

    sends(chip, chat, 7)
    sends(chip, chat, 8)
    chip.after(0.1)
    assert len(client.texts()) == 1
    client.send('{"type":"ack_chat","msg_id":99}')
    status = json.loads(chip.called(200).body)["events"][0]
    assert status == {"type": "msg_status", "status": {"msg_id": 99, "status": "delivered"}}
    client.send('{"type":"ack_chat","msg_id":7}')
    chip.called(500)
    chip.after(1)
    assert client.texts() == []
    client.send('{"type":"ack_chat","msg_id":7}')
    chip.called(200)
    chip.after(0.1)
    assert json.loads(client.texts()[0])["msg_out"]["id"] == 8
    # With a Courier the echo is silent: Courier answers.
    chip.after(10)
    assert client.texts() == []


def test_resuming_and_email_tell_courier_nothing(chip: Talk) -> None:
    chip.play(f"""
        client connects
        client >> {{"type":"start_chat","chat_id":"{EVE}"}}
        server << {{"type":"chat_resumed","chat_id":"{EVE}","email":"eve@example.com"}}
        client >> {{"type":"set_email","email":"e@example.com"}}
        client closes 1000
    """)
    assert not chip.calls


def test_a_courier_that_refuses_loses_the_message_and_leaves_the_chat_unstarted(chip: Talk) -> None:
    client = chip.connect()
    client.send('{"type":"start_chat"}')
    chip.called(400)
    client.send('{"type":"start_chat"}')
    chip.called(0, "http://courier.example.com: refused")
    assert client.texts() == []
    client.send('{"type":"start_chat"}')
    chip.called(200)
    assert len(client.texts()) == 1
    client.send('{"type":"send_msg","text":"lost"}')
    chip.called(500)
    client.send('{"type":"get_history","before":"2030-01-01T00:00:00Z"}')
    assert client.texts() == ['{"type":"history","history":[]}']
    assert [text for level, text, _ in chip.logged if level == "warning"] == [
        "Courier did not take it: status 400",
        "Courier did not take it: http://courier.example.com: refused",
        "Courier did not take it: status 500",
    ]


def test_a_start_that_takes_longer_than_ten_seconds_is_lost() -> None:
    talk = Talk(settings={"courier_url": "http://courier.example.com", "courier_timeout": 0, "pong_timeout": 0})
    client = talk.connect()
    client.send('{"type":"start_chat"}')
    assert talk.calls[0].timeout is None
    talk.after(10.5)
    talk.called(200)
    assert client.texts() == []
    client.send('{"type":"start_chat"}')
    talk.after(9.5)
    talk.called(200)
    assert len(client.texts()) == 1


def test_a_socket_that_goes_while_courier_thinks(chip: Talk) -> None:
    client = chip.connect()
    client.send('{"type":"start_chat"}')
    client.close(1006)
    assert len(chip.running.engine.rules.talks()) == 3
    chip.called(200)
    assert client.texts() == []
    assert len(chip.running.engine.rules.talks()) == 4


def test_a_held_socket_notices_its_deadline_when_it_reads_again(chip: Talk) -> None:
    chip.play("""
        client connects
        client >> {"type":"start_chat"}
        after 30
        client is pinged
        client pongs
        after 30
        client is pinged
        after 9
        client is silent
    """)
    chip.called(200)
    chip.play("client is dropped")


def test_the_echo_can_be_had_beside_courier() -> None:
    talk = Talk(settings={"courier_url": "http://courier.example.com", "bot": "echo", "outbox_interval": 0})
    client = talk.connect()
    for text in ('{"type":"start_chat"}', '{"type":"send_msg","text":"hi"}'):
        client.send(text)
        talk.called(200)
    talk.after(1)
    assert len(client.texts()) == 2
