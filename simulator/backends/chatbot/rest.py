"""The REST sibling: a conversation's history, which the dashboard pages through (seen in code)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast
from urllib.parse import unquote

from simulator.backends.chatbot import lists
from simulator.backends.chatbot.door import Door, bearer
from simulator.backends.chatbot.state import Settings
from simulator.backends.chatbot.talks import Talks
from simulator.backends.chatbot.telling import Failed
from simulator.core.backend import Miss, Route
from simulator.core.message import Json, Request, Response
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio_http import Cors, parameters

HISTORY = Route(
    "history", r"/api/v\d{1,4}/ai-support/conversations/[^/]+/messages", frozenset({"GET", "HEAD", "OPTIONS"})
)
MOST = 100
"""Messages on a page; 50 where the client names no limit, as the dashboard does."""

_CORS = Cors()
_STATUS = {"AUTH_ERROR": 401, "NO_AUTH": 401, "CONVERSATION_NOT_FOUND": 404}


def answer(request: Request, door: Door, talks: Talks, settings: Settings, now: float) -> Response:
    """The answer to a request for a page of history."""
    if request.method == "OPTIONS":
        return _CORS.preflight(request)
    try:
        return _json(request, 200, {"success": True, "data": _page(request, door, talks, settings, now)})
    except Failed as failed:
        error: dict[str, Json] = {"message": failed.why, "code": failed.code}
        return _json(request, _STATUS.get(failed.code, 400), {"success": False, "error": error})


def _page(request: Request, door: Door, talks: Talks, settings: Settings, now: float) -> Json:
    token = bearer(request)
    if not token:
        raise Failed("NO_AUTH", "No authentication provided")
    caller = door.by_token(token, now)
    # As Express gives a parameter: a client writes encodeURIComponent(conversationId).
    talk = talks.get(unquote(request.path.split("/")[-2]))
    if talk is None or not caller.may_see(talk):
        raise Failed("CONVERSATION_NOT_FOUND", "Conversation not found")
    query = parameters(request)
    page, limit = _number(query, "page", 1, 1_000_000), _number(query, "limit", 50, MOST)
    return lists.history(talk, page, limit, settings.beyond_document)


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise Failed("INVALID_PAYLOAD", f"{name}: expected a number from 1 to {most}")
    return int(text)


def miss(request: Request, why: Miss) -> Response:
    """The answer where no route fits: Express's, in whose words is guessed."""
    return _json(request, 404, {"success": False, "error": {"message": "Not found", "code": "NOT_FOUND"}})


def _json(request: Request, status: int, body: dict[str, Json]) -> Response:
    text, _ = packets.payload(cast("packets.Args", body))
    raw = text.encode()
    kind = ("Content-Type", "application/json; charset=utf-8")
    return Response(status, (*_CORS.headers(request), kind, ("Content-Length", str(len(raw)))), raw)
