"""Spaces by control call: which there are, one with a seed and a clock of its own, the end of one."""

from __future__ import annotations

import asyncio
from typing import Any

from simulator.core.errors import SimulatorError
from simulator.serve import clock, selector
from simulator.serve.admin import time
from simulator.serve.admin.asking import Asking, no_more
from simulator.serve.admin.complaint import Complaint
from simulator.serve.spaces import Crowded, Place


async def every(asking: Asking) -> Any:
    """`GET /__admin/spaces`."""
    return {"spaces": [_told(place) for place in asking.spaces]}


async def one(asking: Asking) -> Any:
    """`GET /__admin/spaces/NAME`."""
    return _told(_known(asking))


async def make(asking: Asking) -> Any:
    """`POST` or `PUT /__admin/spaces {"name", "seed", "clock"}`: one that is there already begins anew with these.

    Without a seed it has the server's; without a clock one like the server's, which starts where that did.
    """
    body = await asking.body()
    name = _name(body.pop("name", asking.target.space), asking.target.space)
    seed = body.pop("seed", None)
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise Complaint(400, "seed: expected a whole number")
    given = body.pop("clock", None)
    if given is not None and not isinstance(given, str):
        raise Complaint(400, "clock: expected wall, manual, or an instant such as 2026-01-01T00:00:00Z")
    no_more(body)
    try:
        return _told(asking.spaces.make(name, seed, None if given is None else clock.parse(given, "clock")))
    except SimulatorError as error:
        raise Complaint(400, str(error)) from None
    except Crowded as crowded:
        raise Complaint(503, str(crowded)) from None


async def end(asking: Asking) -> Any:
    """`DELETE /__admin/spaces/NAME`: its sockets are closed, all it knew is gone; the next use makes it anew."""
    name = _known(asking).name
    asking.spaces.drop(name)
    return {"name": name, "ended": True}


def _name(name: object, selected: str | None) -> str:
    if not isinstance(name, str):
        raise Complaint(400, 'expected {"name": the name of a space}')
    if not name:
        raise Complaint(409, "the default space has the seed and the clock of the server's start; it can be reset")
    try:
        selector.check(name)
    except selector.Unfit as unfit:
        raise Complaint(400, f"name: {unfit}") from None
    if selected is not None and selected != name:
        raise Complaint(400, f"name: is {name!r}, but the request names the space {selected!r}")
    return name


def _known(asking: Asking) -> Place:
    found = next((place for place in asking.spaces if place.name and place.name == asking.rest), None)
    if found is None:
        names = ", ".join(place.name for place in asking.spaces if place.name) or "none beside the default one"
        raise Complaint(404, f"there is no space {asking.rest!r}; there are: {names}")
    return found


def _told(place: Place) -> Any:
    driver = place.driver
    return {
        "name": place.name,
        "prefix": place.prefix,
        "seed": driver.space.seed,
        "clock": time.told(driver.clock),
        "connections": driver.linked,
        "journal": driver.space.journal.total,
        "idle": round(place.idle(asyncio.get_running_loop().time()), 3),
    }
