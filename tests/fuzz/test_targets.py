"""Some of each target that `make fuzz` has, and all that was ever found."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from simulator import backends
from simulator.core.errors import CassetteError
from tests.fuzz import __main__ as report
from tests.fuzz import files
from tests.fuzz.found import Found
from tests.fuzz.targets import TARGETS, Target

TRANSCRIPTS = Path(__file__).with_name("transcripts")
SHORT = settings(
    derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
)
EACH = {
    "frames": 60,
    "cassette": 25,
    "scenario": 25,
    "har": 60,
    "fixtures": 15,
    "verify": 40,
    "episodes": 60,
    "edits": 20,
}


@pytest.mark.parametrize("name", [*EACH])
def test_whatever_comes(name: str) -> None:
    target = TARGETS[name]

    @settings(SHORT, max_examples=EACH[name])
    @given(st.randoms(use_true_random=False), st.binary(max_size=40))
    def check(dice: Random, raw: bytes) -> None:
        target.check(target.mutate(target.sample(dice), dice))
        target.check(raw)

    check()


@pytest.mark.parametrize("name", backends.names())
def test_conversations_are_changed_into_others(name: str) -> None:
    target = TARGETS[name]
    for number in range(15):
        dice = Random(number)
        data = target.sample(dice)
        other = target.mutate(data, dice)
        target.check(other)


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_what_was_found_once(path: Path) -> None:
    """The first line says of which target it is, and what was wrong."""
    title, _, data = path.read_bytes().partition(b"\n")
    TARGETS[title.decode().removeprefix("# ").partition(":")[0]].check(data.removesuffix(b"\n"))


def test_a_refusal_of_two_lines_is_seen() -> None:
    with pytest.raises(AssertionError):
        files.one_line(CassetteError("x.yaml", 1, "two\nlines"))


def test_what_takes_long_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SLOWEST", 0.0)
    with pytest.raises(files.Hung):
        TARGETS["cassette"].check(b"cassette: 1")


def test_findings_are_kept_once_each_and_counted(tmp_path: Path) -> None:
    def check(data: bytes) -> None:
        assert data != b"bad", "so it is"

    found = Found(tmp_path, Target("x", check, lambda dice: b"", lambda data, dice: data))
    for data in (b"good", b"bad", b"bad"):
        found.check(data)
    found.write()
    [kept] = [path for path in tmp_path.glob("found-*") if path.suffix != ".txt"]
    assert kept.read_bytes() == b"bad"
    assert "so it is" in kept.with_name(f"{kept.name}.txt").read_text()
    figures = json.loads((tmp_path / "guided.json").read_bytes())
    assert (figures["tried"], [*figures["kinds"].values()]) == (3, [2])


def test_the_report_has_a_row_for_each_and_says_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path)

    def run(kind: str, name: str, folder: Path, seconds: int, row: dict[str, object]) -> str:
        row.update(tried=1234, seconds=2.0, kinds={"ValueError in a.py:b": 3}, left={"KiB": 2048, "descriptors": 1})
        row["grown"] = {
            "inputs": 5,
            "passes": 4,
            "bytes": 99_000.0,
            "judged": True,
            "lines": ["simulator/a.py:1 (9.0 KiB)"],
        }
        return "#2\tINITED cov: 100 ft: 1\n#9\tNEW    cov: 150 ft: 2\n" if kind == "guided" else ""

    monkeypatch.setattr(report, "_run", run)
    told = report.table([report.one("chip", 3, led=True)])
    assert told.splitlines()[1].split() == [
        "chip", "1,234", "617", "150", "+50", "0", "97", "KiB", "1",
        "1", "descriptors,", "97", "KiB", "in", "10,000", "inputs",
    ]  # fmt: skip
    assert "chip: ValueError in a.py:b, 3 times: .fuzz/chip/found-*.txt" in told
    assert "chip: keeps 97 KiB of 10,000 inputs, made at simulator/a.py:1 (9.0 KiB)" in told
