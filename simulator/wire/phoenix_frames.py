"""Phoenix frames of both serializers, and the JSON that its two libraries write: pure, no sockets, no channels.

Every frame has the same five fields, `(join_ref, ref, topic, event, payload)`. The V1 serializer puts them into an
object, V2 into an array, or into bytes where the payload is bytes (phoenix v1.3.0 lib/phoenix/transports/
websocket_serializer.ex and v2/websocket_serializer.ex, v1.8.12 lib/phoenix/socket/serializers/*.ex).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from math import isfinite
from typing import Final, Protocol, TypeAlias, cast

import orjson

from simulator.core.errors import WireError
from simulator.core.message import Frame, Json

Payload: TypeAlias = "Json | bytes"
Fields: TypeAlias = "tuple[Json, Json, Json, Json, Payload]"
"""Join_ref, ref, topic, event, payload. The first four are whatever the client wrote, the right type not assumed."""
Dumps: TypeAlias = "Callable[[Json], str]"
"""Writes compact JSON. Raises WireError for what JSON can't say."""

PUSH, REPLY, BROADCAST = range(3)

_loads, _dumps = orjson.loads, orjson.dumps

_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\f": "\\f", "\b": "\\b", '"': '\\"', "\\": "\\\\"}
_JASON = re.compile(r'["\\\x00-\x1f]')
# Poison looks for DEL and the C1 characters only where it begins to look: at the start, and behind what it escaped.
_POISON = re.compile(r'(?:\A|["\\\x00-\x1f])[\x7f-\x9f]+|["\\\x00-\x1f]')
_LONE = re.compile("[\ud800-\udfff]")


def _escaped(found: re.Match[str]) -> str:
    return "".join([_SHORT.get(char) or f"\\u{ord(char):04X}" for char in found[0]])


def erlang_float(number: float) -> str:
    """As Erlang's io_lib_format:fwrite_g/1 spells it: the shortest digits, an exponent where that is shorter."""
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    place, size = len(text) + exponent, len(text)
    minus = "-" if sign else ""
    if text == "0":
        return f"{minus}0.0"
    if 0 < place < size:
        return f"{minus}{text[:place]}.{text[place:]}"
    scientific = f"{minus}{text[0]}.{text[1:] or '0'}e{place - 1}"
    fixed = f"{minus}0.{'0' * -place}{text}" if place <= 0 else f"{minus}{text}{'0' * (place - size)}.0"
    # With the point right before the digits Erlang never weighs.
    return fixed if place == 0 or len(fixed) <= len(scientific) else scientific


def _ordered(value: Json, last_first: bool) -> Json:
    """The same with its keys sorted; TypeError for a float, which orjson spells in its own way."""
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is int:
        return value
    if isinstance(value, dict):
        if len(value) < 2:
            return {key: _ordered(value[key], last_first) for key in value}
        return {key: _ordered(value[key], last_first) for key in sorted(value, reverse=last_first)}
    if isinstance(value, list):
        return [_ordered(item, last_first) for item in value]
    raise TypeError


def _patiently(value: Json, last_first: bool, odd: re.Pattern[str]) -> str:
    """What orjson refuses or spells differently: floats, integers beyond 64 bits, control characters, great depths."""
    if isinstance(value, str):
        return f'"{odd.sub(_escaped, _LONE.sub(chr(0xFFFD), value))}"'
    if isinstance(value, dict):
        pairs = [
            f"{_patiently(key, last_first, odd)}:{_patiently(value[key], last_first, odd)}"
            for key in sorted(value, reverse=last_first)
        ]
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{','.join([_patiently(item, last_first, odd) for item in value])}]"
    if isinstance(value, float):
        if not isfinite(value):
            raise WireError(f"{value} is no JSON")
        return erlang_float(value)
    if value is None or isinstance(value, int):
        return json.dumps(value)
    raise WireError(f"{type(value).__name__} is no JSON")


def _library(last_first: bool, odd: re.Pattern[str]) -> Dumps:
    def dumps(value: Json) -> str:
        try:
            text = orjson.dumps(_ordered(value, last_first)).decode()
            # Python knows of a string whether it is ASCII: the usual text is looked through at the speed of memchr.
            if "\\u00" not in text and (odd is _JASON or (text.isascii() and "\x7f" not in text)):
                return text
            return _patiently(value, last_first, odd)
        except (TypeError, RecursionError):
            pass
        try:
            return _patiently(value, last_first, odd)
        except (TypeError, ValueError, RecursionError) as error:
            raise WireError(str(error)) from None

    return dumps


poison: Final = _library(True, _POISON)
"""Poison 3.1 (lib/poison/encoder.ex): keys from the last to the first, in the order of their UTF-8 bytes."""
jason: Final = _library(False, _JASON)
"""Jason 1.4 (lib/encode.ex) on maps of at most 32 keys: keys from the first to the last."""


def strict(data: str | bytes) -> Json:
    """JSON as RFC 8259 has it, and so has Jason. Raises ValueError."""
    return cast("Json", orjson.loads(data))


def tolerant(data: str | bytes) -> Json:
    """Poison 3.1 lets raw control characters stand in strings. Raises ValueError."""
    try:
        return cast("Json", orjson.loads(data))
    except ValueError:
        return _tolerantly(data if isinstance(data, str) else data.decode())


def _tolerantly(text: str) -> Json:
    try:
        value = json.loads(text, strict=False, parse_constant=_refuse)
        # Numbers that became infinite and lone surrogates have no JSON.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as error:
        raise ValueError(str(error)) from None
    return cast("Json", value)


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is no JSON")


@dataclass(slots=True, frozen=True)
class Library:
    """How a JSON library reads and writes."""

    loads: Callable[[str | bytes], Json]
    """Raises ValueError."""
    dumps: Dumps


POISON: Final = Library(tolerant, poison)
JASON: Final = Library(strict, jason)

_PLAIN = frozenset((str, int, bool, type(None)))
_LONG = 256
"""Characters of names above which nothing is remembered of them."""


def _exactly(frame: Frame, dumps: Dumps, keys: tuple[str | int, ...]) -> list[Json]:
    """These fields with integers beyond 64 bits as what they are; they can be written again. Raises WireError."""
    try:
        value = json.loads(frame.data, strict=False)
        found: list[Json] = [value[key] for key in keys]
    except (ValueError, RecursionError) as error:
        raise WireError(str(error), frame) from None
    dumps(found)
    return found


class Serializer(Protocol):
    """One version of the envelope. Each method raises WireError for what it can't read or write."""

    def decode(self, frame: Frame) -> Fields:
        """A client's frame."""
        ...

    def reply(self, join_ref: Json, ref: Json, topic: Json, status: Json, response: Payload) -> Frame:
        """A `phx_reply`."""
        ...

    def push(self, join_ref: Json, ref: Json, topic: str, event: str, payload: Payload) -> Frame:
        """A message of the channel or the socket."""
        ...

    def broadcast(self, topic: str, event: str, payload: Payload) -> Frame:
        """The same frame for all subscribers of a topic, without refs."""
        ...


class V1:
    """Objects: `topic`, `event`, `payload` and `ref` are required. Text and binary frames are read alike."""

    __slots__ = ("_dumps", "_loads", "_struct")

    def __init__(self, library: Library, struct: bool) -> None:
        """With `struct`, replies and broadcasts are written as Phoenix's whole struct, a null `join_ref` in it."""
        self._loads = library.loads
        self._dumps = library.dumps
        self._struct = struct

    def decode(self, frame: Frame) -> Fields:
        """The five fields; a missing `join_ref` is null."""
        try:
            value = self._loads(frame.data)
        except ValueError as error:
            raise WireError(str(error), frame) from None
        if not isinstance(value, dict):
            raise WireError("not a JSON object", frame)
        try:
            ref, topic, event, payload = value["ref"], value["topic"], value["event"], value["payload"]
        except KeyError as error:
            raise WireError(f"no {error.args[0]!r}", frame) from None
        join_ref = value.get("join_ref")
        if type(ref) not in _PLAIN or type(join_ref) not in _PLAIN or type(topic) is not str:
            ref, topic = _exactly(frame, self._dumps, ("ref", "topic"))
            if "join_ref" in value:
                [join_ref] = _exactly(frame, self._dumps, ("join_ref",))
        return join_ref, ref, topic, event, payload

    def reply(self, join_ref: Json, ref: Json, topic: Json, status: Json, response: Payload) -> Frame:
        """Without its join_ref."""
        payload = {"response": _text(response), "status": status}
        return self._write(topic, "phx_reply", payload, ref, self._struct)

    def push(self, join_ref: Json, ref: Json, topic: str, event: str, payload: Payload) -> Frame:
        """Without its join_ref."""
        return self._write(topic, event, _text(payload), ref, False)

    def broadcast(self, topic: str, event: str, payload: Payload) -> Frame:
        """Its ref is null."""
        return self._write(topic, event, _text(payload), None, self._struct)

    def _write(self, topic: Json, event: str, payload: Json, ref: Json, struct: bool) -> Frame:
        fields: dict[str, Json] = {"topic": topic, "event": event, "payload": payload, "ref": ref}
        if struct:
            fields["join_ref"] = None
        return Frame(self._dumps(fields))


def _around_ref(dumps: Dumps, join_ref: str, topic: str) -> tuple[str, str]:
    """What stands before and behind the ref of an empty reply that says ok."""
    return f"[{dumps(join_ref)},", f',{dumps(topic)},"phx_reply",{dumps({"status": "ok", "response": {}})}]'


class V2:
    """Arrays `[join_ref, ref, topic, event, payload]`; whatever comes behind is ignored."""

    __slots__ = ("_around", "_binary", "_dumps", "_loads")

    def __init__(self, library: Library, binary: bool) -> None:
        """With `binary`, binary frames have a layout of their own (since 1.5.7); else they are read like text."""
        self._loads = library.loads
        self._dumps = library.dumps
        self._binary = binary
        self._around = lru_cache(256)(partial(_around_ref, library.dumps))

    def decode(self, frame: Frame) -> Fields:
        """The five fields."""
        data = frame.data
        if self._binary and isinstance(data, bytes):
            return client_bytes(data)
        try:
            value = _loads(data)
        except ValueError:
            try:
                value = self._loads(data)
            except ValueError as error:
                raise WireError(str(error), frame) from None
        if type(value) is not list or len(value) < 5:
            raise WireError("not a JSON array of five", frame)
        join_ref, ref, topic, event, payload = value if len(value) == 5 else value[:5]
        if type(ref) is str and type(join_ref) is str and type(topic) is str:
            return join_ref, ref, topic, event, payload
        if type(ref) not in _PLAIN or type(join_ref) not in _PLAIN or type(topic) is not str:
            join_ref, ref, topic = _exactly(frame, self._dumps, (0, 1, 2))
        return join_ref, ref, topic, event, payload

    def reply(self, join_ref: Json, ref: Json, topic: Json, status: Json, response: Payload) -> Frame:
        """In bytes where the response is bytes."""
        if (
            status == "ok"
            and type(response) is dict
            and not response
            and type(ref) is str
            and type(join_ref) is str
            and type(topic) is str
            and len(join_ref) + len(topic) < _LONG
        ):
            # Most are answered so, and all but the ref is the same each time. Clients count: nothing is to be escaped.
            before, behind = self._around(join_ref, topic)
            return Frame(
                f'{before}"{ref}"{behind}' if ref.isalnum() and ref.isascii() else before + self._dumps(ref) + behind
            )
        if isinstance(response, bytes):
            return Frame(_bytes(REPLY, (_name(join_ref), _name(ref), _name(topic), _name(status)), response))
        return Frame(self._dumps([join_ref, ref, topic, "phx_reply", {"status": status, "response": response}]))

    def push(self, join_ref: Json, ref: Json, topic: str, event: str, payload: Payload) -> Frame:
        """In bytes where the payload is bytes; those have no ref."""
        if isinstance(payload, bytes):
            return Frame(_bytes(PUSH, (_name(join_ref), topic, event), payload))
        return Frame(self._dumps([join_ref, ref, topic, event, payload]))

    def broadcast(self, topic: str, event: str, payload: Payload) -> Frame:
        """In bytes where the payload is bytes."""
        if isinstance(payload, bytes):
            return Frame(_bytes(BROADCAST, (topic, event), payload))
        return Frame(self._dumps([None, None, topic, event, payload]))


def _text(payload: Payload) -> Json:
    if isinstance(payload, bytes):
        raise WireError("a payload of bytes needs the V2 serializer")
    return payload


def _name(value: Json) -> str:
    """As Elixir's to_string/1 makes it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else jason(value)


def _bytes(kind: int, names: tuple[str, ...], data: bytes) -> bytes:
    encoded = [name.encode("utf-8", "replace") for name in names]
    sizes = [len(name) for name in encoded]
    if max(sizes) > 255:
        raise WireError("a name of more than 255 bytes does not fit into a binary frame")
    return b"".join((bytes((kind, *sizes)), *encoded, data))


def _cut(data: bytes, count: int) -> tuple[list[str], bytes]:
    """So many names, and the data behind them."""
    names: list[str] = []
    place = 1 + count
    if len(data) < place:
        raise WireError("a binary frame without its sizes", data)
    for size in data[1:place]:
        if place + size > len(data):
            raise WireError("a binary frame that ends inside its names", data)
        try:
            names.append(data[place : place + size].decode())
        except UnicodeDecodeError:
            raise WireError("a name in a binary frame that is not UTF-8", data) from None
        place += size
    return names, data[place:]


def client_bytes(data: bytes) -> Fields:
    """`00 <4 sizes> join_ref ref topic event data`, sizes of one byte each. Raises WireError."""
    if data[:1] != b"\0":
        raise WireError("a binary frame that is no push", data)
    (join_ref, ref, topic, event), rest = _cut(data, 4)
    return join_ref, ref, topic, event, rest


def server_bytes(data: bytes) -> Fields:
    """A server's push, reply or broadcast; a reply's payload is `{"status": ..., "response": <bytes in base64>}`.

    Raises WireError.
    """
    match data[:1]:
        case b"\0":
            (join_ref, topic, event), rest = _cut(data, 3)
            return join_ref, None, topic, event, rest
        case b"\1":
            (join_ref, ref, topic, status), rest = _cut(data, 4)
            return join_ref, ref, topic, "phx_reply", {"status": status, "response": base64.b64encode(rest).decode()}
        case b"\2":
            (topic, event), rest = _cut(data, 2)
            return None, None, topic, event, rest
    raise WireError("a binary frame of no known kind", data)


def read(sender: str, frame: Frame) -> Fields:
    """A frame of either end, its version told from its shape. Raises WireError."""
    data = frame.data
    if isinstance(data, bytes) and data[:1] in (b"\0", b"\1", b"\2"):
        return client_bytes(data) if sender == "client" else server_bytes(data)
    array = data.lstrip()[:1] in ("[", b"[")
    return (_ANY_V2 if array else _ANY_V1).decode(frame)


_ANY_V1, _ANY_V2 = V1(POISON, struct=False), V2(POISON, binary=False)
