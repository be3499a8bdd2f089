"""Whether a long tape keeps its time: replays of two real minutes, looked at from outside."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path

import aiohttp

from bench.lateness import HEAD
from bench.process import Child, sides
from bench.rows import Failed
from bench.servers import simulator

REPLAYS, SECONDS = 200, 120
_STAGGER = 5.0
"""Seconds over which they connect, as people do: two minutes later their frames still leave one by one."""
_PATIENCE = SECONDS + 60.0


def instants() -> list[float]:
    """When the tape's server speaks: some 200 times at odd instants, the last one two minutes behind the first."""
    found, at = list[float](), 0.25
    while at < SECONDS:
        found.append(at)
        at += 0.4 + len(found) * 0.618034 % 0.4
    return [*found, 0.25 + SECONDS]


def write(path: Path) -> None:
    """The tape."""
    text = '- at: {:.6f}\n  conn: 1\n  from: server\n  text: \'{{"type":"n","n":{}}}\'\n'
    path.write_text(HEAD + "".join(text.format(at, n) for n, at in enumerate(instants())))


def measure(path: Path) -> list[float]:
    """For each replay, by how many milliseconds its last frame was farther from its first than on the tape."""
    on = sides()
    with (
        Child("replay", (simulator(), "replay", path, "--port", "0"), on[0]) as server,
        Child("clients of it", (sys.executable, "-m", "bench.drift", where(server)), on[1]) as clients,
    ):
        return list(json.loads(clients.line(_PATIENCE)))


def where(server: Child) -> str:
    """At which URL the connection of a tape with the head of `bench.lateness` is replayed. Raises Failed."""
    line = server.line(120)
    found = re.search(r"http://([\d.]+:\d+)", line)
    opened = re.search(r"path: '([^']+)'", HEAD)
    if found is None or opened is None:
        raise Failed(f"replay said {line!r}, and not where it serves")
    return f"ws://{found[1]}{opened[1]}"


# --- in a process of its own


async def _client(session: aiohttp.ClientSession, url: str, delay: float, last: int) -> float:
    await asyncio.sleep(delay)
    async with session.ws_connect(url) as socket:
        first = 0.0
        async for message in socket:
            now = time.perf_counter()
            if message.data.endswith('"n":0}'):
                first = now
            elif message.data.endswith(f'"n":{last}}}'):
                return now - first
    raise SystemExit("the server hung up before the end of the tape")


async def _clients(url: str) -> list[float]:
    times = instants()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        talks = (_client(session, url, i * _STAGGER / REPLAYS, len(times) - 1) for i in range(REPLAYS))
        took = await asyncio.gather(*talks)
    return [(one - (times[-1] - times[0])) * 1000 for one in took]


def main() -> None:
    """Print all figures as JSON."""
    print(json.dumps(asyncio.run(_clients(sys.argv[1]))))


if __name__ == "__main__":
    main()
