"""`make fuzz`: what it is asked has to make sense, and what it finds makes it fail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import __main__ as fuzz

NOTHING: dict[str, Any] = {
    "target": "chip", "tried": 9, "seconds": 1.0, "before": 1, "covered": 2, "corpus": 3, "kinds": {}, "hung": [],
    "left": {"descriptors": 0, "threads": 0, "KiB": 512}, "grown": {"inputs": 9, "passes": 4, "bytes": 0.0, "judged": True, "lines": []},
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({}, 0),
        ({"kinds": {"KeyError in rules.py:hear": 2}}, 1),
        ({"hung": ["guided went on for ever: .fuzz/chip/guided.log"]}, 1),
        ({"left": {"descriptors": 3, "threads": 0, "KiB": 512}}, 1),
        ({"left": {"descriptors": 0, "threads": 1, "KiB": 512}}, 1),
        ({"grown": {"inputs": 9, "passes": 4, "bytes": float(fuzz.GROWTH), "judged": True, "lines": []}}, 0),
        (
            {
                "grown": {
                    "inputs": 9,
                    "passes": 4,
                    "bytes": fuzz.GROWTH + 1.0,
                    "judged": True,
                    "lines": ["a.py:1 (9 KiB)"],
                }
            },
            1,
        ),
        ({"grown": {"inputs": 9, "passes": 4, "bytes": fuzz.GROWTH + 1.0, "judged": False, "lines": []}}, 0),
    ],
)
def test_what_is_found_makes_it_fail(
    more: dict[str, Any], code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz, "one", lambda name, share, led: {**NOTHING, **more})
    monkeypatch.setattr(fuzz, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["fuzz", "chip"])
    assert fuzz.main() == code
    assert "chip" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nobody"], "nobody is no target, there are: aida, "),
        (["--minutes", "-1"], "have to be more than 0"),
        (["--minutes", "nan"], "have to be more than 0"),
        (["--jobs", "0"], "have to be more than 0"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(
    words: list[str], why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", *words])
    with pytest.raises(SystemExit) as left:
        fuzz.main()
    assert left.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert why in line
