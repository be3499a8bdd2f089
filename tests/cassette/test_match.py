"""Messages held against each other."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.cassette.match import ABSENT, MOST, Comparison, Difference, Masks, nearest, shown


def compared(taped: Any, live: Any, *masks: str, loose: bool = True) -> Comparison:
    return Comparison(Masks(masks).of("m"), loose).args((taped,), (live,))


@pytest.mark.parametrize(
    ("taped", "live", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, ["a: expected 1, got true"]),
        ({"a": "x"}, {"a": "y"}, ['a: expected "x", got "y"']),
        ({"a": {"b": ["x"]}}, {"a": {"b": ["y"]}}, ['a.b.0: expected "x", got "y"']),
        ({"a": [1]}, {"a": [1, 2]}, ["a.1: expected nothing, got 2"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a.1: expected 2, got nothing"]),
        ({"a": 1}, {}, ["a: expected 1, got nothing"]),
        ({}, {"a": 1}, ["a: expected nothing, got 1"]),
        ({"a": None}, {}, []),
        ({}, {"a": None}, []),
        ({"a": {}}, {"a": []}, ["a: expected {}, got []"]),
        (b"\0", b"\1\2", ["it: expected 1 byte 00, got 2 bytes 01 02"]),
        ({"id": "a"}, {"id": "b"}, []),
    ],
)
def test_differences(taped: Any, live: Any, told: list[str]) -> None:
    assert [found.told() for found in compared(taped, live).differences] == told


def test_strictly_an_id_that_differs_is_a_difference() -> None:
    assert compared({"id": "a"}, {"id": "b"}, loose=False).differences == [Difference("id", "a", "b")]
    assert compared({"a": None}, {}, loose=False).differences == [Difference("a", None, ABSENT)]


def test_masked_paths_may_differ_and_all_below_them() -> None:
    assert compared({"a": {"b": 1}}, {"a": {"b": 2}}, "m.a", loose=False).differences == []
    assert compared({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "m.a.*.b", loose=False).pairs == [(1, 2)]
    assert compared({"a": {"b": 1}}, {"a": {"b": 2}}, "*.a.b").differences == []
    assert compared({"a": {"b": 1}}, {"a": {"b": 2}}, "other.a.b", "m.a.b.c").differences != []


def test_of_several_arguments_the_others_have_numbers() -> None:
    comparison = Comparison((), False).args(({"a": 1}, "x"), ({"a": 1}, "y", "z"))
    assert [found.path for found in comparison.differences] == ["1", "2"]
    assert Comparison((), False).args((1, 2), (1,)).differences == [Difference("1", 2, ABSENT)]


def test_what_is_told_has_bounds() -> None:
    assert len(compared([*range(100)], [0] * 200).differences) == MOST
    assert shown("x" * 200).endswith("x...")
    assert shown(ABSENT) == "nothing"
    assert repr(ABSENT) == "nothing"
    masks = Masks(["*.a"])
    assert masks.of("x" * 2000) == (("a",),)
    assert masks._by_name == {}, "a client may say names of megabytes"
    assert all(masks.of(str(i)) == (("a",),) for i in range(1100))
    assert len(masks._by_name) == 1000


def test_the_name_that_was_meant() -> None:
    assert nearest("send_mesg", ["send_msg", "ack_chat"]) == "send_msg"
    assert nearest("x", ["send_msg"]) is None
