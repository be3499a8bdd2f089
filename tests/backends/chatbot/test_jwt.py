"""Tokens: what is taken and what is not."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.backends.chatbot import jwt

RFC = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)
"""RFC 7515, appendix A.1; its key is not UTF-8, so that only its shape is of use here."""


def part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_is_signed_is_verified() -> None:
    token = jwt.sign({"sub": "ada", "exp": 100}, "secret")
    # Made by jsonwebtoken's rules: header, payload, base64url without padding.
    assert token.startswith("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJleHAiOjEwMH0.")
    assert jwt.verify(token, "secret", 99.999) == {"sub": "ada", "exp": 100}
    assert jwt.verify(jwt.sign({"nbf": 100}, "secret"), "secret", 100) == {"nbf": 100}


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "jwt malformed"),
        ("a.b", "jwt malformed"),
        (".b.c", "jwt malformed"),
        ("a.b.c.d", "jwt malformed"),
        ("x" * 9000, "jwt malformed"),
        (f"{part({'alg': 'none'})}.{part({'sub': 'ada'})}.", "invalid algorithm"),
        (f"{part({'alg': 'NONE'})}.{part({'sub': 'ada'})}.", "invalid algorithm"),
        (f"{part({'alg': 'RS256'})}.{part({'sub': 'ada'})}.eA", "invalid algorithm"),
        (f"{part({})}.{part({'sub': 'ada'})}.eA", "invalid algorithm"),
        (f"{part([])}.{part({})}.eA", "invalid token"),
        ("####.####.####", "jwt malformed"),
        ("é.é.é", "jwt malformed"),
        (f"{jwt.sign({'sub': 'ada'}, 'secret')}#", "jwt malformed"),
        (f"{jwt.sign({'sub': 'ada'}, 'secret')}\n", "jwt malformed"),
        (jwt.sign({"sub": "ada"}, "secret").replace(".", "..", 1), "jwt malformed"),
        ("a.b.c", "invalid token"),
        ("YWJj.YWJj.eA", "invalid token"),
        (RFC, "invalid signature"),
        (jwt.sign({"sub": "ada"}, "another secret"), "invalid signature"),
        (jwt.sign({"exp": 100}, "secret"), "jwt expired"),
        (jwt.sign({"exp": 99.5}, "secret"), "jwt expired"),
        (jwt.sign({"nbf": 101}, "secret"), "jwt not active"),
        (jwt.sign({"exp": "soon"}, "secret"), "invalid exp value"),
        (jwt.sign({"nbf": True}, "secret"), "invalid nbf value"),
    ],
)
def test_what_is_not_taken(token: str, why: str) -> None:
    with pytest.raises(jwt.BadToken, match=why):
        jwt.verify(token, "secret", 100)


def test_a_payload_that_is_no_object() -> None:
    head = f"{part({'alg': 'HS256'})}.{part([1])}"
    signature = urlsafe_b64encode(jwt._signature(head, "secret")).rstrip(b"=").decode()
    with pytest.raises(jwt.BadToken, match="invalid token"):
        jwt.verify(f"{head}.{signature}", "secret", 0)


def test_a_changed_payload_is_forged() -> None:
    head, _, signature = jwt.sign({"sub": "ada"}, "secret").split(".")
    with pytest.raises(jwt.BadToken, match="invalid signature"):
        jwt.verify(f"{head}.{part({'sub': 'eve'})}.{signature}", "secret", 0)


@given(st.text(max_size=60) | st.lists(st.text(max_size=9), min_size=3, max_size=3).map(".".join))
def test_garbage_is_a_bad_token(text: str) -> None:
    with pytest.raises(jwt.BadToken):
        jwt.verify(text, "secret", 0)
