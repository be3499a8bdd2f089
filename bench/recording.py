"""What recording costs: the CPU of a mitmdump that records beside one that does not, in the same round."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.load import Conn, frame
from bench.pace import Pace
from bench.process import ROOT, Child, sides
from bench.rows import Failed, Found, Row
from bench.servers import NODE_SOCKETIO, WS, Server, load, missing, url

MITMDUMP = ROOT / ".venv" / "record" / "bin" / "mitmdump"
CONNECTIONS = 10
_BURST = 500
_WARM_UP = 0.5


@dataclass(slots=True, frozen=True)
class Case:
    """One row of the table."""

    key: str
    title: str
    server: Server
    talk: str
    """Of `bench.talks`, or `burst`."""


CASES = (
    Case("echo", "raw WebSocket, echo", WS, "echo"),
    Case("burst", "raw WebSocket, bursts of 500", WS, "burst"),
    Case("socketio", "Socket.IO over a WebSocket, echo", NODE_SOCKETIO, "socketio"),
)


def measure(pace: Pace) -> Found:
    """A row for mitmdump alone and one for mitmdump with the addon, of each case."""
    found = Found()
    if not MITMDUMP.exists():
        found.notes.append("recording is left out: mitmdump is not in .venv/record, `make bench` installs it")
        return found
    for case in CASES[:1] if pace.quick else CASES:
        why = missing(case.server)
        if why is not None:
            found.notes.append(why)
            continue
        try:
            found.rows += _case(case, pace)
        except Failed as error:
            found.notes.append(f"recording, {case.title}: {error}")
    return found


def _case(case: Case, pace: Pace) -> tuple[Row, Row]:
    base = f"recording.{case.key}.plain"
    alone = Row(base, f"{case.title}: mitmdump alone", "us", base=base)
    addon = Row(f"recording.{case.key}", f"{case.title}: with the addon", "us", base=base)
    theirs, mine = sides()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(case.server.start(mine))
        where = url(server)
        upstream = where.replace("ws://", "http://").partition("/socket.io")[0].rstrip("/")
        proxies: list[tuple[Row, Child, str]] = []
        recording: list[str | Path] = ["-s", ROOT / "simulator" / "mitm.py"]
        recording += _set(out=folder / "tape.yaml", lean="true")
        plain: list[str | Path] = []
        for row, options in ((alone, plain), (addon, recording)):
            command: list[str | Path] = [MITMDUMP, "-q", "--mode", f"reverse:{upstream}", "--listen-port", "0"]
            command += ["--set", f"confdir={folder}", *options, "-s", ROOT / "bench" / "listening.py"]
            proxy = stack.enter_context(Child("mitmdump", command, theirs))
            proxies.append((row, proxy, url(proxy).rstrip("/") + where.partition(upstream[7:])[2]))
        for number in range(pace.rounds + 1):
            pace.round("recording", number, case.title)
            for row, proxy, through in proxies if number % 2 else reversed(proxies):
                spent = _window(proxy, through, case.talk, pace.seconds if number else _WARM_UP)
                if number:
                    row.figures.append(spent * 1e6)
    return alone, addon


def _set(**options: object) -> list[str]:
    return [part for key, value in options.items() for part in ("--set", f"simulator_{key}={value}")]


def _window(proxy: Child, where: str, talk: str, seconds: float) -> float:
    """CPU for a frame."""
    if talk == "burst":
        return _bursts(proxy, where, seconds)
    with load(where, talk, CONNECTIONS, sides()[1]) as generator:
        generator.line()
        before = proxy.cpu()
        generator.say(f"{seconds:g}")
        answers = int(generator.line(seconds + 30))
        spent = proxy.cpu() - before
    if not answers:
        raise Failed("not one answer came")
    return spent / (2 * answers)


def _bursts(proxy: Child, where: str, seconds: float) -> float:
    conn = Conn(where)
    ask = frame(b'{"burst":%d}' % _BURST)
    before = proxy.cpu()
    until, frames = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        conn.send(ask)
        conn.wait(_BURST)
        frames += _BURST + 1
    spent = proxy.cpu() - before
    conn.sock.close()
    return spent / frames
