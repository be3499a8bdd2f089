"""CPU from the start of a process to its first accepted connection."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.process import Failed, cores
from bench.servers import BARE, BARE_PYDANTIC, Server, simulator


@dataclass(slots=True, frozen=True)
class Case:
    """One row of the table."""

    title: str
    server: Server
    aim: float | None = None


CASES = (
    Case("bare click + aiohttp", BARE),
    Case("bare click + aiohttp + pydantic", BARE_PYDANTIC),
    Case(
        "simulator serve --backend chip",
        Server("simulator", (simulator(), "serve", "--backend", "chip", "--port", "0")),
        1.73,
    ),
)


@dataclass(slots=True)
class Row:
    """What came out for one case."""

    case: Case
    cpu: list[float] = field(default_factory=list)
    """Seconds, by round."""
    ratio: list[float] = field(default_factory=list)
    """Over the bare one's of the same round: less is better."""


def measure(rounds: int, tell: Callable[[str], None]) -> tuple[list[Row], list[str]]:
    """The rows, and a line for each case that failed."""
    notes: list[str] = []
    rows = {case: Row(case) for case in CASES}
    for number in range(rounds + 1):
        for case in [*rows]:
            tell(f"start, {f'round {number} of {rounds}' if number else 'warming up'}: {case.title}")
            try:
                spent = _start(case.server)
            except (Failed, OSError) as error:
                notes.append(f"{case.title}: {error}")
                del rows[case]
                continue
            if number:
                rows[case].cpu.append(spent)
    first = rows.get(CASES[0])
    if first is not None:
        for row in rows.values():
            row.ratio = [own / bare for bare, own in zip(first.cpu, row.cpu, strict=True)]
    return [*rows.values()], notes


def _start(server: Server) -> float:
    core = cores()
    with server.start(core[0] if core else None) as child:
        line = child.line()
        found = re.search(r"//([\d.]+):(\d+)", line)
        if found is None:
            raise Failed(f"said {line!r}, and not where it serves")
        with socket.create_connection((found[1], int(found[2])), 10):
            return child.cpu()
