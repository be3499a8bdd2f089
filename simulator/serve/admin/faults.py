"""`/__admin/faults`: what goes wrong on the way, listed, added and taken away."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from simulator.core.space import Space
from simulator.serve.driver import Driver

PATH = "/__admin/faults"
METHODS = "DELETE, GET, HEAD, POST"


class Wrong(Exception):
    """What is wrong with a request: a status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def answer(driver: Driver, method: str, path: str, body: object) -> dict[str, Any]:
    """Answer one request, below or at PATH. Raises Wrong."""
    space, name = driver.space, unquote(path.removeprefix(PATH).strip("/"))
    if method == "POST":
        if name:
            raise Wrong(405, f"{PATH}/{name} takes DELETE, GET; POST goes to {PATH}")
        added = _add(space, body)
        driver.fault()
        return {"faults": added}
    if name and space.faults.get(name) is None:
        there = ", ".join(fault.name for fault in space.faults) or "none"
        raise Wrong(404, f"there is no fault {name!r}; there are: {there}")
    from simulator.scenario.faults import listed

    shown = [listed(fault) for fault in space.faults if name in ("", fault.name)]
    if method == "DELETE":
        space.faults.remove(name or None)
        driver.fault()
    return {"faults": shown}


def _add(space: Space, body: object) -> list[dict[str, Any]]:
    """Add one or a list of them: all, or none."""
    from pydantic import ValidationError

    from simulator.scenario.faults import FaultSpec, complaint, listed

    several = isinstance(body, list)
    specs = []
    for i, one in enumerate(body if isinstance(body, list) else [body]):
        place = f"{i}." if several else ""
        try:
            spec = FaultSpec.model_validate(one)
        except ValidationError as error:
            raise Wrong(400, f"{place}{complaint(error)}") from None
        objection = spec.objection([running.backend for running in space.running.values()])
        if objection is not None:
            raise Wrong(400, f"{place}{'.'.join(objection[0])}: {objection[1]}")
        specs.append(spec)
    faults = []
    taken = {fault.name for fault in space.faults} | {spec.name for spec in specs}
    for spec in specs:
        made = spec.fault(space.faults.mint(spec.type, spec.way, taken))
        taken.add(made.name)
        faults.append(made)
    try:
        space.faults.add(*faults)
    except KeyError as error:
        raise Wrong(409, f"name: there is a fault {error.args[0]!r} already") from None
    except OverflowError as error:
        raise Wrong(409, str(error)) from None
    return [listed(fault) for fault in faults]
