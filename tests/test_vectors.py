"""Every JSON sample of a document is a vector: it fits its model, and the wire gives it back as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator import backends
from simulator.core.message import Frame, Message
from simulator.wire.rawjson import RawJson

VECTORS = Path(__file__).parents[1] / "fixtures" / "vectors"


def samples(side: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(VECTORS.glob("*/document.json")):
        found += [(path.parent.name, vector) for vector in json.loads(path.read_text())[side]]
    return found


def text(sample: dict[str, Any]) -> str:
    return json.dumps(sample, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize(("name", "vector"), samples("commands"))
def test_a_command_is_read(name: str, vector: dict[str, Any]) -> None:
    backend = backends.load(name)
    [turn] = backend.reader().read("client", 1, Frame(text(vector["sample"])))
    assert turn.message is not None
    body = {key: value for key, value in vector["sample"].items() if key != "type"}
    assert turn.message == Message(vector["sample"]["type"], (body,))
    backend.commands[turn.message.name].model_validate(body)


@pytest.mark.parametrize(("name", "vector"), samples("events"))
def test_an_event_is_written(name: str, vector: dict[str, Any]) -> None:
    backend = backends.load(name)
    ours = dict(vector.get("ours", vector["sample"]))
    kind = ours.pop("type")
    model = backend.events[kind].model_validate(ours)
    written = json.loads(model.model_dump_json(exclude_none=True))
    assert RawJson().encode(Message(kind, (written,))).data == text(vector.get("ours", vector["sample"]))


@pytest.mark.parametrize(("name", "vector"), samples("events"))
def test_what_we_write_says_the_same_as_the_document(name: str, vector: dict[str, Any]) -> None:
    ours, sample = vector.get("ours", vector["sample"]), vector["sample"]
    key = str  # another order of messages is the only thing that may differ beyond the order of keys
    if sample["type"] == "history":
        assert sorted(map(key, map(_sorted, ours["history"]))) == sorted(map(key, map(_sorted, sample["history"])))
    else:
        assert ours == sample


def _sorted(value: Any) -> Any:
    return {k: _sorted(value[k]) for k in sorted(value)} if isinstance(value, dict) else value


def test_every_message_has_a_sample() -> None:
    for backend in backends.all_backends():
        path = VECTORS / backend.name / "document.json"
        document = json.loads(path.read_text())
        assert {v["sample"]["type"] for v in document["commands"]} == set(backend.commands)
        assert {v["sample"]["type"] for v in document["events"]} == set(backend.events)
