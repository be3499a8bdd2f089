"""The soak itself: a short one leaves nothing, what is left is seen, and nobody is excused who was not starved."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from tests.soak.__main__ import main, options
from tests.soak.client import Ended, Origin
from tests.soak.crowd import Crowd as Clients
from tests.soak.lag import STARVED, TICK, WINDOW, Lag
from tests.soak.pace import Pace, quantile
from tests.soak.people import NAMES, Person, Wrong
from tests.soak.server import WITHIN, Soaked
from tests.soak.soak import Soak
from tests.soak.told import UNSEEN, Told
from tests.soak.waits import Waits


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_twenty_seconds() -> None:
    command = [sys.executable, "-m", "tests.soak", "--seconds", "20", "--clients", "150", "--seed", "3"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^  left over      nothing$", done.stdout, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.soak", "--seconds", "60", "--clients", "40"]
    soak = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Who runs in a shell's background has SIGINT ignored, and hands that on.
        preexec_fn=partial(signal.signal, how, signal.SIG_DFL),
    )
    assert soak.stderr is not None
    # Without a terminal a line now and then.
    assert "s, warming up: " in soak.stderr.readline()
    soak.send_signal(how)
    out, err = soak.communicate(timeout=60)
    assert soak.returncode == 130, out + err
    assert "    the soak was interrupted\n" in out
    assert "Traceback" not in out + err
    assert not list(tmp_path.iterdir())


class Carrier:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.sent = self.got = 0

    def send(self, text: str) -> None:
        self.sent += 1
        self.out.append(text)


def person(backend: str = "mia") -> Person:
    who = Person(backend, cast("Any", Carrier()), "w0c1")
    for _ in range(3):
        who.say()
    return who


def said(number: int, id: str = "") -> str:
    return f'42["EVENT_SERVER_SEND_MESSAGE",{{"id":"{id or number}","content":"You said: w0c1-{number} "}}]'


def test_an_answer_for_each_in_its_order() -> None:
    who = person()
    assert [who.look(text) for text in (said(1), "2", said(1).replace("c1-", "c11-"), said(2))] == [
        True,
        False,
        False,
        True,
    ]
    who.settled([said(3)])
    assert (who.answered, who.ids) == (3, {"1", "2", "3"})


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([said(1), said(2)], "1 of 3 messages were not answered"),
        ([said(1), said(3)], "expected the answer to 2, got that to 3"),
        ([said(1), said(1)], "expected the answer to 2, got that to 1"),
        ([said(1, "a"), said(2, "a"), said(3)], "the id a came twice"),
    ],
)
def test_what_is_not_as_it_should_be(texts: list[str], why: str) -> None:
    with pytest.raises(Wrong, match=why):
        person().settled(texts)


class Fake:
    """A server of which is known what it says."""

    def __init__(self, left: dict[str, float], frames: dict[str, float]) -> None:
        self.bases: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self.left = left
        self.frames = frames

    def metrics(self) -> dict[str, float]:
        told = {f"simulator_{name}": number for name, number in self.left.items()}
        for key, number in self.frames.items():
            backend, sender = key.split()
            told[f'simulator_frames_total{{backend="{backend}",sender="{sender}",space=""}}'] = number
        return told

    def files(self) -> int:
        return int(self.left.get("files", 9))

    def errors(self) -> list[str]:
        return []

    def admin(self, *call: object) -> None:
        """Does nothing."""


class Crowd:
    """Clients who have come to their end."""

    def __init__(self, tally: dict[str, Any]) -> None:
        self.tally = tally
        self.rested = self

    def say(self, word: str) -> None:
        """Nothing."""

    def wait(self, seconds: float) -> bool:
        return True


def told_by(lag: Lag, slots: int = 1) -> Told:
    """The tally of a process that nobody has come to."""
    return Told({}, {}, 0, Waits.of(20), lag, Pace(slots))


async def judged(
    monkeypatch: pytest.MonkeyPatch,
    left: dict[str, float],
    lost: int = 0,
    starved: int = 0,
    frames: int = 0,
    unsure: int = 0,
    end: int = 100,
    grows: float = 0.0,
    spikes: int = 0,
    nowhere: str = "",
) -> list[str]:
    """What a soak says of a server on which so much is left."""
    monkeypatch.setattr("tests.soak.soak.time.sleep", lambda seconds: None)
    monkeypatch.setattr(Waits, "left", 0.001)
    told = told_by(Lag())
    told.said, told.received = 10, 10 - lost
    told.starved = told.starved_said = starved
    told.done = Counter(stay=1, chat=60, poll=1, vanish=1, half_open=1)
    told.came = Counter({f"chat {name}": 12 for name in NAMES if name != nowhere})
    keys = [f"{name} {sender}" for name in NAMES for sender in ("client", "server")]
    told.frames, told.unsure = Counter(dict.fromkeys(keys, 5)), Counter(dict.fromkeys(keys, unsure))
    fake = Fake({"tasks": 3, **left}, {key: number + frames for key, number in told.frames.items()})
    given = argparse.Namespace(seed=1, clients=0, processes=0, think=1, seconds=20)
    soak = Soak(cast("Soaked", fake), Waits.of(20), given)
    soak._crowds = cast("Any", [Crowd(told.tally())])
    soak.before = {"tasks": 3.0, "descriptors": 9.0}
    soak.held = [(t, (100 << 20) + int(grows * t / 60 * (1 << 20))) for t in range(0, 301, 2)]
    soak.held = [(t, size + (int(t) // 3 * (spikes << 10) if t % 30 else 0)) for t, size in soak.held]
    soak.warm, soak.after = 100 << 20, end << 20
    soak._rest("at the end")
    soak._judge()
    return soak.amiss


async def test_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await judged(monkeypatch, {}, end=122, grows=0.9) == []
    assert await judged(monkeypatch, {}, grows=0.9, spikes=200) == [], (
        "what a space holds until it begins anew is no leak"
    )


@pytest.mark.parametrize("name", ["tcp_connections", "connections", "sockets", "timers", "tasks", "uploads", "files"])
async def test_what_is_left_is_seen(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    [why] = await judged(monkeypatch, {name: 10})
    assert why.startswith(f"at the end: {'descriptors' if name == 'files' else name} is 10, was")


@pytest.mark.parametrize(
    ("amiss", "why"),
    [
        ({"lost": 1}, "10 messages had to be answered, 9 were"),
        ({"lost": 2, "starved": 1}, "10 messages had to be answered, 8 were"),
        ({"lost": 1, "starved": 1}, "1 clients lost their sessions because their own process was away"),
        ({"frames": -1}, "aida: frames of the client: the server says 4, clients 5"),
        ({"frames": -3, "unsure": 2}, "aida: frames of the client: the server says 2, clients 5"),
        ({"frames": 1, "unsure": 1}, "aida: frames of the client: the server says 6, clients 5"),
        ({"nowhere": "mia"}, "60 came to chat, none of them at mia"),
        ({"end": 124}, "memory: 124.0 MiB at the end, 100.0 MiB after the warm-up"),
        ({"grows": 1.1}, "what is held grows by 1.10 MiB a minute"),
        ({"grows": 1.1, "spikes": 200}, "what is held grows by 1.10 MiB a minute"),
        ({"frames": 1}, "aida: frames of the client: the server says 6, clients 5"),
    ],
)
async def test_what_does_not_add_up_is_seen(monkeypatch: pytest.MonkeyPatch, amiss: dict[str, Any], why: str) -> None:
    assert why in (await judged(monkeypatch, {}, **amiss))[0]


def test_a_process_tells_what_it_holds(tmp_path: Path) -> None:
    """Small pieces of Python's own and of glibc's heap; not what is large, as what waits for who does not read is."""
    told = tmp_path / "held"
    keep = (
        "small = [[n] for n in range(100_000)]",
        "small += [bytes(1000) for n in range(10_000)]",
        "large = bytes(1 << 26)",
    )
    code = "".join(f"input(); {line}; print()\n" for line in keep) + "input()"
    environment = {**os.environ, "PYTHONPATH": str(WITHIN), "SOAK_HELD": str(told)}
    found = []
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(4):
            found.append(_held_from_now_on(told))
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
        process.communicate(timeout=20)
    grown = [after - before for before, after in pairwise(found)]
    assert grown[0] > 100_000 * 50
    assert (grown[1] > 10_000_000) is (sys.platform == "linux")
    assert abs(grown[2]) < 1_000_000


def _held_from_now_on(told: Path) -> int:
    until = time.monotonic() + 20
    told.unlink(missing_ok=True)
    while not told.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    return int(told.read_text())


class Clock(asyncio.SelectorEventLoop):
    """A loop whose clock is put on by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def time(self) -> float:
        return super().time() + getattr(self, "ahead", 0.0)


def test_only_who_was_away_from_its_loop_is_starved() -> None:
    async def run() -> None:
        loop = cast("Clock", asyncio.get_running_loop())
        lag = Lag()
        attended = lag.attended()
        loop.ahead += STARVED + TICK + 1
        # Before anything has noticed, too.
        assert lag.starved
        assert lag.attended() - attended == pytest.approx(TICK, abs=0.05)
        lag.note(loop.time())
        assert lag.worst == pytest.approx(STARVED + 1, abs=0.05)
        found = [lag.starved]
        for _ in range(int(WINDOW / TICK) + 1):
            loop.ahead += TICK
            lag.note(loop.time())
        assert [*found, lag.starved] == [True, False]
        assert lag.worst == pytest.approx(STARVED + 1, abs=0.05)

    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(run())


@pytest.mark.parametrize(("away", "gone"), [(0.0, True), (40.0, False)])
def test_patience_does_not_count_the_time_away(away: float, gone: bool) -> None:
    async def run() -> bool:
        loop = cast("Clock", asyncio.get_running_loop())
        lag = Lag()
        origin = Origin("", 30.0, lag)
        answer = loop.create_future()
        waiting = loop.create_task(origin.within(lambda: asyncio.shield(answer)))
        await asyncio.sleep(0)
        # What is not away is a loop that was there, on time, all of these seconds.
        for _ in range(0 if away else int(31 / TICK)):
            loop.ahead += TICK
            lag.note(loop.time())
        loop.ahead += away
        for _ in range(4):
            await asyncio.sleep(0)
        if not waiting.done():
            answer.set_result(None)
        return isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], TimeoutError)

    with asyncio.Runner(loop_factory=Clock) as runner:
        assert runner.run(run()) is gone


@pytest.mark.parametrize(
    ("error", "starved", "excused"),
    [
        (Ended(1006), True, True),
        (Ended(1006), False, False),
        (TimeoutError(), True, False),
        (Wrong("expected the answer to 2, got that to 3"), True, False),
    ],
)
async def test_who_is_excused(monkeypatch: pytest.MonkeyPatch, error: Exception, starved: bool, excused: bool) -> None:
    monkeypatch.setattr(Lag, "starved", starved)
    told = told_by(Lag())

    async def breaks(told: Told, dice: random.Random, *_: object) -> None:
        who = told.person("mia", cast("Any", Carrier()))
        who.say()
        told.gone(who, "")
        raise error

    monkeypatch.setattr("tests.soak.crowd.GOOD", {breaks: 1})
    await Clients(told, "1", 1, 1.0)._one(breaks, random.Random(1))
    assert (told.starved, told.wrongs) == ((1, 0) if excused else (0, 1))
    assert (told.said, told.received, told.starved_said) == (1, 0, int(starved))
    assert told.unsure == (Counter({"mia client": 1, "mia server": UNSEEN}) if starved else Counter())


async def test_fewer_come_where_answers_are_late() -> None:
    pace = Pace(400)
    began = pace.limit
    for _ in range(began):
        await pace.come()
    one_more = asyncio.get_running_loop().create_task(pace.come())
    await asyncio.sleep(0)
    assert not one_more.done()
    pace.answered(0.01)
    pace.tick(0.0)
    await asyncio.wait_for(one_more, 5)
    assert pace.limit > began
    pace.answered(3.0)
    pace.tick(0.0)
    assert pace.limit == int((began + 1) * 0.8)
    before = pace.limit
    pace.tick(2.0)
    # A loop that is late, and nobody who was answered in that second.
    assert (pace.limit, pace.narrowed) == (before * 8 // 10, 2)
    assert (quantile(pace.times, 0.5), quantile(pace.times, 0.99)) == (0.016, 4.096)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("--seconds 0", "argument --seconds: invalid number above 0 value: '0'"),
        ("--seconds 2", "argument --seconds: expected 5 at least, got 2"),
        ("--minutes nan", "argument --minutes: invalid number above 0 value: 'nan'"),
        ("--clients x", "argument --clients: invalid count above 0 value: 'x'"),
        ("--clients 2 --processes 3", "argument --processes: expected one client for each at least, 2 are there"),
        ("--clients 4000", "argument --clients: 4000 take 4300 open files, 4096 are allowed (ulimit -n)"),
        ("--loud", "unrecognized arguments: --loud"),
    ],
)
def test_a_mistake_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: str, why: str
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda what: (1024, 4096))
    with pytest.raises(SystemExit) as left:
        options(arguments.split())
    said = capsys.readouterr().err
    assert (left.value.code, said.count("\n")) == (2, 1)
    assert said.startswith(f"python -m tests.soak: {why}")


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        options(["--help"])
    assert left.value.code == 0
    assert "python -m tests.soak --seconds 20 --seed 3" in capsys.readouterr().out


def test_a_server_that_does_not_start_is_3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["soak", "--seconds", "20", "--clients", "2"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("tests.soak.server.COMMAND", tmp_path / "nobody")
    assert main() == 3
    assert "the command simulator is not in this venv: `make soak` installs it\n" in capsys.readouterr().err
