"""Criteria made into tests of lines, and what came nearest where nothing passed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.core.message import Message
from simulator.serve.admin import pattern, violations
from simulator.serve.admin.asking import running
from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.saying import dumps

if TYPE_CHECKING:
    from simulator.serve.admin.feed import Test
    from simulator.serve.admin.reading import Line
    from simulator.serve.admin.shapes.messages import Criteria, Page, Stream
    from simulator.serve.spaces import Place

_PLAIN = ("backend", "sender", "kind", "name", "topic", "link")
"""Criteria that are equal to what a line has of that name."""
_KEYS = (*_PLAIN, "channel", "talk", "body", "args", "text", "pattern", "violation")
_SHOWN = 200


@dataclass(slots=True, frozen=True)
class Criterion:
    """One of them."""

    key: str
    wanted: Any
    test: Test
    got: Callable[[Line], Any]
    """What a line has in its place, for who is told that nothing passed."""


def criteria(place: Place, wanted: Criteria | Page | Stream) -> list[Criterion]:
    """Those that were given, the cheap ones first. Raises Complaint for a backend or a channel that there is not."""
    if wanted.backend is not None:
        running(place, wanted.backend)
    given = {key: getattr(wanted, key) for key in _KEYS if key in wanted.model_fields_set}
    # A body may have to be null; everywhere else that is left out.
    given = {key: value for key, value in given.items() if value is not None or key == "body"}
    return [_criterion(key, value, place) for key, value in given.items()]


def test(wanted: list[Criterion]) -> Test:
    """Whether a line passes them all."""
    tests = [one.test for one in wanted]
    return lambda line: all(passes(line) for passes in tests)


def _criterion(key: str, wanted: Any, place: Place) -> Criterion:
    if key in _PLAIN:
        return Criterion(key, wanted, lambda line: bool(getattr(line, key) == wanted), lambda line: getattr(line, key))
    match key:
        case "channel":
            links = _links(place, wanted)
            return Criterion(key, wanted, lambda line: line.link in links, lambda line: line.link)
        case "talk":
            return Criterion(key, wanted, _Talk(place, wanted), lambda line: line.link)
        case "body":
            return Criterion(
                key,
                wanted,
                lambda line: line.args is not None and holds(line.args[0] if line.args else None, wanted),
                lambda line: line.args[0] if line.args else None,
            )
        case "args":
            return Criterion(
                key,
                wanted,
                lambda line: line.args is not None and holds([*line.args], wanted),
                lambda line: line.args,
            )
        case "text":
            return Criterion(key, wanted, lambda line: wanted in line.raw, lambda line: line.raw)
        case "pattern":
            found = pattern.search(wanted)
            return Criterion(key, wanted, lambda line: found(line.raw), lambda line: line.raw)
        case _:
            return Criterion(key, wanted, lambda line: _broken(place, line) is wanted, lambda line: not wanted)


def _broken(place: Place, line: Line) -> bool:
    feed = place.feed
    backend = place.driver.space.running[line.backend].backend
    return bool(violations.of(line, backend, feed is not None and feed.reading.lost))


def holds(got: Any, wanted: Any) -> bool:
    """Whether a value has at least what is wanted: as JSON means it, so that true is not 1."""
    pairs = [(got, wanted)]
    while pairs:
        got, wanted = pairs.pop()
        if isinstance(wanted, dict):
            if not isinstance(got, dict) or not got.keys() >= wanted.keys():
                return False
            pairs += [(got[key], value) for key, value in wanted.items()]
        elif isinstance(wanted, list):
            if not isinstance(got, list) or len(got) != len(wanted):
                return False
            pairs += zip(got, wanted, strict=True)
        elif isinstance(got, dict | list) or got != wanted or isinstance(got, bool) is not isinstance(wanted, bool):
            return False
    return True


def _links(place: Place, channel: str) -> set[int]:
    """The numbers under which a channel's frames pass: it may be gone by now, and its socket had the same number."""
    try:
        number = int(channel)
    except ValueError:
        raise Complaint(400, f"channel: expected an id of GET /__admin/channels, got {channel!r}") from None
    for one in place.driver.running:
        for present in one.engine.wire.clients():
            if present.number == number and present.link is not None:
                return {number, present.link}
    return {number}


class _Talk:
    """Whether a line is of a talk: it names it, or passes over a socket that is in it and speaks of no other."""

    def __init__(self, place: Place, talk: str) -> None:
        self._place = place
        self._talk = talk
        self._tail = talk.rpartition("/")[2]

    def __call__(self, line: Line) -> bool:
        if self._tail in line.raw:
            return True
        wire = self._place.driver.space.running[line.backend].engine.wire
        rules = self._place.driver.space.running[line.backend].engine.rules
        conns = [
            conn
            for present in wire.clients()
            if line.link in (present.number, present.link)
            for conn in present.conns.values()
        ]
        if not conns:
            return False
        message = Message(line.name or "", line.args or (), topic=line.topic)
        named = {rules.talk_of(conn, message) for conn in conns} - {None}
        if named:
            return any(talk is not None and self._talk in (talk, talk.rpartition("/")[2]) for talk in named)
        members = rules.conns_of(self._talk)
        return any(conn in members for conn in conns)


def nearest(lines: Iterable[Line], wanted: list[Criterion]) -> tuple[Line, list[str]] | None:
    """The line that passes most of them, the latest of such, and what each of the others wanted."""
    best: tuple[int, Line] | None = None
    for line in lines:
        passed = sum(one.test(line) for one in wanted)
        if passed and (best is None or passed >= best[0]):
            best = (passed, line)
    if best is None:
        return None
    line = best[1]
    missed = [
        f"{one.key}: expected {shown(one.wanted)}, got {shown(one.got(line))}" for one in wanted if not one.test(line)
    ]
    return line, missed


def shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = dumps(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
