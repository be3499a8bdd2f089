"""Mappings from the file become entries; how each flaw is told stands in test_tape.py."""

from __future__ import annotations

import pytest

from simulator.cassette import shape
from simulator.cassette.entries import Beside, Exchange, Header, Lost, TapedRequest


def test_keys_may_stand_in_any_order() -> None:
    raw = {"response": None, "request": {"headers": [["A", "b"]], "path": "/", "method": "GET"}, "http": 1, "at": 2}
    assert shape.entry(raw) == Exchange(2, 1, 0, TapedRequest("GET", "/", (("A", "b"),)), None)
    assert shape.entry({"at": 1, "event": "lost", "count": 2, "why": "x"}) == Lost(1, None, 2, "x")


def test_a_body_beside() -> None:
    asked = {"method": "PUT", "path": "/", "headers": {}}
    for path in (None, "x.files/1.bin"):
        raw = {"at": 1, "http": 1, "request": {**asked, "file": {"path": path, "size": 3, "sha256": "a"}}, "response": None}  # fmt: skip
        made = shape.entry(raw)
        assert isinstance(made, Exchange)
        assert made.request.body == Beside(path, 3, "a")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "./a", "a//b", "", "c:x", "a\\b", "a\0"])
def test_a_body_never_lies_elsewhere(path: str) -> None:
    asked = {"method": "PUT", "path": "/", "headers": {}, "file": {"path": path, "size": 3, "sha256": "a"}}
    with pytest.raises(shape.Wrong, match="not a plain path inside the cassette's folder"):
        shape.entry({"at": 1, "http": 1, "request": asked, "response": None})


def test_a_header_by_hand() -> None:
    assert shape.header({"cassette": 1, "by_hand": "x", "backend": None}) == Header(by_hand="x")
