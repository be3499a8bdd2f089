"""Memory that grows from pass to pass is seen, and nothing else is taken for it."""

from __future__ import annotations

import json
import sys
from collections import deque
from functools import lru_cache
from pathlib import Path

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz import steady
from tests.fuzz.steady import growth
from tests.fuzz.targets import TARGETS, Target

INPUTS = [f"input {number:080}".encode() for number in range(500)]


def test_what_is_kept_of_each_is_seen_with_its_line() -> None:
    kept: list[str] = []
    found = growth(lambda data: kept.append(data.decode()), INPUTS, 0.0)
    assert (found.inputs, found.passes) == (steady.LEAST, steady.PASSES), (
        "of no time there are as many as there have to be"
    )
    assert found.bytes > fuzz.GROWTH
    assert f"{Path(__file__).name}:" in found.lines[0]


def test_an_input_itself_that_is_kept_is_seen() -> None:
    kept: list[bytes] = []
    assert growth(kept.append, INPUTS, 0.1).bytes > fuzz.GROWTH


def test_one_in_ten_that_is_kept_is_seen() -> None:
    kept: list[bytes] = []
    assert growth(lambda data: kept.append(data * 2) if data.endswith(b"7") else None, INPUTS, 1.0).bytes > fuzz.GROWTH


@pytest.mark.parametrize("size", [10, 60, 1000])
def test_what_has_an_end_is_nothing(size: int) -> None:
    """A cache that is full, and one that is always filled anew; what is made and let go; a ring of objects."""
    last: deque[str] = deque(maxlen=min(size, 90))

    @lru_cache(maxsize=size)
    def decoded(data: bytes) -> str:
        return data.decode()

    def check(data: bytes) -> None:
        ring: list[object] = [decoded(data)]
        ring.append(ring)
        last.append(data.decode())

    assert growth(check, INPUTS, 0.1).bytes <= fuzz.GROWTH


def test_a_target_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: list[bytes] = []
    (tmp_path / "corpus").mkdir()
    for number in range(60):
        (tmp_path / "corpus" / f"{number:03}").write_bytes(b"from the corpus")
    monkeypatch.setitem(TARGETS, "frames", Target("frames", kept.append, lambda dice: b"made", lambda data, dice: data))
    monkeypatch.setattr(sys, "argv", ["steady", "frames", str(tmp_path), "0"])
    steady.main()
    assert {*kept} == {b"from the corpus"}
    written = json.loads((tmp_path / "steady.json").read_bytes())
    assert written["grown"]["bytes"] > fuzz.GROWTH
    assert f"{written['grown']['bytes']:,.0f} bytes in 10,000 inputs, 4 passes of 50 inputs" in capsys.readouterr().out
