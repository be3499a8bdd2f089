"""`{"type": name, ...body}`: the whole message is one JSON object, its name among its fields."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import cast

import orjson

from simulator.core.errors import WireError
from simulator.core.message import Frame, Json, Message

_dumps = orjson.dumps


def strict(data: str | bytes) -> Json:
    """JSON as RFC 8259 has it."""
    return cast("Json", orjson.loads(data))


def escape(text: str) -> str:
    """JSON with the two characters escaped that Go escapes even where it leaves HTML alone (encoding/json)."""
    return text if text.isascii() else text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _patiently(value: object) -> str:
    """What orjson refuses: integers beyond 64 bits, and lone surrogates, of which Go makes an escaped U+FFFD."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(str(error)) from None
    return re.sub("[\ud800-\udfff]", r"\\ufffd", text)


class RawJson:
    """Frames of both directions. Text and binary frames are read alike; text frames are written."""

    __slots__ = ("_loads",)

    def __init__(self, loads: Callable[[str | bytes], Json] = strict) -> None:
        """Read JSON with `loads`, which raises ValueError: servers differ in what they let pass."""
        self._loads = loads

    def decode(self, frame: Frame) -> Message:
        """The frame's message; its body keeps all fields but `type`. Raises WireError."""
        loads = self._loads
        try:
            body = loads(frame.data)
        except ValueError as error:
            raise WireError(str(error), frame) from None
        if type(body) is not dict:
            raise WireError("not a JSON object", frame)
        name = body.pop("type", None)
        if type(name) is not str:
            raise WireError('no "type" that is a string', frame)
        return Message(name, (body,))

    def encode(self, message: Message) -> Frame:
        """The message's frame: `type` first, then the body's fields in their order, compact, non-ASCII as it is.

        Raises WireError where the body is no JSON object.
        """
        body = message.args[0] if message.args else {}
        if type(body) is not dict:
            raise WireError(f"the body of {message.name!r} has to be an object")
        value = {"type": message.name, **body}
        if "type" in body:
            value["type"] = message.name
        try:
            text = _dumps(value).decode()
        except TypeError:
            text = _patiently(value)
        return Frame(text if text.isascii() else escape(text))
