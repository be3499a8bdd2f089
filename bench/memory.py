"""Memory of a connection on which nothing happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.process import Failed, cores
from bench.servers import BARE, CHIP, WS, Server, load, missing, url

_SETTLE = 0.7
_FIRST = 100


@dataclass(slots=True, frozen=True)
class Case:
    """One row of the table."""

    title: str
    server: Server
    talk: str
    aim: float | None = None


CASES = (
    Case("bare aiohttp", BARE, "echo"),
    Case("npm ws", WS, "echo"),
    Case("chip, connected", CHIP, "echo", 8),
    Case("chip, with a chat started", CHIP, "chat", 8),
)


@dataclass(slots=True)
class Row:
    """What came out for one case."""

    case: Case
    kib: list[float] = field(default_factory=list)
    """Growth of the server's resident memory for a connection, by round."""


def measure(rounds: int, connections: int, tell: Callable[[str], None]) -> tuple[list[Row], list[str]]:
    """The rows, and a line for each case that failed."""
    notes = [why] if (why := missing(WS)) else []
    rows = {case: Row(case) for case in CASES if not (why and case.server is WS)}
    for number in range(rounds):
        for case in [*rows]:
            tell(f"memory, round {number + 1} of {rounds}: {case.title}")
            try:
                rows[case].kib.append(_grown(case, connections) / 1024 / connections)
            except Failed as error:
                notes.append(f"{case.title}: {error}")
                del rows[case]
    return [*rows.values()], notes


def _grown(case: Case, connections: int) -> int:
    """Bytes by which a fresh server grows; what the first connections of its life cost is not in it."""
    core = cores()
    mine, theirs = (core[1], core[0]) if core else (None, None)
    with case.server.start(theirs) as server:
        where = url(server)
        with load(where, case.talk, _FIRST, 0, mine) as first:
            first.line()
            time.sleep(_SETTLE)
            before = server.rss()
            with load(where, case.talk, connections, 0, mine) as many:
                many.line(60)
                time.sleep(_SETTLE)
                return server.rss() - before
