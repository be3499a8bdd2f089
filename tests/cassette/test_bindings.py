"""Values that stand for the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import pytest

from simulator.cassette import opaque
from simulator.cassette.bindings import LONGEST, Bindings, changed, dumps, loads
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


def test_nobody_reads_what_nobody_can() -> None:
    for text in ("[" * 200_000, '{"a":'):
        with pytest.raises(ValueError, match=r"too many collections|Expecting"):
            loads(text)


def test_what_is_not_bound() -> None:
    bindings = Bindings()
    # A client may call a megabyte its id, and come a thousand times.
    assert not bindings.bind(UUID, "x" * (LONGEST + 1))
    assert Bindings().bind(UUID, "x" * LONGEST)
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


def test_a_value_that_is_part_of_another_one_is_not_that_one() -> None:
    bindings = Bindings()
    assert bindings.bind("ann@example.com", "bob@example.com")
    assert bindings.bind("item-1", "item-7")
    assert bindings.bind("/images/a.png", "/images/b.png")
    text = '{"to":"ann@example.com","cc":"joann@example.com","id":"item-1","ids":["item-12","an-item-1"],"at":"/images/a.pngx"}'
    assert bindings.to_live(text) == text.replace('"ann@', '"bob@').replace('"item-1"', '"item-7"')


def test_what_was_put_in_is_not_changed_once_more() -> None:
    bindings = Bindings()
    for taped, live in (
        ("alice-1", "bobby-2"),
        ("bobby-2", "alice-1"),
        ("a.b/cdef", "x.y/abcd"),
        ("x.y/abcd", "a.b/cdef"),
    ):
        assert bindings.bind(taped, live)
    assert bindings.to_live('"alice-1 bobby-2 a.b/cdef"') == '"bobby-2 alice-1 x.y/abcd"'


def test_a_word_of_the_language_is_an_id_only_where_it_stands_alone() -> None:
    bindings = Bindings()
    assert bindings.bind("garden", "meadow")
    assert bindings.bind("hello there", "hullo you")
    text = '{"room":"garden","url":"/rooms/garden?x=1","topic":"room:garden","text":"the garden is open, hello there","said":"hello there"}'
    assert bindings.to_live(text) == (
        '{"room":"meadow","url":"/rooms/meadow?x=1","topic":"room:meadow","text":"the garden is open, hello there","said":"hullo you"}'
    )
    assert bindings.to_live("garden") == "meadow"


def test_ids_in_longer_words_and_addresses() -> None:
    bindings = Bindings()
    assert bindings.bind(UUID, OTHER)
    assert bindings.bind("chat-12ab", "chat-34cd")
    text = f'"session-{UUID}", "{UUID}-x@example.com", "chat-12ab.example.com", "chat-12ab@example.com"'
    assert bindings.to_live(text) == text.replace(UUID, OTHER).replace("chat-12ab", "chat-34cd")


def test_digits_that_are_a_text_are_no_number() -> None:
    bindings = Bindings()
    assert bindings.bind("123456", 'ab"c12')
    args: Any = ({"id": "123456", "n": 123456, "123456": ["123456", None]},)
    assert changed(args, bindings.to_live) == ({"id": 'ab"c12', "n": 123456, 'ab"c12': ['ab"c12', None]},)
    assert bindings.to_taped(dumps('ab"c12')) == '"123456"'
    assert bindings.to_live("a\\b123456") == "a\\b123456"


def test_a_number_that_is_made_anew_is_one() -> None:
    bindings, ids = Bindings(), Ids.seeded(7)
    for value in ("1417319002", "100000"):
        bindings.mint(value, ids)
        [made] = changed((int(value),), bindings.to_live)
        assert isinstance(made, int)
        assert len(str(made)) == len(value)
        assert str(made) != value


def test_odd_values_are_not_kept_for_ever() -> None:
    bindings = Bindings()
    for i in range(600):
        assert bindings.bind(f"one two {i}", f"two one {i}")
    assert bindings.to_live('"one two 599"') == '"two one 599"'
    assert bindings.to_live('"one two 1"') == '"one two 1"'


def test_odd_values_cost_where_they_stand_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []
    finder = opaque.finder

    def counted(looks: Collection[str], odd: Iterable[str] = ()) -> re.Pattern[str]:
        made.append([*odd])
        return finder(looks, made[-1])

    bindings = Bindings()
    monkeypatch.setattr(opaque, "finder", counted)
    for i in range(100):
        assert bindings.bind(f"Q8VovVm.{i}a", f"Q8WXyZm.{i}b")
        assert bindings.to_taped("/") == "/"
    assert made == []
    assert bindings.to_live('{"offset":"Q8VovVm.70a"}') == '{"offset":"Q8WXyZm.70b"}'
    assert made == [["Q8VovVm.70a"]]


def test_a_long_frame_takes_no_time() -> None:
    bindings = Bindings()
    assert bindings.bind("ann@example.com", "bob@example.com")
    for piece in (".", "a.", "a@", "a@a.", "eyJ", "eyJa.", "-", "7d62d551-", "1-"):
        assert bindings.to_live(piece * 100_000) == piece * 100_000


def test_a_file_has_the_same_name_in_a_message_as_in_its_url() -> None:
    bindings = Bindings()
    bindings.bind(f"http://a.example.com/files/{UUID}.png?x=1", f"http://b.example.com/f/{OTHER}.png")
    assert bindings.to_live(f'{{"name":"{UUID}.png"}}') == f'{{"name":"{OTHER}.png"}}'
    # Nobody knows which is which.
    bindings = Bindings()
    bindings.bind(f"/{UUID}/{UUID}", f"/{OTHER}")
    assert bindings.to_live(f"name {UUID}") == f"name {UUID}"
