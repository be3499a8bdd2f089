"""What goes wrong on the way, by control call: `/__admin/faults`, each call for the space that it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulator.core.backend import Backend
from simulator.core.faults import Fault
from simulator.core.faults_kept import MOST_FAULTS
from simulator.core.space import Space
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.complaint import Complaint

if TYPE_CHECKING:
    from simulator.scenario.faults import FaultSpec


async def every(asking: Asking) -> Any:
    """`GET /__admin/faults`: all of them, with how often each struck, and what last."""
    return _told([*asking.place().driver.space.faults])


async def one(asking: Asking) -> Any:
    """`GET /__admin/faults/NAME`."""
    return _told([_known(asking)])


async def add(asking: Asking) -> Any:
    """`POST /__admin/faults`: one or a list of them, all or none; what has no name gets one."""
    driver, body = asking.place().driver, await asking.json()
    added = put(driver.space, read(body, [running.backend for running in driver.running]))
    driver.fault()
    return _told(added)


async def end(asking: Asking) -> Any:
    """`DELETE /__admin/faults/NAME`: what it held comes at once."""
    _known(asking)
    return _ended(asking, asking.rest)


async def end_all(asking: Asking) -> Any:
    """`DELETE /__admin/faults`."""
    return _ended(asking, None)


def _ended(asking: Asking, name: str | None) -> Any:
    driver = asking.place().driver
    gone = driver.space.faults.remove(name)
    driver.fault()
    return _told(gone)


def _known(asking: Asking) -> Fault:
    faults = asking.place().driver.space.faults
    found = faults.get(asking.rest)
    if found is None:
        there = ", ".join(fault.name for fault in faults) or "none"
        raise Complaint(404, f"there is no fault {asking.rest!r}; there are: {there}")
    return found


def _told(faults: list[Fault]) -> dict[str, Any]:
    from simulator.scenario.faults import listed

    return {"faults": [listed(fault) for fault in faults]}


def read(body: object, backends: Sequence[Backend], *at: str) -> list[FaultSpec]:
    """One fault or a list of them; `at` are the keys where they stand in what was sent. Raises Complaint."""
    # Only who has faults pays for their model.
    from pydantic import ValidationError

    from simulator.scenario.faults import FaultSpec, complaint

    if isinstance(body, list) and len(body) > MOST_FAULTS:
        # Before each is looked at and gets a name, which takes long for so many.
        raise Complaint(409, f"{MOST_FAULTS} faults are the most: DELETE /__admin/faults takes them away")
    specs: list[FaultSpec] = []
    for i, said in enumerate(body if isinstance(body, list) else [body]):
        place: tuple[str | int, ...] = (*at, i) if isinstance(body, list) else at
        try:
            spec = FaultSpec.model_validate(said)
        except ValidationError as error:
            raise Complaint(400, complaint(error, *place)) from None
        objection = spec.objection(backends)
        if objection is not None:
            raise Complaint(400, f"{'.'.join(map(str, (*place, *objection[0])))}: {objection[1]}")
        specs.append(spec)
    return specs


def put(space: Space, specs: Sequence[FaultSpec]) -> list[Fault]:
    """All of them into a space, or none. Raises Complaint."""
    faults = []
    taken = {spec.name for spec in specs}
    for spec in specs:
        fault = spec.fault(space.faults.mint(spec.type, spec.way, taken))
        taken.add(fault.name)
        faults.append(fault)
    try:
        space.faults.add(*faults)
    except KeyError as error:
        raise Complaint(409, f"name: there is a fault {error.args[0]!r} already") from None
    except OverflowError as error:
        raise Complaint(409, str(error)) from None
    return faults


_NONE = {404: "There is no such fault."}
_FULL = {409: "There is one of that name, or there are as many as there may be."}

CALLS = (
    Call("GET", "faults", every, "All faults, with how often each struck.", "faults:Faults"),
    Call(
        "POST",
        "faults",
        add,
        "Adds one fault, or a list: all or none.",
        "faults:Faults",
        takes="faults:NewFaults",
        fails=_FULL,
    ),
    Call("DELETE", "faults", end_all, "Ends all faults.", "faults:Faults"),
    Call("GET", "faults/{name}", one, "One fault.", "faults:Faults", fails=_NONE),
    Call("DELETE", "faults/{name}", end, "Ends a fault: what it held comes at once.", "faults:Faults", fails=_NONE),
)
