"""CPU from the start of a process to its first accepted connection."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from bench import servers
from bench.load import place
from bench.pace import Pace
from bench.process import sides
from bench.rows import Failed, Found, Row
from bench.servers import Server, missing, simulator, url


@dataclass(slots=True, frozen=True)
class Case:
    """One row of the table."""

    key: str
    title: str
    server: Server


CASES = (
    Case("bare", "bare click + aiohttp", servers.BARE),
    Case("pydantic", "bare click + aiohttp + pydantic", servers.BARE_PYDANTIC),
    Case(
        "chip",
        "simulator serve --backend chip",
        Server("simulator", (simulator(), "serve", "--backend", "chip", "--port", "0", "--log-format", "json")),
    ),
    Case(
        "mia",
        "simulator serve --backend mia",
        Server("simulator", (simulator(), "serve", "--backend", "mia", "--port", "0", "--log-format", "json")),
    ),
    Case("node", "node socket.io", servers.NODE_SOCKETIO),
    Case("mockoon", "Mockoon CLI", servers.MOCKOON_STATIC),
)


def measure(pace: Pace) -> Found:
    """CPU first, then seconds on the clock."""
    found = Found()
    rows: dict[Case, tuple[Row, Row]] = {}
    for case in CASES:
        if why := missing(case.server):
            found.notes.append(why)
            continue
        rows[case] = (
            Row(f"start.{case.key}", case.title, "s of CPU", base="start.bare", ratio="own/base"),
            Row(f"start.wall.{case.key}", f"{case.title}, on the clock", "s", base="start.wall.bare", ratio="own/base"),
        )
    for number in range(pace.rounds + 1):
        for case in [*rows]:
            pace.round("start", number, case.title)
            try:
                spent, took = _start(case.server)
            except (Failed, OSError) as error:
                found.notes.append(f"{case.title}: {error}")
                del rows[case]
                continue
            if number:
                rows[case][0].figures.append(spent)
                rows[case][1].figures.append(took)
    found.rows += [cpu for cpu, _ in rows.values()] + [wall for _, wall in rows.values()]
    return found


def _start(server: Server) -> tuple[float, float]:
    began = time.perf_counter()
    with server.start(sides()[0]) as child, socket.create_connection(place(url(child)), 10):
        return child.cpu(), time.perf_counter() - began
