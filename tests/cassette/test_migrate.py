"""From one format to the next."""

from __future__ import annotations

import pytest

from simulator.cassette.migrate import STEPS, Raw, Step, convert, way


def step(name: str, times: int = 1) -> Step:
    def entry(raw: Raw) -> list[Raw]:
        return [{**raw, "way": f"{raw.get('way', '')}{name}"}] * times

    return Step(lambda raw: {**raw, name: True}, entry)


def test_the_first_format_needs_no_step() -> None:
    assert way(1) == []
    assert not STEPS


def test_steps_follow_each_other() -> None:
    steps = {1: step("a"), 2: step("b", 2), 3: step("c")}
    assert way(1, steps, 4) == [steps[1], steps[2], steps[3]]
    assert way(3, steps, 4) == [steps[3]]
    assert way(4, steps, 4) == []
    assert convert({}, way(1, steps, 4)) == [{"way": "abc"}, {"way": "abc"}]
    assert convert({}, way(3, steps, 4)) == [{"way": "c"}]


@pytest.mark.parametrize("number", [0, -1, -(10**9)])
def test_formats_that_never_were(number: int) -> None:
    with pytest.raises(ValueError, match=f"has format {number}, which there never was; the format of today is 1"):
        way(number)


def test_a_format_from_the_future() -> None:
    with pytest.raises(
        ValueError, match="has format 2, and this simulator reads formats up to 1: a newer one wrote it"
    ):
        way(2)
