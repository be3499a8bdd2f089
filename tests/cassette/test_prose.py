"""By its looks: more of it is in test_redact.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cassette.prose import _is_card, spots, suspicious
from simulator.cassette.pseudonyms import Pseudonyms

NAMES = Pseudonyms(b"k" * 32)


@given(st.one_of(st.text(), st.text("ey J.@a=+-%:12345678 ()/eartlswpxoghbKISA_"), st.from_regex(r".{0,5}(\+49 170 123456\d|4111 ?1111 ?1111 ?1111|\(555\) 123-4567|tel:\d{9}|earer \w{9}|AKIA[A-Z]{16}).{0,5}")))  # fmt: skip
def test_the_quick_look_is_never_wrong_when_it_says_no(text: str) -> None:
    if not suspicious(text):
        assert list(spots(text, NAMES)) == []


@pytest.mark.parametrize(
    ("number", "card"),
    [
        ("4111111111111111", True),
        ("4111 1111 1111 1111", True),
        ("4111111111111112", False),
        ("5555555555554444", True),
        ("2223003122003222", True),
        ("378282246310005", True),
        ("36227206271667", True),
        ("6011000990139424", True),
        ("6200000000000005", True),
        ("3530111333300000", True),
        ("4111111111111111119", False),
        ("1763668800000000", False),
        ("2720999999999999", False),
    ],
)
def test_cards(number: str, card: bool) -> None:
    assert _is_card(number) is card


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("Basic dXNlcjpTM0NSRVQ=", True),
        ("Basic YTo_Yj4-", True),
        ("basic resources", False),  # of no length that base64 has
        ("Basic features and more", False),  # decodes, and holds no colon
    ],
)
def test_basic_logins(text: str, login: bool) -> None:
    assert [spot.what for spot in spots(text, NAMES)] == ["basic authorization"] * login
