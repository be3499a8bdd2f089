"""What replaying costs: how late the frames of a thousand replays leave, and how soon a long tape is ready."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from bench import drift
from bench.process import ROOT, Failed

REPLAYS = 1_000
_FIRST, _FRAMES = 4.5, 20
"""Seconds until all are connected, and one frame a second from then on."""
_HEAD = """cassette: 1
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


@dataclass(slots=True, frozen=True)
class Case:
    """One row of the table."""

    title: str
    unit: str
    aim: float


LATE = Case(f"{REPLAYS} replays, frames late, p99", "ms", 2.5)
EARLY = Case(f"{REPLAYS} replays, the earliest", "ms", 0.0)
DRIFT = Case(f"{drift.REPLAYS} replays, drift over {drift.SECONDS} s, median", "ms", 1.0)
SHORT = Case("ready: 2,000 frames, CPU beside serve", "s", 0.3)
LONG = Case("ready: 100,000 frames, CPU beside serve", "s", 6.0)
ROOM = Case("100,000 frames, memory", "MiB", 150.0)


@dataclass(slots=True)
class Row:
    """What came out for one case."""

    case: Case
    figures: list[float] = field(default_factory=list)


def measure(rounds: int, tell: Callable[[str], None], hurried: bool = False) -> tuple[list[Row], list[str]]:
    """The rows; no notes, for nothing could be missing. Who is `hurried` has no two minutes for one row."""
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, "short.yaml"), Path(folder, "long.yaml")
        _write(short, 2_000)
        _write(long, 100_000)
        late, early, far, few, many, room = (Row(case) for case in (LATE, EARLY, DRIFT, SHORT, LONG, ROOM))
        for n in range(min(rounds, 3)):
            tell(f"replays, round {n + 1}: how soon they are ready")
            served, _ = _ready("serve", "--backend", "chip")
            few.figures.append(_ready("replay", str(short))[0] - served)
            seconds, memory = _ready("replay", str(long))
            many.figures.append(seconds - served)
            room.figures.append(memory)
        tell(f"{REPLAYS} replays: how late their frames leave")
        command = [sys.executable, "-m", "bench.replays", folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        if done.returncode:
            raise Failed(f"replays: {done.stderr.decode()[-500:]}")
        figures = sorted(json.loads(done.stdout))
        late.figures.append(figures[int(len(figures) * 0.99)])
        early.figures.append(figures[0])
        if hurried:
            return [late, early, few, many, room], []
        tell(f"{drift.REPLAYS} replays of {drift.SECONDS} s: whether they keep time")
        minutes = Path(folder, "minutes.yaml")
        drift.write(minutes, _HEAD)
        # Neither way: what comes too early has drifted as well.
        far.figures.append(median(map(abs, drift.measure(minutes))))
    return [late, early, far, few, many, room], []


def _write(path: Path, frames: int) -> None:
    """A talk of that length."""
    with path.open("w") as file:
        file.write(_HEAD)
        for i in range(frames // 3):
            told = {"id": i + 1000, "text": f"You said: hello {i}", "origin": "flow", "time": "2026-01-01T00:00:00.1Z"}
            said = (
                ("client", {"type": "send_msg", "text": f"hello {i}"}),
                ("server", {"type": "chat_out", "msg_out": told}),
                ("client", {"type": "ack_chat", "msg_id": i + 1000}),
            )
            for sender, body in said:
                text = json.dumps(body)
                file.write(f"- at: {i:.6f}\n  conn: 1\n  from: {sender}\n  text: '{text}'\n")


def _ready(*arguments: str) -> tuple[float, float]:
    """Seconds of CPU until it serves, and MiB."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder, "ready.json")
        command = [
            str(Path(sys.executable).with_name("simulator")),
            *arguments,
            "--port",
            "0",
            "--ready-file",
            str(ready),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 120
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise Failed(f"simulator {' '.join(arguments)} did not start")
                time.sleep(0.01)
            ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()[11:13]
            kib = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
            pages = os.sysconf("SC_PAGE_SIZE")
            return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), int(kib) * pages / (1 << 20)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


# --- in a process of its own


def _clients(url: str) -> None:
    """Connect one after the other, and read nothing."""
    split = urlsplit(url)
    lines = ("Host: x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    asked = "\r\n".join([f"GET {split.path} HTTP/1.1", *lines, key, "", ""]).encode()

    async def one(i: int) -> None:
        await asyncio.sleep(i * (_FIRST - 0.5) / REPLAYS)
        _, writer = await asyncio.open_connection(split.hostname, split.port)
        writer.write(asked)
        await asyncio.sleep(_FIRST + _FRAMES + 1)
        writer.close()

    async def every() -> None:
        await asyncio.gather(*(one(i) for i in range(REPLAYS)))

    asyncio.run(every())


async def _late(folder: Path) -> list[float]:
    """For each frame by how many milliseconds it left behind its instant."""
    from simulator.cassette.walk import Manner, Seat
    from simulator.serve.app import Options, Server
    from simulator.serve.links import Link
    from simulator.serve.replay import prepare

    path = folder / "late.yaml"
    said = '  conn: 1\n  from: server\n  text: \'{"type":"n"}\'\n'
    path.write_text(_HEAD + "".join(f"- at: {_FIRST + i:.6f}\n{said}" for i in range(_FRAMES)))
    stand_in, _ = prepare([path], None, Manner(), print)
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
        clients = multiprocessing.get_context("spawn").Process(target=_clients, args=(simulator.served[0].connect,))
        clients.start()
        await asyncio.to_thread(clients.join)
    return late


def main() -> None:
    """Print all figures as JSON."""
    print(json.dumps(asyncio.run(_late(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
