"""Clients on which nothing happens: what taking one in, its memory and its pings cost."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass

from bench import servers
from bench.pace import Pace
from bench.process import Child, sides
from bench.rows import Failed, Found, Row
from bench.servers import Server, crowd, missing, pinging, url

_SETTLE = 0.6
_FIRST = 100
INTERVAL, HALF_MINUTE = 25.0, 30.0
"""Seconds between two pings of a client, and seconds over which the CPU is looked at."""
CLIENTS = 10_000
"""To which the share of a core is scaled where there were fewer."""
_SPARE = 300
"""Descriptors for all that is not a client."""


@dataclass(slots=True, frozen=True)
class Case:
    """One row of each table."""

    key: str
    title: str
    server: Server
    talk: str
    base: str = "bare"
    pinged: Server | None = None
    """The server whose pings are looked at; None where that is another row's business."""


CASES = (
    Case("bare", "bare aiohttp", servers.BARE, "idle", pinged=servers.BARE),
    Case("ws", "npm ws", servers.WS, "idle", pinged=servers.WS),
    Case("chip", "chip, connected", servers.CHIP, "idle", pinged=servers.CHIP),
    Case("chip.chat", "chip, with a chat started", servers.CHIP, "idle chat"),
    Case("node", "node socket.io", servers.NODE_SOCKETIO, "idle socketio", pinged=servers.NODE_SOCKETIO),
    Case("socketio", "simulator Socket.IO", servers.SOCKETIO, "idle socketio", pinged=servers.SOCKETIO),
    Case("mia", "mia, in a room", servers.MIA, "idle mia"),
    Case("python", "python-socketio", servers.PYTHON_SOCKETIO, "idle socketio"),
)


def room(wanted: int) -> tuple[int, str]:
    """How many clients the limit on open files allows, and a line where that is fewer than wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _FIRST + _SPARE
    if soft < needed:
        # Children inherit it.
        new = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (new, hard))
            soft = new
        except (OSError, ValueError):
            pass
    if soft >= needed:
        return wanted, ""
    count = max(1, soft - _FIRST - _SPARE)
    return count, f"idle clients are {count:,} and not {wanted:,}: a process may open {soft:,} files here (ulimit -n)"


def measure(pace: Pace) -> Found:
    """Memory and acceptance."""
    found = Found()
    count, why = room(pace.connections)
    found.notes += [why] if why else []
    rows: dict[Case, tuple[Row, Row]] = {}
    for case in CASES:
        if pace.quick and case.key in ("python", "mia"):
            continue
        if (why := missing(case.server) or "") and why not in found.notes:
            found.notes.append(why)
        if not why:
            rows[case] = (
                Row(f"memory.{case.key}", case.title, "KiB", base="memory.bare", ratio="own/base"),
                Row(f"accept.{case.key}", case.title, "us", base="accept.bare"),
            )
    for number in range(1, pace.rounds + 1):
        for case in [*rows]:
            pace.round("memory", number, case.title)
            try:
                _round(case, count, *rows[case])
            except Failed as error:
                found.notes.append(f"{case.title}, idle: {error}")
                del rows[case]
    for memory, accept in rows.values():
        memory.note = f"{count:,} clients"
        found.rows += (memory, accept)
    found.rows.sort(key=lambda row: row.part, reverse=True)
    return found


def _round(case: Case, count: int, memory: Row, accept: Row) -> None:
    """A fresh server; what the first connections of its life cost is not in it."""
    theirs, mine = sides()
    with case.server.start(theirs) as server:
        where = url(server)
        with crowd(where, case.talk, _FIRST, mine) as first:
            first.line()
            time.sleep(_SETTLE)
            before, busy = server.rss(), server.cpu()
            with crowd(where, case.talk, count, mine) as many:
                took = float(many.line(120).split()[1])
                spent, load_spent = server.cpu() - busy, many.cpu()
                time.sleep(_SETTLE)
                memory.figures.append((server.rss() - before) / 1024 / count)
    accept.figures.append(spent / count * 1e6)
    accept.server.append(spent / took)
    accept.generator.append(load_spent / took)
    accept.rate.append(count / took)


def measure_pings(pace: Pace) -> Found:
    """The share of a core that goes into pinging all of them, over a real half minute.

    Once for each server: a half minute has thousands of pings in it. Who is in a hurry has a tenth of the clients,
    pinged ten times as often, which is as many pings.
    """
    found = Found()
    hurry = 10 if pace.quick else 1
    count, why = room(pace.connections)
    found.notes += [why] if why else []
    for case in CASES:
        if case.pinged is None:
            continue
        if (why := missing(case.server) or "") and why not in found.notes:
            found.notes.append(why)
        if why:
            continue
        pace.tell(f"pings: {case.title}")
        row = Row(f"pings.{case.key}", case.title, "% of a core", base="pings.bare")
        theirs, mine = sides()
        try:
            with (
                pinging(case.pinged, INTERVAL / hurry).start(theirs) as server,
                crowd(url(server), case.talk, max(1, count // hurry), mine) as clients,
            ):
                clients.line(120)
                _half_minute(row, server, clients, HALF_MINUTE / hurry)
        except Failed as error:
            found.notes.append(f"{case.title}, pings: {error}")
            continue
        found.rows.append(row)
    return found


def _half_minute(row: Row, server: Child, clients: Child, seconds: float) -> None:
    time.sleep(_SETTLE)
    before, busy, pings = server.cpu(), clients.cpu(), _answered(clients)
    time.sleep(seconds)
    after = _answered(clients) - pings
    spent, load_spent = server.cpu() - before, clients.cpu() - busy
    if not after:
        raise Failed(f"not one ping came in {seconds:g} s")
    # As of 10,000 clients that have one ping in 25 seconds each, however many came just then.
    row.figures.append(spent / after * CLIENTS / INTERVAL * 100)
    row.server.append(spent / seconds)
    row.generator.append(load_spent / seconds)
    row.note = f"{after:,} pings in {seconds:g} s, {spent / seconds:.1%} of a core"


def _answered(clients: Child) -> int:
    clients.say("pings")
    return int(clients.line().split()[1])
