"""A part of a cassette that can still be played: what opened its connections stays, and no message loses its halves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from simulator.cassette.entries import Closed, Cut, Entry, Exchange, Opened, Passed, Refused, Upgraded
from simulator.cassette.envelopes import ENGINE, packet
from simulator.cassette.reading import Reading, goes_over
from simulator.cassette.timeline import name_of
from simulator.core.backend import Backend
from simulator.core.wire import Turn

WHY: Final = "trimmed"
"""What a conn's end says that is not on the new tape."""

_JOINS: Final = frozenset({"connect", "connect_error", "phx_join", "phx_reply to phx_join"})
_DOORS: Final = frozenset({"2probe", "3probe", "5"})
"""Packets of an upgrade."""


@dataclass(slots=True)
class Wanted:
    """Which part; what is empty wants all."""

    since: float = 0.0
    until: float = float("inf")
    conns: frozenset[int] = frozenset()
    """Of an HTTP exchange its own number."""
    around: tuple[str, ...] = ()
    """Patterns of event names, as of a shell: what happened on the same conn at most `within` seconds away."""
    within: float = 5.0
    drop: tuple[str, ...] = ()
    """Events that go, with their answers."""


@dataclass(slots=True)
class Plan:
    """What stays: made in a first walk, followed in a second one."""

    kept: set[int] = field(default_factory=set)
    """Lines of entries."""
    start: float = 0.0
    """Where the part begins, in seconds of the old tape."""
    messages: int = 0
    """Messages and exchanges that stay."""


@dataclass(slots=True)
class _Unit:
    """A message with all its frames, or another entry."""

    at: float
    conn: int | None
    names: tuple[str, ...]
    lines: list[int]
    opens: bool = False
    """It makes the conn what it is: its door, its joins."""
    message: bool = False
    asked: _Unit | None = None
    kept: bool = False


def plan(entries: Iterable[Entry], wanted: Wanted, backend: Backend | None = None) -> Plan:
    """Which entries of a tape stay: what is wanted, and what opened the conns that say something in it."""
    units = [*_units(entries, backend)]
    spans = _spans(units, wanted)
    everywhen = spans is None and wanted.since <= 0 and wanted.until == float("inf")
    last: dict[int | None, float] = {}
    for unit in units:
        # What answers is nothing without what it answers.
        unit.kept = _wants(unit, wanted, spans) and (unit.asked is None or unit.asked.kept or unit.asked.opens)
        if unit.kept and (unit.message or everywhen):
            last[unit.conn] = unit.at
    made = Plan()
    start = None
    for unit in units:
        if unit.opens:
            unit.kept = unit.at <= last.get(unit.conn, -1.0) and not _drops(unit, wanted)
        elif not unit.message and unit.conn is not None:
            unit.kept = unit.kept and unit.conn in last
        if unit.kept:
            made.kept.update(unit.lines)
            made.messages += unit.message
            if not unit.opens and start is None:
                start = unit.at
    made.start = start or 0.0
    return made


def _drops(unit: _Unit, wanted: Wanted) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in wanted.drop for name in unit.names)


def _wants(unit: _Unit, wanted: Wanted, spans: dict[int | None, list[tuple[float, float]]] | None) -> bool:
    if not wanted.since <= unit.at <= wanted.until or _drops(unit, wanted):
        return False
    if wanted.conns and unit.conn not in wanted.conns:
        return False
    return spans is None or any(start <= unit.at <= end for start, end in spans.get(unit.conn, ()))


def _spans(units: list[_Unit], wanted: Wanted) -> dict[int | None, list[tuple[float, float]]] | None:
    if not wanted.around:
        return None
    found: dict[int | None, list[tuple[float, float]]] = {}
    for unit in units:
        if any(fnmatchcase(name, pattern) for pattern in wanted.around for name in unit.names):
            found.setdefault(unit.conn, []).append((unit.at - wanted.within, unit.at + wanted.within))
    return found


def _units(entries: Iterable[Entry], backend: Backend | None) -> Iterator[_Unit]:
    reading = Reading(backend)
    asked: dict[int, tuple[object, _Unit]] = {}
    partial: dict[tuple[int, str], list[int]] = {}
    for entry in entries:
        turns = reading.pass_by(entry)
        if isinstance(entry, Passed):
            engine = reading.kind(entry.conn) == ENGINE
            if engine and not turns and _is_part(entry):
                partial.setdefault((entry.conn, entry.sender), []).append(entry.line)
                continue
            lines = [*partial.pop((entry.conn, entry.sender), ()), entry.line] if turns else [entry.line]
            yield _frame(entry, turns, lines, asked, engine)
        elif isinstance(entry, Exchange):
            yield _Unit(
                entry.at, entry.http, (f"{entry.request.method} {entry.request.path}",), [entry.line], message=True
            )
        elif isinstance(entry, Opened | Upgraded):
            yield _Unit(entry.at, entry.conn, (), [entry.line], opens=True)
        else:
            yield _Unit(entry.at, entry.conn, (), [entry.line], message=isinstance(entry, Refused))


def _is_part(entry: Passed) -> bool:
    """Whether a packet without a turn is part of a message that is not whole yet."""
    data = entry.data
    return isinstance(data, bytes) or data.startswith(("45", "46")) or (entry.via == "polling" and data[:1] == "b")


def _frame(
    entry: Passed, turns: list[Turn], lines: list[int], asked: dict[int, tuple[object, _Unit]], engine: bool
) -> _Unit:
    names = tuple(name_of(turn) for turn in turns if turn.message is not None)
    if engine and not turns:
        names = (f"({packet(entry.data, entry.via)})",)
    unit = _Unit(entry.at, entry.conn, names, lines, message=bool(turns))
    # Who drops `save` drops its acknowledgement as well: it finds no event any more.
    for turn in turns:
        if turn.answers is not None and (found := asked.get(id(turn.answers))) is not None:
            unit.asked = found[1]
        if turn.message is not None:
            asked[id(turn.message)] = (turn.message, unit)
    door = engine and isinstance(entry.data, str) and (entry.data[:1] == "0" or entry.data in _DOORS)
    unit.opens = door or (bool(names) and _JOINS.issuperset(names))
    return unit


def cut(entries: Iterable[Entry], plan: Plan, rebase: bool = False) -> Iterator[Entry]:
    """The entries that stay, in order; conns whose end does not are marked as cut. `rebase` lets time begin anew."""
    begun: dict[int, set[int]] = {}
    probing: set[tuple[int, int]] = set()
    at = 0.0
    for entry in entries:
        if entry.line not in plan.kept:
            continue
        if rebase:
            entry = replace(entry, at=max(0.0, entry.at - plan.start))
        at = entry.at
        match entry:
            case Opened():
                begun[entry.conn] = {1}
            case Upgraded():
                begun.setdefault(entry.conn, {1}).add(entry.link)
                probing.add((entry.conn, entry.link))
            case Passed() if entry.link > 1 and goes_over(entry):
                probing.discard((entry.conn, entry.link))
            case Closed():
                links = begun.get(entry.conn, set())
                if entry.link in links:
                    links.discard(entry.link)
                    # Polling is the link that a session leaves behind without a word.
                    if not links or (links == {1} and (entry.conn, entry.link) not in probing):
                        del begun[entry.conn]
            case Cut(conn=int() as conn):
                begun.pop(conn, None)
            case Cut():
                begun.clear()
            case _:
                pass
        yield entry
    for conn in begun:
        yield Cut(at, conn, WHY)
