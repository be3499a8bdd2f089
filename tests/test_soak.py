"""The soak itself: what is left is seen."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from tests.soak.__main__ import Soak
from tests.soak.__main__ import main as soak
from tests.soak.people import NAMES, Person, Wrong
from tests.soak.server import Soaked
from tests.soak.told import Told


class Carrier:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.out: list[str] = []

    def send(self, text: str) -> None:
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


def judged(
    monkeypatch: pytest.MonkeyPatch,
    left: dict[str, float],
    lost: int = 0,
    frames: int = 0,
    end: int = 100,
    grows: float = 0.0,
) -> list[str]:
    """What a soak says of a server on which so much is left."""
    monkeypatch.setattr("tests.soak.__main__.LEFT", 0.001)
    monkeypatch.setattr("tests.soak.__main__.time.sleep", lambda seconds: None)
    told = Told({}, {}, 0)
    told.said, told.received = 10, 10 - lost
    told.done = Counter(stay=1, chat=1, poll=1, vanish=1, half_open=1)
    told.frames = Counter({f"{name} {sender}": 5 for name in NAMES for sender in ("client", "server")})
    fake = Fake({"tasks": 3, **left}, {key: number + frames for key, number in told.frames.items()})
    soak = Soak(cast("Soaked", fake), argparse.Namespace(seed=1, clients=0, processes=0, pace=1))
    soak._crowds = cast("Any", [Crowd(told.tally())])
    soak.before = {"tasks": 3.0, "descriptors": 9.0}
    soak.memory = [(t, (100 << 20) + int(grows * t / 60 * (1 << 20))) for t in range(0, 301, 2)]
    soak.warm, soak.after = 100 << 20, end << 20
    soak._rest("at the end")
    soak._judge()
    return soak.amiss


def test_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, {}, end=122, grows=1.4) == []


@pytest.mark.parametrize("name", ["tcp_connections", "connections", "sockets", "timers", "tasks", "uploads", "files"])
def test_what_is_left_is_seen(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    [why] = judged(monkeypatch, {name: 10})
    assert why.startswith(f"at the end: {'descriptors' if name == 'files' else name} is 10, was")


@pytest.mark.parametrize(
    ("amiss", "why"),
    [
        ({"lost": 1}, "10 messages had to be answered, 9 were"),
        ({"end": 124}, "memory: 124.0 MiB at the end, 100.0 MiB after the warm-up"),
        ({"grows": 1.6}, "memory grows by 1.60 MiB a minute"),
        ({"frames": 1}, "aida: frames of the client: the server says 6, clients 5"),
    ],
)
def test_what_does_not_add_up_is_seen(monkeypatch: pytest.MonkeyPatch, amiss: dict[str, Any], why: str) -> None:
    assert why in judged(monkeypatch, {}, **amiss)[0]


@pytest.mark.parametrize(
    "words", [["--clients", "0"], ["--pace", "0"], ["--minutes", "nan"], ["--minutes", "-1"], ["--processes", "0"]]
)
def test_what_makes_no_sense_starts_nothing(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["soak", *words])
    monkeypatch.setattr("tests.soak.__main__.Soaked", None)
    with pytest.raises(SystemExit) as left:
        soak()
    assert left.value.code == 2
    assert "have to be more than 0" in capsys.readouterr().err.splitlines()[-1]


def test_a_server_that_does_not_start_is_3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["soak", "--seconds", "1", "--clients", "2"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("tests.soak.server.COMMAND", tmp_path / "nobody")
    with pytest.raises(SystemExit) as left:
        soak()
    assert left.value.code == 3
    assert capsys.readouterr().err == "the command simulator is not in this venv: `make soak` installs it\n"
