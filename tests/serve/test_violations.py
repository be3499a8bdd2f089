"""What clients say that the documented model does not, on all five backends, and that nobody else is blamed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from simulator.core.message import Frame
from simulator.serve.app import Server
from tests.serve.clients import NAMES, TOPIC, all_five, client, says
from tests.served import admin

BROKEN: dict[str, list[tuple[str, tuple[str, str, str], str]]] = {
    "chip": [
        ("SAYS 5", ("text", "a text", "5"), "web/commands/send_msg.go"),
        ('{"type":"get_history","before":"now"}', ("before", "", '"now"'), "web/commands/get_history.go"),
        ('{"type":"ack_chat"}', ("msg_id", "a value", "nothing"), "web/commands/ack_chat.go"),
        ('{"type":"typing"}', ("name", "one of send_msg, ack_chat, ", '"typing"'), "no such message of a client"),
        ('{"type":"chat_out"}', ("name", "one of send_msg, ", '"chat_out"'), "one of the server's"),
        ("nonsense", ("", "a message of WebSocket, JSON", '"nonsense"'), "invalid character"),
    ],
    "concierge": [
        ("SAYS 5", ("messageContent", "a text", "5"), "Section 5."),
        (json.dumps({"action": "api", "data": {"route": "client/dance", "body": {}}}),
         ("name", "one of client/send-message, ", '"client/dance"'), "no such message of a client"),
        ('{"action":"other"}', ("", "a message of ", ""), "no route key 'other'"),
    ],
    "aida": [
        ("SAYS 5", ("text", "a text", "5"), "channels/bot_channel.ex:67"),
        (json.dumps(["1", "7", TOPIC, "utb_img", {"session": "x", "image": "3f1c8a52-0d8e-4f5b-9a53-0c3e8b6d2a11"}]), ("session", "a UUID", '"x"'), "channels/bot_channel.ex:93"),
        (json.dumps(["1", "7", TOPIC, "dance", {}]), ("name", "one of utb_msg, ", '"dance"'), "no such message of a client"),
        (json.dumps(["1", "7", "room:1", "phx_join", {}]), ("topic", "one of bot:*, phoenix", '"room:1"'), "the document names no other"),
    ],
    "mia": [
        ("SAYS 5", ("content", "a text", "5"), "src/types.ts ClientMessageDto"),
        ('42["EVENT_CLIENT_DANCE"]', ("name", "one of EVENT_CLIENT_SEND_MESSAGE", ""), "no such message of a client"),
        ('40/admin,{"a":1}', ("topic", "one of /", '"/admin"'), "the document names no other"),
        ("4nonsense", ("", "a message of Socket.IO v5", '"4nonsense"'), ""),
    ],
    "chatbot": [
        ("SAYS 5", ("content", "a text", "5"), 'Section "Conversation Events".'),
        ('42["rate",{"conversationId":"c","rating":9}]', ("rating", "'good' or 'bad'", "9"), 'Section "Conversation Events".'),
        ('42["dance"]', ("name", "one of join-conversation, ", '"dance"'), "no such message of a client"),
    ],
}  # fmt: skip
"""A frame, what is wrong with it, and some of the document's words."""


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with all_five() as simulator:
        yield simulator


async def call(server: Server, path: str) -> Any:
    status, told = await admin(server.url("chip"), "GET", path)
    assert status == 200, told
    return told


@pytest.mark.parametrize("backend", NAMES)
async def test_what_breaks_the_model(server: Server, backend: str) -> None:
    for frame, (path, expected, got), words in BROKEN[backend]:
        async with client(server, backend) as who:
            assert (await call(server, "violations"))["violations"] == [], (
                "what a client is supposed to say breaks nothing"
            )
            await who.send(says(backend, who.talk, 5) if frame == "SAYS 5" else frame)
            await admin(server.url("chip"), "POST", "messages/wait", {"violation": True})
            told = await call(server, "violations")
            # Where the text of a message is wrong, nothing else is.
            assert told["total"] == 1, told
            [found] = told["violations"]
            assert (found["path"], found["backend"]) == (path, backend)
            assert found["expected"].startswith(expected)
            assert found["got"].startswith(got)
            assert words in found["words"]
            assert found["source"]
            [line] = [line for line in (await call(server, "messages"))["messages"] if "violations" in line]
            assert line["violations"] == [{key: found[key] for key in line["violations"][0]}]
            assert line["number"] == found["number"]
        await admin(server.url("chip"), "POST", "reset")


async def test_the_backends_own_words(server: Server) -> None:
    async with client(server, "chip") as who:
        await who.send(says("chip", who.talk, 5))
        await admin(server.url("chip"), "POST", "messages/wait", {"violation": True})
        [found] = (await call(server, "violations"))["violations"]
    assert found["protocol"] == (
        "`send_msg`; `text`, not empty; blanks pass; the message is kept, the bot hears it; none; documented, recorded"
    )
    assert found["source"].startswith(
        "Every message of chip, both ways, with the place in its source (nyaruka/chip v0.1.0)"
    )


async def test_pages_of_violations(server: Server) -> None:
    async with client(server, "chip") as one, client(server, "mia") as two:
        for _ in range(3):
            await one.send("nonsense")
        # Two connections may be read in any order.
        await admin(server.url("chip"), "POST", "messages/wait-for-count", {"violation": True, "count": 3})
        await two.send('42["dance"]')
        await admin(server.url("chip"), "POST", "messages/wait-for-count", {"violation": True, "count": 4})
    numbers = [found["number"] for found in (await call(server, "violations"))["violations"]]
    assert len(numbers) == 4
    for asked, expected in (
        ("backend=mia", [number for number in numbers if number not in numbers[:3]]),
        ("backend=chip&limit=2", numbers[:2]),
        (f"after={numbers[1]}", numbers[2:]),
        ("limit=0", []),
    ):
        told = await call(server, f"violations?{asked}")
        assert [found["number"] for found in told["violations"]] == expected or "mia" in asked
        assert told["total"] >= len(expected)


async def test_what_belongs_to_frames_that_are_gone_is_nobodys_fault(server: Server) -> None:
    """Attachments and acknowledgements of what the journal has let go."""
    journal = server.space.journal
    for _ in range(10_001):
        journal.add(0.0, "mia", 1, "server", Frame("2"))
    journal.add(0.0, "mia", 1, "client", Frame(b"attachment"))
    journal.add(0.0, "mia", 1, "client", Frame('430["thanks"]'))
    assert (await call(server, "violations"))["total"] == 0
    journal.add(0.0, "mia", 1, "client", Frame("4nonsense"))
    assert (await call(server, "violations"))["total"] == 1
    await admin(server.url("chip"), "POST", "reset")
    journal.add(0.0, "mia", 1, "client", Frame('430["thanks"]'))
    [found] = (await call(server, "violations"))["violations"]
    assert found["words"] == "it acknowledges what nobody asked for"


async def test_binary_events_and_their_acknowledgements_break_nothing(server: Server) -> None:
    async with connect(server.connect("chatbot"), proxy=None) as socket:
        await socket.send(
            '451-["send-message",{"conversationId":"c","content":"x","file":{"_placeholder":true,"num":0}}]'
        )
        await socket.send(b"\x00\x01")
        told = (await admin(server.url("chip"), "POST", "messages/wait", {"name": "send-message"}))[1]
        assert told["message"]["args"][0]["file"] == {"base64": "AAE="}
        assert told["message"]["binary"] is True
        kinds = [line["kind"] for line in (await call(server, "messages"))["messages"] if line["sender"] == "client"]
        assert kinds == ["control", "message"]
