"""What recording costs: the CPU of a mitmdump that records beside one that does not, in the same round."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import Conn, frame
from bench.process import ROOT, Child, Failed, cores
from bench.servers import NODE_SOCKETIO, WS, Server, load, missing, url

MITMDUMP = ROOT / ".venv" / "record" / "bin" / "mitmdump"
CONNECTIONS = 10
_BURST = 500
_WARM_UP = 0.5


@dataclass(slots=True, frozen=True)
class Case:
    """One row of the table."""

    title: str
    server: Server
    talk: str
    """Of `bench.load`, or `burst`."""
    aim: float
    """The rate of recording over that of plain mitmdump, at least."""


CASES = (
    Case("raw WebSocket, echo", WS, "echo", 0.9),
    Case("raw WebSocket, bursts of 500", WS, "burst", 0.7),
    Case("Socket.IO over a WebSocket, echo", NODE_SOCKETIO, "socketio", 0.9),
)


@dataclass(slots=True)
class Row:
    """What came out for one case."""

    case: Case
    plain: list[float] = field(default_factory=list)
    """Seconds of mitmdump's CPU for a frame, by round."""
    recorded: list[float] = field(default_factory=list)
    ratio: list[float] = field(default_factory=list)
    """The plain one's CPU over the recorder's, which is the rate of the recorder over the plain one's."""


def measure(rounds: int, seconds: float, tell: Callable[[str], None]) -> tuple[list[Row], list[str]]:
    """The rows, and a line for each case that failed or is left out."""
    if not MITMDUMP.exists():
        return [], [f"recording is left out: {MITMDUMP} is not there, `make bench` installs it"]
    rows, notes = [], []
    for case in CASES:
        why = missing(case.server)
        if why is not None:
            notes.append(why)
            continue
        try:
            rows.append(_case(case, rounds, seconds, tell))
        except Failed as error:
            notes.append(f"recording, {case.title}: {error}")
    return rows, notes


def _case(case: Case, rounds: int, seconds: float, tell: Callable[[str], None]) -> Row:
    row = Row(case)
    core = cores()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(case.server.start(core[1] if core else None))
        where = url(server)
        upstream = where.replace("ws://", "http://").partition("/socket.io")[0].rstrip("/")
        proxies: list[tuple[list[float], Child, str]] = []
        recording: list[str | Path] = ["-s", ROOT / "simulator" / "mitm.py"]
        recording += _set(out=folder / "tape.yaml", lean="true")
        plain: list[str | Path] = []
        for figures, options in ((row.plain, plain), (row.recorded, recording)):
            command: list[str | Path] = [MITMDUMP, "-q", "--mode", f"reverse:{upstream}", "--listen-port", "0"]
            command += ["--set", f"confdir={folder}", *options, "-s", ROOT / "bench" / "listening.py"]
            proxy = stack.enter_context(Child("mitmdump", command, core[0] if core else None))
            proxies.append((figures, proxy, url(proxy).rstrip("/") + where.partition(upstream[7:])[2]))
        for number in range(rounds + 1):
            tell(f"recording, {f'round {number} of {rounds}' if number else 'warming up'}: {case.title}")
            for figures, proxy, through in proxies if number % 2 else reversed(proxies):
                spent = _window(proxy, through, case.talk, seconds if number else _WARM_UP)
                if number:
                    figures.append(spent)
    row.ratio = [plain / recorded for plain, recorded in zip(row.plain, row.recorded, strict=True)]
    return row


def _set(**options: object) -> list[str]:
    return [part for key, value in options.items() for part in ("--set", f"simulator_{key}={value}")]


def _window(proxy: Child, where: str, talk: str, seconds: float) -> float:
    """CPU for a frame."""
    if talk == "burst":
        return _bursts(proxy, where, seconds)
    core = cores()
    with load(where, talk, CONNECTIONS, seconds, core[1] if core else None) as generator:
        generator.line()
        before = proxy.cpu()
        generator.say("go")
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
