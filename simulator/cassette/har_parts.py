"""The parts of a HAR's entries, each looked at: messages, bodies, headers, times."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from simulator.core.message import Headers

_TEXT, _BINARY, _CLOSE = 1, 2, 8
LATEST: Final = 1e15
"""Milliseconds, some 30,000 years from 1970: JSON has larger numbers, and Python reads infinity, too."""
_MILLISECONDS: Final = 1e11
"""A time beyond is one: in seconds it would be the year 5138."""


class Shape(Exception):
    """Where a HAR is not what it should be."""


@dataclass(slots=True)
class Close:
    """A close frame, which some tools write like a message."""

    code: int
    reason: str


def message(message: Any) -> tuple[str, float | None, str | bytes | Close | None]:
    """Sender, time and data; None as data for what is no message: a ping, or an error that Chrome tells."""
    if not isinstance(message, dict):
        raise Shape(": expected an object")
    kind = message.get("type")
    if kind not in ("send", "receive"):
        if kind == "error":
            return "client", None, None
        raise Shape(f'.type: expected "send" or "receive", got {kind!r}')
    time, code, data = message.get("time"), message.get("opcode", _TEXT), message.get("data")
    if not isinstance(time, int | float | None) or isinstance(time, bool):
        raise Shape(f".time: expected a number, got {time!r}")
    if time is not None and not time < LATEST:
        raise Shape(".time: expected seconds, or milliseconds, since 1970")
    moment = None if time is None or time < 0 else time / 1000 if time > _MILLISECONDS else float(time)
    sender = "client" if kind == "send" else "server"
    if not isinstance(data, str | None):
        raise Shape(".data: expected a text")
    if code == _BINARY:
        return sender, moment, unpacked(data or "", "base64", ".data")
    if code == _CLOSE:
        status = message.get("code")
        return sender, moment, Close(status if isinstance(status, int) and 0 <= status <= 0xFFFF else 1005, "")
    return sender, moment, (data or "") if code == _TEXT else None


def unpacked(text: str, encoding: object, place: str) -> bytes:
    """The bytes of a text that may be base64."""
    if encoding != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise Shape(f"{place}: is not base64") from None


def mapping(value: dict[str, Any], key: str, lacking: dict[str, Any] | None = None) -> dict[str, Any]:
    """The object at a key; `lacking` where there is none, and else that is wrong."""
    found = value.get(key, lacking)
    if found is None and lacking is not None:
        return lacking
    if not isinstance(found, dict):
        raise Shape(f".{key}: expected an object")
    return found


def instant(value: Any) -> float:
    """Unix time of a date in ISO 8601."""
    try:
        when = datetime.fromisoformat(value)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise Shape(f".startedDateTime: expected a time such as 2026-01-01T00:00:00.000Z, got {value!r}") from None


def method(request: dict[str, Any]) -> str:
    """Some tools leave it empty for sockets."""
    said = request.get("method")
    return said if isinstance(said, str) and said else "GET"


def headers_of(half: dict[str, Any], place: str) -> Headers:
    found = half.get("headers") or []
    if not isinstance(found, list):
        raise Shape(f"{place}.headers: expected a list")
    return tuple(_lines(found))


def _lines(found: list[Any]) -> Iterator[tuple[str, str]]:
    for one in found:
        name, value = (one.get("name"), one.get("value")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(value, str):
            continue
        if name.lower() == ":authority":
            yield "Host", value
        # Bodies in a HAR are decoded; HTTP/2's other pseudo headers stand elsewhere.
        elif name and not name.startswith(":") and name.lower() != "content-encoding":
            yield name, value
