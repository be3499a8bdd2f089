"""Packets of Socket.IO from outside, and bodies of polls put together again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulator import backends
from simulator.core.envelope import ACK, CONTROL, HEARTBEAT, MESSAGE, Envelope, Look
from simulator.core.message import Request

MIA = backends.load("mia").envelope
UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"))
GET, POST = Request("GET", "/"), Request("POST", "/")


@pytest.mark.parametrize(
    ("envelope", "sender", "data", "look"),
    [
        (MIA, "server", "2", Look(HEARTBEAT, "ping")),
        (MIA, "client", "3", Look(HEARTBEAT, "pong")),
        (MIA, "client", "2probe", Look(CONTROL, "probe")),
        (MIA, "server", '0{"sid":"x"}', Look(CONTROL, "open")),
        (MIA, "server", "6", Look(CONTROL, "noop")),
        (MIA, "server", '40{"sid":"x"}', Look(CONTROL, "connect")),
        (MIA, "server", '42["said",1]', Look(MESSAGE, "said")),
        (MIA, "server", '451-["said",{"_placeholder":true,"num":0}]', Look(MESSAGE, "said", 1)),
        (MIA, "server", "431[]", Look(ACK, "")),
        (MIA, "server", "42[1]", Look(MESSAGE, "")),
        (MIA, "server", "42", Look(MESSAGE, "")),
        (MIA, "server", "49", Look()),
        (MIA, "server", "", Look()),
        (MIA, "server", "bAAAA", Look()),
        (MIA, "server", b"\0", Look()),
    ],
)
def test_a_look_at_a_frame(envelope: Envelope, sender: str, data: Any, look: Look) -> None:
    assert envelope.look(sender, data) == look


@pytest.mark.parametrize(
    ("envelope", "request_", "polls", "opens"),
    [
        (MIA, Request("GET", "/", "EIO=4&transport=websocket&sid=x", UPGRADE), True, True),
        (MIA, Request("GET", "/", "EIO=4&transport=polling"), True, True),
        (MIA, Request("GET", "/", "EIO=4&transport=polling&sid=x"), True, False),
        (MIA, Request("POST", "/", "EIO=4&transport=polling"), True, False),
    ],
)
def test_what_asks_for_a_connection(envelope: Envelope, request_: Request, polls: bool, opens: bool) -> None:
    assert envelope.opens(request_, polls) is opens


def test_bodies_of_engine_io() -> None:
    assert MIA.split("server", GET, b'42["a"]\x1e2') == ['42["a"]', "2"]
    assert MIA.split("server", POST, b"ok") == []
    assert MIA.answered(b"", ["2", "6"]) == b"2\x1e6"
    assert MIA.posted(POST, []) == replace(POST, body=b"6")
    assert MIA.farewell().body == b"1"
