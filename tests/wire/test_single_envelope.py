"""Frames of chip and of the gateway from outside: what each is to who strikes it."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import backends
from simulator.core.envelope import ACK, MESSAGE, Envelope, Look
from simulator.core.message import Request

CHIP = backends.load("chip").envelope
CONCIERGE = backends.load("concierge").envelope
UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"))
GET, POST = Request("GET", "/"), Request("POST", "/")


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
    ],
)
def test_a_look_at_a_frame(envelope: Envelope, sender: str, data: Any, look: Look) -> None:
    assert envelope.look(sender, data) == look


@pytest.mark.parametrize(
    ("envelope", "request_", "polls", "opens"),
    [
        (CHIP, Request("GET", "/", headers=UPGRADE), False, True),
        (CHIP, Request("GET", "/"), False, False),
    ],
)
def test_what_asks_for_a_connection(envelope: Envelope, request_: Request, polls: bool, opens: bool) -> None:
    assert envelope.opens(request_, polls) is opens
