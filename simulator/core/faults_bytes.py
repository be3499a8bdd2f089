"""Messages cut, broken and swollen: what goes over a WebSocket when a fault has struck, byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simulator.core.envelope import Data
from simulator.core.message import Frame, Ping, Pong

_TEXT, _BINARY, _PING, _PONG, _FIN = 1, 2, 9, 10, 0x80

MOST_PIECES = 1024
"""Of one message; where there would be more they are longer."""


def payload(item: Frame | Ping | Pong) -> bytes:
    """What stands behind the header."""
    data = item.data
    return data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data


def framed(first: int, data: bytes, mask: bytes = b"") -> bytes:
    """A frame with that first byte (RFC 6455, 5.2); the mask is only announced, so it should be zeros."""
    size, masked = len(data), 0x80 if mask else 0
    if size < 126:
        head = bytes((first, masked | size))
    elif size < 65536:
        head = bytes((first, masked | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, masked | 127)) + size.to_bytes(8, "big")
    return head + mask + data


def _opcode(item: Frame | Ping | Pong) -> int:
    if isinstance(item, Frame):
        return _TEXT if isinstance(item.data, str) else _BINARY
    return _PING if isinstance(item, Ping) else _PONG


def whole(item: Frame | Ping | Pong) -> bytes:
    """The frame as it is, unfragmented."""
    return framed(_FIN | _opcode(item), payload(item))


def broken(item: Frame | Ping | Pong, form: str) -> bytes:
    """The same message as a frame that no client may take."""
    data, opcode = payload(item), _FIN | _opcode(item)
    match form:
        case "utf8":
            # C3 begins a character of two bytes, 28 does not go on with it.
            return framed(_FIN | _TEXT, data + b"\xc3\x28")
        case "rsv":
            return framed(0x20 | opcode, data)
        case "opcode":
            return framed(_FIN | 3, data)
        case "mask":
            return framed(opcode, data, bytes(4))
        case _:
            return framed(_FIN, data)


def sliced(item: Frame, size: Callable[[], int]) -> Iterator[bytes]:
    """The message in fragments (RFC 6455, 5.4), each as many bytes long as `size` says."""
    data, opcode = payload(item), _opcode(item)
    least = len(data) // MOST_PIECES + 1
    at = 0
    while True:
        end = at + max(size(), least)
        last = end >= len(data)
        yield framed((_FIN if last else 0) | opcode, data[at:end])
        if last:
            return
        at, opcode = end, 0


def pieces(data: bytes, size: int) -> list[bytes]:
    """Bytes in pieces of one size, the last may be shorter."""
    size = max(size, len(data) // MOST_PIECES + 1)
    return [data[at : at + size] for at in range(0, len(data), size)] or [data]


def malformed(data: Data, form: str, garbage: str) -> Data:
    """A packet that can't be read, inside a frame or a body that can."""
    if form == "envelope":
        return garbage
    if form == "utf8" and isinstance(data, str):
        return f"{data}\udcc3("
    return data[:-1]


def swollen(data: Data, size: int) -> Data:
    """At least so many bytes long: JSON may have blanks behind it."""
    if isinstance(data, str):
        return data + " " * max(0, size - len(data.encode("utf-8", "surrogateescape")))
    return data + bytes(max(0, size - len(data)))
