"""Phoenix's frames from outside, and bodies of long polls put together again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from simulator import backends
from simulator.core.envelope import ACK, CONTROL, HEARTBEAT, MESSAGE, Envelope, Look
from simulator.core.message import Request, Response

AIDA = backends.load("aida").envelope
UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"))
GET, POST = Request("GET", "/"), Request("POST", "/")


@pytest.mark.parametrize(
    ("envelope", "sender", "data", "look"),
    [
        (AIDA, "server", '["1","2","t","phx_reply",{}]', Look(ACK, "phx_reply")),
        (AIDA, "server", '[null,"2","phoenix","phx_reply",{}]', Look(HEARTBEAT, "phx_reply")),
        (AIDA, "client", '[null,"2","phoenix","heartbeat",{}]', Look(HEARTBEAT, "heartbeat")),
        (AIDA, "client", '["1","1","t","phx_join",{}]', Look(CONTROL, "phx_join")),
        (AIDA, "server", '["1",null,"t","btu_msg",{}]', Look(MESSAGE, "btu_msg")),
        (AIDA, "client", '{"topic":"t","event":"utb_msg","payload":{},"ref":1}', Look(MESSAGE, "utb_msg")),
        (AIDA, "client", '["1","1","t",3,{}]', Look(MESSAGE, "")),
        (AIDA, "client", "{}", Look()),
    ],
)
def test_a_look_at_a_frame(envelope: Envelope, sender: str, data: Any, look: Look) -> None:
    assert envelope.look(sender, data) == look


@pytest.mark.parametrize(
    ("envelope", "request_", "polls", "opens"),
    [
        (AIDA, Request("GET", "/", headers=UPGRADE), False, True),
        (AIDA, Request("GET", "/", "vsn=2.0.0"), True, True),
        (AIDA, Request("GET", "/", "vsn=2.0.0&token=x"), True, False),
        (AIDA, Request("GET", "/image"), False, False),
    ],
)
def test_what_asks_for_a_connection(envelope: Envelope, request_: Request, polls: bool, opens: bool) -> None:
    assert envelope.opens(request_, polls) is opens


def test_bodies_of_long_polls() -> None:
    body = b'{"messages":["[1]","[2]"],"status":200,"token":"t"}'
    assert AIDA.split("server", GET, body) == ["[1]", "[2]"]
    assert AIDA.split("server", POST, b'{"status":200}') == []
    assert AIDA.split("server", GET, b"no JSON") == []
    assert AIDA.answered(body, [b"[2]"]) == b'{"messages":["[2]"],"status":200,"token":"t"}'
    assert json.loads(AIDA.answered(body, [])) == {"messages": [], "status": 204, "token": "t"}
    lines = replace(POST, headers=(("Content-Type", "application/x-ndjson"),), body=b"[1]\n[2]")
    assert AIDA.split("client", lines, lines.body) == ["[1]", "[2]"]
    assert AIDA.split("client", replace(lines, body=b"[1]\n{"), b"") == []
    one = AIDA.posted(replace(POST, body=b"[1]"), ["[3]"])
    assert isinstance(one, Request)
    assert one.body == b"[3]"
    two = AIDA.posted(replace(POST, body=b"{}"), ["{}", b"{}"])
    assert isinstance(two, Request)
    assert AIDA.split("client", two, two.body) == [b"{}", b"{}"]
    none = AIDA.posted(POST, [])
    assert isinstance(none, Response)
    assert none.body == b'{"status":200}'
