"""Calls to Courier: what it gets, what becomes of its answers, and what waits meanwhile."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect

from simulator.core.actions import Call
from simulator.core.events import Called
from simulator.serve import outgoing
from simulator.serve.app import Server
from simulator.serve.clock import ManualClock
from simulator.serve.outgoing import Outgoing
from simulator.serve.reporter import Reporter
from tests.served import SECONDS, WEBSITE, admin, chip

START_CHAT = '{"type":"start_chat"}'
HISTORY = '{"type":"get_history","before":"2099-01-01T00:00:00Z"}'


class Courier:
    """A fake one: keeps what came, answers with `status`, and first waits for `gate` when there is one."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[str, dict[str, str], bytes]] = asyncio.Queue()
        self.status = 200
        self.gate: asyncio.Event | None = None
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.got.put_nowait((f"{request.method} {request.path}", dict(request.headers), await request.read()))
        if self.gate is not None:
            await self.gate.wait()
        return web.Response(status=self.status, text='{"message":"Events Handled"}')

    async def next(self) -> dict[str, Any]:
        """The body of the next call."""
        async with asyncio.timeout(SECONDS):
            _, _, body = await self.got.get()
        answer: dict[str, Any] = json.loads(body)
        return answer


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    fake = Courier()
    runner = web.ServerRunner(web.Server(fake.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


def with_courier(courier: Courier, log: io.StringIO | None = None, **settings: Any) -> Server:
    reporter = Reporter(lambda: 0.0, stream=log or io.StringIO())
    return chip(ManualClock(), reporter=reporter, courier_url=courier.url, outbox_interval=0, **settings)


async def until_silent(ws: ClientConnection) -> None:
    """The server has worked all that was sent before this, and has said nothing about it."""
    await (await ws.ping())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await ws.recv()


async def test_exact_calls(courier: Courier) -> None:
    async with with_courier(courier) as simulator, connect(simulator.connect("chip"), proxy=None) as ws:
        await ws.send(START_CHAT)
        chat_id = json.loads(await ws.recv())["chat_id"]
        await ws.send('{"type":"send_msg","text":"häi <>&\\u2028"}')
        await ws.send('{"type":"ack_chat","msg_id":9007199254740993}')
        calls = [await asyncio.wait_for(courier.got.get(), SECONDS) for _ in range(3)]
    bodies = [
        '{"type":"chat_started"}',
        '{"type":"msg_in","msg":{"text":"häi <>&\u2028"}}',
        '{"type":"msg_status","status":{"msg_id":9007199254740993,"status":"delivered"}}',
    ]
    for (line, headers, body), event in zip(calls, bodies, strict=True):
        assert line == f"POST /c/chp/{WEBSITE}/receive"
        assert headers["Content-Type"] == "application/json"
        exact = f'{{"chat_id":"{chat_id}","secret":"sesame","events":[{event}]}}'
        # Go escapes U+2028 wherever it stands; to Courier's JSON reader both are the same.
        assert json.loads(body) == json.loads(exact)
        assert body.startswith(f'{{"chat_id":"{chat_id}","secret":"sesame","events":[{{"type":'.encode())


async def test_nothing_is_told_of_resume_email_history_and_end(courier: Courier) -> None:
    async with with_courier(courier) as simulator, connect(simulator.connect("chip"), proxy=None) as ws:
        await ws.send('{"type":"start_chat","chat_id":"itlu4O6ZE4ZZc07Y5rHxcLoQ"}')
        assert '"chat_resumed"' in str(await ws.recv())
        await ws.send('{"type":"set_email","email":"a@example.com"}')
        await ws.send(HISTORY)
        assert await ws.recv() == '{"type":"history","history":[]}'
        assert courier.got.empty()


async def test_the_bot_is_silent_beside_a_courier_unless_told_otherwise(courier: Courier) -> None:
    for settings, speaks in ((dict[str, Any](), False), ({"bot": "echo", "bot_delay": 0}, True)):
        async with with_courier(courier, **settings) as simulator, connect(simulator.connect("chip"), proxy=None) as ws:
            await ws.send(START_CHAT)
            await ws.recv()
            await ws.send('{"type":"send_msg","text":"hi"}')
            if speaks:
                assert '"You said: hi"' in str(await ws.recv())
            else:
                await until_silent(ws)
                await admin(simulator.url("chip"), "POST", "clock/advance", {"seconds": 5})
                await until_silent(ws)


@pytest.mark.parametrize("status", [400, 500, 302, 199 + 1])
async def test_refused_start_can_be_tried_again(courier: Courier, status: int) -> None:
    log = io.StringIO()
    async with with_courier(courier, log) as simulator, connect(simulator.connect("chip"), proxy=None) as ws:
        courier.status = status
        await ws.send(START_CHAT)
        await courier.next()
        if status != 200:
            await until_silent(ws)
            assert f"Courier did not take it: status {status}" in log.getvalue()
            # No chat was started: everything else is ignored still.
            await ws.send(HISTORY)
            await until_silent(ws)
            courier.status = 201
            await ws.send(START_CHAT)
            await courier.next()
        assert '"chat_started"' in str(await ws.recv())


async def test_refused_message_is_lost_and_refused_ack_is_owed(courier: Courier) -> None:
    async with (
        with_courier(courier, bot="echo", bot_delay=0) as simulator,
        connect(simulator.connect("chip"), proxy=None) as ws,
    ):
        await ws.send(START_CHAT)
        await ws.recv()
        courier.status = 500
        await ws.send('{"type":"send_msg","text":"lost"}')
        await ws.send(HISTORY)
        assert await ws.recv() == '{"type":"history","history":[]}'
        courier.status = 200
        await ws.send('{"type":"send_msg","text":"one"}')
        await ws.send('{"type":"send_msg","text":"two"}')
        number = json.loads(await ws.recv())["msg_out"]["id"]
        await until_silent(ws)
        courier.status = 500
        await ws.send(json.dumps({"type": "ack_chat", "msg_id": number}))
        await until_silent(ws)
        courier.status = 200
        await ws.send(json.dumps({"type": "ack_chat", "msg_id": number}))
        assert '"You said: two"' in str(await ws.recv())


async def test_commands_wait_in_order_and_other_sockets_do_not(courier: Courier) -> None:
    async with with_courier(courier) as simulator:
        where = simulator.connect("chip")
        async with connect(where, proxy=None) as slow, connect(where, proxy=None) as other:
            courier.gate = asyncio.Event()
            await slow.send(START_CHAT)
            for number in (1, 2):
                await slow.send(json.dumps({"type": "send_msg", "text": f"message {number}"}))
            await slow.send(HISTORY)
            assert (await courier.next())["events"] == [{"type": "chat_started"}]
            # Not even a ping is read from who waits; the others go on.
            waiting = await slow.ping()
            await other.send('{"type":"start_chat","chat_id":"itlu4O6ZE4ZZc07Y5rHxcLoQ"}')
            assert '"chat_resumed"' in str(await other.recv())
            assert not cast("asyncio.Future[float]", waiting).done()
            assert courier.got.empty()
            courier.gate.set()
            assert '"chat_started"' in str(await slow.recv())
            assert [(await courier.next())["events"][0]["msg"]["text"] for _ in range(2)] == ["message 1", "message 2"]
            history = json.loads(await slow.recv())["history"]
            assert [item["msg_in"]["text"] for item in history] == ["message 2", "message 1"]
            await asyncio.wait_for(waiting, SECONDS)


async def test_client_that_goes_while_it_waits(courier: Courier) -> None:
    async with with_courier(courier) as simulator:
        courier.gate = asyncio.Event()
        ws = await connect(simulator.connect("chip"), proxy=None)
        await ws.send(START_CHAT)
        chat_id = (await courier.next())["chat_id"]
        ws.transport.abort()
        courier.gate.set()
        async with connect(simulator.connect("chip"), proxy=None) as again:
            await again.send(json.dumps({"type": "start_chat", "chat_id": chat_id}))
            assert json.loads(await again.recv())["type"] in ("chat_started", "chat_resumed")


async def test_slow_courier_is_given_up(courier: Courier) -> None:
    log = io.StringIO()
    async with (
        with_courier(courier, log, courier_timeout=0.1) as simulator,
        connect(simulator.connect("chip"), proxy=None) as ws,
    ):
        courier.gate = asyncio.Event()
        await ws.send(START_CHAT)
        await courier.next()
        await until_silent(ws)
        assert "did not answer within 0.1 s" in log.getvalue()
        courier.gate.set()
        await ws.send(START_CHAT)
        assert '"chat_started"' in str(await ws.recv())


async def test_courier_that_is_not_there() -> None:
    log = io.StringIO()
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets this port, and who connects is refused.
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        reporter = Reporter(lambda: 0.0, stream=log)
        async with (
            chip(reporter=reporter, courier_url=f"http://127.0.0.1:{port}/base/") as simulator,
            connect(simulator.connect("chip"), proxy=None) as ws,
        ):
            await ws.send(START_CHAT)
            await until_silent(ws)
    assert f"Courier did not take it: http://127.0.0.1:{port}/base/c/chp/{WEBSITE}/receive: " in log.getvalue()
    assert log.getvalue().count("\n") == 1


async def test_advance_waits_for_calls_under_way(courier: Courier) -> None:
    """What a call brings falls into the instant in which it was made."""
    async with (
        with_courier(courier, bot="echo", bot_delay=1) as simulator,
        connect(simulator.connect("chip"), proxy=None) as ws,
    ):
        await ws.send(START_CHAT)
        await ws.recv()
        await ws.send('{"type":"send_msg","text":"hi"}')
        await courier.next()
        await courier.next()
        await (await ws.ping())
        await admin(simulator.url("chip"), "POST", "clock/advance", {"seconds": 1})
        assert '"time":"2026-01-01T00:00:01.' in str(await ws.recv())


async def test_stop_while_a_call_is_under_way(courier: Courier) -> None:
    courier.gate = asyncio.Event()
    async with with_courier(courier) as simulator:
        ws = await connect(simulator.connect("chip"), proxy=None)
        await ws.send(START_CHAT)
        await courier.next()
    await ws.wait_closed()
    assert ws.close_code == 1000
    courier.gate.set()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://localhost:99999/", "nonsense", "http://", "ftp://127.0.0.1/"]
)
async def test_call_that_cannot_be_made_comes_back(url: str) -> None:
    outgoing = Outgoing()
    came: asyncio.Queue[Called] = asyncio.Queue()
    outgoing.start(Call("key", "POST", url), came.put_nowait)
    assert outgoing.busy == 1
    async with asyncio.timeout(SECONDS):
        called = await came.get()
    assert (called.key, called.status) == ("key", 0)
    assert called.error.startswith(url)
    await outgoing.close()
    assert not outgoing.busy


async def test_calls_under_way_are_bounded(courier: Courier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "CALLS", 2)
    courier.gate = asyncio.Event()
    calls = Outgoing()
    got: list[Called] = []
    for key in range(3):
        calls.start(Call(key, "POST", courier.url, (), b"", 10.0), got.append)
    assert [(one.key, one.status, one.error) for one in got] == [
        (2, 0, f"{courier.url} was not asked: 2 calls are under way already")
    ]
    courier.gate.set()
    async with asyncio.timeout(SECONDS):
        while len(got) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert {one.status for one in got[1:]} == {200}
    await calls.close()
