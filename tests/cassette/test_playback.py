"""Tapes as backends: the same conversation to other clients, with ids of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.backends.concierge.messages import EVENTS
from tests.cassette import tapes
from tests.cassette.recordings import Replay, Taped
from tests.cassette.tapes import closed, opened, said
from tests.talk import Talk

CHIP = """
    client connects
    client >> {"type":"start_chat"}
    server << {"type":"chat_started","chat_id":"$chat"}
    client >> {"type":"send_msg","text":"hello"}
    after 1.1
    server << {"type":"chat_out","msg_out":{"id":$id,"text":"You said: hello","origin":"flow","time":"$time"}}
    client >> {"type":"ack_chat","msg_id":$id}
    """
CHIP_BACK = """
    client closes 1001
    again connects
    again >> {"type":"start_chat","chat_id":"$chat"}
    again << {"type":"chat_resumed","chat_id":"$chat","email":""}
    again >> {"type":"send_msg","text":"more"}
    after 1.1
    again << {"type":"chat_out","msg_out":{"id":$more,"text":"You said: more","origin":"flow","time":"$then"}}
    again >> {"type":"ack_chat","msg_id":$more}
    again closes 1001
    """
AIDA = """
    client connects
    client >> ["1","1","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","phx_join",{"access_token":"harbour-web-token"}]
    server << ["1","1","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","phx_reply",{"status":"ok","response":{}}]
    client >> ["1","2","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","new_session",{}]
    server << ["1","2","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","phx_reply",{"status":"ok","response":{"session":"$session"}}]
    client >> [null,"3","phoenix","heartbeat",{}]
    server << [null,"3","phoenix","phx_reply",{"status":"ok","response":{}}]
    client >> ["1","4","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","utb_msg",{"session":"$session","text":"hello"}]
    """
MIA = """
    client connects
    server << 0{"sid":"$engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
    client >> 40{"instance":{"chatId":"garden-homes","token":"garden-web-token"}}
    server << 40{"sid":"$sid"}
    server << 42["EVENT_INIT_ROOM",{"roomId":"$room","instance":{"id":34,"name":"Mia","avatar":"https://cdn.example.com/mia.png","color":"#0a7f5a"}}]
    server << 42["EVENT_SERVER_INIT_MESSAGE_LIST",[]]
    client >> 42["EVENT_CLIENT_SEND_MESSAGE",{"content":"Hello Mia!"}]
    server << 42["EVENT_SERVER_SEND_MESSAGE",{"id":"$id","content":"Hello Mia!","createdAt":"$at","status":"sent","direction":"outgoing","type":"text/plain"}]
    after 0.2
    server << 42["EVENT_SERVER_SEND_MESSAGE_STATUS",{"messageId":"$id","status":"delivered"}]
    after 0.2
    server << 42["EVENT_SERVER_SEND_CHAT_STATE",{"from":"Mia","state":"composing"}]
    after 0.4
    server << 42["EVENT_SERVER_SEND_MESSAGE_STATUS",{"messageId":"$id","status":"read"}]
    after 0.2
    server << 42["EVENT_SERVER_SEND_CHAT_STATE",{"from":"Mia","state":"paused"}]
    server << 42["EVENT_SERVER_SEND_MESSAGE",{"id":"$reply","content":"You said: Hello Mia!","from":"Mia","status":"sent","createdAt":"$then","direction":"incoming","type":"text/plain"}]
    after 20
    """


def played(transcript: str, name: str = "chip", **settings: Any) -> Taped:
    """What is recorded while this is played."""
    taped = Taped(name, settings=settings)
    taped.play(transcript)
    return taped


def complete(replay: Replay) -> None:
    """All was played, and there was nothing else."""
    assert replay.coverage.complete, replay.coverage.text()
    assert replay.warnings() == []


@pytest.mark.parametrize(
    ("name", "transcript", "settings"),
    [("chip", CHIP, {}), ("aida", AIDA, {"bot": "none"}), ("mia", MIA, {"recovery": 0})],
)
def test_the_same_conversation(name: str, transcript: str, settings: dict[str, Any]) -> None:
    taped = played(transcript, name, **settings)
    replay = Replay(taped.tape(), settings=settings)
    replay.play(transcript)
    complete(replay)


def test_what_a_client_knows_itself_by_is_in_what_is_said_of_it() -> None:
    """`by === socket.id`: the wire gives each client an id of its own, and servers repeat it."""
    taped = "oSO0OpakMV_3jnilAAAC"
    tape = tapes.tape(
        opened("/socket.io/?EIO=4&transport=websocket"),
        said("server", '0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":[],"pingInterval":25000,"pingTimeout":20000}', 0.1),
        said("client", "40", 0.2),
        said("server", f'40{{"sid":"{taped}"}}', 0.2),
        said("server", f'42["hello",{{"id":"{taped}"}}]', 0.3),
        said("client", '42["say","one"]', 0.4),
        said("server", f'42["said",{{"text":"one","by":"{taped}"}}]', 0.4),
        closed(1.0),
        backend="mia",
    )
    replay = Replay(tape, factor=0.0, settings={"recovery": 0})
    replay.play(
        """
        client connects
        server << 0{"sid":"$engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
        client >> 40
        server << 40{"sid":"$sid"}
        server << 42["hello",{"id":"$sid"}]
        client >> 42["say","one"]
        server << 42["said",{"text":"one","by":"$sid"}]
        """
    )
    complete(replay)
    assert replay.kept["sid"] != taped


def test_each_client_has_ids_of_its_own_and_comes_back_by_them() -> None:
    taped = played(CHIP + CHIP_BACK)
    replay = Replay(taped.tape())
    alice = CHIP.replace("client", "alice").replace("server", "alice").replace("$chat", "$chatA")
    bob = CHIP.replace("client", "bob").replace("server", "bob").replace("$chat", "$chatB")
    replay.play(alice)
    replay.play(bob)
    chats = {replay.kept["chatA"], replay.kept["chatB"]}
    assert len(chats) == 2
    assert taped.kept["chat"] not in chats
    back = CHIP_BACK.replace("client", "bob").replace("again", "bobby").replace("$chat", "$chatB")
    replay.play(back)
    replay.play(CHIP_BACK.replace("client", "alice").replace("again", "alicia").replace("$chat", "$chatA"))
    complete(replay)
    assert replay.coverage.walks == 2
    assert [text for _, text, _ in replay.logged if "is back" in text] == [
        "client 2 is back, for talk.yaml:37",
        "client 1 is back, for talk.yaml:37",
    ]


def concierge(talk: Talk) -> None:
    """A message with a picture, over HTTP and the gateway."""
    client = talk.sockets.get("client") or talk.connect()
    client.send('{"action":"api","data":{"route":"client/init-chat-with-concierge","body":{"newSession":true}}}')
    session = json.loads(client.texts()[0])["body"]["chatSessionId"]
    asked = {"filename": "512x512.png", "mimeType": "image/png", "type": "chat-images"}
    answer = talk.request("POST", "/file-new/get-upload-url", json.dumps(asked).encode())
    data = json.loads(answer.body)["data"]["uploadUrlData"]
    talk.kept.update(session=session, url=data["uploadURL"], resource=data["resourceUrl"])
    body = {"chatSessionId": session, "contentType": "IMAGE", "messageContent": data["resourceUrl"]}
    client.send(json.dumps({"action": "api", "data": {"route": "client/send-message", "body": body}}))
    [text] = [text for text in client.texts() if '"client/send-message"' in text]
    said = json.loads(text)
    EVENTS["client/send-message"].model_validate(said["body"])
    assert said["body"]["chatMessage"]["chatSessionId"] == session
    assert said["body"]["chatMessage"]["messageContent"] == data["resourceUrl"]


def test_an_upload_goes_to_a_live_url() -> None:
    taped = Taped("concierge", settings={"bot": "none"})
    concierge(taped)
    replay = Replay(taped.tape(), settings={"bot": "none"})
    concierge(replay)
    complete(replay)
    assert replay.kept["session"] != taped.kept["session"]
    assert replay.kept["resource"] != taped.kept["resource"]
    # It is signed as the backend signs, for now.
    assert "20270115" in replay.kept["url"]


def test_chatbot_with_two_clients_at_once() -> None:
    def visit(talk: Talk, name: str, text: str = "How do I reset my password?") -> str:
        socket = talk.connect(name)
        socket.send('40{"widgetKey":"wk-harbour-1","chatbotId":"bot-harbour"}')
        socket.send('42["join-conversation",{"sessionId":"session-' + name + '"}]')
        texts = socket.texts()
        [started] = [json.loads(said[2:]) for said in texts if said.startswith('42["conversation-started"')]
        conversation: str = started[1]["conversationId"]
        assert started[1]["sessionId"] == f"session-{name}"
        socket.send(f'42["send-message",{{"conversationId":"{conversation}","content":"{text}"}}]')
        talk.after(5)
        texts = [said for said in socket.texts() if said.startswith("42")]
        assert len(texts) > 1
        assert all(conversation in said for said in texts)
        return conversation

    taped = Taped("chatbot")
    known = visit(taped, "client-1")
    replay = Replay(taped.tape())
    ids = {known, visit(replay, "client-2"), visit(replay, "client-3")}
    assert len(ids) == 3
    complete(replay)
    assert replay.coverage.matched == {"by meaning": 2, "exactly": 4}
