"""The arithmetic between rows: ratios by round, medians of them, and who was the busier one."""

from __future__ import annotations

import json

import pytest

from bench.rows import Found, Row, dump, load, outrun, percentile, ratio, ratios


def row(key: str, *figures: float, **more: object) -> Row:
    return Row(key, key, "us", list(figures), **more)  # type: ignore[arg-type]


def test_a_ratio_is_between_two_rows_of_the_same_round() -> None:
    own, base = row("a", 10.0, 20.0, 40.0), row("b", 20.0, 20.0, 20.0)
    assert ratios(own, base) == [2.0, 1.0, 0.5]
    assert ratios(own, base, "own/base") == [0.5, 1.0, 2.0]
    own.ratio = "own/base"
    assert ratios(own, base) == [0.5, 1.0, 2.0]


def test_the_median_of_ratios_is_not_the_ratio_of_medians() -> None:
    rows = {"a": row("a", 1.0, 2.0, 9.0), "b": row("b", 4.0, 2.0, 9.0)}
    assert ratio(rows, "a", "b", "base/own") == 1.0
    assert ratio(rows, "b", "b", "base/own") == 1.0


def test_what_was_measured_beside_its_base_is_held_against_that_moment() -> None:
    base = row("base", 10.0, 30.0, base="base", beside=[10.0, 30.0])
    own = row("a", 20.0, 20.0, base="base", beside=[10.0, 40.0])
    other = row("b", 5.0, 80.0, base="base", beside=[10.0, 40.0])
    assert ratios(own, base) == [0.5, 2.0]
    assert ratios(base, base) == [1.0, 1.0]
    # Both of it are as far from their base as they were in their moments.
    assert ratios(own, other) == [0.25, 4.0]
    assert ratios(own, row("c", 5.0, 5.0, base="another", beside=[1.0, 1.0])) == [0.25, 0.25]


def test_what_was_not_measured_has_no_ratio() -> None:
    rows = {"a": row("a", 1.0), "empty": row("empty"), "zero": row("zero", 0.0)}
    assert ratio(rows, "a", "nobody", "base/own") is None
    assert ratio(rows, "nobody", "a", "base/own") is None
    assert ratio(rows, "a", "empty", "base/own") is None
    assert ratio(rows, "a", "zero", "base/own") is None
    assert ratios(rows["a"], None) == []


def test_a_row_that_stopped_early_is_held_against_the_rounds_it_has() -> None:
    assert ratios(row("a", 1.0), row("b", 2.0, 9.0)) == [2.0]


def test_the_generator_was_busier_by_the_medians() -> None:
    assert outrun(row("a", 1.0, server=[0.2, 0.9, 0.2], generator=[0.3, 0.1, 0.3]))
    assert not outrun(row("a", 1.0, server=[0.3], generator=[0.3]))
    assert not outrun(row("a", 1.0, generator=[0.3]))
    assert not outrun(row("a", 1.0))


@pytest.mark.parametrize(("share", "figure"), [(0.5, 51), (0.99, 100), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_one_of_the_figures(share: float, figure: int) -> None:
    assert percentile(range(1, 101), share) == figure


def test_rows_come_back_from_json_as_they_were() -> None:
    found = Found(
        [row("a", 1.0, 3.0, base="b", server=[0.5], waited=[0.1], note="two rounds"), row("b", 2.0, 3.0), row("c")]
    )
    data = json.loads(json.dumps(dump(found)))
    assert load(data) == found.rows
    assert [one["median"] for one in data] == [2.0, 2.5, None]
    assert [one["median_ratio"] for one in data] == [1.5, None, None]
    assert data[0]["ratios"] == [2.0, 1.0]
