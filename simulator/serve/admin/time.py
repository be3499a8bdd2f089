"""The time of a space: what it is, how it is moved by hand, and how all begins anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from simulator.core.errors import SimulatorError
from simulator.serve.admin.asking import Asking, no_more
from simulator.serve.admin.call import Call
from simulator.serve.admin.complaint import Complaint
from simulator.serve.by_hand import Unfinished
from simulator.serve.clock import LAST, ManualClock, WallClock, parse, written

_LONGEST = 10 * 366 * 86400
"""Seconds that a clock is moved at once."""


def told(clock: WallClock | ManualClock) -> Any:
    """A clock for people and programs."""
    now = clock.now()
    return {"mode": clock.mode, "now": now, "time": written(now)}


async def clock(asking: Asking) -> Any:
    """`GET /__admin/clock`."""
    return told(asking.place().driver.clock)


async def advance(asking: Asking) -> Any:
    """`POST /__admin/clock/advance {"seconds"}`: moves on, firing all that falls due."""
    body = await asking.body()
    seconds = body.pop("seconds", None)
    no_more(body)
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise Complaint(400, 'expected {"seconds": a number}')
    if not math.isfinite(seconds) or not 0 <= seconds <= _LONGEST:
        raise Complaint(400, "seconds: expected 0 to ten years")
    return await _move(asking, "seconds", lambda now: seconds)


async def put(asking: Asking) -> Any:
    """`PUT /__admin/clock {"time"}`: moves on to an instant, as `advance` does."""
    body = await asking.body()
    given = body.pop("time", None)
    no_more(body)
    instant = _instant(given)

    def way(now: float) -> float:
        if instant < now:
            raise Complaint(
                409, f"time: it is {written(now)} already, and a clock goes only forward; reset begins anew"
            )
        if instant > now + _LONGEST:
            raise Complaint(400, "time: expected at most ten years from now")
        return instant - now

    return await _move(asking, "time", way)


def _instant(given: object) -> float:
    """Unix seconds, from these or an RFC 3339 instant. Raises Complaint."""
    expected = "time: expected an instant such as 2026-01-01T00:00:00Z, or Unix seconds"
    if isinstance(given, int | float) and not isinstance(given, bool):
        if not 0 <= given <= LAST:
            raise Complaint(400, expected)
        return round(float(given), 6)
    try:
        moment = parse(given, "time") if isinstance(given, str) and given[:1].isdigit() else None
    except SimulatorError:
        moment = None
    if not isinstance(moment, ManualClock):
        raise Complaint(400, expected)
    return moment.now()


async def _move(asking: Asking, key: str, way: Callable[[float], float]) -> Any:
    place = asking.place()
    driver = place.driver
    if not isinstance(driver.clock, ManualClock):
        raise Complaint(409, "the clock runs by itself: start with --clock manual to move it by hand")
    seconds = way(driver.clock.now())
    if driver.clock.now() + seconds > LAST:
        raise Complaint(400, f"{key}: no clock goes beyond {written(LAST)}")
    with place:
        try:
            moved = await driver.advance(seconds)
        except Unfinished as unfinished:
            why = f"{key}: {unfinished}, so many timers fall due on it; it is {written(driver.clock.now())} now"
            raise Complaint(409, f"{why}, and goes on from there") from None
        if not moved:
            raise Complaint(409, "there was a reset meanwhile: the clock stands where it started")
    return told(driver.clock)


async def reset(asking: Asking) -> Any:
    """`POST /__admin/reset`: the space is as at its start, its sockets are closed."""
    driver = asking.place().driver
    driver.reset()
    return told(driver.clock)


_MOVES = {409: "The clock runs by itself, there was a reset meanwhile, or 30 s of real time were not enough."}

CALLS = (
    Call("GET", "clock", clock, "What time it is.", "time:Clock"),
    Call(
        "PUT",
        "clock",
        put,
        "Moves a manual clock on to an instant, firing all that falls due.",
        "time:Clock",
        takes="time:Instant",
        fails={409: "It is later already, the clock runs by itself, there was a reset, or 30 s were not enough."},
    ),
    Call(
        "POST",
        "clock/advance",
        advance,
        "Moves a manual clock on, firing all that falls due.",
        "time:Clock",
        takes="time:Advance",
        fails=_MOVES,
    ),
    Call("POST", "reset", reset, "The space is as at its start, its sockets are closed.", "time:Clock"),
)
