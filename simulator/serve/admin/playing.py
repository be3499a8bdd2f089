"""The server's half of a cassette said to a connected client, at the times of the tape, on the space's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from simulator.cassette.bindings import Bindings, changed
from simulator.cassette.envelopes import PHOENIX
from simulator.cassette.strands import Line, Part, Plan, Strand
from simulator.core.actions import BY_HAND, Cancel, Send
from simulator.core.message import NO_REF, Message
from simulator.core.space import Running
from simulator.core.wire import Hangup, Later, Present, Shut
from simulator.serve.admin.complaint import Complaint
from simulator.serve.clock import written
from simulator.serve.driver import Driver

if TYPE_CHECKING:
    from simulator.core.events import Conn
    from simulator.serve.admin.shapes.cassettes import Play

_MOST: Final = 100
"""Plays of a space at the same time, and as many that are over and still told of."""
_LINES: Final = 20_000
_TIMINGS: Final = {"recorded": 1.0, "burst": 0.0}


@dataclass(slots=True, eq=False)
class _Playing:
    number: int
    cassette: str
    conn: int
    client: int
    running: Running
    engine: object
    begun: float
    dues: list[float]
    answers: int
    """Of the tape, that are left out."""
    stopped: float | None = None


_PLAYS: WeakKeyDictionary[Driver, list[_Playing]] = WeakKeyDictionary()


def begin(driver: Driver, running: Running, present: Present, plan: Plan, asked: Play) -> dict[str, Any]:
    """Say it from now on. Raises Complaint."""
    strand = _strand(plan, asked.conn)
    spoken = [line for line in strand.lines if line.part is Part.SAID and not line.client]
    if asked.close:
        spoken += [line for line in strand.lines if line.part is Part.CLOSE]
    if not spoken:
        raise Complaint(409, f"cassette: in conn {strand.conn} of {plan.path} the server says nothing by itself")
    if len(spoken) > _LINES:
        raise Complaint(413, f"cassette: the server says more than {_LINES} messages: `simulator replay` plays it")
    now_there = next((one for one in running.engine.wire.clients() if one.number == present.number), None)
    if now_there is None:
        raise Complaint(404, f"channel: {asked.channel} is gone meanwhile")
    present, known = now_there, _known(driver)
    if sum(not _over(driver, one) for one in known) >= _MOST:
        raise Complaint(409, f"{_MOST} cassettes are being played here: DELETE /__admin/cassettes/play ends them")
    factor = _TIMINGS.get(asked.timing, 0.0) if isinstance(asked.timing, str) else asked.timing
    number = known[-1].number + 1 if known else 1
    owner = ("play", number)
    bindings = _bound(strand, present)
    first, dues = spoken[0].at, []
    driver.catch_up()
    for line in spoken:
        due = (line.at - first) * factor
        given = _given(line, strand, present, bindings)
        driver.take(running, Later(due, owner, given))
        # A timer's instant counts from the world's now.
        dues.append(running.engine.world.now() + due)
    answers = sum(line.part is Part.ANSWER for line in strand.lines)
    made = _Playing(number, plan.path, strand.conn, present.number, running, running.engine, dues[0], dues, answers)
    known.append(made)
    del known[: -2 * _MOST]
    return _told(driver, made)


def told(driver: Driver) -> list[dict[str, Any]]:
    """All plays of a space."""
    return [_told(driver, one) for one in _known(driver)]


def stop(driver: Driver) -> list[dict[str, Any]]:
    """End all that are under way."""
    driver.catch_up()
    for one in _known(driver):
        if not _over(driver, one):
            one.stopped = one.running.engine.world.now()
            driver.take(one.running, Cancel(("play", one.number)))
    return told(driver)


def _told(driver: Driver, one: _Playing) -> dict[str, Any]:
    return {
        "number": one.number,
        "cassette": one.cassette,
        "conn": one.conn,
        "channel": str(one.client),
        "backend": one.running.name,
        "begun": written(one.begun),
        "ends": written(one.dues[-1]),
        "messages": len(one.dues),
        "said": _said(driver, one),
        "over": _over(driver, one),
        "answers_left_out": one.answers,
    }


def _known(driver: Driver) -> list[_Playing]:
    """Those of before a reset are gone."""
    known = _PLAYS.setdefault(driver, [])
    known[:] = [one for one in known if one.engine is one.running.engine]
    return known


def _over(driver: Driver, one: _Playing) -> bool:
    return one.stopped is not None or _said(driver, one) == len(one.dues)


def _said(driver: Driver, one: _Playing) -> int:
    now = one.stopped if one.stopped is not None else driver.clock.now()
    return sum(due <= now for due in one.dues)


def _strand(plan: Plan, conn: int | None) -> Strand:
    """The connection that was named, else the one in which the server says most."""
    strands = [strand for strand in plan.strands if strand.refusal is None and conn in (None, strand.conn)]
    if not strands:
        there = ", ".join(str(strand.conn) for strand in plan.strands) or "none"
        raise Complaint(409, f"conn: there is no {conn} on {plan.path}; there are: {there}")
    return max(strands, key=lambda one: sum(line.part is Part.SAID and not line.client for line in one.lines))


def _bound(strand: Strand, present: Present) -> Bindings:
    """Ids of the tape's connection that this client has others for: in its URL and its topics."""
    bindings = Bindings()
    if present.request is not None:
        path, query = present.request.path, present.request.query
        taped = urlsplit(strand.path)
        for old, new in zip(taped.path.split("/"), path.split("/"), strict=False):
            bindings.bind(old, new)
        ours, theirs = parse_qs(taped.query), parse_qs(query)
        for key, values in ours.items():
            for old, new in zip(values, theirs.get(key, ()), strict=False):
                bindings.bind(old, new)
    for topic in dict.fromkeys(line.topic for line in strand.lines if line.topic):
        live = _topic(topic, present.conns)
        if topic != live:
            for old, new in zip(topic.split(":"), live.split(":"), strict=False):
                bindings.bind(old, new)
    return bindings


def _topic(topic: str, conns: Mapping[str, Conn]) -> str:
    """The topic or namespace of this client that stands for one of the tape: the same, or the same up to its id."""
    if topic in conns or not conns:
        return topic
    alike = [one for one in conns if one.partition(":")[0] == topic.partition(":")[0]]
    return (alike or [*conns])[-1]


def _given(line: Line, strand: Strand, present: Present, bindings: Bindings) -> Send | Shut | Hangup:
    if line.part is Part.CLOSE:
        code, reason = line.args
        code = 1000 if code is None else code
        assert isinstance(code, int)
        assert isinstance(reason, str)
        if present.link is None:
            return Hangup(present.number, code)
        return Shut(present.link, None if code in (1005, 1006) else code, reason)
    topic = _topic(line.topic, present.conns)
    conn = present.conns.get(topic, next(iter(present.conns.values())) if present.conns else None)
    args = changed(line.args, bindings.to_live)
    message = Message(line.name, args, NO_REF, "" if strand.kind == PHOENIX else topic)
    return Send(() if conn is None else (conn,), message, BY_HAND if line.asks else None)
