"""The relay between two that write what they like: see passing.py for what is watched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from random import Random

import pytest

from simulator.cassette.entries import Closed, Exchange, Opened, Passed
from simulator.cassette.recorder import Recorder
from simulator.drive import relay
from tests.fuzz import passing_words, targets
from tests.fuzz.conversation import Wrong
from tests.fuzz.passing import Strait
from tests.fuzz.sockets import collected
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.live
MANY = 20
OPEN = ["plain", "client 0 opens", "client 0 asks /ws", "server 0 accepts"]


@pytest.fixture(scope="module")
def strait() -> Iterator[Strait]:
    there = Strait()
    yield there
    there.close()
    collected()


def lines(number: int) -> list[str]:
    dice = Random(number)
    return passing_words.mutate(passing_words.sample(dice), dice).decode("utf-8", "replace").split("\n")


def test_whatever_they_write(strait: Strait) -> None:
    tapes = [strait.play(lines(number)) for number in range(MANY)]
    assert sum(map(len, tapes)) > MANY, "some of it passes"
    assert {Opened, Passed, Closed, Exchange} <= {type(entry) for tape in tapes for entry in tape}


def test_frames_pass_both_ways(strait: Strait) -> None:
    tape = strait.play(
        [*OPEN, "client 0 stutters hello", "server 0 says 1 he", "server 0 says 80 llo", "client 0 says 88 ~3~~dce8~"]
    )
    assert [(one.sender, one.data) for one in tape if isinstance(one, Passed)] == [
        ("client", "hello"),
        ("server", "hello"),
    ]
    assert [(one.code, one.by) for one in tape if isinstance(one, Closed)] == [(1000, "client")]


def test_the_target_plays_what_it_is_given(strait: Strait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_strait", lambda: strait)
    TARGETS["relay"].check("\n".join([*OPEN, "server 0 says 81 hello"]).encode())


# ---- those who watch see what they watch for ----


def test_a_frame_that_is_on_no_tape_is_seen(strait: Strait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "frame", lambda *given: None)
    with pytest.raises(Wrong, match=r"(?s)\['hi'\] was heard, and \[\[\]\] are on the tape.*    server 0 says 81 hi"):
        strait.play([*OPEN, "server 0 says 81 hi"])


def test_an_error_of_a_handler_is_seen(strait: Strait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_path", lambda asked: 1 / 0)
    with pytest.raises(Wrong, match="ZeroDivisionError"):
        strait.play(["client 0 opens", "client 0 writes GET / HTTP/1.1~d~~a~Host: x~d~~a~~d~~a~"])


def test_a_secret_that_the_operator_is_told_is_seen(strait: Strait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "why", lambda error, url, seconds: url)
    with pytest.raises(Wrong, match=r"upstream: .*operators-own-query"):
        strait.play(["client 0 opens", "client 0 asks /ws", "server 0 writes nothing~d~~a~~d~~a~"])


def test_a_secret_that_the_client_is_told_is_seen(strait: Strait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        relay, "_dress", lambda answer, lines: answer.headers.extend([*lines, ("X", "operators-own-header")])
    )
    ask = "client 0 writes GET / HTTP/1.1~d~~a~Host: x~d~~a~~d~~a~"
    with pytest.raises(Wrong, match="told the operator's secrets"):
        strait.play(["client 0 opens", ask, "server 0 answers 200 x"])


def test_a_task_that_stays_is_seen(strait: Strait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.passing.PATIENCE", 0.2)
    staying = strait.loop.create_task(asyncio.sleep(1000))
    with pytest.raises(Wrong, match=r"left over: .*'tasks': 1"):
        strait.play(["client 0 opens"])
    staying.cancel()
    strait.loop.run_until_complete(asyncio.sleep(0))


def test_an_error_in_its_log_is_seen(strait: Strait) -> None:
    strait.log.log(logging.ERROR, "made up")
    with pytest.raises(Wrong, match="made up"):
        strait.play(["client 0 opens"])
