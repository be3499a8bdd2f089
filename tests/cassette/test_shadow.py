"""Found in the shadow, cut out of the text."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cassette.places import TooMany
from simulator.cassette.shadow import unescaped, unquoted


@given(
    st.text('ab1@"\\/\n\t', max_size=12), st.text("xyz", min_size=1, max_size=4), st.text('ab1@"\\/\n\t', max_size=12)
)
def test_places_under_backslashes(before: str, needle: str, after: str) -> None:
    for text in (json.dumps(before + needle + after), json.dumps(json.dumps(before + needle + after))):
        shadow = unescaped(text)
        start = shadow.text.index(needle)
        one, other = shadow.place(start, start + len(needle))
        assert text[one:other] == needle


@given(st.text(max_size=12), st.text("xyz@=", min_size=1, max_size=4), st.text(max_size=12))
def test_places_under_percents(before: str, needle: str, after: str) -> None:
    text = quote(before + "~", safe="") + quote(needle, safe="") + quote("~" + after, safe="")
    shadow = unquoted(text)
    start = shadow.text.index(f"~{needle}~") + 1
    one, other = shadow.place(start, start + len(needle))
    assert text[one:other] == quote(needle, safe="")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("abc", "abc"),
        ("a\\nb", "a\nb"),
        ("a\\u0040b", "a@b"),
        ("a\\\\u0040b", "a@b"),
        ("\\u00e9\\u00e9x", "ªx"),
        ('\\"a\\/\\\\', '"a/\\'),
        ("\\x", "\\x"),
    ],
)
def test_backslashes(text: str, plain: str) -> None:
    shadow = unescaped(text)
    assert shadow.text == plain
    assert shadow.place(0, len(plain)) == (0, len(text)), "escapes are whole"


@pytest.mark.parametrize(("text", "plain"), [("a%40b", "a@b"), ("%C3%A9x", "ªx"), ("%zz%", "%zz%"), ("%7b%22", '{"')])
def test_percents(text: str, plain: str) -> None:
    shadow = unquoted(text)
    assert shadow.text == plain
    assert shadow.place(0, len(plain)) == (0, len(text))


def test_bounds() -> None:
    with pytest.raises(TooMany, match="too many escapes"):
        unescaped("\\n" * 60_000)
    assert unescaped("\\u0430" * 100_000).text == "ª"
