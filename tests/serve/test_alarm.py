"""The timer of real time, on a loop whose timers ring too early, as uvloop's may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from simulator.serve.clock import WallClock
from tests.served import Raw, chip

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
