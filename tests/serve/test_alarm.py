"""The timer of real time, on a loop whose timers ring too early, as uvloop's may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest

from simulator.core.backend import Route, find
from simulator.core.message import Request
from simulator.serve import clock
from simulator.serve.alarm import Alarm
from simulator.serve.app import Options, Server
from simulator.serve.clock import WallClock
from tests.served import SECONDS, Raw, chip, handshake

EARLY = 0.4
"""Seconds, where uvloop's are half a millisecond early."""


async def test_nothing_fires_before_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    later = loop.call_at
    rung = 0

    def sooner(when: float, ring: Callable[..., object], *rest: Any, **more: Any) -> asyncio.TimerHandle:
        nonlocal rung
        rung += 1
        return later(when - EARLY, ring, *rest, **more)

    async with (
        chip(WallClock(), bot_delay=0.5, outbox_interval=0) as simulator,
        Raw.upgraded(simulator.connect("chip")) as client,
    ):
        client.send('{"type":"start_chat"}')
        await client.text()
        monkeypatch.setattr(loop, "call_at", sooner)
        client.send('{"type":"send_msg","text":"hi"}')
        before = loop.time()
        assert "You said: hi" in await client.text()
        monkeypatch.undo()
        assert loop.time() - before >= 0.5
    assert rung > 1, "it was set again"


@pytest.fixture
async def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many seconds pass in which this process has no turn."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, [0.0]

    def gone(seconds: float) -> None:
        ahead[0] += seconds

    monkeypatch.setattr(loop, "time", lambda: real() + ahead[0])
    monkeypatch.setattr(clock, "monotonic", lambda: real() + ahead[0])
    return gone


@asynccontextmanager
async def pinged(stop: Callable[[float], None]) -> AsyncIterator[tuple[Server, Raw]]:
    """A client of mia's, pinged after 25 s, which has 20 s for its pong. The clock runs."""
    target = handshake("ws://127.0.0.1/socket.io/").replace(b"/socket.io/", b"/socket.io/?EIO=4&transport=websocket")
    settings = [("connect_timeout", "1000")]
    async with (
        Server(Options(["mia"], port=0, seed=7, settings=settings)) as simulator,
        Raw.open(simulator.url("mia"), target) as client,
    ):
        await client.head()
        assert (await client.text())[0] == "0"
        stop(25)
        assert await client.text() == "2"
        yield simulator, client


async def test_a_process_that_was_away_takes_the_pong_that_lies_in_the_socket(stop: Callable[[float], None]) -> None:
    """As Node, which asks sockets before timers."""
    async with pinged(stop) as (_, client):
        client.send("3")
        # It has not been read: the loop has not had a turn.
        stop(60)
        assert await client.text() == "2"


async def test_nobody_misses_a_pong_for_a_ping_of_the_time_in_which_it_was_away(stop: Callable[[float], None]) -> None:
    """As with Node, whose timers go from where they fired."""
    async with pinged(stop) as (simulator, client):
        client.send("3")
        async with asyncio.timeout(SECONDS):
            while simulator.space.running["mia"].engine.wire.owes():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        stop(60)
        assert await client.text() == "2"
        stop(19)
        client.send("3")
        stop(25)
        assert await client.text() == "2"


async def test_who_is_silent_goes_after_that_as_well(stop: Callable[[float], None]) -> None:
    async with pinged(stop) as (_, client):
        stop(21)
        assert (await client.frame())[0] == 0x88


def overdue(monkeypatch: pytest.MonkeyPatch, came: Callable[[int], int]) -> tuple[Alarm, list[str]]:
    """An alarm that is a second late again and again, with what it does; `came` is asked for each look's number."""
    did: list[str] = []
    loop, engine, wall = asyncio.get_running_loop(), SimpleNamespace(due=inf), WallClock()

    def look(delay: float, rung: Callable[[], None]) -> asyncio.TimerHandle:
        did.append("look")
        return loop.call_soon(rung)  # type: ignore[return-value]

    def ring() -> None:
        did.append("ring")
        engine.due = wall.now() - 1 if did.count("ring") < 2 else inf

    monkeypatch.setattr(loop, "call_later", look)
    running: Any = [SimpleNamespace(engine=engine)]
    alarm = Alarm(running, wall, ring, lambda: came(did.count("look")))
    engine.due = wall.now() - 1
    return alarm, did


@pytest.mark.parametrize(
    ("came", "looks"),
    [(lambda look: 0, 3), (lambda look: min(look, 20), 23), (lambda look: look, 50)],
    ids=["nothing", "for a while", "for ever"],
)
async def test_it_looks_while_something_comes(
    monkeypatch: pytest.MonkeyPatch, came: Callable[[int], int], looks: int
) -> None:
    """Behind one descriptor there may be thousands of clients, who are not all read at once. And who is late again at
    once is so for ever: that it has looked before is enough."""
    alarm, did = overdue(monkeypatch, came)
    alarm.arm()
    async with asyncio.timeout(SECONDS):
        while did.count("ring") < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
    assert did == [*["look"] * looks, "ring", "ring"]


async def test_it_is_not_caught_up_with_before_it_has_looked(stop: Callable[[float], None]) -> None:
    async with pinged(stop) as (simulator, client):
        client.send("3")
        stop(60)
        simulator.driver.catch_up()
        assert await client.text() == "2"


async def test_a_socket_does_not_come_after_what_it_says(stop: Callable[[float], None]) -> None:
    async with pinged(stop) as (simulator, _):
        driver, running = simulator.driver, simulator.space.running["mia"]
        asks = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"))
        key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        request = Request("GET", "/socket.io/", "EIO=4&transport=websocket", (*asks, key))
        route = find(running.backend.routes, "GET", "/socket.io/")
        assert isinstance(route, Route)
        stop(60)
        call = driver.put(running, request, route, lambda answer: None)
        met = driver.met(call)
        assert met is not None
        assert met.time == running.engine.world.now()
