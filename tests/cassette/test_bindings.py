"""Values that stand for the same."""

from __future__ import annotations

from typing import Any

from simulator.cassette.bindings import Bindings, changed, dumps, loads
from simulator.core.ids import Ids

UUID = "7d62d551-3030-4100-a260-2d7c4e9693e7"
OTHER = "0f8a51c6-93d2-4c6e-8d8b-0c7f1f2b9e10"


def test_both_ways() -> None:
    told: list[str] = []
    bindings = Bindings(told.append)
    assert bindings.to_live("nothing is bound") == "nothing is bound"
    assert bindings.bind(UUID, OTHER)
    assert bindings.bind("https://a.example/x?y=1", "http://127.0.0.1/z")
    assert bindings.bind(1_700_000_001, 1_800_000_002)
    text = f'{{"channel":"chat-{UUID}","url":"https://a.example/x?y=1","at":1700000001,"n":17000000012}}'
    live = f'{{"channel":"chat-{OTHER}","url":"http://127.0.0.1/z","at":1800000002,"n":17000000012}}'
    assert bindings.to_live(text) == live
    assert bindings.to_taped(live) == text
    assert told == [OTHER, "http://127.0.0.1/z", "1800000002"]
    assert len(bindings) == 3


def test_one_that_stands_in_another() -> None:
    bindings = Bindings()
    assert bindings.bind("/images/a.png", "/images/b.png")
    assert bindings.bind("https://a.example/images/a.png", "http://127.0.0.1/images/b.png")
    live = '"http://127.0.0.1/images/b.png", "/images/b.png"'
    assert bindings.to_taped(live) == '"https://a.example/images/a.png", "/images/a.png"'
    assert bindings.to_live(bindings.to_taped(live)) == live


def test_what_is_not_bound() -> None:
    bindings = Bindings()
    for taped, live in (("a", "b"), (UUID, 5), (True, False), (None, None), (UUID, "short"), ({}, {})):
        assert not bindings.bind(taped, live)
    assert bindings.bind(UUID, OTHER)
    assert not bindings.bind(UUID, "something else"), "what is bound stays so"


def test_minting() -> None:
    bindings, ids = Bindings(), Ids.seeded(7)
    bindings.mint(UUID, ids)
    made = bindings.to_live(UUID)
    assert made != UUID
    bindings.mint(UUID, ids)
    assert bindings.to_live(UUID) == made


def test_quotes_in_what_is_bound_stay_quoted() -> None:
    bindings = Bindings()
    bindings.bind('she said "é"', 'he said "no"')
    assert changed(('she said "é"',), bindings.to_live) == ('he said "no"',)


def test_arguments_with_bytes() -> None:
    bindings = Bindings()
    bindings.bind(UUID, OTHER)
    args: Any = (UUID, {"data": b"\0\1", "more": [b"\2", UUID]}, b"\3", 1)
    assert changed(args, bindings.to_live) == (OTHER, {"data": b"\0\1", "more": [b"\2", OTHER]}, b"\3", 1)
    assert changed((1, b""), bindings.to_live) == (1, b"")
    assert changed((UUID,), bindings.to_live) == (OTHER,)


def test_json_that_is_beyond_the_quick_way() -> None:
    assert loads(dumps([2**70, "\ud800"])) == [2**70, "\ud800"]
    assert loads("[NaN]")[0] != loads("[NaN]")[0]


def test_a_file_has_the_same_name_in_a_message_as_in_its_url() -> None:
    bindings = Bindings()
    bindings.bind(f"http://a.example.com/files/{UUID}.png?x=1", f"http://b.example.com/f/{OTHER}.png")
    assert bindings.to_live(f'{{"name":"{UUID}.png"}}') == f'{{"name":"{OTHER}.png"}}'
    # Nobody knows which is which.
    bindings = Bindings()
    bindings.bind(f"/{UUID}/{UUID}", f"/{OTHER}")
    assert bindings.to_live(f"name {UUID}") == f"name {UUID}"
