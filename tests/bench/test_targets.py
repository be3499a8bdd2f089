"""The table of targets: what is missed is told as missed, and every target looks at rows that the benchmark has."""

from __future__ import annotations

from typing import Any

import pytest

from bench import cassettes, growth, idle, recording, replays, speed, start
from bench.rows import Row
from bench.targets import EARLIER, OWN, TARGETS, Target, Verdict, dump, judge, measured, summary


def verdict(sense: Any, aim: float, own: float | None, fast: float | None = None) -> str:
    fasts = (lambda rows: fast) if fast is not None else None
    (found,) = judge({}, (Target("", sense, aim, lambda rows: own, fast=fasts),))
    return found.reached


@pytest.mark.parametrize(
    ("sense", "aim", "own", "fast", "word"),
    [
        (">=", 1.0, 1.0, None, "reached"),
        (">=", 1.0, 0.994, None, "MISSED"),
        (">=", 1.0, 0.996, None, "reached"),
        ("<=", 2.5, 2.5, None, "reached"),
        ("<=", 2.5, 2.51, None, "MISSED"),
        (">=", 0.0, -0.01, None, "MISSED"),
        (">=", 1.5, 1.4, 1.5, "reached with the extra uvloop"),
        (">=", 1.5, 1.6, 1.4, "reached"),
        (">=", 1.5, 1.4, 1.4, "MISSED"),
        (">=", 1.5, None, 1.6, "reached with the extra uvloop"),
        (">=", 1.5, None, None, "not measured"),
    ],
)
def test_verdicts(sense: str, aim: float, own: float | None, fast: float | None, word: str) -> None:
    assert verdict(sense, aim, own, fast) == word


class Asked(dict[str, Row]):
    """Has every row, and knows which were asked for."""

    def __init__(self) -> None:
        self.keys_asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        return self[key]

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> Row:
        self.keys_asked.add(key)
        return Row(key, key, "", [1.0])


def known() -> set[str]:
    found = {path.key for race in speed.RACES for path in race}
    found |= {case.path.key for race in growth.races() for case in race}
    found |= {f"{part}.{case.key}" for part in ("memory", "accept") for case in idle.CASES}
    found |= {f"pings.{case.key}" for case in idle.CASES if case.pinged is not None}
    found |= {f"start.{case.key}" for case in start.CASES}
    found |= {f"recording.{case.key}{end}" for case in recording.CASES for end in ("", ".plain")}
    found |= {f"cassettes.read.memory.{frames}" for frames in cassettes.SIZES}
    found |= {f"replays.late.{crowd.replays}.{end}" for crowd in replays.CROWDS for end in ("p50", "p99", "least")}
    found |= {"replays.drift", "replays.ready.2000", "replays.ready.100000", "replays.room.100000"}
    return found | {"waits.answer", "waits.p50", "waits.p99", "waits.stream"}


def test_every_target_looks_at_rows_that_there_are() -> None:
    asked = Asked()
    assert {one.measured for one in judge(asked, (*TARGETS, *OWN, *EARLIER))} == {1.0}
    assert len(asked.keys_asked) > 60
    assert asked.keys_asked - known() == set()


def test_every_row_is_held_against_one_that_there_is() -> None:
    keys = known()
    paths = [path for race in speed.RACES for path in race]
    paths += [case.path for race in growth.races() for case in race]
    assert {path.base for path in paths} - keys == set()
    assert len({path.key for path in paths}) == len(paths)
    assert len({path.title for path in paths}) == len(paths)


def test_growth_is_what_is_beyond_that_of_bare_aiohttp() -> None:
    kinds = {"bare": (10.0, 12.0), "chip": (10.0, 18.0)}
    rows = {
        f"growth.connections.{kind}.{count}": Row("", "", "", [figure])
        for kind, figures in kinds.items()
        for count, figure in zip((50, 500), figures, strict=True)
    }
    (found,) = [one for one in measured(judge(rows)) if one.target.words.startswith("chip: 500")]
    assert found.measured == pytest.approx(1.5)
    assert found.reached == "MISSED"


def test_what_was_not_measured_is_told_and_not_passed_over() -> None:
    verdicts = judge({"memory.chip": Row("memory.chip", "", "KiB", [3.0, 7.0, 5.0])})
    assert summary(verdicts) == f"1 of {len(TARGETS)} reached, 0 missed, {len(TARGETS) - 1} not measured"
    assert [(one.target.unit, one.measured) for one in measured(verdicts)] == [("KiB", 5.0)]


def test_own_aims_are_not_counted_among_what_was_promised() -> None:
    words = {target.words for target in OWN}
    assert len(words) == 8
    assert all(one.startswith(("mia, a person's message over", "chatbot, send-message over")) for one in words)
    assert words.isdisjoint(target.words for target in (*TARGETS, *EARLIER))
    rows = {
        "socketio.mia.ours.websocket.50": Row("", "", "us", [2.0]),
        "socketio.mia.node.websocket.50": Row("", "", "us", [2.0]),
    }
    assert summary(judge(rows)) == f"0 of {len(TARGETS)} reached, 0 missed, {len(TARGETS)} not measured"
    assert summary(judge(rows, OWN)) == "0 of 8 reached, 1 missed, 7 not measured"


def test_json_of_a_verdict() -> None:
    told = dump(Verdict(Target("w", ">=", 1.5, lambda rows: 1.0, fast=lambda rows: 2.0), 1.0, 2.0))
    assert told == {
        "words": "w", "sense": ">=", "aim": 1.5, "unit": "x", "measured": 1.0, "with_uvloop": 2.0,
        "reached": "reached with the extra uvloop",
    }  # fmt: skip
