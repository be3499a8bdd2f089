"""What stands in place of a secret."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cassette import pseudonyms
from simulator.cassette.pseudonyms import Pseudonyms, is_jwt, is_ours, is_shaped

KEY = b"0123456789abcdef0123456789abcdef"
SAFE = re.compile(r"[\w .\-/()+@]*", re.ASCII)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("secret", "size"), [("a", 16), ("a" * 16, 16), ("a" * 20, 20), ("a" * 128, 128), ("a" * 5000, 128)]
)
def test_tokens_are_as_long_as_they_were(secret: str, size: int) -> None:
    token = Pseudonyms(KEY).token(secret)
    assert len(token) == size
    assert re.fullmatch(r"redacted[a-z0-9]+", token)


def test_shapes_stay() -> None:
    names = Pseudonyms(KEY)
    assert re.fullmatch(r"00000000-0000-4000-8000-[0-9a-f]{12}", names.token("c7a3c1de-55f0-4a2e-9f0a-0a6e6a3ad001"))
    assert names.token("C7A3C1DE-55F0-4A2E-9F0A-0A6E6A3AD001") == names.token("c7a3c1de-55f0-4a2e-9f0a-0a6e6a3ad001")
    jwt = names.token(JWT)
    assert is_jwt(jwt)
    assert jwt.count(".") == 2
    assert json.loads(urlsafe_b64decode(jwt.partition(".")[0] + "=")) == {"redacted": 1}
    assert names.token("Bearer x").startswith("Bearer redacted")
    assert re.fullmatch(r"XX-00\d\d\d/[a-z]", names.shaped("AB-12345/z"))
    assert names.shaped('a"b') == "x-x"
    assert re.fullmatch(r"\+99 \(9\d\d\) \d\d", names.phone("+49 (170) 12"))
    assert names.phone("1\n2") == "9-9"
    assert re.fullmatch(r"9999\d{3}", names.number("-1234567.5"))
    assert re.fullmatch(r"Redacted[a-z]{6}", names.name("Ada"))
    assert re.fullmatch(r"redacted-[a-z0-9]{10}", names.local("Ada@corp.example"))
    assert names.local("Ada@Corp.example") == names.local("ada@corp.example")


@given(st.text(min_size=1), st.text(min_size=1))
def test_always_the_same_and_never_in_need_of_quotes(one: str, other: str) -> None:
    names, again, elsewhere = Pseudonyms(KEY), Pseudonyms(KEY), Pseudonyms(b"another key, of another cassette")
    for make in ("token", "name", "local", "shaped", "phone"):
        put = getattr(names, make)(one)
        assert getattr(again, make)(one) == put
        if not is_ours(one):
            assert SAFE.fullmatch(put), make
    if one != other and not is_ours(one) and not is_ours(other):
        assert names.token(one) != names.token(other) or one.lower() == other.lower()
        assert elsewhere.token(one) != names.token(one) or not one.isascii()


@given(st.text(min_size=1))
def test_what_is_redacted_twice_is_redacted_once(secret: str) -> None:
    names = Pseudonyms(KEY)
    for make in (names.token, names.shaped, names.phone):
        put = make(secret)
        assert make(put) == put
    assert is_ours(names.name(secret))
    assert is_ours(f"{names.local(secret)}@example.com")


@given(st.text("0123456789ABCxyz- ", min_size=4, max_size=20).filter(lambda text: any(map(str.isalnum, text))))
def test_numbers_are_known_where_the_entry_says_so(secret: str) -> None:
    names, later = Pseudonyms(KEY), Pseudonyms(KEY)
    later.lenient = True
    put = names.shaped(secret)
    assert is_shaped(put)
    assert later.shaped(put) == put
    assert later.token("redac") == "redac"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonyms, "_KEPT", 10)
    names = Pseudonyms(KEY)
    first = names.token("secret 0")
    for n in range(100):
        names.token(f"secret {n}")
        names.shaped(f"{n:08}")
    assert len(names._known) <= 10
    assert len(names._made) <= 10
    assert names.token("secret 0") == first


@pytest.mark.parametrize(
    ("text", "ours"),
    [("redacted1", True), ("Bearer redactedx", True), ("Bearer x", False), ("a redacted-x@example.com", True), ("a@example.com", False), ("", False)],
)  # fmt: skip
def test_ours(text: str, ours: bool) -> None:
    assert is_ours(text) is ours


@pytest.mark.parametrize(("text", "shaped"), [("", False), ("--", False), ("00", True), ("0012", True), ("1200", False), ("XX-12", True), ("9991234567", True), ("99912", True)])  # fmt: skip
def test_shaped(text: str, shaped: bool) -> None:
    assert is_shaped(text) is shaped


@pytest.mark.parametrize(("text", "jwt"), [(JWT, True), ("eyJhbGciOi..a.b.c", True), ("eyJhbGciOi.x", False), ("x.y.z", False)])  # fmt: skip
def test_jwt(text: str, jwt: bool) -> None:
    assert is_jwt(text) is jwt
