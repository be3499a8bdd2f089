"""Engine.IO packets on their two roads: one a WebSocket frame, or any number in the body of a poll.

A packet is a string whose first character is its type, or bytes, which are a binary message.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Final, TypeAlias

Packet: TypeAlias = "str | bytes"

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"

_SEPARATOR = "\x1e"
_TYPES: Final = frozenset("0123456")
_FOREIGN = re.compile("[^A-Za-z0-9+/]+")


def read(packet: Packet) -> Packet | None:
    """A packet as it came over a WebSocket, base64 undone; None where it is none (engine.io-parser, decodePacket)."""
    if isinstance(packet, bytes):
        return packet
    first = packet[:1]
    if first in _TYPES:
        return packet or None
    return unbase64(packet[1:]) if first == "b" else None


def split(body: bytes) -> list[Packet | None]:
    """The packets of a request's body; None stands for one that is none, and ends the list."""
    text = body.decode("utf-8", "replace")
    if _SEPARATOR not in text:
        # Clients seldom have two things to say at once.
        return [read(text)]
    packets: list[Packet | None] = []
    for part in text.split(_SEPARATOR):
        packet = read(part)
        packets.append(packet)
        if packet is None:
            break
    return packets


def join(packets: Iterable[Packet]) -> bytes:
    """The body of an answer; what is binary goes as base64."""
    parts = [packet if isinstance(packet, str) else f"b{b64encode(packet).decode()}" for packet in packets]
    return _SEPARATOR.join(parts).encode("utf-8", "surrogateescape")


def unbase64(text: str) -> bytes:
    """Base64 as Node's Buffer takes it: both alphabets, up to the first `=`, foreign characters passed over."""
    text = _FOREIGN.sub("", text.partition("=")[0].replace("-", "+").replace("_", "/"))
    if len(text) % 4 == 1:
        # Six bits are not a byte.
        text = text[:-1]
    return b64decode(text + "=" * (-len(text) % 4))
