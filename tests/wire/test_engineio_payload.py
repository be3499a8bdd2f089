"""Packets on the wire: what a WebSocket frame may be, and what the body of a poll."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.wire.engineio_payload import join, read, split, unbase64


@pytest.mark.parametrize(
    ("frame", "packet"),
    [
        ("4hello", "4hello"),
        ("4", "4"),
        ("2probe", "2probe"),
        (b"\1\2", b"\1\2"),
        (b"", b""),
        ("bAQIDBA==", b"\1\2\3\4"),
        ("b", b""),
        ("", None),
        ("abc", None),
        ("7", None),
        ("\u0664", None),
    ],
)
def test_read(frame: str | bytes, packet: str | bytes | None) -> None:
    assert read(frame) == packet


@pytest.mark.parametrize(
    ("body", "packets"),
    [
        (b"4hello", ["4hello"]),
        (b"4test1\x1e4test2\x1e4test3", ["4test1", "4test2", "4test3"]),
        (b"4hello\x1ebAQIDBA==", ["4hello", b"\1\2\3\4"]),
        (b"", [None]),
        (b"4a\x1e\x1e4b", ["4a", None]),
        (b"4a\x1exyz\x1e4b", ["4a", None]),
        (b"4\xff", ["4\ufffd"]),
        (b"\xef\xbb\xbf4", [None]),
    ],
)
def test_split(body: bytes, packets: list[str | bytes | None]) -> None:
    assert split(body) == packets


def test_join() -> None:
    assert join(["4a", b"\1\2\3\4", "2"]) == b"4a\x1ebAQIDBA==\x1e2"
    assert join(["4\u00e9\U0001f600"]) == "4\u00e9\U0001f600".encode()


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("AQID", b"\1\2\3"),
        ("AQI=", b"\1\2"),
        ("AQI", b"\1\2"),
        ("AQI=DDD", b"\1\2"),
        ("_-8", b"\xff\xef"),
        (" A*Q I D A", b"\1\2\3"),
        ("A", b""),
        ("=AQID", b""),
        ("", b""),
        ("\u00e9AQ==", b"\1"),
    ],
)
def test_base64_as_a_buffer_of_nodes_reads_it(text: str, data: bytes) -> None:
    assert unbase64(text) == data


@given(
    st.lists(st.one_of(st.binary(), st.text(st.characters(exclude_characters="\x1e", codec="utf-8")).map("4{}".format)))
)
def test_there_and_back(packets: list[str | bytes]) -> None:
    if packets:
        assert split(join(packets)) == packets


@given(st.text(), st.binary())
def test_anything_is_base64(text: str, data: bytes) -> None:
    assert isinstance(unbase64(text), bytes)
    assert unbase64(b64encode(data).decode()) == data
