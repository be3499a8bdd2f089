"""What Node's `http` adds to an answer: date, connection, framing, in its order (Node 20, lib/_http_outgoing.js)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from simulator.core.backend import Miss
from simulator.core.link import RFC_6455, Answer, LinkPolicy, Violation
from simulator.core.message import Headers, Request, Response

_BARE = frozenset((204, 304))
"""Statuses that never have a body."""
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


def dress(request: Request, response: Response, now: float) -> Response:
    """The answer as Node writes it; one that names its Connection was written past `http`, and stays as it is."""
    if any(name == "Connection" for name, _ in response.headers):
        return response
    old = request.http < (1, 1)
    tokens = request.tokens("Connection")
    length = any(name.lower() == "content-length" for name, _ in response.headers)
    bare = response.status in _BARE or request.method == "HEAD"
    stays = "close" not in tokens and (not old or ("keep-alive" in tokens and (length or bare)))
    more: Headers = (("Date", _date(now)), ("Connection", "keep-alive" if stays else "close"))
    if stays:
        more += (("Keep-Alive", "timeout=5"),)
    body = b"" if bare else response.body
    if not (length or bare or old):
        more += (("Transfer-Encoding", "chunked"),)
        chunks = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
        body = b"".join([b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks] + [b"0\r\n\r\n"])
    return replace(response, headers=(*response.headers, *more), body=body, modern=True)


def miss(request: Request, miss: Miss) -> Response:
    """What socket.io's own server answers to a path that is not its (socket.io 4.8, lib/index.ts, attach)."""
    return Response(404)


def _date(now: float) -> str:
    # Not strftime, which speaks the operator's language.
    at = datetime.fromtimestamp(now, UTC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[at.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[at.month - 1]
    return f"{day}, {at.day:02} {month} {at.year} {at:%H:%M:%S} GMT"
