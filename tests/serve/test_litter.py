"""What was thrown away is collected, and the collector does not take all the time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from simulator.serve.litter import SHARE, Litter


async def test_the_collector_rests_as_long_as_it_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, now, timers = asyncio.get_running_loop(), 1000.0, []
    clock = 0.0
    collected = []

    def collect() -> None:
        nonlocal clock
        clock += 0.125
        collected.append(now)

    def call_at(when: float, call: Callable[[], None]) -> Any:
        timers.append((when, call))
        return asyncio.TimerHandle(when, call, (), loop)

    monkeypatch.setattr(gc, "collect", collect)
    monkeypatch.setattr("time.perf_counter", lambda: clock)
    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(loop, "call_at", call_at)
    litter = Litter()
    for _ in range(3):
        litter.tidy()
    assert collected == [1000.0], "the first at once"
    ((when, call),) = timers
    assert when == 1000.0 + SHARE * 0.125, "the others together, later"
    now = when
    call()
    assert collected == [1000.0, when]
    litter.tidy()
    assert len(timers) == 2
    now += 100
    litter.close()
    litter.tidy()
    assert collected == [1000.0, when, now]
    monkeypatch.undo()
