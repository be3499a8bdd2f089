"""Ids that the tape's client made, made anew: some servers refuse, or pass over, those that they have seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from simulator.cassette import opaque
from simulator.cassette.bindings import SHORTEST
from simulator.cassette.entries import Entry
from simulator.cassette.longpolls import LongPolls
from simulator.cassette.match import Masks, covers
from simulator.cassette.reading import Reading
from simulator.core.backend import Backend
from simulator.core.errors import SimulatorError
from simulator.core.ids import Ids


def fresh(entries: Iterable[Entry], backend: Backend | None, paths: Sequence[str], ids: Ids) -> dict[str, str]:
    """By what the client says at one of these paths (`send.messageId`, `*.messageId`), another one that looks the same.

    What the server said first is its own and stays. Raises SimulatorError for a path at which the client says nothing
    that could be made anew.
    """
    masks, reading, polls = {path: Masks((path,)) for path in paths}, Reading(backend), LongPolls()
    made: dict[str, str] = {}
    theirs: set[str] = set()
    left = dict.fromkeys(paths, "the client says nothing there")
    for entry in (entry for taped in entries for entry in polls.frames(taped)):
        for turn in reading.pass_by(entry):
            if turn.message is None:
                continue
            if turn.sender == "server":
                theirs.update(value for _, value in _values(turn.message.args))
                continue
            for path, mask in masks.items():
                for value in _at(turn.message.args, mask.of(turn.message.name)):
                    if value in theirs:
                        left[path] = left[path] and f"{value!r} is the server's"
                    elif len(value) < SHORTEST:
                        left[path] = left[path] and f"{value!r} is too short to be found wherever it stands"
                    else:
                        left[path] = ""
                        made.setdefault(value, opaque.mint(value, ids))
    for path, why in left.items():
        if why:
            raise SimulatorError(f"--fresh {path}: {why}")
    return made


def _at(args: Sequence[object], masks: tuple[tuple[str, ...], ...]) -> list[str]:
    return [value for path, value in _values(args) if any(covers(mask, path) for mask in masks)]


def _values(args: Sequence[object]) -> Iterator[tuple[tuple[str, ...], str]]:
    """All that may be an id, and where: paths lead into the first argument, others begin with their number."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((str(i),) if i else (), arg) for i, arg in enumerate(args)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, str(i)), inner) for i, inner in enumerate(value)]
        elif isinstance(value, str | int) and not isinstance(value, bool):
            yield path, str(value)
