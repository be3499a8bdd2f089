"""Sequences aligned."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cassette.align import align

words = st.lists(st.sampled_from("abcd"), max_size=30)


def best(a: list[str], b: list[str]) -> int:
    """The length of the longest common subsequence, the slow way."""
    row = [0] * (len(b) + 1)
    for x in a:
        last = row
        row = [0]
        for j, y in enumerate(b):
            row.append(last[j] + 1 if x == y else max(last[j + 1], row[j]))
    return row[-1]


def rises(pairs: list[tuple[int, int]]) -> bool:
    return all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))


@given(words, words)
def test_the_longest_that_there_is(a: list[str], b: list[str]) -> None:
    pairs = align(a, b)
    assert rises(pairs)
    assert all(a[i] == b[j] for i, j in pairs)
    assert len(pairs) == best(a, b)


@given(words, words)
def test_in_a_hurry_still_a_common_subsequence(a: list[str], b: list[str]) -> None:
    pairs = align(a, b, most=0)
    assert rises(pairs)
    assert all(a[i] == b[j] for i, j in pairs)
    assert bool(pairs) is bool(set(a) & set(b))


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        ("", "", []),
        ("", "a", []),
        ("abc", "abc", [(0, 0), (1, 1), (2, 2)]),
        ("abc", "abxc", [(0, 0), (1, 1), (2, 3)]),
        ("aabbcc", "abc", [(0, 0), (3, 1), (5, 2)]),
    ],
)
def test_pairs(a: str, b: str, pairs: list[tuple[int, int]]) -> None:
    found = align(a, b)
    assert len(found) == len(pairs)
    assert [a[i] for i, _ in found] == [a[i] for i, _ in pairs]


def test_ten_thousand_in_a_moment() -> None:
    a = [number % 7 for number in range(10_000)]
    b = [(number * 31 + 5) % 11 for number in range(10_000)]
    started = time.process_time()
    found = align(a, b)
    assert time.process_time() - started < 5
    assert rises(found)
    assert len(found) > 1000
