"""What differs from run to run and means the same."""

from __future__ import annotations

import pytest

from simulator.cassette.masks import Bonds, Volatile, masked

A = "7d62d551-3030-4100-a260-2d7c4e9693e7"
B = "0c0ffee0-1111-4222-8333-444455556666"


def test_volatile_paths() -> None:
    found = Volatile(["history.history.*.msg.id", "history.x", "client/x.payload.id", "other.id"])
    assert found.of("history") == {("history", "*", "msg", "id"), ("x",)}
    assert found.of("client/x") == {("payload", "id")}
    assert found.of("history") is found.of("history")
    assert found.of("nothing") == frozenset()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("hello", "hello"),
        (1, 1),
        (None, None),
        (True, True),
        (b"\x00", b"\x00"),
        (A, B),
        (A, A.upper()),
        ("Bearer redactedxu625h9k", "Bearer redacted6u7yrecq0000"),
        ("redacted-u1bccno4x2@example.com", "redacted-uuzu6cisc4@example.com"),
        ("Redactedneylsh", "Redactedyaiaiq"),
        ("eyJyZWRhY3RlZCI6MX0.52p4ljumc7ww50lm.bqvfu5drl", "eyJyZWRhY3RlZCI6MX0.pd4zk77v8ha4zbcb.3xfod3yakqbk"),
        ("?X-Amz-Date=20261128T001726Z", "?X-Amz-Date=20261128T001910Z"),
        (f"https://x.example.com/{A}/{B}?t=1", f"https://x.example.com/{B}/{A}?t=1"),
        ("2026-11-20T20:00:00Z", "2027-01-01T00:00:00.123456+02:00"),
        ("2026-11-20T20:00", "2026-11-20T20:01"),
        (1795204800, 1795204801),
        (1795204800123, 1795204800999.5),
        (1795204800123456, 1795204800999999),
        ("at 1795204800", "at 1795204999"),
        ("507f1f77bcf86cd799439011", "507f191e810c19729de860ea"),
        ("0a1b2c3d4e5f6a7b", "7b6a5f4e3d2c1b0a"),
        ("MjSUAlQqhbbYcKGAAAAA", "oSO0OpakMV_3jnilAAAC"),
        ("65vbbDAQCdPdEWlEhDGy4utO", "BKbbJtqUVVRS1znHKe1ovg4Q"),
        ("a94a8fe5ccb19ba61c4c0873d391e987982fbbd3", "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33"),
    ],
)
def test_alike(ours: object, theirs: object) -> None:
    assert Bonds().agree(ours, theirs, volatile=False)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("hello", "hallo"),
        ("redacted by hand", "redacted by foot"),
        ("Redactedneylsh", "Ana"),
        (1, 2),
        (1, True),
        (True, 1),
        (1, "1"),
        (None, 0),
        (b"\x00", b"\x01"),
        (1795204800, 7),
        (A, "hello"),
        (A, "2026-11-20T20:00:00Z"),
        (f"x {A}", f"y {A}"),
        (f"{A}", f"{A}{B}"),
        ("conversation-started", "conversation-stopped"),
        ("EVENT_SERVER_SEND", "EVENT_CLIENT_SEND"),
        ("getUserConversationStatusById", "getUserConversationDetailById"),
        ("THE_VERY_LONG_NAME_OF_IT", "THE_VERY_LONG_NAME_OF_US"),
        ("12345678901234567890", "12345678901234567891"),
        ("knowledge-article-17", "knowledge-article-18"),
        ("/some/Path/with1", "/some/Path/with2"),
        ("internationalization", "institutionalization"),
        ("a long sentence of words 1", "a long sentence of words 2"),
    ],
)
def test_unlike(ours: object, theirs: object) -> None:
    assert not Bonds().agree(ours, theirs, volatile=False)


def test_volatile_values() -> None:
    bonds = Bonds()
    assert bonds.agree(7, 8, volatile=True)
    assert not bonds.agree(7, 9, volatile=True)
    assert bonds.agree("abc", "xyz", volatile=True)
    assert not bonds.agree("abc", None, volatile=True)
    assert not bonds.agree(True, 2, volatile=True)
    assert bonds.agree(f"a-{A}", f"{B}", volatile=True)
    assert not bonds.agree(f"a-{A}", f"c-{B}", volatile=True)


def test_what_went_together_goes_together() -> None:
    bonds = Bonds()
    assert bonds.agree(A, B, volatile=False)
    assert bonds.agree(f"/x/{A}", f"/x/{B}", volatile=False)
    assert not bonds.agree(A, A, volatile=False)
    assert not bonds.agree(B, B, volatile=False)
    # Times never refer to anything.
    assert bonds.agree("2026-11-20T20:00:00Z", "2026-11-20T20:00:01Z", volatile=False)
    assert bonds.agree("2026-11-20T20:00:00Z", "2026-11-20T20:00:02Z", volatile=False)


def test_a_number_here_may_be_a_text_there() -> None:
    bonds = Bonds()
    assert bonds.agree(34634, 34635, volatile=True)
    assert bonds.agree("34634", "34635", volatile=True)
    assert not bonds.agree("34634", "34636", volatile=True)


def test_masked() -> None:
    assert masked(f"/x/{A}") == "/x/*"
    assert masked("MjSUAlQqhbbYcKGAAAAA") == "*"
    assert masked(1795204800) == "*"
    assert masked(7) == 7
    assert masked(None) is None


def test_an_id_that_was_bound_is_the_same_everywhere() -> None:
    bonds = Bonds()
    assert not bonds.agree("261083000", "330504000", volatile=False)
    assert bonds.agree("261083000", "330504000", volatile=True)
    assert bonds.agree("261083000", "330504000", volatile=False)
    assert bonds.agree(261083000, 330504000, volatile=False)
    assert not bonds.agree("261083000", "330504001", volatile=False)
    assert not bonds.agree(77, 78, volatile=False)
