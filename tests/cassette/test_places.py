"""Keys and values in JSON that nobody takes apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cassette.places import TooMany, Value, Walk, close, leaves, level_of, value

documents = st.recursive(
    st.one_of(st.text(max_size=8), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
).filter(lambda document: isinstance(document, list | dict))


def at_level(text: str, level: int) -> str:
    for _ in range(level):
        text = json.dumps(text)[1:-1]
    return text


@given(st.text(), st.integers(0, 3), st.booleans())
def test_a_string_ends_at_its_quote(content: str, level: int, ascii: bool) -> None:
    text = at_level(json.dumps(content, ensure_ascii=ascii), level)
    quote = at_level('"', level)
    assert text.startswith(quote)
    end = close(f"{text}, more {quote}", len(quote), level)
    assert text[end:] == quote


def test_a_string_that_is_cut_off() -> None:
    assert close('"abc', 1, 0) == 4
    assert close('\\"abc"', 2, 1) == 5, "the outer one ends first"


@pytest.mark.parametrize(("backslashes", "level"), [(0, 0), (1, 1), (2, None), (3, 2), (7, 3), (15, None)])
def test_levels(backslashes: int, level: int | None) -> None:
    assert level_of(backslashes) == level


@pytest.mark.parametrize(
    ("text", "level", "found"),
    [
        ('"ab"', 0, Value(1, 3, False)),
        ('\\"ab\\"', 1, Value(2, 4, False)),
        ("-1.5e3,", 0, Value(0, 6, True)),
        ("{", 0, "{"),
        ("[", 0, "["),
        ("true", 0, None),
        ("", 0, None),
        ('"ab"', 1, None),
    ],
)
def test_values(text: str, level: int, found: Any) -> None:
    assert value(text, 0, level) == found


def plain(document: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(document, dict):
        return [leaf for key, inner in document.items() for leaf in plain(inner, (*path, key))]
    if isinstance(document, list):
        return [leaf for inner in document for leaf in plain(inner, path)]
    return [(path, document)]


@given(documents, st.integers(0, 2), st.booleans())
def test_leaves_are_those_of_a_parser(document: Any, level: int, ascii: bool) -> None:
    text = at_level(json.dumps(document, ensure_ascii=ascii), level)
    got = []
    for leaf in leaves(text, 0, level, Walk(), deepest=level):
        raw, path = text[leaf.start : leaf.end], leaf.path
        for _ in range(level):
            raw, path = json.loads(f'"{raw}"'), tuple(json.loads(f'"{key}"') for key in path)
        key_path = tuple(json.loads(f'"{key}"') for key in path)
        got.append((key_path, json.loads(raw) if leaf.number else json.loads(f'"{raw}"')))
    assert got == plain(document)


def test_json_in_strings() -> None:
    text = '{"a":"{\\"b\\":\\"{\\\\\\"c\\\\\\":1}\\"}","d":"{cut \\"e\\"","f":2}'
    got = [(leaf.path, text[leaf.start : leaf.end]) for leaf in leaves(text, 0, 0, Walk())]
    assert (("a", "b", "c"), "1") in got
    assert (("f",), "2") in got
    assert [leaf.path for leaf in leaves(text, 0, 0, Walk(), deepest=0)] == [("a",), ("d",), ("f",)]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('{"a":[1,{"b":2}', [("a",), ("a", "b")]),
        ('{"a":1}]}{"b":2}', [("a",)]),
        ('{"a', [()]),
        ('[\\"x\\",1]', [()]),
        ("[1,2", [(), ()]),
    ],
)
def test_as_far_as_it_goes(text: str, paths: list[tuple[str, ...]]) -> None:
    assert [leaf.path for leaf in leaves(text, 0, 0, Walk())] == paths


def test_bounds() -> None:
    with pytest.raises(TooMany, match="too many values"):
        list(leaves("[" + "1," * 100, 0, 0, Walk(50)))
    with pytest.raises(TooMany, match="more than 200 brackets"):
        list(leaves("[" * 1000, 0, 0, Walk()))
