"""What replaying costs: how late frames leave, how many go out in a burst, and how soon a long tape is ready."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import drift
from bench.lateness import HEAD
from bench.load import Conn, frame
from bench.pace import Pace
from bench.process import Child, sides
from bench.rows import Failed, Found, Row, percentile
from bench.servers import WS, missing, simulator, url


@dataclass(slots=True, frozen=True)
class Crowd:
    """So many replays at once."""

    replays: int
    frames: int
    gap: float
    """Seconds between two frames of a replay."""
    first: float
    """Seconds until the first, in which all connect."""


CROWDS = (Crowd(1, 300, 0.02, 0.5), Crowd(100, 60, 0.1, 1.5), Crowd(1_000, 8, 1.0, 4.5))
_BURST = 20_000
"""Frames of the tape that is played at once."""


def measure(pace: Pace) -> Found:
    """All of it; who is in a hurry has no two minutes for one row, and none for long tapes."""
    found = Found()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _lateness(found, pace, folder)
        _bursts(found, pace, folder)
        if not pace.quick:
            _readiness(found, pace, folder)
            pace.tell(f"{drift.REPLAYS} replays of {drift.SECONDS} s: whether they keep time")
            minutes = folder / "minutes.yaml"
            drift.write(minutes)
            # Neither way: what comes too early has drifted as well.
            late = median(map(abs, drift.measure(minutes)))
            title = f"{drift.REPLAYS} replays, drift over {drift.SECONDS} s, median"
            found.rows.append(Row("replays.drift", title, "ms", [late], note="one run"))
    return found


def _lateness(found: Found, pace: Pace, folder: Path) -> None:
    for crowd in CROWDS[2:] if pace.quick else CROWDS:
        words = f"{crowd.replays:,} replay{'s' if crowd.replays > 1 else ''}"
        rows = [
            Row(f"replays.late.{crowd.replays}.{key}", f"{words}, {title}", "ms")
            for key, title in (("p50", "frames late, p50"), ("p99", "frames late, p99"), ("least", "the earliest"))
        ]
        for number in range(1, (1 if pace.quick else pace.rounds) + 1):
            pace.round("replays", number, words)
            try:
                late = _late(folder, crowd)
            except Failed as error:
                found.notes.append(f"{words}: {error}")
                break
            figures = (percentile(late, 0.5), percentile(late, 0.99), min(late))
            for row, figure in zip(rows, figures, strict=True):
                row.figures.append(figure)
                row.note = f"{len(late):,} frames a round"
        found.rows += [row for row in rows if row.figures]


def _late(folder: Path, crowd: Crowd) -> list[float]:
    theirs, mine = sides()
    module = (sys.executable, "-m", "bench.lateness")
    numbers = (str(crowd.frames), str(crowd.gap), str(crowd.first))
    with Child("replay", (*module, "serve", folder, *numbers), theirs) as server:
        where = server.line().split()[-1]
        lasts = crowd.first + crowd.frames * crowd.gap
        during = (str(crowd.replays), str(crowd.first - 0.5), str(lasts + 0.5))
        with Child("clients of it", (*module, "clients", where, *during), mine) as clients:
            clients.line(lasts + crowd.first + 30)
        server.say("")
        return list(json.loads(server.line()))


def _bursts(found: Found, pace: Pace, folder: Path) -> None:
    """A tape of one sentence after the other, played at once, beside Node's ws that sends as many."""
    ours = Row("replays.burst", f"replay in a burst of {_BURST:,} frames", "us", base="replays.burst.ws")
    theirs = Row("replays.burst.ws", f"npm ws, a burst of {_BURST:,} frames", "us", base="replays.burst.ws")
    path = folder / "burst.yaml"
    with path.open("w") as file:
        file.write(HEAD)
        for i in range(_BURST):
            text = json.dumps({"type": "chat_out", "msg_out": {"id": i, "text": "lorem ipsum " * 8}})
            file.write(f"- at: {i / 1000:.6f}\n  conn: 1\n  from: server\n  text: '{text}'\n")
    core, _ = sides()
    why = missing(WS)
    found.notes += [why] if why else []
    command = (simulator(), "replay", path, "--port", "0", "--timing", "burst", "--loop")
    try:
        for number in range(pace.rounds + 1):
            pace.round("replays", number, ours.title)
            if not why:
                with WS.start(core) as server:
                    _burst(theirs, server, url(server), number, b'{"burst":%d}' % _BURST)
            with Child("replay", command, core) as server:
                _burst(ours, server, drift.where(server), number)
    except Failed as error:
        found.notes.append(f"{ours.title}: {error}")
    found.rows += [row for row in (theirs, ours) if row.figures]


def _burst(row: Row, server: Child, where: str, number: int, ask: bytes = b"") -> None:
    """The second of its life: the first one warms up."""
    for turn in range(2):
        before, began = server.cpu(), time.perf_counter()
        try:
            conn = Conn(where)
            if ask:
                conn.send(frame(ask))
            conn.wait(_BURST)
        except OSError as error:
            raise Failed(str(error)) from None
        took, spent = time.perf_counter() - began, server.cpu() - before
        conn.sock.close()
        if number and turn:
            row.figures.append(spent / _BURST * 1e6)
            row.server.append(spent / took)
            row.rate.append(_BURST / took)


def _readiness(found: Found, pace: Pace, folder: Path) -> None:
    short, long = folder / "short.yaml", folder / "long.yaml"
    _write(short, 2_000)
    _write(long, 100_000)
    few = Row("replays.ready.2000", "ready: 2,000 frames, CPU beside serve", "s")
    many = Row("replays.ready.100000", "ready: 100,000 frames, CPU beside serve", "s")
    room = Row("replays.room.100000", "100,000 frames, memory", "MiB")
    try:
        for number in range(1, pace.rounds + 1):
            pace.round("replays", number, "how soon they are ready")
            served, _ = _ready("serve", "--backend", "chip")
            few.figures.append(_ready("replay", str(short))[0] - served)
            seconds, memory = _ready("replay", str(long))
            many.figures.append(seconds - served)
            room.figures.append(memory)
    except Failed as error:
        found.notes.append(f"replays, ready: {error}")
    found.rows += [row for row in (few, many, room) if row.figures]


def _write(path: Path, frames: int) -> None:
    """A talk of that length."""
    with path.open("w") as file:
        file.write(HEAD)
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
    command: tuple[str | Path, ...] = (simulator(), *arguments, "--port", "0")
    with Child(f"simulator {arguments[0]}", command, sides()[0]) as server:
        server.line(120)
        return server.cpu(), server.rss() / (1 << 20)
