"""What a server says, read by other people's codecs: whatever these can't read no client can."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from engineio.packet import Packet as EnginePacket
from engineio.payload import Payload
from socketio.packet import Packet

from simulator.core.backend import Backend
from simulator.core.message import Frame, Response

MADE_UP = "made_up"
"""What the act `raw` says in these tests: no document knows it."""


class Unreadable(AssertionError):
    """A frame that the protocol's own codec does not take."""


class SocketIo:
    """python-engineio's packets, and python-socketio's within them; attachments are counted."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._partial: Packet | None = None

    def frame(self, data: str | bytes) -> None:
        """One of a WebSocket."""
        self._engine(EnginePacket(encoded_packet=data))

    def payload(self, text: str) -> None:
        """The body of an answered poll."""
        for packet in Payload(encoded_payload=text).packets:
            self._engine(packet)

    def _engine(self, packet: EnginePacket) -> None:
        if packet.packet_type == 0:
            assert {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"} <= packet.data.keys()
        elif packet.packet_type == 4:
            self._packet(packet.data)
        else:
            assert self._partial is None, "a packet between a message and its attachments"
            assert packet.packet_type in (1, 2, 3, 6), packet.packet_type

    def _packet(self, data: str | bytes) -> None:
        if self._partial is not None:
            assert isinstance(data, bytes), "an attachment is missing"
            if self._partial.add_attachment(data):
                packet, self._partial = self._partial, None
                self._event(packet)
            return
        assert isinstance(data, str), "an attachment that nobody announced"
        # It takes a dict or a list for JSON that Engine.IO has read already.
        packet = Packet(encoded_packet=data)
        if packet.attachment_count:
            self._partial = packet
        else:
            self._event(packet)

    def _event(self, packet: Packet) -> None:
        if packet.packet_type not in (2, 5):
            return
        name = packet.data[0]
        assert isinstance(name, str)


class Phoenix:
    """As phoenix.js does: V2 is an array of five, or a binary push, reply or broadcast; V1 an object."""

    def __init__(self, backend: Backend) -> None:
        pass

    def frame(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            self._binary(data)
            return
        found = json.loads(data)
        if isinstance(found, dict):
            refs, topic, event, payload = [found["ref"]], found["topic"], found["event"], found["payload"]
        else:
            join_ref, ref, topic, event, payload = found
            refs = [join_ref, ref]
        # The real server answers in whatever topic it was asked.
        assert isinstance(topic, str) or event == "phx_reply", topic
        assert isinstance(event, str)
        assert all(ref is None or isinstance(ref, str | int | float | bool | dict | list) for ref in refs)
        if event == "phx_reply":
            assert payload.keys() == {"status", "response"}

    def payload(self, text: str) -> None:
        """The body of an answered poll."""
        found = json.loads(text)
        assert isinstance(found["status"], int)
        for message in found.get("messages") or ():
            self.frame(message if isinstance(message, str) else json.dumps(message))

    def _binary(self, data: bytes) -> None:
        kind, sizes = data[0], 3 if data[0] == 0 else 4 if data[0] == 1 else 2
        assert kind in (0, 1, 2)
        assert len(data) >= 1 + sizes + sum(data[1 : 1 + sizes])


class Bare:
    """A JSON object for each frame, which fits the model of its name."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def frame(self, data: str | bytes) -> None:
        assert isinstance(data, str), "a binary frame"
        found = json.loads(data)
        assert isinstance(found, dict)
        if found.get("type") == MADE_UP:
            return
        if self._backend.name == "chip":
            self._backend.events[found["type"]].model_validate(
                {key: value for key, value in found.items() if key != "type"}
            )
        elif "channel" in found:
            assert isinstance(found["channel"], str)
        else:
            # The gateway's own, see PROTOCOL.md.
            assert {"message", "connectionId", "requestId"} <= found.keys()

    def payload(self, text: str) -> None:
        raise AssertionError("nobody polls here")


CODECS: dict[str, Callable[[Backend], SocketIo | Phoenix | Bare]] = {
    "chip": Bare, "concierge": Bare, "aida": Phoenix, "mia": SocketIo, "chatbot": SocketIo,
}  # fmt: skip


def judge(codec: SocketIo | Phoenix | Bare, item: Frame) -> None:
    """Raises Unreadable."""
    try:
        if item.via == "websocket":
            codec.frame(item.data)
        else:
            codec.payload(str(item.data))
    except Exception as error:
        raise Unreadable(f"no codec reads {item.data!r}: {type(error).__name__}: {error}") from error


def judge_answer(method: str, response: Response) -> None:
    """An HTTP answer as it goes out: its head can be written, its length is told, JSON is JSON. Raises Unreadable."""
    lines: dict[str, Any] = {}
    for name, value in response.headers:
        if not name or set(name + value) & set("\r\n\0"):
            raise Unreadable(f"a header that makes lines of its own: {name!r}: {value!r}")
        lines[name.lower()] = value
    if response.status == 101:
        # Node begins an upgrade and writes its refusal behind it, see engineio_http.py.
        return
    if not 200 <= response.status < 600:
        raise Unreadable(f"status {response.status}")
    if method == "HEAD" or response.stored is not None:
        return
    body = response.body
    if lines.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    elif "content-length" in lines and int(lines["content-length"]) != len(body):
        raise Unreadable(f"content-length {lines['content-length']} of {len(body)} bytes: {response}")
    if lines.get("content-type", "").startswith("application/json") and body:
        try:
            json.loads(body)
        except ValueError as error:
            raise Unreadable(f"no JSON: {body!r}: {error}") from None


def _unchunked(body: bytes) -> bytes:
    """RFC 9112, 7.1."""
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        whole += body[:count]
        if body[count : count + 2] != b"\r\n":
            raise Unreadable(f"a chunk that ends with {body[count : count + 2]!r}")
        body = body[count + 2 :]
        if not count:
            if body:
                raise Unreadable(f"bytes behind the last chunk: {body!r}")
            return whole
