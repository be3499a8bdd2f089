"""What Node's `http` adds to an answer: date, connection, framing, in its order (Node 20, lib/_http_outgoing.js)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from simulator.core.backend import Miss
from simulator.core.link import RFC_6455, Answer, LinkPolicy, Violation
from simulator.core.message import Headers, Request, Response

_BARE = frozenset((204, 304))
"""Statuses that never have a body."""
_CLOSES: Headers = (("Connection", "close"),)
_CHUNK = 64 << 10
"""What a file's stream reads at a time."""

WS: Mapping[Violation, Answer] = {
    **{violation: answer for violation, answer in RFC_6455.items() if violation is not Violation.LONG_LENGTH},
    Violation.NEGATIVE_LENGTH: Answer(1009),
}
"""npm ws 8, lib/receiver.js: a length may be longer than it needs to be, and none is beyond 2**53."""


def link(max_payload: int = 1_000_000) -> LinkPolicy:
    """The manners of npm ws 8, with the limit that Engine.IO gives it.

    What waits for a peer that does not read has no limit there: only the ping timeout ends it.
    """
    return LinkPolicy(
        limit=max_payload, answers=WS, echo_reason=True, linger=30.0, write_timeout=45.0, write_bound=16 << 20
    )


def dress(request: Request, response: Response, now: float, idle: int = 5) -> Response:
    """The answer as Node writes it; one that names its Connection was written past `http`, and stays as it is.

    `idle` is the seconds that a server lets connections idle (`keepAliveTimeout`).
    """
    bare = response.status in _BARE or request.method == "HEAD"
    named = request.named
    asked = () if named is not None and "connection" not in named else request.tokens("Connection")
    old = request.http < (1, 1)
    framed = _framed(response.headers, bare, old, "close" in asked, "keep-alive" in asked, int(now), idle)
    if framed is None:
        return response
    headers, chunked = framed
    body = b"" if bare else response.body
    if chunked:
        chunks = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
        body = b"".join([b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks] + [b"0\r\n\r\n"])
    return Response(
        response.status, headers, body, response.reason, response.stored, response.span, response.closes, modern=True
    )


@lru_cache(256)
def _framed(
    headers: Headers, bare: bool, old: bool, close: bool, keep: bool, now: int, idle: int
) -> tuple[Headers, bool] | None:
    """All header lines, and whether the body is chunked; None where nothing is added. Most answers are much alike."""
    names = [name for name, _ in headers]
    if "Connection" in names:
        return None
    length = any(name.lower() == "content-length" for name in names)
    stays = not close and (not old or (keep and (length or bare)))
    kept = (("Connection", "keep-alive"), ("Keep-Alive", f"timeout={idle}"))
    more: Headers = (("Date", _date(now)), *(kept if stays else _CLOSES))
    chunked = not (length or bare or old)
    if chunked:
        more += (("Transfer-Encoding", "chunked"),)
    return (*headers, *more), chunked


def miss(request: Request, miss: Miss) -> Response:
    """What socket.io's own server answers to a path that is not its (socket.io 4.8, lib/index.ts, attach)."""
    return Response(404)


@lru_cache(4)
def _date(now: int) -> str:
    # Not strftime, which speaks the operator's language.
    at = datetime.fromtimestamp(now, UTC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[at.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[at.month - 1]
    return f"{day}, {at.day:02} {month} {at.year} {at:%H:%M:%S} GMT"
