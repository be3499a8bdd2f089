"""Packets of Engine.IO and Socket.IO seen from outside: what each is, and how a poll's body is put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simulator.core.envelope import ACK, CONTROL, HEARTBEAT, MESSAGE, Bare, Data, Look
from simulator.core.errors import WireError
from simulator.core.message import Request, Response
from simulator.wire import engineio_payload as engine
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio_http import parameters

_SEPARATOR = "\x1e"
_ENGINE = {engine.OPEN: "open", engine.CLOSE: "close", engine.UPGRADE: "upgrade", engine.NOOP: "noop"}
_PROBE = "probe"
_SOCKET = {packets.CONNECT: "connect", packets.DISCONNECT: "disconnect", packets.CONNECT_ERROR: "connect_error"}


class SocketIOEnvelope(Bare):
    """Engine.IO's packets, and Socket.IO's in them. Packets of a poll stay as they are, base64 included."""

    __slots__ = ()

    garbage = "9"
    names = frozenset((*_ENGINE.values(), *_SOCKET.values(), _PROBE))
    acks = frozenset(("client", "server"))

    def look(self, sender: str, data: Data) -> Look:
        """By the type of the packet, and of the packet in it."""
        if isinstance(data, bytes):
            return Look()
        first = data[:1]
        if first == engine.MESSAGE:
            return self._packet(data[1:])
        if first in (engine.PING, engine.PONG):
            if data[1:] == _PROBE:
                return Look(CONTROL, _PROBE)
            return Look(HEARTBEAT, "ping" if first == engine.PING else "pong")
        name = _ENGINE.get(first)
        return Look() if name is None else Look(CONTROL, name)

    def _packet(self, text: str) -> Look:
        try:
            packet = packets.read(text)
        except (WireError, RecursionError):
            return Look()
        if packet.kind in _SOCKET:
            return Look(CONTROL, _SOCKET[packet.kind])
        if packet.kind in (packets.ACK, packets.BINARY_ACK):
            return Look(ACK, "", packet.attachments)
        first = packet.data[0] if isinstance(packet.data, list) else None
        return Look(MESSAGE, first if isinstance(first, str) else "", packet.attachments)

    def opens(self, request: Request, polls: bool) -> bool:
        """An upgrade, of a session too, or the first poll of one."""
        if "websocket" in request.tokens("Upgrade"):
            return True
        query = parameters(request)
        return polls and request.method == "GET" and query.get("transport") == "polling" and not query.get("sid")

    def split(self, sender: str, request: Request, body: bytes) -> list[Data]:
        """The packets; what the server says to a post is none."""
        if sender == "server" and request.method != "GET":
            return []
        return [*body.decode("utf-8", "surrogateescape").split(_SEPARATOR)]

    def posted(self, request: Request, parts: Sequence[Data]) -> Request | Response:
        """Where nothing is left, a packet that says nothing: the answer is as ever."""
        return replace(request, body=self.answered(b"", parts))

    def answered(self, body: bytes, parts: Sequence[Data]) -> bytes:
        """No poll's body is empty."""
        return engine.join(parts or [engine.NOOP])

    def farewell(self) -> Response:
        """Engine.IO's close packet."""
        lines = (("Content-Type", "text/plain; charset=UTF-8"), ("Content-Length", "1"))
        return Response(200, lines, engine.CLOSE.encode())
