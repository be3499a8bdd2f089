"""How late the frames of a replay leave: a server in a process of its own that notes it for each, and its clients.

`python -m bench.lateness serve FOLDER FRAMES GAP FIRST` says where it serves; a line ends it, and it prints figures.
`python -m bench.lateness clients URL COUNT SECONDS STAY` connects COUNT in the course of SECONDS, and reads nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.load import handshake, place

HEAD = """cassette: 1
backend: 'chip'
recorded: '2026-01-01T00:00:00Z'
redacted: []
entries:
- at: 0.000000
  conn: 1
  event: open
  path: '/wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/'
  headers: {}
"""


def clients(url: str, count: int, seconds: float, stay: float) -> None:
    """Connect one after the other, evenly, and stay until so long after the first."""
    asked = handshake(url)

    async def one(i: int) -> None:
        await asyncio.sleep(i * seconds / count)
        _, writer = await asyncio.open_connection(*place(url))
        writer.write(asked)
        await asyncio.sleep(stay)
        writer.close()

    async def every() -> None:
        await asyncio.gather(*(one(i) for i in range(count)))

    asyncio.run(every())
    print("done", flush=True)


async def serve(folder: Path, frames: int, gap: float, first: float) -> list[float]:
    """For each frame by how many milliseconds it left behind its instant."""
    from simulator.cassette.walk import Manner, Seat
    from simulator.serve.app import Options, Server
    from simulator.serve.links import Link
    from simulator.serve.replay import prepare

    path = folder / "late.yaml"
    said = '  conn: 1\n  from: server\n  text: \'{"type":"n"}\'\n'
    path.write_text(HEAD + "".join(f"- at: {first + i * gap:.6f}\n{said}" for i in range(frames)))
    stand_in, _ = prepare([path], None, Manner(), lambda *_: None)
    late: list[float] = []
    dues: deque[float] = deque()
    take, send = Seat.take, Link.send

    def noted(self: Seat, now: float, factor: float) -> Iterator[tuple[int, int]]:
        while (due := self.due()) is not None and due <= now + 1e-6:
            for taken in take(self, due, factor):
                dues.append(due)
                yield taken

    def sent(self: Link, item: Any) -> None:
        send(self, item)
        if dues:
            late.append((time.time() - dues.popleft()) * 1000)

    Seat.take, Link.send = noted, sent  # type: ignore[method-assign]
    async with Server(Options([stand_in], port=0, seed=7)) as simulator:
        print(simulator.served[0].connect, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    return late


def main() -> None:
    """Work one of the two."""
    if sys.argv[1] == "clients":
        clients(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
    else:
        late = asyncio.run(serve(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])))
        print(json.dumps(late))


if __name__ == "__main__":
    main()
