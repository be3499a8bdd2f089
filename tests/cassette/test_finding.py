"""Which line a message is taken for, and how many are looked at for that."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.cassette import finding
from simulator.cassette.entries import Entry
from simulator.cassette.match import Comparison, Masks
from simulator.cassette.strands import Line, Part, pack
from tests.cassette.recordings import Replay
from tests.cassette.tapes import opened, said
from tests.cassette.test_misses import count
from tests.cassette.test_stand_in import stranger

NO_MASKS = Masks(())


def word(number: int) -> str:
    """Of the message with that number: none of them looks like an id."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def saying(number: int, more: str = "") -> str:
    return f'{{"type":"send_msg","text":"say {word(number)}"{more}}}'


def talk(count: int, rare: tuple[int, ...] = ()) -> Replay:
    tape: list[Entry] = [opened("/x/")]
    tape += (said("client", saying(number, ',"rare":true' if number in rare else "")) for number in range(count))
    return stranger(*tape, factor=0.0)


def line_of(number: int) -> int:
    return 11 + 4 * number


def test_a_miss_among_thousands_is_held_against_few_as_a_whole() -> None:
    replay = talk(5000)
    client = replay.connect(path="/x/")
    for number in range(1200, 1204):
        client.send(saying(number))
    assert replay.coverage.missed == 0
    with count(Comparison, "args") as compared, count(Comparison, "_scalar") as values:
        client.send('{"type":"send_msg","text":"nobody says this","two":1,"three":[1,2],"four":{"a":1,"b":2}}')
    assert replay.coverage.missed == 1
    # Each candidate to its first difference, and a few dozen to their last.
    assert finding.LOOKED_AT <= compared[0] <= finding.LOOKED_AT + 60
    assert values[0] <= finding.LOOKED_AT + 60 * 5
    [told] = replay.warnings()
    assert f"nearest is talk.yaml:{line_of(1204)}; text: expected" in told


def test_the_nearest_is_the_likest_of_those_around_and_the_next_of_equals() -> None:
    replay = talk(200)
    client = replay.connect(path="/x/")
    for number in (99, 100, 101):
        client.send(saying(number))
    # Nothing is more alike than what comes next.
    client.send('{"type":"send_msg","text":"nobody says this"}')
    assert f"nearest is talk.yaml:{line_of(102)};" in replay.warnings()[-1]
    # What was left out behind the place is near, too, and so is the first of all that is left.
    replay = talk(200, rare=(90, 190))
    client = replay.connect(path="/x/")
    client.send(saying(99))
    client.send('{"type":"send_msg","text":"nobody says this","rare":true}')
    assert f"nearest is talk.yaml:{line_of(90)};" in replay.warnings()[-1]


def test_the_first_that_was_left_out_is_near_wherever_the_client_is() -> None:
    known = [*range(1, 3 * finding.LOOKED_AT)]
    used = {*known[1:]}
    assert [*finding.around(known, 0, known[-1], used)] == [1]
    assert [*finding.around([10, 20, 30, 40, 50], 0, 30, {10, 30})] == [40, 50, 20, 10]


def test_who_left_out_one_goes_on_far_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "LOOKED_AT", 20)
    replay = talk(100)
    client = replay.connect(path="/x/")
    for number in range(1, 100):
        client.send(saying(number))
    assert (replay.warnings(), replay.coverage.missed) == ([], 0)
    client.send(saying(0))
    assert replay.coverage.complete


def test_what_is_looked_at_is_all_that_is_left_once() -> None:
    half = finding.LOOKED_AT // 2
    known = [*range(5 * half)]
    assert [*finding.ahead(known, 0, 0, ())] == known[: 2 * half]
    assert [*finding.ahead(known, 0, 3 * half, {0, 3 * half + 1})] == [
        *known[1:half],
        *known[3 * half + 2 : 4 * half + 1],
    ]
    assert [*finding.ahead(known[:3], 1, 2, {1})] == [2]


def lines(*bodies: Any) -> list[Line]:
    return [Line(at, 0.0, Part.SAID, True, "say", "", pack((body,))) for at, body in enumerate(bodies)]


def test_of_what_fits_the_one_with_the_fewest_other_values() -> None:
    some = lines({"id": 1, "a": [1]}, {"id": 2, "a": [2]}, {"id": 3, "a": [1]})
    found = finding.fitting(some, range(3), ({"id": 3, "a": [1]},), NO_MASKS)
    assert found is not None
    assert (found.index, found.pairs) == (2, [])
    found = finding.fitting(some, range(3), ({"id": 9, "a": [1]},), NO_MASKS)
    assert found is not None
    assert (found.index, found.pairs) == (0, [(1, 9)])
    assert finding.fitting(some, range(3), ({"id": 9, "a": [3]},), NO_MASKS) is None
    assert finding.nearest(some, [], (), NO_MASKS) is None
    assert finding.Found(None, None).pairs == []


def test_once_one_fits_not_many_more_are_looked_at() -> None:
    some = lines(*({"id": number} for number in range(3 * finding.BETTER)))
    with count(Comparison, "args") as compared:
        found = finding.fitting(some, range(len(some)), ({"id": -1},), NO_MASKS)
    assert (found is not None and found.index, compared[0]) == (0, finding.BETTER)
