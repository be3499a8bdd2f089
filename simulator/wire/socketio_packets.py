"""Socket.IO v5 packets as socket.io-parser 4.2 reads and writes them: strict, with JavaScript's idea of a number."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias, cast

import orjson

from simulator.core.errors import WireError
from simulator.core.message import Json

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)

RESERVED: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)
"""Names that no event may bear (lib/index.ts, RESERVED_EVENTS)."""

Args: TypeAlias = "Sequence[Json | bytes]"

_SPACE = "\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_STRIPPED = re.compile(f"^[{_SPACE}]+|[{_SPACE}]+$")
_DIGITS = re.compile(f"[0-9{_SPACE}]*")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_RADIX = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")
_LONE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Packet:
    """One packet, its attachments not yet in their places."""

    kind: int
    nsp: str
    id: str | None
    """The acknowledgement's id as JavaScript would print it."""
    data: Json
    """None where there is none: no packet's payload is null."""
    attachments: int = 0


def read(text: str, most_attachments: int = 10) -> Packet:
    """The packet of a text message. Raises WireError for what the real parser throws at."""
    first = text[:1]
    kind = "0123456".find(first) if first else 0
    if kind < 0:
        if not _STRIPPED.sub("", first):
            kind = CONNECT  # Number(" ") is 0
        else:
            raise WireError(f"unknown packet type {first}")
    at = 1
    attachments = 0
    if kind >= BINARY_EVENT:
        number, dash, _ = text[1:].partition("-")
        count = number_of(number) if dash else math.nan
        if not (count >= 1 and (count == math.inf or count == math.floor(count))):
            raise WireError("illegal attachments")
        if count > most_attachments:
            raise WireError("too many attachments")
        attachments = int(count)
        at += len(number) + 1
    nsp = "/"
    if text[at : at + 1] == "/":
        nsp = text[at:].partition(",")[0]
        at += len(nsp) + 1
    found = _DIGITS.match(text, at)
    assert found is not None
    digits = found[0]
    at += len(digits)
    data: Json = None
    if at < len(text):
        data = loads(text[at:])
        if not _fits(kind, data):
            raise WireError("invalid payload")
    return Packet(kind, nsp, _printed(digits) if digits else None, data, attachments)


def loads(text: str) -> Json:
    """JSON as JavaScript reads it, lone surrogates included; False for what is none."""
    try:
        return cast("Json", orjson.loads(text))
    except ValueError:
        try:
            return cast("Json", json.loads(text, parse_constant=_no_constant))
        except (ValueError, RecursionError):
            return False


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _fits(kind: int, data: Json) -> bool:
    if kind in (EVENT, BINARY_EVENT):
        return isinstance(data, list) and bool(data) and is_name(data[0])
    if kind in (ACK, BINARY_ACK):
        return isinstance(data, list)
    if kind == CONNECT:
        return isinstance(data, dict)
    return kind == CONNECT_ERROR and isinstance(data, str | dict)


def is_name(value: Json) -> bool:
    """Whether an event may bear that name."""
    if isinstance(value, str):
        return value not in RESERVED
    return isinstance(value, int | float) and not isinstance(value, bool)


def name_of(value: Json) -> str:
    """The name of an event whose name is a number, as JavaScript prints it."""
    assert isinstance(value, int | float)
    return str(int(value)) if value == value and abs(value) < 1e21 and value == int(value) else repr(value)


def number_of(text: str) -> float:
    """What JavaScript's Number makes of it."""
    text = _STRIPPED.sub("", text)
    if not text:
        return 0
    if text.isascii() and text.isdecimal():
        return float(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _RADIX.fullmatch(text):
        try:
            return float(int(text, 0))
        except OverflowError:
            return math.inf
    return math.inf if text in ("Infinity", "+Infinity") else math.nan


def _printed(digits: str) -> str:
    """What JavaScript makes of an id when it is a number, and prints it again."""
    if len(digits) < 16 and digits.isascii() and digits.isdecimal() and (digits[0] != "0" or digits == "0"):
        return digits
    number = number_of(digits)
    if number != number or number == math.inf:
        return "NaN" if number != number else "Infinity"
    return str(int(Decimal(repr(number)))) if number < 1e21 else repr(number)


def filled(data: Json, attachments: Sequence[bytes]) -> Json:
    """The payload with its attachments in their places. Raises WireError where one has no attachment."""
    if isinstance(data, list):
        return [filled(value, attachments) for value in data]
    if not isinstance(data, dict):
        return data
    if data.get("_placeholder") is not True:
        return {key: filled(value, attachments) for key, value in data.items()}
    number = data.get("num")
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < len(attachments):
        raise WireError("illegal attachments")
    # Bytes are no JSON, but they are what an argument may be.
    return cast("Json", attachments[int(number)]) if number == int(number) else None


def emptied(value: object, attachments: list[bytes]) -> object:
    """The payload with placeholders for its bytes, which are added to `attachments`."""
    if isinstance(value, bytes | bytearray | memoryview):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, list | tuple):
        return [emptied(inner, attachments) for inner in value]
    if isinstance(value, dict):
        return {key: emptied(inner, attachments) for key, inner in value.items()}
    return value


def payload(values: Args) -> tuple[str, list[bytes]]:
    """The JSON of an array, and its attachments. Raises WireError where it can't be written."""
    try:
        return orjson.dumps(values).decode(), []
    except TypeError:
        pass
    attachments: list[bytes] = []
    try:
        bare = emptied(values, attachments)
        try:
            return orjson.dumps(bare).decode(), attachments
        except TypeError:
            # Integers beyond 64 bits, and lone surrogates, which JSON.stringify escapes.
            text = json.dumps(bare, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(str(error)) from None
    return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text), attachments


def head(kind: int, attachments: int, prefix: str, id: str = "") -> str:
    """What stands before the JSON, the Engine.IO type of a message included; `prefix` is `/name,` or nothing."""
    return f"4{kind + 3}{attachments}-{prefix}{id}" if attachments else f"4{kind}{prefix}{id}"


def prefix(nsp: str) -> str:
    """How a namespace is named in a packet."""
    return "" if nsp == "/" else f"{nsp},"


class Inbox:
    """Messages of one direction become packets, their attachments in their places."""

    __slots__ = ("_attachments", "most", "partial")

    def __init__(self, most_attachments: int = 10) -> None:
        self.most = most_attachments
        self._attachments: list[bytes] = []
        self.partial: Packet | None = None
        """What waits for attachments."""

    def add(self, data: str | bytes) -> Packet | None:
        """The packet that this message completes. Raises WireError, and has forgotten what it waited for then."""
        partial = self.partial
        if isinstance(data, str):
            self.partial, self._attachments = None, []
            if partial is not None:
                raise WireError("text while attachments are missing")
            if not data:
                raise WireError("an empty message")
            packet = read(data, self.most)
            if not packet.attachments:
                return packet
            self.partial = packet
            return None
        if partial is None:
            raise WireError("bytes that no packet announced")
        self._attachments.append(data)
        if len(self._attachments) < partial.attachments:
            return None
        attachments, self._attachments, self.partial = self._attachments, [], None
        partial.data = filled(partial.data, attachments)
        return partial
