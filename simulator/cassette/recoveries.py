"""Where on the tape a Socket.IO session goes on that the wire has recovered."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.cassette.strands import Part, Strand
from simulator.cassette.targets import fits
from simulator.cassette.walk import Seat
from simulator.core.message import Json


def recovery(before: Seat, path: str) -> Strand | None:
    """The tape's next connection of a session that broke off; None where it has no further one.

    Where the server gave a private id, that is one which presents it: any other one is somebody else's.
    """
    walk = before.walk
    given = {*_pids(before.strand, Part.ADMIT)}
    for strand in walk.plan.strands:
        if strand in walk.seats or strand in walk.turned_away or not fits(strand.path, path):
            continue
        if not given or not given.isdisjoint(_pids(strand, Part.JOIN)):
            return strand
    return None


def _pids(strand: Strand, part: Part) -> Iterator[Json]:
    for line in strand.lines:
        if line.part is part:
            for arg in line.args:
                if isinstance(arg, dict) and isinstance(pid := arg.get("pid"), str):
                    yield pid
