"""Every text survives being written and being read, by whichever YAML."""

from __future__ import annotations

from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from ruamel.yaml import YAML

from simulator.cassette.quoting import binary, quote, unbinary, unquote
from tests.cassette.kinds import HARD, texts

LOADERS = {
    "ruamel, C": YAML(typ="safe").load,
    "ruamel, pure": YAML(typ="safe", pure=True).load,
    "PyYAML": yaml.safe_load,
    "PyYAML, C": lambda text: yaml.load(text, yaml.CSafeLoader),
}


def as_text(value: Any) -> str:
    return unbinary(value) if isinstance(value, bytes) else value


def survives(text: str) -> None:
    line = quote(text)
    assert "\n" not in line
    for name, load in LOADERS.items():
        assert as_text(load(f"a: {line}\n")["a"]) == text, name
        assert as_text(load(f"a: {{b: {line}, c: [{line}]}}\n")["a"]["c"][0]) == text, name
    if not line.startswith("!!binary"):
        assert unquote(line) == text


@pytest.mark.parametrize("text", HARD, ids=ascii)
def test_hard_ones(text: str) -> None:
    survives(text)


@given(texts)
def test_every_text(text: str) -> None:
    survives(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a":"it\'s"}', "'{\"a\":\"it''s\"}'"),
        ("a\x1eb", '"a\\x1eb"'),
        ('"\\"', "'\"\\\"'"),
        ('"\\"\n', '"\\"\\\\\\"\\n"'),
        ("\u2028", '"\\u2028"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("\udcff", "!!binary /w=="),
        ("\ud800", "!!binary //4AAADYAAA="),
    ],
)
def test_as_it_stands_in_the_file(text: str, line: str) -> None:
    assert quote(text) == line


@pytest.mark.parametrize("scalar", ["", "'", "a", "'a'b'", '"a"b"', '"\\ud800"', '"\\U00110000"', '"\\e"', '"\\x1"', "'a\t'", '"\x85"', "'a\"", "'''"])  # fmt: skip
def test_what_is_left_to_the_parser(scalar: str) -> None:
    assert unquote(scalar) is None


@pytest.mark.parametrize("data", [b"", b"\x00\xff\x01", b"a" * 1000])
def test_bytes(data: bytes) -> None:
    for load in LOADERS.values():
        assert load(f"a: {binary(data)}\n")["a"] == data
