"""Differences as lines."""

from __future__ import annotations

import json

from simulator.cassette.compare import MISSING, MOVED, NEW, SHAPE, VALUE, Change, Difference
from simulator.cassette.conversation import Said
from simulator.cassette.difference import as_json, lines, summary

A = Said(1, "server", "say", ({"text": "a"},), "/x", 7)
B = Said(2, "server", "say", ({"text": "b"},), "/x", 9)


def test_lines() -> None:
    assert lines(Difference(MISSING, A, None), "a.yaml", "b.yaml") == [
        "- missing #1 < say  a.yaml:7",
        '    {"text":"a"}',
    ]
    assert lines(Difference(NEW, None, B), "a.yaml", "b.yaml")[0] == "+ new     #2 < say  b.yaml:9"
    assert lines(Difference(MOVED, A, B), "a.yaml", "b.yaml") == ["> moved   #1 < say  a.yaml:7 b.yaml:9"]
    change = Difference(VALUE, A, B, [Change("text", '"a" became "b"'), Change("", "x")])
    assert lines(change, "a.yaml", "b.yaml") == [
        "~ value   #1 < say  a.yaml:7 b.yaml:9",
        '    text: "a" became "b"',
        "    all of it: x",
    ]
    assert lines(Difference(MISSING, Said(0, "client", "GET /", (), "", 3), None), "a", "b") == [
        "- missing http > GET /  a:3"
    ]
    assert lines(Difference(NEW, None, Said(1, "client", "x", ("y" * 500,))), "a", "b")[1].endswith("y...")


def test_summary() -> None:
    assert summary([]) == "no difference"
    assert summary([Difference(NEW, None, B)]) == "1 difference: 1 new"
    found = [Difference(SHAPE, A, B), Difference(VALUE, A, B), Difference(VALUE, A, B)]
    assert summary(found) == "3 differences: 1 of another shape, 2 of another value"


def test_json() -> None:
    assert json.loads(json.dumps(as_json(Difference(VALUE, A, B, [Change("text", "x")])))) == {
        "kind": "value",
        "conn": 1,
        "from": "server",
        "name": "say",
        "topic": "/x",
        "a": {"line": 7, "conn": 1, "payload": '{"text":"a"}'},
        "b": {"line": 9, "conn": 2, "payload": '{"text":"b"}'},
        "changes": [{"path": "text", "what": "x"}],
    }
    told = as_json(Difference(NEW, None, Said(1, "client", "x")))
    assert told["a"] is None
    assert "topic" not in told
