"""Framed bodies, however the bytes of them were cut."""

from __future__ import annotations

import zlib
from hashlib import md5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.objects import Upload, UploadFlaw
from simulator.serve.framed import LINE, TRAILERS, Framed
from simulator.serve.objects import Cleared, Shelf

BIG = b"x" * 8192
MALFORMED, TOO_BIG, SMALL = UploadFlaw.MALFORMED, UploadFlaw.TOO_BIG, UploadFlaw.SMALL_CHUNK


def framed(*chunks: bytes, trailers: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailers + b"\r\n"


def take(body: bytes, announced: int = 1 << 20, cut: int = 1 << 20, shelf: Shelf | None = None) -> Upload | UploadFlaw:
    shelf = shelf or Shelf()
    taker = Framed("x/y", announced, shelf.begin)
    for start in range(0, len(body), cut):
        if taker.over:
            break
        taker.push(body[start : start + cut])
    result = taker.result()
    if not isinstance(result, Upload):
        assert (shelf.total, shelf._writings) == (0, set())
    return result


@settings(deadline=None)
@given(st.binary(max_size=9), st.sampled_from([(), (BIG,), (BIG + b"y", BIG)]), st.integers(1, 50))
def test_what_is_in_the_chunks(last: bytes, first: tuple[bytes, ...], cut: int) -> None:
    shelf = Shelf()
    chunks = [*first, *([last] if last else [])]
    found = take(framed(*chunks, trailers=b"X-Amz-Checksum-CRC32: abc= \r\nb:c:d\r\n"), cut=cut, shelf=shelf)
    assert isinstance(found, Upload)
    whole = b"".join(chunks)
    assert (found.size, found.type, found.md5) == (len(whole), "x/y", md5(whole, usedforsecurity=False).hexdigest())
    assert found.crc32 == zlib.crc32(whole)
    assert found.trailers == (("x-amz-checksum-crc32", "abc="), ("b", "c:d"))
    reading = shelf.open(found)
    assert reading is not None
    with reading:
        assert b"".join(reading) == whole


# The first ten are those by which versitygw holds itself against S3.
@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        (b"A\ndummy data\r\n0\r\n\r\n", MALFORMED),
        (b"A\r\ndummy data0\r\n\r\n", MALFORMED),
        (b"A\r\nXYZ\r\ndummy data\r\n0\r\n\r\n", MALFORMED),
        (b"B\r\ndummy data\r\n0\r\n\r\n", MALFORMED),
        (b"A\r\ndummy data\r\n0\r\n", MALFORMED),
        (b"A\r\ndummy data\r\n0\r\na:b\r\n", MALFORMED),
        (b"A\r\n", MALFORMED),
        (b"A\r\nA\r\ndummy data\r\n0\r\n\r\n", MALFORMED),
        (b"invalid_chunk_size\r\ndummy data\r\n0\r\n\r\n", MALFORMED),
        (b"A\r\ndummy data\r\nJ\r\na:b\r\n\r\n", MALFORMED),
        (b"", MALFORMED),
        (b"0", MALFORMED),
        (b"-1\r\n\r\n", MALFORMED),
        (b" 1\r\nx\r\n0\r\n\r\n", MALFORMED),
        (b"f" * 16 + b"\r\n", MALFORMED),
        (framed(b"x") + b"y", MALFORMED),
        (b"0" * (LINE + 1), MALFORMED),
        (b"0;" + b"x" * LINE + b"\r\n\r\n", MALFORMED),
        (framed(b"x", trailers=b"a:b\r\n" * (TRAILERS + 1)), MALFORMED),
        (framed(b"x" * 8191, b"y"), SMALL),
        (framed(BIG, b"x", BIG), SMALL),
        (framed(BIG * 100, BIG * 100), TOO_BIG),
        (b"f" * 15 + b"\r\n", TOO_BIG),
    ],
)
@pytest.mark.parametrize("cut", [1 << 20, 1])
def test_flaws(body: bytes, flaw: UploadFlaw, cut: int) -> None:
    if cut == 1 and len(body) > 50_000:
        cut = 1000
    assert take(body, cut=cut) == flaw


@pytest.mark.parametrize(
    ("body", "trailers"),
    [
        (framed(), ()),
        (b"1;chunk-signature=abc\r\nx\r\n0;chunk-signature=def\r\n\r\n", ()),
        (
            framed(b"x", trailers=b":a\r\nno colon\r\n\xff:\xff\r\n"),
            (("", "a"), ("", "no colon"), ("\udcff", "\udcff")),
        ),
    ],
)
def test_what_is_taken(body: bytes, trailers: tuple[tuple[str, str], ...]) -> None:
    found = take(body)
    assert isinstance(found, Upload)
    assert found.trailers == trailers


def test_it_is_over_as_soon_as_a_flaw_is_known() -> None:
    """So whoever announces little and sends much is refused in the middle."""
    shelf = Shelf()
    taker = Framed(None, 10, shelf.begin)
    taker.push(b"5\r\nhello")
    assert (taker.over, shelf.total) == (False, 5)
    taker.push(b"\r\n6\r\n")
    assert taker.over, "a small one that is not the last"
    assert shelf.total == 0
    assert taker.result() is SMALL


def test_a_reset_in_the_middle() -> None:
    shelf = Shelf()
    taker = Framed(None, 10, shelf.begin)
    taker.push(b"5\r\nhel")
    shelf.clear()
    with pytest.raises(Cleared):
        taker.push(b"lo")
