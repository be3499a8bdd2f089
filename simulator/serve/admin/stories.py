"""Scenarios by control call: which there are, which is played, and where each talk stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.core.bot import Directed
from simulator.core.space import Running
from simulator.serve import scenarios
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.complaint import Complaint
from simulator.serve.spaces import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.scenario.bot import ScenarioBot
    from simulator.scenario.stage import Stage
    from simulator.scenario.talk import Talk


def playing(place: Place) -> Stage | None:
    """The scenario that a space plays."""
    script = place.driver.space.script
    if script is None:
        # Then its room is not even imported.
        return None
    from simulator.scenario.stage import Stage

    return script if isinstance(script, Stage) else None


def name_of(stage: Stage) -> str:
    """What a scenario is called: as its file is, without the suffix."""
    return Path(stage.path).stem


async def every(asking: Asking) -> Any:
    """`GET /__admin/scenarios`: those that come along, and the one that is played here."""
    stage = playing(asking.place())
    mine = None if stage is None else name_of(stage)
    lines: list[dict[str, Any]] = [
        {"name": name, "file": f"{name}.yaml", "playing": False, "states": None}
        for name in scenarios.shipped()
        if name != mine
    ]
    if stage is not None:
        lines.append({"name": mine, "file": Path(stage.path).name, "playing": True, "states": stage.states})
    return {"scenarios": sorted(lines, key=lambda line: str(line["name"]))}


async def state(asking: Asking) -> Any:
    """`GET /__admin/scenarios/NAME/state`: where each talk stands."""
    place = asking.place()
    stage = _played(asking, place)
    return _told(place, stage)


async def move(asking: Asking) -> Any:
    """`PUT /__admin/scenarios/NAME/state {"talk", "backend", "state"}`: as by a `go`, steps under way are left out."""
    from simulator.serve.admin.shapes.stories import Move

    wanted = await asking.read(Move)
    place = asking.place()
    stage = _played(asking, place)
    if wanted.backend is not None:
        asking.running(place, wanted.backend)
    if wanted.state not in stage.states:
        there = ", ".join(name for name in stage.states if name) or "none: this scenario has no states"
        raise Complaint(400, f"state: there is no {wanted.state!r}; there are: {there}")
    there_are = [(running, talk) for running, talk in _talks(place) if wanted.backend in (None, running.name)]
    moved = [
        (running, talk)
        for running, talk in there_are
        if wanted.talk is None or wanted.talk in (talk.name, talk.name.rpartition("/")[2])
    ]
    if not moved:
        names = ", ".join(talk.name for _, talk in there_are[-10:]) or "none"
        what = "no talk has begun" if wanted.talk is None else f"there is no {wanted.talk!r}"
        raise Complaint(404, f"talk: {what}; the latest are: {names}")
    for running, talk in moved:
        place.driver.take(running, Directed(talk.name, wanted.state))
    return _told(place, stage)


def _played(asking: Asking, place: Place) -> Stage:
    stage = playing(place)
    if stage is None:
        raise Complaint(404, "no scenario is played here: serve --scenario FILE, or make a space with one")
    if asking.rest != name_of(stage):
        raise Complaint(404, f"{asking.rest!r} is not played here, {name_of(stage)!r} is")
    return stage


def _bots(place: Place) -> Iterator[tuple[Running, ScenarioBot]]:
    from simulator.scenario.bot import ScenarioBot

    for running in place.driver.running:
        watcher = running.engine.watcher
        if isinstance(watcher, ScenarioBot):
            yield running, watcher


def _talks(place: Place) -> Iterator[tuple[Running, Talk]]:
    for running, bot in _bots(place):
        for talk in bot.talks.values():
            yield running, talk


def _told(place: Place, stage: Stage) -> Any:
    return {
        "name": name_of(stage),
        "states": stage.states,
        "talks": [
            {
                "backend": running.name,
                "talk": talk.name,
                "state": talk.state,
                "variables": talk.variables,
                "agent": talk.agent or None,
                "over": talk.over,
                "busy": bool(talk.tracks),
                "waiting": len(talk.waiting),
            }
            for running, talk in _talks(place)
        ],
    }


_NONE = {404: "It is not played here, or there is no such talk."}

CALLS = (
    Call("GET", "scenarios", every, "Scenarios that come along, and the one that is played.", "stories:Scenarios"),
    Call("GET", "scenarios/{name}/state", state, "Where each talk stands in it.", "stories:Standing", fails=_NONE),
    Call("PUT", "scenarios/{name}/state", move, "Lets a talk, or all of them, go on from a state.",
         "stories:Standing", takes="stories:Move", fails=_NONE),
)  # fmt: skip
