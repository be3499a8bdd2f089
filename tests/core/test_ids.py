"""Seeded ids: literal for a seed, untouched by what others draw."""

from __future__ import annotations

import string
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.ids import ALPHANUMERIC, HEX, Ids, fresh_key, fresh_seed


def test_literals() -> None:
    # If these change, every cassette and every user's test that was made with a seed does.
    ids = Ids.seeded(7)
    assert [ids.uuid(), ids.uuid()] == ["a11dfca1-9df9-4c67-81d2-ff0364bbc6b4", "e696a83b-2705-47d5-96ae-82d6baa5c163"]
    ids = Ids.seeded(7)
    assert [ids.token(24), ids.token(24)] == ["orCxphD7CWmeDUBePDTwRENb", "OwKxa4EWgyu35Astu13FttVT"]
    ids = Ids.seeded(7)
    assert [ids.below(100) for _ in range(8)] == [80, 27, 4, 38, 38, 76, 22, 20]
    assert Ids.seeded(8).token(24) == "Lrdg0co2jgy2D74qaCEmer0M"
    assert Ids.seeded(7).token(5, "ab") == "aabab"
    assert Ids.seeded(7).token(41, HEX) == "4b6cbb4630ff2d1c361c5aab6d28ea614dc23080e"
    assert Ids.seeded(7).token(17, "0123456789abcdefghijklmnopqrstuvwxyz") == "wle3er0dawnl4rliz"
    assert Ids.seeded(7).token(19, "0123456789") == "0892142208435555720"


@pytest.mark.parametrize(
    ("name", "token"), [(("a",), "YwKoUBqU"), (("a", 1), "3SWwzz1q"), (("b",), "4VM9qfLN"), ((("a",),), "Zt9WGTe6")]
)
def test_child_literals(name: tuple[object, ...], token: str) -> None:
    assert Ids.seeded(7).child(*name).token(8) == token


def test_grandchild_is_not_a_child_of_two_names() -> None:
    ids = Ids.seeded(7)
    assert ids.child("a").child("b").token(8) == "MAMzWgKy" != ids.child("a", "b").token(8)


def test_child_is_always_at_its_start() -> None:
    ids = Ids.seeded(7)
    first = ids.child("a")
    ids.uuid()
    ids.serial("a")
    ids.nth("a")
    first.child("a").uuid()
    assert ids.child("a").uuid() == first.uuid() != first.uuid()


def test_parents_draws_are_not_the_childs() -> None:
    alone, shared = Ids.seeded(7), Ids.seeded(7)
    shared.child("a").token(100)
    shared.nth("a").token(100)
    shared.serial()
    assert shared.token(24) == alone.token(24)


def test_nth_counts_equal_names() -> None:
    alone, crowded = Ids.seeded(7), Ids.seeded(7)
    expected = [alone.nth("GET", "/a").token(8) for _ in range(3)]
    got = []
    for other in range(3):
        crowded.nth("GET", f"/{other}")
        got.append(crowded.nth("GET", "/a").token(8))
        crowded.nth("POST", "/a")
    assert got == expected
    assert len(set(got)) == 3
    assert expected[1] == Ids.seeded(7).child("GET", "/a", 2).token(8)


def test_of_a_long_name_the_hash_alone_is_kept() -> None:
    ids = Ids.seeded(7)
    long = "x" * 50_000
    first, second = ids.nth("upload", long).token(8), ids.nth("upload", long).token(8)
    assert first != second
    assert (first, second) == tuple(Ids.seeded(7).child("upload", long, n).token(8) for n in (1, 2))
    assert [ids.serial((long,)), ids.serial((long,)), ids.serial(long, 0)] == [1, 2, 0]
    assert ids._counts is not None
    assert max(len(repr(key)) for key in ids._counts) < 200


def test_serial_counts_for_each_apart() -> None:
    ids = Ids.seeded(7)
    assert [ids.serial(), ids.serial(), ids.serial("a"), ids.serial("a"), ids.serial()] == [1, 2, 1, 2, 3]
    assert [ids.serial("b", 100), ids.serial("b", 100), ids.serial("b")] == [100, 101, 102]
    assert ids.child("a").serial("a") == 1


def test_names_that_clients_bring_are_not_counted_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.core.ids.NAMES", 3)
    ids = Ids.seeded(7)
    assert [ids.serial("old") for _ in range(4)] == [1, 2, 3, 4]
    # The name that is used stays, whatever else comes.
    for n in range(1, 50):
        assert ids.serial("used") == n
        ids.serial(n)
    assert ids._counts is not None
    assert len(ids._counts) == 3
    # Forgotten, and still no number twice.
    assert ids.serial("old") > 4
    assert ids.serial("new", 1000) == 1000


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 9), max_size=200), st.integers(0, 1))
def test_no_number_comes_twice(names: list[int], first: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulator.core.ids.NAMES", 3)
        ids = Ids.seeded(7)
        drawn = [(name, ids.serial(name, first)) for name in names]
    assert len(set(drawn)) == len(drawn)
    if len({*names}) <= 3:
        assert drawn == [(name, first + names[:i].count(name)) for i, name in enumerate(names)]


@settings(deadline=None, max_examples=50)
@given(st.integers(), st.integers())
def test_seeds_differ(one: int, other: int) -> None:
    assert (Ids.seeded(one).uuid() == Ids.seeded(other).uuid()) == (one == other)


@settings(deadline=None, max_examples=50)
@given(st.integers(), st.lists(st.text(st.characters()) | st.integers() | st.none()))
def test_any_name_will_do(seed: int, name: list[object]) -> None:
    uuid = UUID(Ids.seeded(seed).child(*name).uuid())
    assert (uuid.version, uuid.variant) == (4, RFC_4122)


def test_uuid_is_written_in_lower_case() -> None:
    ids = Ids.seeded(0)
    for _ in range(100):
        text = ids.uuid()
        assert text == str(UUID(text))
        assert UUID(text).version == 4


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), st.integers(0, 70))
def test_token_keeps_to_its_alphabet(seed: int, n: int) -> None:
    ids = Ids.seeded(seed)
    assert len(ids.token(n)) == n
    assert set(ids.token(n, string.hexdigits)) <= set(string.hexdigits)


def test_alphabet() -> None:
    assert sorted(ALPHANUMERIC) == sorted(string.ascii_letters + string.digits)
    assert set(Ids.seeded(1).token(2000)) == set(ALPHANUMERIC)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), st.integers(1, 2**64))
def test_below_is_below(seed: int, n: int) -> None:
    assert 0 <= Ids.seeded(seed).below(n) < n


def test_pick_is_even() -> None:
    ids = Ids.seeded(7)
    picked = [ids.pick("abc") for _ in range(3000)]
    assert all(900 < picked.count(letter) < 1100 for letter in "abc")
    assert ids.pick(["only"]) == "only"


def test_fresh_seed_can_be_typed_again() -> None:
    seeds = {fresh_seed() for _ in range(50)}
    assert len(seeds) > 40
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_key_is_never_the_same() -> None:
    assert len(fresh_key()) == 32
    assert fresh_key() != fresh_key()
