"""What a hostile peer, page or caller may bring: nothing of it is a 500, a hang, or the end of a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect

from simulator.serve.app import Simulator
from tests.served import SECONDS, Raw, admin, prompt, request


@pytest.fixture
async def server() -> AsyncIterator[Simulator]:
    async with prompt() as simulator:
        yield simulator


@pytest.fixture
def url(server: Simulator) -> str:
    return server.url("chip")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("health", b"Origin: http://\xff.example.com"),
        ("health", b"Sec-Fetch-Site: \xff"),
        ("ui", b"Sec-Fetch-Dest: \xff"),
    ],
)
async def test_a_header_that_is_no_text_is_refused_in_words(url: str, path: str, line: bytes) -> None:
    raw = request("GET", f"/__admin/{path}").replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")
    async with Raw.open(url, raw) as there:
        head, body = await there.answer()
    assert head[0] == "HTTP/1.1 403 Forbidden"
    assert "error" in json.loads(body)


@pytest.mark.parametrize("deep", [250, 253, 254, 255, 500, 1000])
async def test_criteria_deeper_than_json_is_written(url: str, deep: int) -> None:
    for inner in (b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep):
        for key in (b'"body":' + inner, b'"args":[' + inner + b"]"):
            status, told = await admin(url, "POST", "messages/wait", b'{"timeout":0,' + key + b"}")
            assert (status, told["count"]) == (409, 0)


async def test_a_scenario_deeper_than_json_is_written(url: str) -> None:
    body = b'{"name":"deep","scenario":{"states":' + b"[" * 500 + b"]" * 500 + b"}}"
    status, told = await admin(url, "POST", "spaces", body)
    assert (status, told["error"].partition(":")[0]) == (400, "scenario")


async def test_a_frame_as_deep_as_can_be_is_told_by_every_call(server: Simulator, url: str) -> None:
    async with (
        connect(server.connect("chip")) as ws,
        Raw.open(url, request("GET", "/__admin/events?after=0")) as events,
    ):
        depths = range(245, 258)
        for deep in depths:
            await ws.send('{"type":"start_chat","chat_id":' + "[" * deep + "]" * deep + "}")
        await ws.send('{"type":"last"}')
        status, told = await admin(url, "POST", "messages/wait", {"name": "last"})
        assert status == 200
        status, told = await admin(url, "GET", "messages")
        assert (status, [n for line in told["messages"] if (n := line["raw"].count("["))]) == (200, [*depths])
        status, _ = await admin(url, "POST", "messages/wait", {"sender": "client", "name": "y", "timeout": 0})
        assert status == 409
        async with asyncio.timeout(SECONDS):
            assert (await events.reader.readuntil(b'"last"')).count(b"start_chat") >= len(depths)
