"""What travels: a Message has meaning and no envelope, a Frame has exact wire data and no meaning.

Records of which every frame makes one are Structs, here and in the core's other languages: made in a third of a
dataclass's time. None of them can be part of a cycle, so the collector need not look at them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

from msgspec import Struct

from simulator.core.objects import Upload, UploadFlaw

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Header lines in their order on the wire, names spelled as sent."""


class _NoRef:
    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_REF"


NO_REF: Final = _NoRef()
"""The ref of a message that answers nothing and asks for no answer."""


class Message(Struct, gc=False):
    """One message without its envelope, the same for all wires."""

    name: str
    """chip's `type`, a gateway route or channel, a Phoenix or Socket.IO event."""
    args: tuple[Json | bytes, ...] = ()
    """One body for most wires, several for Socket.IO."""
    ref: object = NO_REF
    """Made and read by the wire alone (ack id, Phoenix ref and join_ref, route)."""
    topic: str = ""
    """Phoenix topic or Socket.IO namespace."""


@final
class Frame(Struct, gc=False):
    """Exact wire data, never re-encoded.

    A text frame that is not UTF-8 keeps each wrong byte as a lone surrogate (`surrogateescape`).
    """

    data: str | bytes
    """`str` for a text frame, `bytes` for a binary one."""
    via: str = "websocket"
    """`websocket`, `polling` or `longpoll`."""


@dataclass(slots=True)
class Ping:
    """A WebSocket ping frame; its payload is at most 125 bytes."""

    data: bytes = b""


@dataclass(slots=True)
class Pong:
    """A WebSocket pong frame; its payload is at most 125 bytes."""

    data: bytes = b""


@dataclass(slots=True)
class Request:
    """An HTTP request as the client sent it, a path prefix of its space cut off."""

    method: str
    path: str
    """Not decoded, without the query."""
    query: str = ""
    """Not decoded, without the question mark."""
    headers: Headers = ()
    body: bytes = b""
    http: tuple[int, int] = (1, 1)
    base: str = ""
    """The base URL as the client sees it: scheme, host and prefix, no slash at the end."""
    upload: Upload | UploadFlaw | None = None
    """What came on a route that stores its body."""
    named: Mapping[str, str] | None = field(default=None, init=False, repr=False, compare=False)
    """The header lines by their names in lower case, from who knows that no name stands there twice."""

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its spelling, or None."""
        wanted = name.lower()
        if self.named is not None:
            return self.named.get(wanted)
        size = len(name)
        for key, value in self.headers:
            if len(key) == size and key.lower() == wanted:
                return value
        return None

    def tokens(self, name: str) -> list[str]:
        """All comma-separated tokens of all headers of that name, stripped, in lower case."""
        wanted, size = name.lower(), len(name)
        if self.named is not None:
            value = self.named.get(wanted)
            return [] if value is None else [token.strip().lower() for token in value.split(",")]
        found = []
        for key, value in self.headers:
            if len(key) == size and key.lower() == wanted:
                found += [token.strip().lower() for token in value.split(",")]
        return found


@dataclass(slots=True)
class Response:
    """An HTTP answer: exact status, headers and body."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    reason: str | None = None
    """The status line's text; None gives the standard one."""
    stored: Upload | None = None
    """A stored object that is the body, in place of `body`."""
    span: tuple[int, int] | None = None
    """Of the stored object, the bytes from the first number up to the second, which is not of it; None for all."""
    closes: bool = False
    """The connection ends with this answer, without a line that says so."""
    modern: bool = False
    """The status line says HTTP/1.1 also to a client that speaks 1.0."""

    @property
    def length(self) -> int:
        """Bytes of the body."""
        if self.stored is None:
            return len(self.body)
        return self.stored.size if self.span is None else self.span[1] - self.span[0]
