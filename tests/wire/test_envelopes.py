"""Envelopes from outside: what each frame is to who strikes it, and how polls' bodies are put together again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from simulator import backends
from simulator.core.envelope import ACK, CONTROL, HEARTBEAT, MESSAGE, Envelope, Look
from simulator.core.message import Request, Response

CHIP, CONCIERGE, AIDA, MIA = (backends.load(name).envelope for name in ("chip", "concierge", "aida", "mia"))


@pytest.mark.parametrize(
    ("envelope", "sender", "data", "look"),
    [
        (CHIP, "client", '{"type":"ack_chat","msg_id":1}', Look(ACK, "ack_chat")),
        (CHIP, "server", '{"type":"ack_chat","msg_id":1}', Look(MESSAGE, "ack_chat")),
        (CHIP, "server", '{"type":"chat_out"}', Look(MESSAGE, "chat_out")),
        (CHIP, "client", "[", Look()),
        (CONCIERGE, "server", '{"channel":"client/x?a=1","status":200,"body":{}}', Look(ACK, "client/x")),
        (CONCIERGE, "server", '{"channel":"chat-session-update","payload":{}}', Look(MESSAGE, "chat-session-update")),
        (CONCIERGE, "client", '{"action":"api","data":{"route":"client/x","body":{}}}', Look(MESSAGE, "client/x")),
        (AIDA, "server", '["1","2","t","phx_reply",{}]', Look(ACK, "phx_reply")),
        (AIDA, "server", '[null,"2","phoenix","phx_reply",{}]', Look(HEARTBEAT, "phx_reply")),
        (AIDA, "client", '[null,"2","phoenix","heartbeat",{}]', Look(HEARTBEAT, "heartbeat")),
        (AIDA, "client", '["1","1","t","phx_join",{}]', Look(CONTROL, "phx_join")),
        (AIDA, "server", '["1",null,"t","btu_msg",{}]', Look(MESSAGE, "btu_msg")),
        (AIDA, "client", '{"topic":"t","event":"utb_msg","payload":{},"ref":1}', Look(MESSAGE, "utb_msg")),
        (AIDA, "client", '["1","1","t",3,{}]', Look(MESSAGE, "")),
        (AIDA, "client", "{}", Look()),
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


UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"))


@pytest.mark.parametrize(
    ("envelope", "request_", "polls", "opens"),
    [
        (CHIP, Request("GET", "/", headers=UPGRADE), False, True),
        (CHIP, Request("GET", "/"), False, False),
        (MIA, Request("GET", "/", "EIO=4&transport=websocket&sid=x", UPGRADE), True, True),
        (MIA, Request("GET", "/", "EIO=4&transport=polling"), True, True),
        (MIA, Request("GET", "/", "EIO=4&transport=polling&sid=x"), True, False),
        (MIA, Request("POST", "/", "EIO=4&transport=polling"), True, False),
        (AIDA, Request("GET", "/", headers=UPGRADE), False, True),
        (AIDA, Request("GET", "/", "vsn=2.0.0"), True, True),
        (AIDA, Request("GET", "/", "vsn=2.0.0&token=x"), True, False),
        (AIDA, Request("GET", "/image"), False, False),
    ],
)
def test_what_asks_for_a_connection(envelope: Envelope, request_: Request, polls: bool, opens: bool) -> None:
    assert envelope.opens(request_, polls) is opens


GET, POST = Request("GET", "/"), Request("POST", "/")


def test_bodies_of_engine_io() -> None:
    assert MIA.split("server", GET, b'42["a"]\x1e2') == ['42["a"]', "2"]
    assert MIA.split("server", POST, b"ok") == []
    assert MIA.answered(b"", ["2", "6"]) == b"2\x1e6"
    assert MIA.posted(POST, []) == replace(POST, body=b"6")
    assert MIA.farewell().body == b"1"


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
