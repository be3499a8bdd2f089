"""Which kind of envelope frames come in, when nobody says, and what an envelope says beside its message."""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

import orjson

from simulator.cassette.sessions import is_engine
from simulator.core.errors import WireError
from simulator.core.message import NO_REF, Frame, Json, Message
from simulator.core.wire import Reader, Turn
from simulator.wire import gateway
from simulator.wire.phoenix_frames import read as phoenix
from simulator.wire.phoenix_reader import Onlooker as PhoenixReader
from simulator.wire.rawjson import RawJson
from simulator.wire.single import Onlooker
from simulator.wire.socketio_reader import SocketIOReader

ENGINE, PHOENIX, GATEWAY, TYPED, PLAIN = "engine", "phoenix", "gateway", "typed", "plain"
"""Socket.IO; Phoenix; API Gateway; JSON objects with a type; whatever else."""

_PHOENIX_KEYS: Final = frozenset(("topic", "event", "payload", "ref"))
_NAMING: Final = ("event", "action", "op", "method", "kind", "cmd", "command")
"""Where messages of unknown servers have their names."""
_SCREEN: Final = 64 << 10
"""Characters of a frame beyond which nobody guesses."""

_ENGINE: Final = {
    "0": "open",
    "1": "close",
    "2": "ping",
    "3": "pong",
    "5": "upgrade",
    "6": "noop",
    "2probe": "probe",
    "3probe": "probe answered",
}
_HEARTBEATS: Final = frozenset(("2", "3", "6"))
_PACKETS: Final = ("connect", "disconnect", "event", "ack", "connect_error", "binary event", "binary ack")
_COUNT = re.compile(r"4[56](\d+)-")


def kind_of(path: str, data: str | bytes) -> str:
    """The kind of a conn, from its path and a frame."""
    if is_engine(path):
        return ENGINE
    if isinstance(data, bytes):
        return PHOENIX if "/websocket?" in path and "vsn=" in path else PLAIN
    if data.startswith('0{"sid":'):
        return ENGINE
    value = _json(data)
    if isinstance(value, list):
        return PHOENIX if len(value) == 5 and isinstance(value[2], str) and isinstance(value[3], str) else PLAIN
    if not isinstance(value, dict):
        return PLAIN
    if value.keys() >= _PHOENIX_KEYS:
        return PHOENIX
    if _is_gateway(value):
        return GATEWAY
    return TYPED if isinstance(value.get("type"), str) else PLAIN


_PROBES: Final = (
    (ENGINE, '42["x"]'),
    (PHOENIX, '["1","1","t","e",{}]'),
    (GATEWAY, '{"action":"api","data":{"route":"x"}}'),
    (TYPED, '{"type":"x"}'),
)


def home_of(reader: Reader) -> str:
    """The kind that a backend's reader reads."""
    for kind, frame in _PROBES:
        if any(turn.message is not None for turn in reader.read("client", 1, Frame(frame))):
            return kind
    return PLAIN


def _is_gateway(value: dict[str, Any]) -> bool:
    data = value.get("data")
    asked = isinstance(value.get("action"), str) and isinstance(data, dict) and isinstance(data.get("route"), str)
    told = isinstance(value.get("channel"), str) and ("status" in value or "payload" in value or "actions" in value)
    return asked or told


def _json(data: str | bytes) -> Json:
    if len(data) > _SCREEN:
        return None
    try:
        return cast("Json", orjson.loads(data))
    except ValueError:
        return None


def reader_of(kind: str) -> Reader:
    """The reader of a kind, of whatever server."""
    if kind == ENGINE:
        return SocketIOReader()
    if kind == PHOENIX:
        return PhoenixReader()
    if kind == GATEWAY:
        return Onlooker(AnyAction(), gateway.Onlook())
    return Onlooker(RawJson(), RawJson()) if kind == TYPED else Onlooker(Plain(), Plain())


class AnyAction(gateway.Envelope):
    """A gateway's requests, whatever route keys it has."""

    __slots__ = ()

    def decode(self, frame: Frame) -> Message:
        value = _json(frame.data)
        action = value.get("action") if isinstance(value, dict) else None
        return gateway.Envelope((action,) if isinstance(action, str) else ()).decode(frame)


class Plain:
    """Every frame is a message, named by itself if it is an object that has a name."""

    __slots__ = ()

    def decode(self, frame: Frame) -> Message:
        """Never raises; what is no JSON object or list stays the text, or the bytes, that it is."""
        value = _json(frame.data)
        if isinstance(value, dict):
            name = next((said for key in _NAMING if isinstance(said := value.get(key), str)), "")
            return Message(name, (value,))
        return Message("", (value if isinstance(value, list) else frame.data,))

    def encode(self, message: Message) -> Frame:
        """What `decode` read."""
        said = message.args[0]
        return Frame(said if isinstance(said, str | bytes) else orjson.dumps(said).decode())


def packet(data: str | bytes, via: str) -> str:
    """What an Engine.IO packet is that completes no message."""
    if isinstance(data, bytes) or (via == "polling" and data.startswith("b")):
        return "attachment"
    known = _ENGINE.get(data) or _ENGINE.get(data[:1])
    if known:
        return known
    count = _COUNT.match(data)
    return f"head of {count[1]} attachments" if count and int(count[1]) != 1 else "head of an attachment"


def is_heartbeat(kind: str, data: str | bytes, turns: list[Turn]) -> bool:
    """Whether a frame only says that somebody is still there."""
    if kind == ENGINE:
        return data in _HEARTBEATS
    if kind != PHOENIX or len(turns) != 1:
        return False
    [turn] = turns
    return any(said is not None and (said.name, said.topic) == ("heartbeat", "phoenix") for said in
               (turn.message, turn.answers))  # fmt: skip


def note(kind: str, sender: str, data: str | bytes, via: str, turns: list[Turn]) -> str:
    """What the envelope says beside name and payload, in words; empty where it says nothing."""
    if kind == ENGINE:
        return _engine_note(data, turns)
    if kind == PHOENIX:
        return _phoenix_note(sender, data, via)
    if kind == GATEWAY and len(turns) == 1 and (message := turns[0].message) is not None:
        return _gateway_note(sender, data, message)
    return ""


def _engine_note(data: str | bytes, turns: list[Turn]) -> str:
    if isinstance(data, bytes):
        return f"attachment of {len(data)} bytes" + _completed(turns)
    if data[:1] == "b":
        return "attachment in base64" + _completed(turns)
    if data[:1] != "4":
        told = f"Engine.IO {_ENGINE.get(data) or _ENGINE.get(data[:1], 'packet that there is not')}"
        opened = _json(data[1:]) if data[:1] == "0" else None
        if isinstance(opened, dict):
            told += "".join(f", {key} {_short(opened[key])}" for key in opened)
        return told
    kind = data[1:2]
    told = f"Socket.IO {_PACKETS[int(kind)]}" if kind and kind in "0123456" else "Socket.IO packet that there is not"
    if (count := _COUNT.match(data)) is not None:
        told += f", {count[1]} attachments"
    for turn in turns:
        if turn.message is not None:
            told += f", namespace {turn.message.topic}"
            if turn.message.ref is not NO_REF:
                told += f", ack id {turn.message.ref}"
        if turn.offset:
            told += f", offset {turn.offset}"
    return told


def _completed(turns: list[Turn]) -> str:
    """Of an attachment: which message is whole with it."""
    said = [turn.message for turn in turns if turn.message is not None]
    return "".join(f", completes {message.name or 'an ack'} of namespace {message.topic}" for message in said)


def _short(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _phoenix_note(sender: str, data: str | bytes, via: str) -> str:
    if via == "longpoll":
        return "Phoenix long poll"
    try:
        join_ref, ref, topic, _, payload = phoenix(sender, Frame(data))
    except WireError:
        return ""
    version = "V1" if isinstance(data, str) and data.lstrip()[:1] == "{" else "V2"
    told = f"Phoenix {version}, topic {_short(topic)}"
    told += "".join(f", {name} {_short(value)}" for name, value in (("ref", ref), ("join_ref", join_ref))
                    if value is not None)  # fmt: skip
    if isinstance(payload, dict) and isinstance(status := payload.get("status"), str) and "response" in payload:
        told += f", reply {status}"
    return told


def _gateway_note(sender: str, data: str | bytes, message: Message) -> str:
    if sender == "client":
        value = _json(data)
        action = value.get("action") if isinstance(value, dict) else None
        return f"API Gateway action {_short(action)}, route {message.ref}"
    if message.topic == gateway.OWN:
        return "API Gateway's own word"
    if message.ref is not NO_REF:
        return f"API Gateway answer {_short(cast('Json', message.args[0]))} on channel {message.ref}"
    return "API Gateway push" + (f" to {message.topic}" if message.topic else "")
