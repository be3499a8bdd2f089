"""Spaces by control call: which there are, one with a seed and a clock of its own, the end of one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from simulator.core.errors import SimulatorError
from simulator.core.space import Space
from simulator.serve import clock, selector
from simulator.serve.admin import faults
from simulator.serve.admin import time as times
from simulator.serve.admin.asking import Asking, no_more
from simulator.serve.admin.call import Call
from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.stories import name_of, playing
from simulator.serve.spaces import Crowded, Place

if TYPE_CHECKING:
    from simulator.scenario.faults import FaultSpec
    from simulator.scenario.stage import Stage


async def every(asking: Asking) -> Any:
    """`GET /__admin/spaces`."""
    return {"spaces": [_told(place) for place in asking.spaces]}


async def one(asking: Asking) -> Any:
    """`GET /__admin/spaces/NAME`."""
    return _told(_known(asking))


async def make(asking: Asking) -> Any:
    """`POST` or `PUT /__admin/spaces {"name", ...}`: one that is there already begins anew with what is said here.

    `seed`, a number, and `clock` as for `--clock`; `scenario`, the name of one that comes along or a scenario itself,
    as JSON or as the text of its file; `faults`, as for `/__admin/faults`, which a reset brings back. What is left out
    is like the server's.
    """
    body = await asking.body()
    name = _name(body.pop("name", asking.target.space), asking.target.space)
    seed = body.pop("seed", None)
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise Complaint(400, "seed: expected a whole number")
    given = body.pop("clock", None)
    if given is not None and not isinstance(given, str):
        raise Complaint(400, "clock: expected wall, manual, or an instant such as 2026-01-01T00:00:00Z")
    scenario, wrong = body.pop("scenario", None), body.pop("faults", [])
    no_more(body)
    try:
        time = None if given is None else clock.parse(given, "clock")
        stage = None if scenario is None else _stage(scenario)
        running = asking.spaces.default.driver.running
        specs = faults.read(wrong, [one.backend for one in running], "faults") if wrong != [] else []
        return _told(asking.spaces.make(name, seed, time, stage, lambda space: _begin_with(space, specs)))
    except SimulatorError as error:
        raise Complaint(400, str(error)) from None
    except Crowded as crowded:
        raise Complaint(503, str(crowded)) from None


def _stage(scenario: object) -> Stage:
    """Raises SimulatorError."""
    # Only who has a scenario pays for its model.
    from simulator.scenario import stage
    from simulator.serve import scenarios

    if isinstance(scenario, dict):
        try:
            text = orjson.dumps(scenario)
        except TypeError as error:
            raise Complaint(400, f"scenario: can't be read: {error}") from None
        return stage.Stage(stage.load(text, "scenario"))
    if isinstance(scenario, str) and ":" in scenario:
        return stage.Stage(stage.load(scenario.encode(), "scenario"))
    # A name and no path: a control call reads no other files.
    if not isinstance(scenario, str) or scenario not in scenarios.shipped():
        expected = f"one itself (JSON, or the text of its file), or one of {', '.join(scenarios.shipped())}"
        raise Complaint(400, f"scenario: expected {expected}")
    return stage.Stage(scenarios.load(scenarios.find(scenario)))


def _begin_with(space: Space, specs: Sequence[FaultSpec]) -> None:
    if specs:
        faults.put(space, specs)
        space.faults.keep()


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
    driver, stage = place.driver, playing(place)
    return {
        "name": place.name,
        "prefix": place.prefix,
        "seed": driver.space.seed,
        "clock": times.told(driver.clock),
        "connections": driver.linked,
        "faults": len(driver.space.faults),
        "journal": driver.space.journal.total,
        "scenario": None if stage is None else name_of(stage),
        "idle": round(place.idle(asyncio.get_running_loop().time()), 3),
    }


_MADE = {409: "The default space can't be made, nor more faults than there may be."}
_NONE = {404: "There is no such space."}

CALLS = (
    Call("GET", "spaces", every, "All spaces.", "spaces:Spaces"),
    *(
        Call(
            method,
            "spaces",
            make,
            "Makes a space, or begins one anew.",
            "spaces:Space",
            takes="spaces:NewSpace",
            fails=_MADE,
        )
        for method in ("POST", "PUT")
    ),
    Call("GET", "spaces/{name}", one, "One space.", "spaces:Space", fails=_NONE),
    Call("DELETE", "spaces/{name}", end, "Ends a space.", "spaces:SpaceEnded", fails=_NONE),
)
