"""What was squeezed is on the tape as it was before, and no bomb goes off."""

from __future__ import annotations

import gzip
import zlib

import pytest

from simulator.cassette.bodies import KEPT
from simulator.cassette.coding import undone, without

PLAIN = b'{"token":"s3cret"}'
RAW = zlib.compressobj(wbits=-15)
LINES = (("Content-Type", "application/json"), ("Content-Length", "38"))


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PLAIN)),
        ("X-GZip ", gzip.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", RAW.compress(PLAIN) + RAW.flush()),
    ],
    ids=["gzip", "its old name", "deflate", "deflate without its wrapping"],
)
def test_undone(coding: str, body: bytes) -> None:
    assert undone((("content-encoding", coding), *LINES), body) == (LINES[:1], PLAIN)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"\x0b\x02\x80"),
        ("gzip, gzip", gzip.compress(gzip.compress(PLAIN))),
        ("gzip", PLAIN),
        ("gzip", gzip.compress(PLAIN)[:-1]),
        ("gzip", gzip.compress(PLAIN) + b"x"),
        ("gzip", gzip.compress(bytes(KEPT + 1))),
        ("identity", PLAIN),
    ],
    ids=["another", "twice", "none", "torn", "more behind it", "a bomb", "nothing"],
)
def test_left_as_it_is(coding: str, body: bytes) -> None:
    lines = (*LINES, ("Content-Encoding", coding))
    assert undone(lines, body) == (lines, body)


def test_without_a_coding() -> None:
    assert undone(LINES, PLAIN) == (LINES, PLAIN)
    assert without(LINES) is LINES
    assert without((*LINES, ("CONTENT-encoding", "br"))) == LINES[:1]
