"""Faults as people write them: what is understood, and what is said about the rest."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from simulator import backends
from simulator.core.faults import KINDS
from simulator.scenario.faults import _SHAPES, FaultSpec, complaint, listed

MINIMAL: dict[str, dict[str, Any]] = {
    "bandwidth": {"rate": 1},
    "slicer": {"average_size": 10},
    "limit_data": {"bytes": 10},
}


def test_every_type_has_its_shape() -> None:
    assert list(KINDS) == list(_SHAPES) == list(get_args(FaultSpec.model_fields["type"].annotation))


@pytest.mark.parametrize("type", KINDS)
def test_every_type_is_written_and_listed_alike(type: str) -> None:
    said = {"type": type, "attributes": MINIMAL.get(type, {}), "toxicity": 0.5, "count": 3}
    fault = FaultSpec.model_validate(said).fault("it")
    shown = listed(fault)
    fate = {key: shown.pop(key) for key in ("seen", "struck", "last", "spent")}
    assert fate == {"seen": 0, "struck": 0, "last": "", "spent": False}
    assert FaultSpec.model_validate(shown).fault("other") == fault
    assert fault.stream == ("upstream" if type in ("refused_handshake", "failed_upload") else "downstream")


def test_everything_said() -> None:
    said = {
        "type": "close", "name": "c-1", "stream": "upstream", "toxicity": 1, "count": 2, "backend": "chip",
        "transport": "websocket", "match": {"message": "send_msg", "nth": 3},
        "attributes": {"code": 3999, "reason": "bye", "deliver": True},
    }  # fmt: skip
    shown = listed(FaultSpec.model_validate(said).fault("unused"))
    assert {key: shown[key] for key in said} == said


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"type": "lag"}, "type: input should be 'latency'"),
    ({}, "type: field required"),
    ({"type": "latency", "latency": 3}, "latency: there is no such key; there are: type, name, stream, toxicity,"),
    ({"type": "latency", "attributes": {"delay": 3}}, "attributes.delay: expected one of latency, jitter"),
    ({"type": "drop", "attributes": {"delay": 3}}, "attributes.delay: expected no attributes"),
    ({"type": "latency", "attributes": {"latency": "300ms"}}, "attributes.latency: expected milliseconds, a whole number"),
    ({"type": "latency", "attributes": {"latency": 0.3}}, "attributes.latency: expected milliseconds, a whole number"),
    ({"type": "latency", "attributes": {"jitter": -1}}, "attributes.jitter: expected milliseconds, a whole number from 0"),
    ({"type": "bandwidth"}, "attributes.rate: expected kilobytes a second, a whole number from 1 on"),
    ({"type": "slicer", "attributes": {"average_size": 5, "size_variation": 5}}, "attributes.size_variation: expected bytes below average_size"),
    ({"type": "close", "attributes": {"code": 1006}}, "attributes.code: expected 1000 to 1003, 1007 to 1014 or 3000 to 4999, or null for a close without a code (1005); 1006 is no close"),
    ({"type": "close", "attributes": {"code": 1005}}, "attributes.code: expected 1000 to 1003"),
    ({"type": "close", "attributes": {"code": "1000"}}, "attributes.code: expected 1000 to 1003"),
    ({"type": "close", "attributes": {"reason": "x"}}, "attributes.reason: expected no reason: a close without a code"),
    ({"type": "close", "attributes": {"code": 1000, "reason": "é" * 62}}, "attributes.reason: expected a text of at most 123 bytes"),
    ({"type": "malformed", "attributes": {"form": "yaml"}}, "attributes.form: expected one of json, envelope, utf8"),
    ({"type": "malformed", "attributes": {"form": "rsv"}, "stream": "upstream"}, "attributes.form: expected json or envelope: a broken frame"),
    ({"type": "malformed", "attributes": {"form": "rsv"}, "transport": "polling"}, "attributes.form: expected json, envelope or utf8"),
    ({"type": "slicer", "attributes": {"average_size": 5}, "stream": "upstream"}, "stream: expected downstream or nothing: fragments of a client"),
    ({"type": "failed_upload", "stream": "downstream"}, "stream: expected upstream or nothing: it strikes what a client brings"),
    ({"type": "drop", "stream": "sideways"}, "stream: input should be 'upstream' or 'downstream'"),
    ({"type": "drop", "toxicity": 2}, "toxicity: input should be less than or equal to 1"),
    ({"type": "drop", "toxicity": "often"}, "toxicity: input should be a valid number"),
    ({"type": "drop", "count": 0}, "count: input should be greater than or equal to 1"),
    ({"type": "drop", "match": {"event": "x"}}, "match.event: there is no such key; there are: message, nth"),
    ({"type": "drop", "match": {"nth": 0}}, "match.nth: input should be greater than or equal to 1"),
    ({"type": "bandwidth", "attributes": {"rate": 1}, "match": {"nth": 1}}, "match: expected nothing: bandwidth strikes whole connections"),
    ({"type": "failed_upload", "match": {"message": "x"}}, "match.message: expected nothing: failed_upload strikes requests"),
    ({"type": "drop", "transport": "http"}, "transport: expected websocket or polling for drop"),
    ({"type": "drop", "name": "a/b"}, "name: string should match pattern"),
    ({"type": "refused_handshake", "attributes": {"status": 200}}, "attributes.status: expected a status of HTTP from 400 to 599"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "told"), WRONG)
def test_what_is_wrong_is_named(said: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        FaultSpec.model_validate(said)
    assert complaint(caught.value).startswith(told), complaint(caught.value)


def test_no_object_at_all() -> None:
    with pytest.raises(ValidationError) as caught:
        FaultSpec.model_validate("latency")
    assert complaint(caught.value).startswith("input should be a valid dictionary")


CHIP, MIA, AIDA = backends.load("chip"), backends.load("mia"), backends.load("aida")
NEVER: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
    ({"type": "drop", "backend": "chop"}, ("backend",), "there is no 'chop' here; there are: chip, mia"),
    ({"type": "drop", "match": {"message": "send_msg"}}, ("match", "message"), "nothing downstream is called 'send_msg'; there are: EVENT_ERROR"),
    ({"type": "dropped_ack", "backend": "chip"}, ("stream",), "no server acknowledges anything there"),
    ({"type": "failed_upload", "backend": "chip"}, ("type",), "nobody uploads anything to chip"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "place", "why"), NEVER)
def test_what_can_never_strike_is_named(said: dict[str, Any], place: tuple[str, ...], why: str) -> None:
    objection = FaultSpec.model_validate(said).objection([CHIP, MIA])
    assert objection is not None
    assert objection[0] == place
    assert objection[1].startswith(why), objection[1]


@pytest.mark.parametrize(
    "said",
    [
        {"type": "drop", "match": {"message": "send_msg"}, "stream": "upstream"},
        {"type": "drop", "match": {"message": "EVENT_SERVER_SEND_MESSAGE"}},
        {"type": "drop", "match": {"message": "connect"}},
        {"type": "starved_ping", "match": {"message": "ping"}},
        {"type": "dropped_ack", "stream": "upstream"},
    ],
)
def test_what_can_strike_somewhere_is_fine(said: dict[str, Any]) -> None:
    assert FaultSpec.model_validate(said).objection([CHIP, MIA]) is None


def test_uploads_of_one_backend_are_enough() -> None:
    assert FaultSpec.model_validate({"type": "failed_upload"}).objection([CHIP, AIDA]) is None
