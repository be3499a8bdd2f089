"""A cassette that is there already."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from simulator.cassette.entries import (
    Beside,
    Closed,
    Cut,
    Entry,
    Exchange,
    Lost,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    TapedResponse,
    Upgraded,
)
from simulator.cassette.places import TooMany
from simulator.cassette.records import dump
from simulator.cassette.redact import Redactor
from simulator.cassette.scrub import check, redacted
from tests.cassette.kinds import entries

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2lnbmF0dXJl"
DIRTY = '{"token":"S3CRET"}'
COOKIE = (("Cookie", "a=S3CRET"),)


def redactor(key: bytes = b"k" * 32) -> Redactor:
    return Redactor(key)


def left(*told: Entry) -> list[str]:
    return [found.what for found in check(told, redactor())]


DIRTY_ONES: list[tuple[Entry, list[str]]] = [
    (Passed(1, 1, "client", DIRTY), ["json token"]),
    (Passed(1, 1, "client", DIRTY.encode()), ["something in a binary frame"]),
    (Opened(1, 1, "/?token=S3CRET", COOKIE, (("Set-Cookie", "a=S3CRET"),)), ["parameter token in the path", "header Cookie", "header Set-Cookie"]),
    (Upgraded(1, 1, 2, "/?token=S3CRET", COOKIE), ["parameter token in the path", "header Cookie"]),
    (Refused(1, 1, "/?token=S3CRET", COOKIE, TapedResponse(403, COOKIE, DIRTY)), ["parameter token in the path", "header Cookie", "header Cookie", "json token in a body"]),
    (Closed(1, 1, 4001, "token=S3CRET", "client"), ["parameter token in a reason"]),
    (
        Exchange(1, 1, 0, TapedRequest("POST", "/?token=S3CRET", COOKIE, DIRTY), TapedResponse(200, (), b'{"token":"S3CRET"}')),
        ["parameter token in the path", "header Cookie", "json token in a body", "something in a body"],
    ),
    (Exchange(1, 1, 0, TapedRequest("POST", "/", (("Content-Type", "multipart/form-data; boundary=b"),), '--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nS3CRET\r\n--b--'), None), ["something in a body"]),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "told"), DIRTY_ONES, ids=lambda given: type(given).__name__)
def test_every_kind(entry: Entry, told: list[str]) -> None:
    assert left(entry) == told
    clean = redacted(entry, redactor())
    assert b"S3CRET" not in dump(clean)
    assert not isinstance(clean, Cut | Lost)
    assert clean.redacted
    assert left(clean) == []
    assert redacted(clean, redactor(b"another key" * 2)) is clean


@pytest.mark.parametrize(
    "entry",
    [
        Cut(1, 1, "token=S3CRET"),
        Lost(1, 1, 1, "x"),
        Passed(1, 1, "client", "2"),
        Exchange(1, 1, 0, TapedRequest("GET", "/", (("Content-Type", "image/png"),), b"\x89token=S3CRET"), TapedResponse(200)),
        Exchange(1, 1, 0, TapedRequest("GET", "/", (), Beside(None, 1, "a")), None),
    ],
)  # fmt: skip
def test_what_is_clean(entry: Entry) -> None:
    assert left(entry) == []
    assert redacted(entry, redactor()) is entry


def test_numbers_in_an_entry_that_was_redacted() -> None:
    """They look like any number; the entry says that it was changed."""
    entry = Passed(1, 1, "client", '{"otp":"482910","pin":7311,"phone":"0170 1234567","cardNumber":"4111111111111111"}')
    clean = redacted(entry, redactor())
    assert isinstance(clean, Passed)
    assert left(clean) == []
    assert left(replace(clean, redacted=False)) != []


def test_bodies_beside() -> None:
    entry = Exchange(1, 1, 0, TapedRequest("PUT", "/", (), Beside("x.files/1", 9, "a")), TapedResponse(200, (), Beside(None, 1, "a")))  # fmt: skip
    files = {"x.files/1": DIRTY.encode()}
    assert [found.what for found in check([entry], redactor(), files.__getitem__)] == ["something in a body"]
    assert left(entry) == []
    assert redacted(entry, redactor()) is entry


def test_what_nobody_can_look_through() -> None:
    entry = Passed(1, 1, "client", '{"token":' * 100_000)
    assert [what.partition(":")[0] for what in left(entry)] == ["can't be looked through"]
    with pytest.raises(TooMany):
        redacted(entry, redactor())


@given(entries)
def test_any_entry(entry: Entry) -> None:
    clean = redacted(entry, redactor())
    assert redacted(clean, redactor()) is clean


# ---- split over frames ----


def chunk(text: str, name: str = "rag-stream-chunk", **more: object) -> Passed:
    return Passed(1, 1, "server", f"42{json.dumps([name, {'chunk': text, **more}])}", line=7)


def pieces(secret: str, size: int) -> list[str]:
    return [secret[at : at + size] for at in range(0, len(secret), size)]


@pytest.mark.parametrize("size", [1, 3, 7, 20])
@pytest.mark.parametrize(
    ("secret", "what"),
    [
        (JWT, "JWT"),
        ("write to ada@corp.example now", "e-mail address"),
        ("call +49 170 1234567.", "phone number"),
        ("the card 4111 1111 1111 1111.", "card number"),
        ('{"password":"S3CRET-11"}', "json password"),
        ("see ?access_token=S3CRET-11 there", "parameter access_token"),
    ],
)
def test_a_secret_over_chunks(secret: str, what: str, size: int) -> None:
    told = [chunk(piece, conversationId="c1") for piece in pieces(f"hello {secret} and so on", size)]
    # Half a card looks like a phone.
    assert {f"{what}, split over frames", "phone number, split over frames"} & set(left(*told))
    assert len(left(*told)) <= 3
    plain = [Passed(1, 1, "server", piece) for piece in pieces(f"hello {secret.strip('{}')} and so on", size)]
    assert any("split over frames" in found for found in left(*plain))


def test_two_streams_at_once() -> None:
    told = [chunk(piece, conversationId=conversation) for pair in zip(pieces(JWT, 9), pieces("x" * len(JWT), 9), strict=True) for piece, conversation in zip(pair, ("c1", "c2"), strict=True)]  # fmt: skip
    assert left(*told) == ["JWT, split over frames"]


def test_what_is_no_stream() -> None:
    told: list[Entry] = [
        chunk("ada@"),
        chunk("corp.example", "another event"),
        Passed(1, 1, "client", '42["rag-stream-chunk",{"chunk":"corp.example"}]'),
        Passed(1, 2, "server", '42["rag-stream-chunk",{"chunk":"corp.example"}]'),
        Passed(1, 1, "server", '{"id":"4111 1111","time":"2025-12-30"}'),
        Passed(1, 1, "server", '{"id":"1111 1111","time":"2025-12-31"}'),
        Passed(1, 1, "server", b"\x00"),
        Passed(1, 1, "server", "ada@"),
        Passed(1, 1, "server", "ada@"),
        Passed(1, 1, "server", '{"a":1}'),
    ]
    assert left(*told) == []


def test_a_list_of_addresses_that_were_taken_out_is_no_secret() -> None:
    """Their pieces make a domain that neither has: ...@example.comredacted-..."""
    told = Passed(1, 1, "server", '{"tenant":{"emails":[{"email":"ada@corp.example"},{"email":"bob@corp.example"}]}}')
    clean = redacted(told, redactor())
    assert isinstance(clean, Passed)
    assert str(clean.data).count("@example.com") == 2
    assert left(clean, clean) == []
    # What is not ours behind one of ours is found all the same.
    assert left(chunk("redacted-0123456789@example.com"), chunk(" ada@"), chunk("corp.example")) == [
        "e-mail address, split over frames"
    ]


def test_streams_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.cassette.scrub._STREAMS", 1)
    assert (
        left(Passed(1, 1, "server", "ada@"), Passed(1, 2, "server", "x"), Passed(1, 1, "server", "corp.example")) == []
    )


def test_lines_are_told() -> None:
    assert [found.line for found in check([replace(chunk(DIRTY), line=12)], redactor())] == [12]
