"""chip over real sockets, with other people's clients: `websockets` from Python and `ws` from npm, byte for byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from simulator.serve.app import Server
from simulator.serve.clock import ManualClock
from tests.served import ACCEPT, HELP_PAGE, OTHER_ORG, SECONDS, WEBSITE, Node, Raw, admin, ask, chip, handshake, prompt

pytestmark = pytest.mark.live

START_CHAT = '{"type":"start_chat"}'
HISTORY = '{"type":"get_history","before":"2099-01-01T00:00:00Z"}'
NEW_YEAR = "2026-01-01T00:00:00"
EVE = "65vbbDAQCdPdEWlEhDGy4utO"
"""A contact of fixtures/chip.yaml, with five messages."""


class Python:
    """The `websockets` of Python."""

    def __init__(self, ws: Any) -> None:
        self.ws = ws

    async def send(self, data: str | bytes) -> None:
        await self.ws.send(data)

    async def text(self) -> str:
        async with asyncio.timeout(SECONDS):
            return str(await self.ws.recv())

    async def ping(self, payload: str) -> None:
        """Until the pong with the same payload is here."""
        async with asyncio.timeout(SECONDS):
            await (await self.ws.ping(payload.encode()))

    async def close(self, code: int, reason: str) -> tuple[int, str]:
        await self.ws.close(code, reason)
        return self.ws.close_code, self.ws.close_reason

    async def closed(self) -> tuple[int, str]:
        async with asyncio.timeout(SECONDS):
            with pytest.raises(ConnectionClosed):
                await self.ws.recv()
        received = self.ws.protocol.close_rcvd
        return (1006, "") if received is None else (received.code, received.reason)


Client: TypeAlias = Python | Node
Connect: TypeAlias = Callable[[str], AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def python(url: str) -> AsyncIterator[Client]:
    async with connect(url, proxy=None) as ws:
        yield Python(ws)


@asynccontextmanager
async def node(url: str) -> AsyncIterator[Client]:
    async with Node.running("ws.mjs") as client:
        await client.open(url)
        yield client


@pytest.fixture(params=[pytest.param(python, id="websockets"), pytest.param(node, id="ws", marks=pytest.mark.node)])
def client(request: pytest.FixtureRequest) -> Connect:
    chosen: Connect = request.param
    return chosen


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with prompt() as simulator:
        yield simulator


def url_of(server: Server, channel: str) -> str:
    return server.connect("chip").replace(WEBSITE, channel)


async def said(who: Client, text: str) -> str:
    await who.send(text)
    return await who.text()


def start(chat_id: str) -> str:
    return f'{{"type":"start_chat","chat_id":"{chat_id}"}}'


def ack(chat_out: str) -> str:
    return json.dumps({"type": "ack_chat", "msg_id": json.loads(chat_out)["msg_out"]["id"]})


async def test_whole_conversation(server: Server, client: Connect) -> None:
    """A whole conversation, with the bytes of the fidelity tables."""
    async with client(server.connect("chip")) as who:
        started = await said(who, START_CHAT)
        chat_id = json.loads(started)["chat_id"]
        assert started == f'{{"type":"chat_started","chat_id":"{chat_id}"}}'
        assert len(chat_id) == 24
        assert chat_id.isalnum()

        out = await said(who, '{"type":"send_msg","text":"Häi 👍 <b>&\\u2028"}')
        message = json.loads(out)["msg_out"]
        number, time = message["id"], message["time"]
        text = '"Häi 👍 <b>&\\u2028"'
        said_back = f'"You said: {text[1:]}'
        assert out == (
            f'{{"type":"chat_out","msg_out":{{"id":{number},"text":{said_back},"origin":"flow","time":"{time}"}}}}'
        )
        assert time.startswith(f"{NEW_YEAR}.000000")
        await who.send(ack(out))

        row = f'{NEW_YEAR}Z"'
        history = (
            f'{{"type":"history","history":[{{"msg_out":{{"id":{number},"text":{said_back},"origin":"flow","time":"{row}}}}},'
            f'{{"msg_in":{{"id":{number - 1},"text":{text},"time":"{row}}}}}]}}'
        )
        assert await said(who, HISTORY) == history
        assert await said(who, HISTORY.replace("2099", "2026")) == '{"type":"history","history":[]}'
        assert await said(who, HISTORY.replace("2099-01-01T00:00:00Z", "2026-01-01T02:00:00.001+02:00")) == history
        await who.send('{"type":"set_email","email":"bob@example.com"}')
        await who.ping("in between")
    async with client(server.connect("chip")) as who:
        resumed = f'{{"type":"chat_resumed","chat_id":"{chat_id}","email":"bob@example.com"}}'
        assert await said(who, start(chat_id)) == resumed
        assert await said(who, HISTORY) == history


async def test_history_of_the_fixtures(server: Server, client: Connect) -> None:
    async with client(server.connect("chip")) as who:
        assert await said(who, start(EVE)) == f'{{"type":"chat_resumed","chat_id":"{EVE}","email":"eve@example.com"}}'
        assert await said(who, HISTORY.replace("2099-01-01", "2024-04-01").replace("00:00:00", "13:17:00")) == (
            '{"type":"history","history":['
            '{"msg_out":{"id":34634,"text":"Thanks for contacting us!","origin":"chat","user":{"id":234,'
            '"email":"bob@example.com","name":"Bob McTickets","avatar":"http://localhost/media/avatars/bob.jpg"},'
            '"time":"2024-04-01T13:16:02Z"}},'
            '{"msg_out":{"id":34633,"text":"Welcome, someone will be with you soon.","origin":"flow",'
            '"time":"2024-04-01T13:15:31.5Z"}},'
            '{"msg_in":{"id":34632,"text":"I need help!","time":"2024-04-01T13:15:30.123456Z"}}]}'
        )


async def test_silence(server: Server, client: Connect) -> None:
    """What the real server says nothing about; the next answer belongs to the next good command."""
    async with client(server.connect("chip")) as who:
        for wrong in (
            HISTORY,
            "garbage",
            "[]",
            '{"type":"dance"}',
            start("short"),
            '{"type":"start_chat","chat_id":7}',
        ):
            await who.send(wrong)
        assert (await said(who, START_CHAT)).startswith('{"type":"chat_started"')
        for wrong in (START_CHAT, start(EVE), '{"type":"send_msg","text":""}', '{"type":"ack_chat","msg_id":"1"}'):
            await who.send(wrong)
        await who.send('{"type":"get_history","before":"yesterday"}')
        assert await said(who, HISTORY) == '{"type":"history","history":[]}'


async def test_pending_message_comes_again_after_resume(server: Server, client: Connect) -> None:
    async with client(server.connect("chip")) as who:
        chat_id = json.loads(await said(who, START_CHAT))["chat_id"]
        first = await said(who, '{"type":"send_msg","text":"one"}')
        await who.send('{"type":"send_msg","text":"two"}')
        await who.send('{"type":"ack_chat","msg_id":1}')
        await who.ping("only one is in flight")
        assert '"history"' in await said(who, HISTORY)
    async with client(server.connect("chip")) as who:
        assert (await said(who, start(chat_id))).startswith('{"type":"chat_resumed"')
        assert await who.text() == first
        second = await said(who, ack(first))
        assert '"You said: two"' in second
        await who.send(ack(second))
        await who.ping("")
    async with client(server.connect("chip")) as who:
        await said(who, start(chat_id))
        assert '"history"' in await said(who, HISTORY)


async def test_channels_of_one_org(server: Server, client: Connect) -> None:
    async with client(server.connect("chip")) as who:
        chat_id = json.loads(await said(who, START_CHAT))["chat_id"]
        await said(who, '{"type":"send_msg","text":"on the website"}')
    async with client(url_of(server, HELP_PAGE)) as who:
        assert await said(who, start(chat_id)) == f'{{"type":"chat_resumed","chat_id":"{chat_id}","email":""}}'
        # What waits on the other channel stays there; history is of all channels.
        assert "on the website" in await said(who, HISTORY)
        out = await said(who, '{"type":"send_msg","text":"on the help page"}')
        assert "You said: on the help page" in out
    async with client(url_of(server, OTHER_ORG)) as who:
        answer = json.loads(await said(who, start(chat_id)))
        assert answer["type"] == "chat_started"
        assert answer["chat_id"] != chat_id


async def courier(server: Server, chat_id: str, number: int, **more: object) -> tuple[str, str]:
    """What Courier posts: the status line of the answer, and its body."""
    message = {"id": number, "text": f"message {number}", "origin": "chat", **more}
    body = json.dumps({"chat_id": chat_id, "secret": "sesame", "msg": message}).encode()
    head, answer = await ask(server.url("chip"), "POST", f"/wc/send/{WEBSITE}/", body)
    return head[0][9:], answer.decode()


async def test_courier_sends_to_a_connected_client(server: Server, client: Connect) -> None:
    queued = ("200 OK", '{"status":"queued"}')
    async with client(server.connect("chip")) as who:
        await said(who, start(EVE))
        attachments = ["image/jpeg:https://example.com/a.jpg"]
        assert await courier(server, EVE, 9007199254740993, user_id=235, attachments=attachments) == queued
        out = await who.text()
        time = json.loads(out)["msg_out"]["time"]
        assert out == (
            '{"type":"chat_out","msg_out":{"id":9007199254740993,"text":"message 9007199254740993",'
            '"attachments":["image/jpeg:https://example.com/a.jpg"],"origin":"chat",'
            f'"user":{{"id":235,"email":"amina@example.com","name":"Amina Desk"}},"time":"{time}"}}}}'
        )
        await who.send('{"type":"ack_chat","msg_id":9007199254740993}')
        assert await courier(server, EVE, 5) == queued
        assert '"id":5,' in await who.text()
    # Whoever is not connected gets it later; the head comes first once more.
    assert await courier(server, EVE, 6) == queued
    async with client(server.connect("chip")) as who:
        await said(who, start(EVE))
        assert '"id":5,' in await who.text()
        assert '"id":6,' in await said(who, '{"type":"ack_chat","msg_id":5}')
    assert await courier(server, EVE, 7, user_id=236) == ("404 Not Found", '{"error":"user not found"}')


@pytest.mark.parametrize("binary", [False, True])
async def test_longest_message(server: Server, client: Connect, binary: bool) -> None:
    def of(size: int) -> str | bytes:
        bare = '{"type":"send_msg","text":""}'
        text = bare.replace('""', f'"{"x" * (size - len(bare))}"')
        return text.encode() if binary else text

    async with client(server.connect("chip")) as who:
        await said(who, START_CHAT)
        await who.send(of(4096))
        assert len(await who.text()) > 4096
        await who.send(of(4097))
        assert await who.closed() == (1009, "")


async def test_longest_message_in_fragments(server: Server) -> None:
    async with connect(server.connect("chip"), proxy=None) as ws:
        await ws.send(['{"type":"start', "", '_chat"}'])
        assert '"chat_started"' in str(await ws.recv())
        await ws.send(["x" * 2048, "x" * 2048])
        await ws.send(HISTORY)
        assert '"history"' in str(await ws.recv())
        await ws.send(["x" * 2048, "x" * 2048, "x"])
        assert await Python(ws).closed() == (1009, "")


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "going"), (4321, "mine")])
async def test_close_is_echoed_without_its_reason(server: Server, client: Connect, code: int, reason: str) -> None:
    async with client(server.connect("chip")) as who:
        await said(who, START_CHAT)
        assert await who.close(code, reason) == (code, "")


async def test_shutdown(client: Connect) -> None:
    simulator = prompt()
    await simulator.start()
    async with client(simulator.connect("chip")) as who:
        await said(who, START_CHAT)
        closing = asyncio.get_running_loop().create_task(simulator.stop())
        assert await who.closed() == (1000, "")
        await closing


async def test_server_pings_and_lively_clients_stay(client: Connect) -> None:
    async with chip(ManualClock()) as simulator, client(simulator.connect("chip")) as who:
        await said(who, START_CHAT)
        await admin(simulator.url("chip"), "POST", "clock/advance", {"seconds": 300})
        await said(who, HISTORY)
        _, journal = await admin(simulator.url("chip"), "GET", "messages")
        kinds = [message["kind"] for message in journal["messages"]]
        assert (kinds.count("ping"), kinds.count("pong")) == (10, 10)


async def test_offers_are_declined_by_websockets(server: Server) -> None:
    async with connect(server.connect("chip"), proxy=None, compression="deflate") as ws:
        assert ws.request is not None
        assert ws.response is not None
        assert "permessage-deflate" in ws.request.headers["Sec-WebSocket-Extensions"]
        assert "Sec-WebSocket-Extensions" not in ws.response.headers
        await ws.send(START_CHAT)
        assert '"chat_started"' in str(await ws.recv())


@pytest.mark.node
async def test_offers_are_declined_by_ws(server: Server) -> None:
    async with Node.running("ws.mjs") as client:
        upgrade = await client.open(
            server.connect("chip"), perMessageDeflate=True, origin="https://elsewhere.example.com"
        )
        status, headers = upgrade
        assert (status, headers[::2]) == (101, ["Upgrade", "Connection", "Sec-WebSocket-Accept"])
        assert client.opened == ["", ""]
        assert '"chat_started"' in await said(client, START_CHAT)


async def test_subprotocol_is_declined(server: Server) -> None:
    async with Raw.open(
        server.connect("chip"), handshake(server.connect("chip"), "Sec-WebSocket-Protocol: chat")
    ) as raw:
        head = await raw.head()
        assert head[1:] == ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {ACCEPT}"]


@pytest.mark.node
async def test_subprotocol_is_declined_and_ws_takes_offence(server: Server) -> None:
    async with Node.running("ws.mjs") as client:
        client.write({"open": server.connect("chip"), "protocols": ["chat"]})
        assert (await client.event("error"))[0] == "Server sent no subprotocol"


async def test_two_sockets_on_one_chat(server: Server, client: Connect) -> None:
    async with client(server.connect("chip")) as one, client(server.connect("chip")) as two:
        await said(one, start(EVE))
        await said(two, start(EVE))
        await courier(server, EVE, 1)
        texts = [asyncio.ensure_future(who.text()) for who in (one, two)]
        done, waiting = await asyncio.wait(texts, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        assert (len(done), len(waiting)) == (1, 1)
        assert '"id":1,' in done.pop().result()
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
