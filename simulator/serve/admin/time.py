"""The time of a space: what it is, how it is moved by hand, and how all begins anew."""

from __future__ import annotations

import math
from typing import Any

from simulator.serve.admin.asking import Asking, no_more
from simulator.serve.admin.call import Call
from simulator.serve.admin.complaint import Complaint
from simulator.serve.clock import LAST, ManualClock, WallClock, written


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
    if not math.isfinite(seconds) or not 0 <= seconds <= 10 * 366 * 86400:
        raise Complaint(400, "seconds: expected 0 to ten years")
    place = asking.place()
    driver = place.driver
    if not isinstance(driver.clock, ManualClock):
        raise Complaint(409, "the clock runs by itself: start with --clock manual to move it by hand")
    if driver.clock.now() + seconds > LAST:
        raise Complaint(400, f"seconds: no clock goes beyond {written(LAST)}")
    with place:
        if not await driver.advance(seconds):
            raise Complaint(409, "there was a reset meanwhile: the clock stands where it started")
    return told(driver.clock)


async def reset(asking: Asking) -> Any:
    """`POST /__admin/reset`: the space is as at its start, its sockets are closed."""
    driver = asking.place().driver
    driver.reset()
    return told(driver.clock)


_MOVES = {409: "The clock runs by itself, or there was a reset meanwhile."}

CALLS = (
    Call("GET", "clock", clock, "What time it is.", "time:Clock"),
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
