"""Whether a long tape keeps its time: replays of two real minutes, looked at from outside."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path

import aiohttp

from bench.process import Child, Failed, cores
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


def write(path: Path, head: str) -> None:
    """The tape, behind the head of one that has an opened connection."""
    text = '- at: {:.6f}\n  conn: 1\n  from: server\n  text: \'{{"type":"n","n":{}}}\'\n'
    path.write_text(head + "".join(text.format(at, n) for n, at in enumerate(instants())))


def measure(path: Path) -> list[float]:
    """For each replay, by how many milliseconds its last frame was farther from its first than on the tape."""
    on = cores() or (None, None)
    with Child("replay", (simulator(), "replay", str(path), "--port", "0"), on[0]) as server:
        line = server.line()
        found = re.search(r"http://[\d.]+:\d+", line)
        if found is None:
            raise Failed(f"replay said {line!r}, and not where it serves")
        with Child("clients of it", (sys.executable, "-m", "bench.drift", found[0], str(path)), on[1]) as clients:
            return list(json.loads(clients.line(_PATIENCE)))


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


async def _clients(base: str, path: str) -> list[float]:
    times = instants()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        url = f"{base}{path}".replace("http", "ws", 1)
        talks = (_client(session, url, i * _STAGGER / REPLAYS, len(times) - 1) for i in range(REPLAYS))
        took = await asyncio.gather(*talks)
    return [(one - (times[-1] - times[0])) * 1000 for one in took]


def main() -> None:
    """Print all figures as JSON."""
    opened = re.search(r"path: '([^']+)'", Path(sys.argv[2]).read_text())
    assert opened is not None
    print(json.dumps(asyncio.run(_clients(sys.argv[1], opened[1]))))


if __name__ == "__main__":
    main()
