"""Where time comes from."""

from __future__ import annotations

import time

import pytest

from simulator.core.errors import SimulatorError
from simulator.serve.clock import START, ManualClock, WallClock, parse, written


def test_wall() -> None:
    clock = parse("wall")
    assert isinstance(clock, WallClock)
    assert clock.mode == "wall"
    first = clock.now()
    assert abs(first - time.time()) < 1
    clock.restart()
    assert clock.now() >= first
    assert clock.loop_time(clock.now()) == pytest.approx(time.monotonic(), abs=1)


def test_wall_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = WallClock()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now() >= before


def test_manual_stands_still() -> None:
    clock = parse("manual")
    assert isinstance(clock, ManualClock)
    assert (clock.mode, clock.now()) == ("manual", START)
    clock.set(START + 0.1 + 0.2)
    assert clock.now() == START + 0.3
    clock.set(START)
    assert clock.now() == START + 0.3
    clock.restart()
    assert clock.now() == START


@pytest.mark.parametrize(
    ("text", "now"),
    [
        ("2026-01-01T00:00:00Z", START),
        ("2026-01-01T02:00:00+02:00", START),
        ("2026-01-01T00:00:00.25Z", START + 0.25),
        ("1970-01-01T00:00:00Z", 0.0),
        ("1969-12-31T23:59:59Z", -1.0),
    ],
)
def test_instants(text: str, now: float) -> None:
    clock = parse(text)
    assert isinstance(clock, ManualClock)
    assert clock.now() == now


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "WALL",
        "1767225600",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "2026-01-01T25:00Z",
    ],
)
def test_nonsense(text: str) -> None:
    with pytest.raises(SimulatorError) as caught:
        parse(text)
    assert str(caught.value) == f"--clock {text}: expected wall, manual, or an instant such as 2026-01-01T00:00:00Z"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00Z"])
def test_ends_of_the_calendar(text: str) -> None:
    """Whatever is taken can be written."""
    try:
        clock = parse(text)
    except SimulatorError:
        return
    assert written(clock.now())


@pytest.mark.parametrize(
    ("now", "text"),
    [(START, "2026-01-01T00:00:00Z"), (START + 0.5, "2026-01-01T00:00:00.500000Z"), (-1.0, "1969-12-31T23:59:59Z")],
)
def test_written(now: float, text: str) -> None:
    assert written(now) == text
