"""Every JSON sample of a document is a vector: it fits its model, and the wire gives it back as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from simulator import backends
from simulator.core.message import Frame, Message
from simulator.wire import socketio_packets
from simulator.wire.gateway import Envelope as Gateway
from simulator.wire.gateway import Onlook
from simulator.wire.phoenix_frames import POISON, V2
from simulator.wire.rawjson import RawJson

VECTORS = Path(__file__).parents[1] / "fixtures" / "vectors"

Sample = dict[str, Any]


@dataclass(frozen=True)
class Envelope:
    """How a document shows a message, and how it travels."""

    parts: Callable[[Sample], tuple[str, Any]]
    """Name and body."""
    frame: Callable[[Sample], str]
    written: Callable[[str, Any, Sample], str | bytes]
    """From name and body, and the sample for what stands around these."""


def text(sample: object) -> str:
    return json.dumps(sample, separators=(",", ":"), ensure_ascii=False)


def _gateway(sample: Sample) -> Message:
    return (Gateway() if "action" in sample else Onlook()).decode(Frame(text(sample)))


def _own(sample: Sample) -> str:
    """The gateway's own frames have blanks of their own."""
    return '{{"message": "{message}", "connectionId":"{connectionId}", "requestId":"{requestId}"}}'.format(**sample)


ENVELOPES = {
    "aida": Envelope(
        lambda sample: (sample["event"], sample["payload"]),
        lambda sample: text([None, None, "bot:b", sample["event"], sample["payload"]]),
        lambda name, body, sample: V2(POISON, False).push(None, None, "bot:b", name, body).data,
    ),
    "chatbot": Envelope(
        lambda sample: (sample["event"], sample["payload"]),
        # Socket.IO reserves one of the names: it is a packet of its own.
        lambda sample: "41" if sample["event"] == "disconnect" else f"42{text([sample['event'], sample['payload']])}",
        lambda name, body, sample: f"42{socketio_packets.payload((name, body))[0]}",
    ),
    "chip": Envelope(
        lambda sample: (sample["type"], {key: value for key, value in sample.items() if key != "type"}),
        text,
        lambda name, body, sample: RawJson().encode(Message(name, (body,))).data,
    ),
    "concierge": Envelope(
        lambda sample: (_gateway(sample).name, _gateway(sample).args[-1]),
        lambda sample: _own(sample) if "message" in sample else text(sample),
        lambda name, body, sample: (
            Gateway().encode(replace(_gateway(sample), args=(*_gateway(sample).args[:-1], body))).data
        ),
    ),
    "mia": Envelope(
        lambda sample: (sample["event"], sample["payload"]),
        lambda sample: f"42{text([sample['event'], sample['payload']])}",
        lambda name, body, sample: f"42{socketio_packets.payload((name, body))[0]}",
    ),
}


def samples(side: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(VECTORS.glob("*/document.json")):
        found += [(path.parent.name, vector) for vector in json.loads(path.read_text())[side]]
    return found


@pytest.mark.parametrize(("name", "vector"), samples("commands"))
def test_a_command_is_read(name: str, vector: dict[str, Any]) -> None:
    backend, envelope = backends.load(name), ENVELOPES[name]
    [turn] = backend.reader().read("client", 1, Frame(envelope.frame(vector["sample"])))
    assert turn.message is not None
    kind, body = envelope.parts(vector["sample"])
    assert (turn.message.name, turn.message.args or ({},)) == (kind, (body,))
    kind, body = envelope.parts(vector.get("ours", vector["sample"]))
    backend.commands[kind].model_validate(body)


@pytest.mark.parametrize(("name", "vector"), samples("events"))
def test_an_event_is_written(name: str, vector: dict[str, Any]) -> None:
    backend, envelope = backends.load(name), ENVELOPES[name]
    ours = vector.get("ours", vector["sample"])
    kind, body = envelope.parts(ours)
    model = backend.events[kind].model_validate(body)
    written = json.loads(model.model_dump_json(exclude_unset=True, by_alias=True))
    assert envelope.written(kind, written, ours) == envelope.frame(ours)


@pytest.mark.parametrize(("name", "vector"), samples("events"))
def test_what_we_write_says_the_same_as_the_document(name: str, vector: dict[str, Any]) -> None:
    ours, sample = vector.get("ours", vector["sample"]), vector["sample"]
    key = str  # another order of messages is the only thing that may differ beyond the order of keys
    if name == "chip" and sample["type"] == "history":
        assert sorted(map(key, map(_sorted, ours["history"]))) == sorted(map(key, map(_sorted, sample["history"])))
    else:
        assert ours == sample


def _sorted(value: Any) -> Any:
    return {k: _sorted(value[k]) for k in sorted(value)} if isinstance(value, dict) else value


def test_every_message_has_a_sample() -> None:
    for backend in backends.all_backends():
        path = VECTORS / backend.name / "document.json"
        document, envelope = json.loads(path.read_text()), ENVELOPES[backend.name]
        for side, models in (("commands", backend.commands), ("events", backend.events)):
            assert {envelope.parts(v.get("ours", v["sample"]))[0] for v in document[side]} == set(models)
