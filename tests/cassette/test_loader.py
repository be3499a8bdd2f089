"""YAML from a stranger."""

from __future__ import annotations

from contextlib import suppress

import pytest

from simulator.cassette import loader
from simulator.cassette.loader import Flaw, load
from tests.fuzz.steady import growth


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a: !!python/object/new:os.system [x]", 0, "the tag !!python/object/new:os.system would build an object, which a cassette never does"),
        ("a: 1\nb: ! [", 2, "is not YAML: did not find expected node content"),
        ("a: 2026-99-99", 0, "is not YAML: month must be in 1..12"),
        ("a: " + "9" * 5000, 0, "is not YAML: Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits; use sys.set_int_max_str_digits() to increase the limit"),
        ("a:\n- " + "[" * 1001, 1, "more than 20 collections in each other"),
    ],
)  # fmt: skip
def test_flaws(text: str, line: int, why: str) -> None:
    with pytest.raises(Flaw) as caught:
        load(text)
    assert caught.value.why == why
    assert caught.value.line == line


def test_what_the_reader_refuses() -> None:
    with pytest.raises(Flaw, match="control characters are not allowed"):
        load("a: 1\nb: \x01")
    with pytest.raises(Flaw, match="is not YAML: did not find"):
        load("a: " + "[" * 10 + " '-" + "-" * 2000 + "'")


def test_nothing_is_kept_of_what_was_read() -> None:
    """The library notes something of each document for ever: 161 bytes each, measured."""
    texts = [f"- at: {number}\n  event: open\n".encode() for number in range(50)]
    assert growth(lambda data: load(data.decode()), texts, 0.0).bytes == 0
    for text in ("a: 1", "[", "%TAG ! tag:x:\n---\na: 1", "%YAML 1.2\n---\na: 1", "[1" + ",[]" * 1000 + "]"):
        with suppress(Flaw):
            load(text)
        assert loader._yaml().doc_infos == []
