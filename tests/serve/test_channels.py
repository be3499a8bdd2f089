"""Who is connected by control call, what is said to them by hand, and how that ends; on all five backends."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from simulator.serve.app import Server
from tests.backends.mia.chats import GARDEN
from tests.serve.clients import NAMES, TOPIC, Client, all_five, client
from tests.served import SECONDS, admin, ask

OUT = {"msg_out": {"id": 5, "text": "By hand", "origin": "chat", "time": "2026-01-01T00:00:00Z"}}
SAID: dict[str, tuple[dict[str, Any], str]] = {
    "chip": ({"name": "chat_out", "body": OUT}, json.dumps({"type": "chat_out", **OUT}, separators=(",", ":"))),
    "concierge": (
        {"name": "chat-message-delete", "topic": "TALK", "body": {
            "actions": [], "payload": {"messageId": "7"}, "receiverId": "34", "receiverType": "TENANT", "senderId": None,
            "senderType": "BACKEND_USER", "socketMessageId": "m",
        }},
        '{"actions":[],"channel":"chat-message-delete-TALK","payload":{"messageId":"7"},"receiverId":"34",'
        '"receiverType":"TENANT","senderId":null,"senderType":"BACKEND_USER","socketMessageId":"m"}',
    ),
    "aida": (
        {"name": "btu_msg", "body": {"text": "By hand", "session": "TALK"}},
        f'[null,null,"{TOPIC}","btu_msg",{{"text":"By hand","session":"TALK"}}]',
    ),
    "mia": (
        {"name": "EVENT_SERVER_SEND_MESSAGE_STATUS", "body": {"messageId": "m", "status": "read"}},
        '42["EVENT_SERVER_SEND_MESSAGE_STATUS",{"messageId":"m","status":"read"}]',
    ),
    "chatbot": (
        {"name": "rag-stream-chunk", "body": {"conversationId": "TALK", "chunk": "By"}},
        '42["rag-stream-chunk",{"conversationId":"TALK","chunk":"By"}]',
    ),
}  # fmt: skip
"""What to send to a client, and the frame that it gets."""


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with all_five() as simulator:
        yield simulator


async def call(server: Server, method: str, path: str, body: object = None, backend: str = "chip") -> tuple[int, Any]:
    return await admin(server.url(backend), method, path, body)


async def channels(server: Server) -> list[Any]:
    status, told = await call(server, "GET", "channels")
    assert status == 200
    return list(told["channels"])


async def ended(who: Client) -> tuple[int | None, str | None]:
    """The close frame that it got."""
    async with asyncio.timeout(SECONDS):
        with suppress(ConnectionClosed):
            while True:
                await who.socket.recv()
    return who.socket.close_code, who.socket.close_reason


@pytest.mark.parametrize("backend", NAMES)
async def test_who_is_connected(server: Server, backend: str) -> None:
    assert await channels(server) == []
    async with client(server, backend) as who:
        [found] = await channels(server)
        mine = [name for name in found["talks"] if who.talk in name]
        # The sockets of a tenant, and those on a bot's topic, get what is said in any of their talks.
        assert mine == found["talks"] if backend not in ("concierge", "aida") else len(mine) == 1
        assert found["received"] >= 1
        assert found["sent"] >= 1
        names = {"aida": [TOPIC], "mia": ["/"], "chatbot": ["/"]}.get(backend, [])
        expected = {"backend": backend, "transport": "websocket", "since": "2026-01-01T00:00:00Z", "names": names}
        assert {key: found[key] for key in expected} == expected
        assert found["url"].split("?")[0] == server.connect(backend).replace("ws:", "http:").split("?")[0]
        assert found["id"] == str(found["link"])
        assert await call(server, "GET", f"channels/{found['id']}") == (200, found)
    async with asyncio.timeout(SECONDS):
        while await channels(server):  # noqa: ASYNC110
            await asyncio.sleep(0)


@pytest.mark.parametrize("backend", NAMES)
async def test_a_message_is_spoken_through_the_wire(server: Server, backend: str) -> None:
    async with client(server, backend) as one, client(server, backend) as other:
        if backend == "concierge":
            # The tenant's other session is told to all of his sockets.
            await one.until("chat-session-update")
        first, second = [channel["id"] for channel in await channels(server)]
        body, frame = (json.loads(json.dumps(part).replace("TALK", one.talk)) for part in SAID[backend])
        assert await call(server, "POST", "channels/send", {**body, "channels": [first]}) == (200, {"sent": [first]})
        assert _alike(await one.next()) == frame
        assert await call(server, "POST", "channels/send", {**body, "backend": backend}) == (
            200,
            {"sent": [first, second]},
        )
        assert _alike(await one.next()) == _alike(await other.next()) == frame
        status, told = await call(server, "POST", "channels/send", {**body, "backend": backend, "talk": one.talk})
        # The sockets of a tenant, and those on a bot's topic, all get what is said there.
        assert (status, told["sent"]) == (200, [first, second] if backend in ("concierge", "aida") else [first])


def _alike(frame: str) -> str:
    """A frame without the offset that a Socket.IO server with recovery puts behind an event's arguments."""
    return re.sub(r',"[^"]+\.\d+"\]$', "]", frame)


@pytest.mark.parametrize("backend", NAMES)
async def test_the_model_says_no(server: Server, backend: str) -> None:
    name = SAID[backend][0]["name"]
    async with client(server, backend):
        for body, why in (({"name": name, "body": {}}, "body"), ({"name": name, "body": {"extra": 1}}, "body.")):
            status, told = await call(server, "POST", "channels/send", {"backend": backend, **body})
            assert status == 400
            assert told["error"].startswith(why), told
            assert f"{name} is: " in told["error"]
            assert '"validate": false sends it all the same' in told["error"]
        status, told = await call(server, "POST", "channels/send", {"backend": backend, "name": f"x{name}", "body": {}})
        expected = f"name: {backend} says no 'x{name}'; did you mean {name}?"
        assert status == 400
        assert told["error"].startswith(expected), told
        assert (
            await call(
                server, "POST", "channels/send", {"backend": backend, "name": "odd", "body": {}, "validate": False}
            )
        )[0] == 200


@pytest.mark.parametrize("backend", NAMES)
async def test_a_frame_as_it_is(server: Server, backend: str) -> None:
    async with client(server, backend) as who:
        for text in ("{broken", "", "\u2028"):
            assert (await call(server, "POST", "channels/send", {"backend": backend, "raw": text}))[0] == 200
            assert await who.next() == text
        data = bytes(range(256))
        body = {"backend": backend, "base64": base64.b64encode(data).decode()}
        assert (await call(server, "POST", "channels/send", body))[0] == 200
        async with asyncio.timeout(SECONDS):
            assert await who.socket.recv() == data


CLOSES: list[tuple[Any, tuple[int, str]]] = [
    (None, (1000, "")),
    ({"code": 4001, "reason": "off"}, (4001, "off")),
    ({"code": 1011}, (1011, "")),
    ({"code": 1005}, (1005, "")),
    ({"code": None}, (1005, "")),
    ({"code": 1006}, (1006, "")),
]  # fmt: skip


@pytest.mark.parametrize("backend", NAMES)
async def test_closed_by_hand(server: Server, backend: str) -> None:
    for body, expected in CLOSES if backend == "chip" else CLOSES[1:2]:
        async with client(server, backend) as who:
            [found] = await channels(server)
            status, told = await call(server, "POST", f"channels/{found['id']}/close", body)
            assert (status, told["closed"]) == (200, [found["id"]])
            assert await ended(who) == expected
            assert await channels(server) == []
    async with client(server, backend) as who:
        [found] = await channels(server)
        assert (await call(server, "DELETE", f"channels/{found['id']}?code=4002&reason=by+hand"))[0] == 200
        assert await ended(who) == (4002, "by hand")


async def test_what_the_gateway_and_answers_are(server: Server) -> None:
    async with client(server, "concierge") as who:
        for body, frame in (
            ({"name": "client/get-unread-msg-count", "body": {"unreadMsgCount": "3"}},
             '{"channel":"client/get-unread-msg-count","status":200,"body":{"unreadMsgCount":"3"}}'),
            ({"name": "client/delete-message", "args": [404, {"message": "gone"}]},
             '{"channel":"client/delete-message","status":404,"body":{"message":"gone"}}'),
            ({"name": "Forbidden", "body": {"connectionId": "c", "requestId": "r"}},
             '{"message": "Forbidden", "connectionId":"c", "requestId":"r"}'),
        ):  # fmt: skip
            assert (await call(server, "POST", "channels/send", {"backend": "concierge", **body}))[0] == 200
            assert await who.next() == frame
        status, told = await call(
            server, "POST", "channels/send", {"backend": "concierge", "name": "client/delete-message", "args": ["x"]}
        )
        assert (status, told["error"][:30]) == (400, "args: expected a status and a ")


async def test_an_acknowledgement_stands_beside_its_event(server: Server) -> None:
    async with client(server, "mia") as who:
        body = {"backend": "mia", "name": "EVENT_ERROR", "body": {"message": "x"}, "ack": True}
        assert (await call(server, "POST", "channels/send", body))[0] == 200
        assert await who.next() == '420["EVENT_ERROR",{"message":"x"}]'
        await who.send('430["thanks"]')
        status, told = await call(server, "POST", "messages/wait", {"kind": "ack", "sender": "client"})
        assert (status, told["message"]["answers"], told["message"]["args"]) == (200, "EVENT_ERROR", ["thanks"])
        _, asked = await call(server, "POST", "messages/find", {"name": "EVENT_ERROR", "sender": "server"})
        assert told["message"]["answers_number"] == asked["messages"][0]["number"]


class Poller:
    """An Engine.IO client that polls mia."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.path = "/socket.io/?EIO=4&transport=polling"

    async def open(self) -> None:
        body = (await self.get())[1:]
        self.path += f"&sid={json.loads(body)['sid']}"

    async def get(self) -> str:
        return (await ask(self.url, "GET", self.path))[1].decode()

    async def post(self, text: str) -> str:
        return (await ask(self.url, "POST", self.path, text.encode()))[1].decode()


async def test_a_session_that_polls(server: Server) -> None:
    who = Poller(server.url("mia"))
    await who.open()
    await who.post(f"40{json.dumps({'instance': GARDEN})}")
    await who.get()
    [found] = await channels(server)
    expected = {"backend": "mia", "transport": "polling", "link": None, "names": ["/"], "since": "2026-01-01T00:00:00Z"}
    assert {key: found[key] for key in expected} == expected
    assert (found["received"], found["sent"]) == (1, 3)
    assert found["session"] in who.path
    body = {"backend": "mia", "name": "EVENT_ERROR", "body": {"message": "x"}}
    assert await call(server, "POST", "channels/send", body) == (200, {"sent": [found["id"]]})
    assert _alike(await who.get()) == '42["EVENT_ERROR",{"message":"x"}]'
    assert (await call(server, "POST", "channels/send", {"backend": "mia", "raw": "4nonsense"}))[0] == 200
    assert await who.get() == "4nonsense"
    # An operator's acts need no socket either: the talk of who polls is the latest.
    status, told = await call(server, "POST", "act", {"act": "say", "text": "Hello", "backend": "mia"})
    assert (status, told["talk"]) == (200, found["talks"][0] if found["talks"] else told["talk"])
    _, told = await call(server, "POST", "messages/find", {"channel": found["id"]})
    assert {message["link"] for message in told["messages"]} == {int(found["id"])}
    assert (await call(server, "POST", f"channels/{found['session']}/close"))[0] == 200
    assert "41" in await who.get()
    assert await channels(server) == []


async def test_a_session_that_upgrades_is_one_channel(server: Server) -> None:
    who = Poller(server.url("mia"))
    await who.open()
    await who.post(f"40{json.dumps({'instance': GARDEN})}")
    await who.get()
    [polling] = await channels(server)
    url = server.url("mia").replace("http", "ws") + who.path.replace("polling", "websocket")
    async with connect(url, proxy=None) as socket:
        await socket.send("2probe")
        assert await socket.recv() == "3probe"
        await socket.send("5")
        await call(server, "POST", "messages/wait", {"text": "5", "kind": "control"})
        [upgraded] = await channels(server)
        assert (upgraded["id"], upgraded["transport"]) == (polling["id"], "websocket")
        assert upgraded["link"] not in (None, int(polling["id"]))
        await socket.send('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"hi"}]')
        status, told = await call(
            server, "POST", "messages/wait", {"channel": polling["id"], "sender": "client", "text": "hi"}
        )
        assert (status, told["message"]["link"]) == (200, upgraded["link"])
        assert (await call(server, "DELETE", f"channels/{polling['id']}?code=4009"))[0] == 200
        assert await ended(Client("mia", socket)) == (4009, "")


async def test_a_phoenix_session_that_polls() -> None:
    async with all_five(settings=[("profile", "1.8")]) as server:
        await _polls(server)


async def _polls(server: Server) -> None:
    url, path = server.url("aida"), "/socket/longpoll?vsn=2.0.0"
    token = json.loads((await ask(url, "GET", path))[1])["token"]
    path += f"&token={token}"
    join = json.dumps(["1", "1", TOPIC, "phx_join", {"access_token": "harbour-web-token"}]).encode()
    await ask(url, "POST", path, join, "Content-Type: application/json")
    assert "phx_reply" in (await ask(url, "GET", path))[1].decode()
    [found] = await channels(server)
    assert (found["transport"], found["names"], found["link"]) == ("longpoll", [TOPIC], None)
    body = {
        "backend": "aida",
        "name": "btu_msg",
        "body": {"text": "hi", "session": "3f1c8a52-0d8e-4f5b-9a53-0c3e8b6d2a11"},
    }
    assert await call(server, "POST", "channels/send", {**body, "topic": TOPIC}) == (200, {"sent": [found["id"]]})
    assert '"btu_msg' in json.loads((await ask(url, "GET", path))[1])["messages"][0]
    assert (await call(server, "POST", "channels/send", {"backend": "aida", "raw": "[]"}))[0] == 200
    assert json.loads((await ask(url, "GET", path))[1])["messages"] == ["[]"]
    status, told = await call(
        server, "POST", "channels/send", {**body, "topic": "bot:other", "channels": [found["id"]]}
    )
    assert (status, told["error"]) == (409, f"channels: {found['id']} has not joined bot:other; joined: {TOPIC}")
    assert (await call(server, "DELETE", f"channels/{found['id']}"))[0] == 200
    assert await channels(server) == []
    assert json.loads((await ask(url, "GET", path))[1])["status"] == 410


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "expected one of name, raw and base64"),
    ({"name": "x", "raw": "y"}, 400, "expected one of name, raw and base64"),
    ({"raw": "x", "topic": "y"}, 400, "topic: belongs to a message, and raw is a frame as it is"),
    ({"name": "x", "body": 1, "args": [1]}, 400, "expected body or args, not both"),
    ({"name": "x", "channels": ["1"], "talk": "y"}, 400, "expected channels or talk, not both"),
    ({"name": "chat_out", "channels": ["99"]}, 404, "there is no channel '99'; connected are: "),
    ({"name": "chat_out", "talk": "nobody"}, 404, "talk: there is no 'nobody'; the latest are: "),
    ({"backend": "mia", "name": "EVENT_ERROR"}, 409, "nobody is connected to mia: connect a client first"),
    ({"backend": "nobody", "name": "x"}, 400, "backend: there is no 'nobody' here"),
    ({"name": "chat_out", "body": [], "validate": False}, 400, "body: expected an object"),
    ({"name": "chat_out", "body": OUT, "topic": "x"}, 400, "topic: chip has none: leave it out"),
    ({"base64": "?"}, 400, "base64: "),
    ({"names": "x"}, 400, "names: there is no such key"),
]


async def test_sent_wrongly(server: Server) -> None:
    async with client(server, "chip") as who:
        [found] = await channels(server)
        for body, status, why in [
            *WRONG,
            ({"backend": "aida", "name": "x", "channels": [found["id"]]}, 400, "channels: "),
        ]:
            got, told = await call(server, "POST", "channels/send", body)
            assert (got, told["error"][: len(why)]) == (status, why), body
        for path in ("channels/99", "channels/x"):
            assert (await call(server, "GET", path))[0] == 404
        for body, why in (
            ({"code": 999}, "code: "),
            ({"reason": "x" * 124}, "reason: "),
            ({"reason": "é" * 100}, "reason: "),
        ):
            status, told = await call(server, "POST", f"channels/{found['id']}/close", body)
            assert (status, told["error"][: len(why)]) == (400, why)
        assert (await call(server, "GET", "channels?backend=nobody"))[0] == 400
        assert await call(server, "GET", "channels?backend=mia") == (200, {"channels": []})
        deep: Any = []
        for _ in range(400):
            deep = [deep]
        for body, why in (
            ({"backend": "mia", "name": "x"}, "name: mia says no 'x'"),
            ({"backend": "mia", "name": "disconnect", "validate": False}, "name: Socket.IO keeps "),
            ({"backend": "mia", "name": "x", "validate": False, "topic": "/other"}, "topic: nobody has joined /other"),
            ({"backend": "mia", "name": "x", "validate": False, "body": deep}, ""),
            ({"backend": "aida", "name": "btu_msg", "args": [1, 2], "validate": False}, "args: a Phoenix message has "),
        ):
            async with client(server, str(body["backend"])):
                status, told = await call(server, "POST", "channels/send", body)
                assert (status in (400, 409), told["error"][: len(why)]) == (True, why), told
        # None of it reached the client.
        assert (await call(server, "POST", "channels/send", {"raw": "end"}))[0] == 200
        assert await who.next() == "end"


async def test_acts_in_a_channels_talk(server: Server) -> None:
    async with client(server, "chip") as one, client(server, "chip"):
        first, second = [channel["id"] for channel in await channels(server)]
        status, told = await call(server, "POST", "act", {"act": "say", "text": "To the first", "channel": first})
        assert (status, told["talk"].rpartition("/")[2]) == (200, one.talk)
        assert (await call(server, "POST", "act", {"act": "say", "text": "x", "channel": first, "talk": one.talk}))[
            0
        ] == 400
        assert (await call(server, "POST", "act", {"act": "say", "text": "x", "channel": first, "backend": "mia"}))[
            0
        ] == 400
        async with connect(server.connect("chip"), proxy=None):
            *_, last = [channel["id"] for channel in await channels(server)]
            status, told = await call(server, "POST", "act", {"act": "say", "text": "x", "channel": last})
            assert (status, told["error"]) == (
                404,
                f"channel: {last} is in no talk yet: its client has to say or join something first",
            )
        assert second != last


async def test_a_space_has_its_own(server: Server) -> None:
    async with client(server, "chip", space="a") as who:
        assert await channels(server) == []
        here = "X-Simulator-Space: a"
        status, told = await admin(server.url("chip"), "GET", "channels", None, here)
        assert (status, len(told["channels"]), told["channels"][0]["received"]) == (200, 1, 1)
        assert (await admin(server.url("chip"), "POST", "channels/send", {"raw": "here"}, here))[0] == 200
        assert await who.next() == "here"


async def test_faults_strike_what_is_said_by_hand(server: Server) -> None:
    async with client(server, "chip") as who:
        fault = {"type": "drop", "stream": "downstream", "match": {"message": "chat_out"}, "count": 1}
        assert (await call(server, "POST", "faults", fault))[0] == 200
        for text in ("lost", "heard"):
            body = {"msg_out": {**OUT["msg_out"], "text": text}}
            assert (await call(server, "POST", "channels/send", {"name": "chat_out", "body": body}))[0] == 200
        assert '"heard"' in await who.next()
        _, told = await call(server, "POST", "messages/find", {"name": "chat_out"})
        assert [line["args"][0]["msg_out"]["text"] for line in told["messages"]] == ["heard"]
