"""Phoenix's long polling on a tape: a recorder sees HTTP exchanges, which here become the frames of a connection."""

from __future__ import annotations

import re
from typing import Final, cast

import orjson

from simulator.cassette.entries import Entry, Exchange, Opened, Passed
from simulator.core.message import Json
from simulator.wire.phoenix_poll import TOKEN_HEADER

_PATH: Final = re.compile(r"(?P<door>[^?]*/)longpoll/?\?(?P<query>(?:[^#]*&)?vsn=.*)")
_TOKEN: Final = re.compile(r"[?&]token=([^&]*)")
_OPENS: Final = 410
"""What a poll says that begins a session (phoenix long_poll.ex)."""


class LongPolls:
    """Of one tape. Its entries have to come in order."""

    def __init__(self, aside: bool = False) -> None:
        """With `aside` those stay exchanges that are neither a session's messages nor its silence."""
        self._aside = aside
        self._conns: dict[str, int] = {}
        """By token."""

    def frames(self, entry: Entry) -> list[Entry]:
        """What an entry is when polls are frames: itself, nothing, or an opening or frames of a connection."""
        if not isinstance(entry, Exchange) or (match := _PATH.fullmatch(entry.request.path)) is None:
            return [entry]
        body = entry.response.body if entry.response is not None else None
        told = _json(body) if isinstance(body, str) else None
        if not isinstance(told, dict):
            # No answer of a session: a preflight, or one that broke off.
            return [entry] if self._aside and entry.request.method != "OPTIONS" else []
        found = _TOKEN.search(entry.request.path)
        named = next((value for name, value in entry.request.headers if name.lower() == TOKEN_HEADER), "")
        conn = self._conns.get(named or (found[1] if found else ""))
        if conn is None:
            token = told.get("token")
            if told.get("status") != _OPENS or not isinstance(token, str):
                return [entry] if self._aside else []
            self._conns[token] = entry.http
            # The same door by a WebSocket.
            query = re.sub(r"(^|&)token=[^&]*", "", match["query"]).lstrip("&")
            path = f"{match['door']}websocket?{query}"
            return [Opened(entry.at, entry.http, path, entry.request.headers, line=entry.line)]
        said = entry.request.body if entry.request.method == "POST" else body
        sender = "client" if entry.request.method == "POST" else "server"
        if not isinstance(said, str) or (sender == "server" and not told.get("messages")):
            return []
        return [Passed(entry.at, conn, sender, said, "longpoll", redacted=entry.redacted, line=entry.line)]


def _json(text: str) -> Json:
    try:
        return cast("Json", orjson.loads(text))
    except ValueError:
        return None
