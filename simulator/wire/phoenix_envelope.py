"""Phoenix's frames seen from outside: what each is, and how a long poll's body is put together."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import orjson

from simulator.core.envelope import ACK, CONTROL, HEARTBEAT, MESSAGE, Bare, Data, Look
from simulator.core.errors import WireError
from simulator.core.message import Frame, Request, Response
from simulator.wire import phoenix_poll as longpoll
from simulator.wire.phoenix_frames import read
from simulator.wire.phoenix_profile import params

_PHOENIX = frozenset(("phx_join", "phx_leave", "phx_close", "phx_error"))


class PhoenixEnvelope(Bare):
    """Phoenix channels, and their long polling."""

    __slots__ = ()

    garbage = "{}"
    names = frozenset((*_PHOENIX, "phx_reply", "heartbeat"))
    acks = frozenset(("server",))

    def look(self, sender: str, data: Data) -> Look:
        """By event and topic."""
        try:
            _, _, topic, event, _ = read(sender, Frame(data))
        except (WireError, RecursionError):
            return Look()
        name = event if isinstance(event, str) else ""
        if topic == "phoenix":
            return Look(HEARTBEAT, name)
        if name == "phx_reply":
            return Look(ACK, name)
        return Look(CONTROL if name in _PHOENIX else MESSAGE, name)

    def opens(self, request: Request, polls: bool) -> bool:
        """An upgrade, or a poll without a token."""
        if "websocket" in request.tokens("Upgrade"):
            return True
        token = request.header(longpoll.TOKEN_HEADER) or params(request).get("token")
        return polls and request.method == "GET" and not token

    def split(self, sender: str, request: Request, body: bytes) -> list[Data]:
        """The frames."""
        try:
            if sender == "client":
                return [frame.data for frame in longpoll.posted(request)]
            if request.method != "GET":
                return []
            return [frame.data for frame in longpoll.answered(body)]
        except WireError:
            return []

    def posted(self, request: Request, parts: Sequence[Data]) -> Request | Response:
        """Several go as lines, in base64 where they are no arrays; of none is said that they were taken."""
        if not parts:
            return longpoll.status(200)
        kind = "content-type"
        lines = [value for name, value in request.headers if name.lower() == kind] == ["application/x-ndjson"]
        texts = [part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part for part in parts]
        if len(texts) == 1 and not lines:
            return replace(request, body=texts[0])
        headers = tuple(pair for pair in request.headers if pair[0].lower() != kind)
        body = b"\n".join(text if text[:1] == b"[" else base64.b64encode(text) for text in texts)
        return replace(request, headers=(*headers, (kind, "application/x-ndjson")), body=body)

    def answered(self, body: bytes, parts: Sequence[Data]) -> bytes:
        """The same answer with other messages: 204 where none is left."""
        value = cast("dict[str, object]", orjson.loads(body))
        texts = [part if isinstance(part, str) else part.decode("utf-8", "surrogateescape") for part in parts]
        value["messages"] = texts
        if not texts:
            value["status"] = 204
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")

    def farewell(self) -> Response:
        """Such a session is gone."""
        return longpoll.status(410)
