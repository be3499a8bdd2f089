"""What ids, tokens and times look like, and how they are changed."""

from __future__ import annotations

import time

import pytest

from simulator.cassette import opaque
from simulator.core.ids import Ids

UUID = "7d62d551-3030-4100-a260-2d7c4e9693e7"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (UUID, "uuid"),
        (JWT, "jwt"),
        ("2026-01-01T00:00:00.000Z", "time"),
        ("2026-01-01 00:00:00", "time"),
        ("ana@example.com", "email"),
        ("+55 00000 000001", "phone"),
        ("65vbbDAQCdPdEWlEhDGy4utO", "token"),
        ("redactedqwertyui", "token"),
        (1_767_225_600_000, "epoch"),
        (1_767_225_600.5, "epoch"),
        ("hello", ""),
        ("internationalization", ""),
        (34, ""),
        (None, ""),
        (True, ""),
    ],
)
def test_kinds(value: object, kind: str) -> None:
    assert opaque.kind(value) == kind


@pytest.mark.parametrize(
    ("taped", "live", "key", "same"),
    [
        (UUID, UUID.replace("7", "8"), "x", True),
        (UUID, "hello", "x", False),
        # Drawn by dice, though without a digit.
        ("65vbbDAQCdPdEWlEhDGy4utO", "GGCVDqCbaCTDCrvdAAAB", "ticket", True),
        ("wuUtaXxwyJVyfSrPAAAB", "65vbbDAQCdPdEWlEhDGy4utO", "ticket", True),
        ("redactedqwertyui", "GGCVDqCbaCTDCrvdAAAB", "ticket", True),
        ("65vbbDAQCdPdEWlEhDGy4utO", "getUserConversationStatusById", "ticket", False),
        ("65vbbDAQCdPdEWlEhDGy4utO", "2026-01-01T00:00:00.000Z", "ticket", False),
        ("a", "b", "sessionId", True),
        ("a", "b", "session_id", True),
        ("a", "b", "password", True),
        ("a", "b", "paid", False),
        ("a", "b", "text", False),
        (1, 2, "messageId", True),
        (1, "2", "messageId", False),
        (True, False, "id", False),
        (None, None, "id", False),
    ],
)
def test_what_may_stand_for_the_same(taped: object, live: object, key: str, same: bool) -> None:
    assert opaque.alike(taped, live, key) is same


def test_ids_are_found_in_texts_but_no_times_and_no_tokens_that_clients_read() -> None:
    text = f'{{"a":"chat-message-{UUID}","b":"65vbbDAQCdPdEWlEhDGy4utO","c":"{JWT}","d":"2026-01-01T00:00:00.000Z"}}'
    assert [*opaque.found_in(text)] == [UUID, "65vbbDAQCdPdEWlEhDGy4utO"]
    assert [*opaque.found_in("nothing of the kind, 123456789012")] == []
    assert [*opaque.found_in("?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20240501T101112Z&k=65vbbDAQCdPd")] == [
        "65vbbDAQCdPd"
    ]


def test_what_is_minted_looks_the_same() -> None:
    ids = Ids.seeded(7)
    for value in (
        UUID,
        UUID.upper(),
        "65vbbDAQCdPdEWlEhDGy4utO",
        "65f1c0ffee65f1c0ffee65f1",
        "ab_12-cd34ef56gh",
        "AB12CD34EF56",
    ):
        made = opaque.mint(value, ids)
        assert made != value
        assert len(made) == len(value)
        assert opaque.kind(made) == opaque.kind(value)
        assert made.islower() == value.islower()
    assert set(opaque.mint("65f1c0ffee65f1c0ffee65f1", ids)) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ('{"at":"2026-01-01T00:00:00.000Z"}', '{"at":"2026-01-01T01:00:00.000Z"}'),
        ('{"at":"2026-01-01T00:00:00.123456789Z"}', '{"at":"2026-01-01T01:00:00.123456000Z"}'),
        ('{"at":"2026-01-01T00:00:00+02:00"}', '{"at":"2026-01-01T01:00:00+02:00"}'),
        ('{"at":"2026-01-01 00:00:00"}', '{"at":"2026-01-01 01:00:00"}'),
        ('{"at":1767225600000,"s":1767225600}', '{"at":1767229200000,"s":1767229200}'),
        ('{"id":1000000000}', '{"id":1000000000}'),
        ('{"at":"9999-99-99T00:00:00Z"}', '{"at":"9999-99-99T00:00:00Z"}'),
        ('{"text":"a-1767225600"}', '{"text":"a-1767225600"}'),
    ],
)
def test_times_are_moved(text: str, moved: str) -> None:
    assert opaque.moved(text, 1_767_225_600, 3600) == moved


def test_instants() -> None:
    assert opaque.epoch("2026-01-01T00:00:00Z") == 1_767_225_600
    assert opaque.epoch("yesterday") is None


def test_a_text_full_of_beginnings_takes_no_time() -> None:
    """A peer may send such a frame, and a search that looked from each of them to the end would take hours."""
    text = "eyJaaaaa" * 20_000
    begun = time.process_time()
    assert [*opaque.found_in(text)] == []
    assert opaque.finder(opaque.LOOKS).findall(text) == [text]
    assert time.process_time() - begun < 1
