"""`simulator verify` of any cassette, at a server that answers as it likes: see network.py for how that is written.

The input is a cassette, then a line `#--server`, then how it is played (`as recorded`, `as polling`, ...), then what the
server does. In place of the cassette `tape chip` is the one that is shipped, or one of tests/cassette/tapes.py.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from xml.etree import ElementTree

from simulator import backends
from simulator.cassette.entries import Entry, Passed
from simulator.cassette.reading import backend_of
from simulator.cassette.tape import Tape
from simulator.core.backend import Backend
from simulator.core.errors import FileError
from simulator.drive import report
from simulator.drive.bound import Bound
from simulator.drive.hearing import FLOOD
from simulator.drive.outcome import Manner
from simulator.drive.play import Play
from simulator.drive.script import Script, script
from simulator.drive.verdict import UNSAID, Verdict, verdict
from tests.cassette import tapes
from tests.fuzz import files
from tests.fuzz.network import HERE, Network, target
from tests.fuzz.spelling import spelled
from tests.fuzz.words import JUNK, change

ROOT = Path(__file__).parents[2]
SMALL = {"socketio": tapes.socketio, "phoenix": tapes.phoenix, "gateway": tapes.gateway, "hello": tapes.chip}
BREAK = b"\n#--server\n"
MANNERS: dict[str, Manner] = {
    "as it comes": Manner(),
    "as recorded": Manner(recorded=True),
    "as polling": Manner(transports=("polling",)),
    "as websocket": Manner(transports=("websocket",)),
    "as both": Manner(transports=("polling", "websocket")),
    "as quick": Manner(timeout=0.5, settle=0.0),
}
LONGEST = 3600.0
"""Seconds of a tape: one of a year is waited for a year, of which nobody sees anything."""


class Verified(Network):
    """One run of it."""

    def __init__(self, cassette: bytes, manner: Manner) -> None:
        """Raises FileError where it is no cassette."""
        tape = Tape(io.BytesIO(cassette), "x.yaml")
        self.backend: Backend | None = backend_of(tape.header)
        entries: list[Entry] = [*tape]
        self.script: Script = script(entries, self.backend)
        self.manner = manner
        self.servers = ((tape.header.upstream or "").rstrip("/"), HERE)
        volatile = frozenset[str]() if self.backend is None else self.backend.volatile
        bound = Bound(volatile, {}, self.servers)
        super().__init__(Play(self.script, target(), bound, manner, self.backend), entries)

    @property
    def lasts(self) -> float:
        """Seconds of the tape."""
        times = [step.at for step in self.script.steps]
        return max(times) - min(times) if times else 0.0

    def end(self) -> Verdict:
        """No word more, and what came of it. Raises Wrong."""
        took = sum(getattr(step, "took", 0.0) for step in self.script.steps)
        each = self.manner.timeout + self.manner.settle + 1.0
        self.silence(2 * self.lasts + took + (len(self.script.steps) + 2) * each + 60.0)
        try:
            return self._judged()
        except Exception as error:
            raise AssertionError(self.told(error)) from error

    def _judged(self) -> Verdict:
        outcome, steps = self.play.outcome, len(self.script.steps)
        heard = len(outcome.heard) + len(outcome.after)
        assert heard <= FLOOD + 3 * steps + 10, f"{heard} messages are kept"
        for exact in (False, True):
            found = verdict(self.script, outcome, self.backend, exact, ("*.id",), self.servers)
            written(found)
        return found


def written(found: Verdict) -> None:
    """In all forms, so that it is read again."""
    text = report.written(found, "x.yaml", HERE, ".txt")
    assert text.encode().count(b"\n") == len([*report.lines(found, "x", everything=True)]) + len(found.notes) + 2
    told = json.loads(report.written(found, "x.yaml", HERE, ".json"), parse_constant=_no_json)
    assert len(told["messages"]) == sum(told["counts"].values()) == len(found.rows)
    assert told["drifted"] is bool(found.drifted)
    raw = report.written(found, "x.yaml", HERE, ".xml").encode()
    [suite] = ElementTree.fromstring(raw)  # noqa: S314 (it is ours)
    cases, failures, skipped = (len([*suite.iter(name)]) for name in ("testcase", "failure", "skipped"))
    assert [int(suite.attrib[name]) for name in ("tests", "failures", "skipped")] == [cases, failures, skipped]
    assert failures + skipped == len(found.drifted), "drift that no failure tells"
    assert skipped == found.counts[UNSAID]
    assert suite.attrib["errors"] == "0"


def _no_json(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def check(data: bytes) -> None:
    """Played, judged and told; every fourth twice."""
    cassette, lines = parts(data)
    with files.bounded():
        first = _run(cassette, lines)
        if first is not None and sum(data) % 4 == 0:
            second = _run(cassette, lines)
            assert second is not None
            assert second.orders == first.orders, "two runs differ"


def _run(cassette: bytes, lines: list[str]) -> Verified | None:
    how = lines[0] if lines and lines[0] in MANNERS else "as it comes"
    try:
        there = Verified(cassette, MANNERS[how])
    except FileError as error:
        files.one_line(error)
        return None
    if there.lasts > LONGEST:
        return None
    there.lines.append(how)
    there.begin()
    for line in lines:
        there.line(line)
    there.end()
    return there


def parts(data: bytes) -> tuple[bytes, list[str]]:
    """The cassette, and the lines."""
    head, _, said = data.partition(BREAK)
    if head.startswith(b"tape "):
        head = taped(head[5:].decode("utf-8", "replace"))
    return head, said.decode("utf-8", "replace").split("\n")[:200]


@cache
def taped(name: str) -> bytes:
    """A cassette by its name; of none an empty one."""
    if name in SMALL:
        return tapes.written(*SMALL[name]())
    return b"".join(path.read_bytes() for path in sorted(ROOT.glob("cassettes/*/*.yaml")) if path.parent.name == name)


# ---- what a server may say ----


@cache
def phrases(name: str) -> list[str]:
    """What one says who is like the tape's."""
    found = ["obliges 1", "obliges 2", "obliges 9", "0 opens", "1 opens"] * 8
    for entry in Tape(io.BytesIO(taped(name)), "x.yaml"):
        if isinstance(entry, Passed) and entry.sender == "server":
            data = entry.data
            found.append(f"0 >> {spelled(data)}" if isinstance(data, str) else f"0 >= {data.hex()}")
            if isinstance(data, str) and entry.via != "websocket":
                found.append(f"0 answers 200 {spelled(data)}")
    return found


OTHERS = [
    "0 answers 200 ", "0 answers 404 no", '0 answers 500 {"error":"no"}', "0 answers 200 ~dcff~", "0 answers 101 ", "0 answers 302 ",
    "0 fails ", "0 fails it~a~broke", "1 fails reset", "0 ends 1000 ", "0 ends 1006", "0 ends 1011 why~a~not", "0 ends 4999 ~0~", "1 ends 1001 bye",
    "0 >> 2", "0 >> 3probe", "0 >> 1", "0 >> 6", "0 >> ", "0 >= ", "0 >= 00ff", "0 >> 40", '0 >> 41', '0 >> 44{"message":"no"}', "0 >> null", "0 >> [",
    '0 answers 200 0{"sid":"a b&c#d/é","upgrades":["websocket"],"pingInterval":1,"pingTimeout":1}', '0 >> 0{"sid":"x","pingInterval":-1,"pingTimeout":0}',
    f'0 >> 0{{"sid":1,"upgrades":[],"pingInterval":{"9" * 400},"pingTimeout":1}}', '0 answers 200 0{"sid":null,"pingInterval":1e308,"pingTimeout":1e308}',
    f"0 answers 200 {'~1e~'.join(['42[0]'] * 1500)}", f'0 answers 200 0{{"sid":"x","pingInterval":9,"pingTimeout":9}}{"~1e~4" * 1500}',
    '0 >> {"url":"https://evil.example.com/a b?c=é"}', "after 0", "after 0.05", "after 0.6", "after 11", "after 30", "after 61",
]  # fmt: skip


def phrase(name: str, dice: Random) -> str:
    """A line, mostly right."""
    line = dice.choice(phrases(name)) if dice.random() < 0.75 else dice.choice(OTHERS)
    if dice.random() < 0.1:
        line = f"{dice.choice(('0 >>', '1 >>', '0 answers 200'))} {dice.choice(JUNK)}"
    for _ in range(dice.choice((0, 0, 0, 1, 3))):
        line = change(line, dice)
    return line


def names() -> list[str]:
    """Of tapes."""
    return [*backends.names(), *SMALL]


def sample(dice: Random) -> bytes:
    """A tape that is there, and some that a server does."""
    name = dice.choice(names())
    lines = [dice.choice([*MANNERS]), *(phrase(name, dice) for _ in range(dice.randrange(30)))]
    return b"tape " + name.encode() + BREAK + "\n".join(lines).encode("utf-8", "replace")


def mutate(data: bytes, dice: Random, phrase: Callable[[str, Random], str] = phrase) -> bytes:
    """Mostly the server does something else; at times the tape is another."""
    head, _, said = data.partition(BREAK)
    name = head[5:].decode("utf-8", "replace") if head.startswith(b"tape ") else dice.choice(names())
    if dice.random() < 0.25:
        head = files.mutated(taped(name) if head.startswith(b"tape ") else head, dice)
    lines = said.decode("utf-8", "replace").split("\n")
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(lines) + 1)
        match dice.randrange(6):
            case 0 | 1 | 2:
                lines.insert(at, phrase(name if name in names() else "chip", dice))
            case 3:
                del lines[at : at + dice.choice((1, 1, 3))]
            case 4:
                lines[0:1] = [dice.choice([*MANNERS, f"knows {dice.randrange(30)}"])]
            case _ if at < len(lines):
                lines[at] = change(lines[at], dice)
    return head + BREAK + "\n".join(lines).encode("utf-8", "replace")
