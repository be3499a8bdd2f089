"""A clock by hand over all five backends at once: everything due comes in its order, whoever is healthy stays."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
import socketio  # type: ignore[import-untyped]
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK

from simulator import backends
from simulator.serve import by_hand
from simulator.serve.app import Options, Server
from simulator.serve.clock import START, ManualClock
from tests.backends.concierge.speak import OPEN, frame
from tests.serve.keeper import until
from tests.serve.sleeps import sleeping
from tests.served import SECONDS, admin, chip

STREET = "8a2d6c1e-90b4-4f37-8e55-1b7f3c9d2a08"
HISTORY = '{"type":"get_history","before":"2099-01-01T00:00:00Z"}'


class Person:
    """A Socket.IO client of other people, and what it has heard."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.heard: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.client.on("*", self._hear)

    async def _hear(self, event: str, *args: Any) -> None:
        self.heard.put_nowait((event, *args))

    @asynccontextmanager
    async def at(self, url: str, auth: object, transports: list[str]) -> AsyncIterator[Person]:
        await self.client.connect(url, auth=auth, transports=transports)
        try:
            yield self
        finally:
            await self.client.disconnect()

    async def says(self, event: str, body: object) -> None:
        await self.client.emit(event, body)

    async def hears(self, event: str) -> Any:
        """The next event of that name; others are passed over."""
        async with asyncio.timeout(SECONDS):
            while (heard := await self.heard.get())[0] != event:
                pass
        return heard[1]


async def answer(ws: ClientConnection, text: str) -> Any:
    """The next frame after this one."""
    await ws.send(text)
    async with asyncio.timeout(SECONDS):
        return json.loads(await ws.recv())


async def joined(ws: ClientConnection) -> None:
    reply = await answer(ws, f'["1","1","bot:{STREET}","phx_join",{{"access_token":"street-web-token"}}]')
    assert reply[3:] == ["phx_reply", {"response": {}, "status": "ok"}]


async def test_a_queue_an_idle_close_and_an_expired_upload_in_less_than_two_seconds() -> None:
    """Twenty minutes of one clock. Who answers pings, or says something, is there at the end."""
    settings = [("chatbot.agent_after", "90"), ("chip.bot_delay", "0"), ("concierge.bot", "none")]
    options = Options(backends.names(), port=0, seed=7, clock=ManualClock(), settings=settings)
    async with Server(options) as simulator, AsyncExitStack() as stack:

        async def socket(name: str) -> ClientConnection:
            return await stack.enter_async_context(connect(simulator.connect(name), proxy=None))

        async def person(name: str, auth: object, *transports: str) -> Person:
            return await stack.enter_async_context(Person().at(simulator.url(name), auth, [*transports]))

        web = await stack.enter_async_context(aiohttp.ClientSession())
        url = simulator.url("concierge")

        async def after(seconds: float) -> None:
            assert (await admin(url, "POST", "clock/advance", {"seconds": seconds}))[0] == 200

        chip, aida, idle, busy = [await socket(name) for name in ("chip", "aida", "concierge", "concierge")]
        instance = simulator.space.running["mia"].seed.instances[0]
        who = {"instance": {"chatId": instance.chat_id, "token": instance.client_token}}
        # Polling and websocket: both have to be kept.
        mia = [await person("mia", who, transport) for transport in ("polling", "websocket")]
        widget = {"widgetKey": "wk-harbour-1", "chatbotId": "bot-harbour"}
        visitor = await person("chatbot", widget, "polling", "websocket")

        before = time.process_time()
        slept = stack.enter_context(sleeping())
        assert (await answer(chip, '{"type":"start_chat"}'))["type"] == "chat_started"
        await joined(aida)
        for one in mia:
            await one.hears("EVENT_INIT_ROOM")
        await visitor.says("join-conversation", {})
        talk = {"conversationId": (await visitor.hears("conversation-started"))["conversationId"]}
        cat = {"filename": "cat.png", "mimeType": "image/png", "type": "chat"}
        async with web.post(f"{url}/file-new/get-upload-url", json=cat) as response:
            minted = (await response.json())["data"]["uploadUrlData"]["uploadURL"]

        # Three minutes in a queue.
        await visitor.says("escalate", {**talk, "reason": "a person please"})
        assert (await visitor.hears("status-change"))["status"] == "escalated"
        await after(1)
        assert (await visitor.hears("queue-update"))["position"] == 2
        await after(179)
        assert (await visitor.hears("queue-update"))["position"] == 1
        assert visitor.heard.empty()
        await after(1)
        assert (await visitor.hears("agent-joined"))["agentName"] == "Bob Desk"
        await visitor.hears("message")

        # Ten minutes of silence: the gateway goes away from who said nothing.
        await after(300)
        listed = await answer(busy, frame("get-chat-messages", {"chatSessionId": OPEN}))
        assert listed["channel"] == "client/get-chat-messages"
        await after(118.999)
        assert not idle.close_code
        await after(0.001)
        with pytest.raises(ConnectionClosedOK) as closed:
            await asyncio.wait_for(idle.recv(), SECONDS)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "Going away")

        # Fifteen minutes are over for the upload's URL.
        async def upload() -> tuple[int, bool]:
            put = web.put(minted, data=b"meow", headers={"Content-Type": "image/png"})
            async with put as response:
                return response.status, "Request has expired" in await response.text()

        assert await upload() == (200, False)
        await after(301)
        assert await upload() == (403, True)

        # Everyone is there, and is answered.
        assert (await answer(chip, HISTORY))["type"] == "history"
        assert (await answer(aida, '[null,"9","phoenix","heartbeat",{}]'))[3] == "phx_reply"
        assert (await answer(busy, frame("get-chat-messages", {"chatSessionId": OPEN})))["channel"]
        for one in mia:
            await one.says("EVENT_CLIENT_SEND_MESSAGE", {"content": "Still there?"})
            assert (await one.hears("EVENT_SERVER_SEND_MESSAGE"))["content"] == "Still there?"
        assert (await visitor.hears("conversation-ended"))["reason"] == "timeout"
        await visitor.says("join-conversation", {})
        await visitor.hears("conversation-started")
        took = time.process_time() - before + sum(slept)
        assert (await admin(url, "GET", "clock"))[1]["time"] == "2026-01-01T00:15:01Z"
    assert took < 2, "it takes about 0.2"


async def test_two_hours_of_a_gateway() -> None:
    """However much is said: AWS closes after two hours, to the millisecond of the clock by hand."""
    options = Options(["concierge"], port=0, seed=7, clock=ManualClock(), settings=[("bot", "none")])
    async with Server(options) as simulator, connect(simulator.connect("concierge"), proxy=None) as busy:
        for _ in range(13):
            await simulator.driver.advance(540)
            await answer(busy, frame("get-chat-messages", {"chatSessionId": OPEN}))
        await simulator.driver.advance(179.999)
        await answer(busy, frame("get-chat-messages", {"chatSessionId": OPEN}))
        await simulator.driver.advance(0.001)
        with pytest.raises(ConnectionClosedOK) as closed:
            await asyncio.wait_for(busy.recv(), SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def returns(simulator: Server, auth: dict[str, Any], away: float = 0) -> tuple[str, dict[str, Any]]:
    """A Socket.IO client over a bare WebSocket, which is cut: its sid, and what it brings after `away` seconds."""
    async with connect(simulator.connect("mia"), proxy=None) as ws:
        assert str(await ws.recv()).startswith("0{")
        await ws.send(f"40{json.dumps(auth)}")
        texts: list[str] = []
        async with asyncio.timeout(SECONDS):
            while not any(text.startswith('42["EVENT_INIT_ROOM"') for text in texts):
                texts.append(str(await ws.recv()))
        opened = next(json.loads(text[2:]) for text in texts if text.startswith("40"))
        offset = json.loads(texts[-1][2:])[-1]
        ws.transport.abort()
    await until(lambda: not simulator.driver.linked)
    await simulator.driver.advance(away)
    return opened["sid"], {**auth, "pid": opened["pid"], "offset": offset}


async def test_two_minutes_to_come_back() -> None:
    """Socket.IO's window of recovery, whose sweeps are on the clock, too."""
    async with Server(Options(["mia"], port=0, seed=7, clock=ManualClock())) as simulator:
        first = simulator.space.running["mia"].seed.instances[0]
        auth = {"instance": {"chatId": first.chat_id, "token": first.client_token}}
        sid, brought = await returns(simulator, auth, away=119)
        again, brought = await returns(simulator, brought, away=121)
        assert again == sid
        late, _ = await returns(simulator, brought)
        assert late != sid


async def test_a_poller_that_is_gone_is_missed_in_time() -> None:
    """Engine.IO over HTTP: the ping of 25 s waits for a poll that never comes, and 20 s later the session is over."""
    async with (
        Server(Options(["chatbot"], port=0, seed=7, clock=ManualClock())) as simulator,
        aiohttp.ClientSession() as web,
    ):
        url = f"{simulator.url('chatbot')}/socket.io/?EIO=4&transport=polling"

        async def status(sid: str) -> int:
            async with web.post(f"{url}&sid={sid}", data="6") as response:
                return response.status

        async with web.get(url) as response:
            sid = json.loads((await response.text())[1:])["sid"]
        await simulator.driver.advance(44.999)
        assert await status(sid) == 200
        await simulator.driver.advance(0.001)
        assert await status(sid) == 400


async def test_a_way_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten years with a client that answers each ping: the clock stops where it has come to, and can go on."""
    async with chip(ManualClock()) as simulator, connect(simulator.connect("chip"), proxy=None):
        url, year = simulator.url("chip"), 366 * 86400
        monkeypatch.setattr(by_hand, "LONGEST", 0.1)
        status, told = await admin(url, "POST", "clock/advance", {"seconds": 10 * year})
        assert status == 409
        assert re.fullmatch(
            r"seconds: 0\.1 s were not enough: [\d.e+]+ s of the way are left, so many timers fall due on it; "
            r"it is 2026-\S+Z now, and goes on from there",
            told["error"],
        ), told
        status, now = await admin(url, "GET", "clock")
        assert START < now["now"] < START + year
        assert simulator.driver.linked == 1, "who has answered its pings is still there"
        status, then = await admin(url, "POST", "clock/advance", {"seconds": 30})
        assert (status, then["now"]) == (200, now["now"] + 30)
