"""HTTP as AIDA's Phoenix speaks it: cowboy's header lines, cors_plug, and the bodies of its error view."""

from __future__ import annotations

import base64
from email.utils import formatdate
from hashlib import blake2b

from simulator.backends.aida.state import Settings
from simulator.core.errors import WireError
from simulator.core.message import Headers, Json, Request, Response
from simulator.wire.phoenix_frames import poison

JSON: Headers = (("content-type", "application/json; charset=utf-8"),)
CACHE: Headers = (("cache-control", "max-age=0, private, must-revalidate"),)
"""Plug's own, on all answers that go through it."""
CORS: Headers = (
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", ""),
    ("access-control-allow-credentials", "true"),
)
"""cors_plug 1.4.0, on all answers of the endpoint."""
PREFLIGHT: Headers = (
    *CORS,
    ("access-control-max-age", "1728000"),
    (
        "access-control-allow-headers",
        "Authorization,Content-Type,Accept,Origin,User-Agent,DNT,Cache-Control,X-Mx-ReqToken,Keep-Alive,"
        "X-Requested-With,If-Modified-Since,X-CSRF-Token",
    ),
    ("access-control-allow-methods", "GET,POST,PUT,PATCH,DELETE,OPTIONS"),
)
"""Its answer to every OPTIONS, whatever is asked."""
SOCKET, POLL = "/socket/websocket", "/socket/longpoll"
STRAY = b"HTTP/1.1 204 No Content\r\nserver: Cowboy\r\ndate: %s\r\ncontent-length: 0\r\n\r\n"
"""What cowboy 1 adds to a handshake that Phoenix 1.3 refused: it does not know that it was answered (recorded)."""


def json(status: int, value: Json) -> Response:
    """A JSON answer; 500 where a client's value is too deep to be written."""
    try:
        return Response(status, JSON, poison(value).encode())
    except WireError:
        return error(500)


def error(status: int) -> Response:
    """What the error view says of everything but a missing page (error_view.ex has two templates alone)."""
    return _raised(json(status, {"errors": {"detail": "Internal server error"}}))


def not_found() -> Response:
    """No such page."""
    return _raised(json(404, {"errors": {"detail": "Page not found"}}))


def _raised(response: Response) -> Response:
    """An exception was rendered: cowboy's process ends with it, and so does the connection (recorded)."""
    response.closes = True
    return response


def accepts_json(request: Request) -> bool:
    """Whether the API's pipeline takes a request (phoenix v1.3.0 lib/phoenix/controller.ex accepts)."""
    accept = request.header("accept")
    if accept is None:
        return True
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return any(kind in ("*/*", "application/*", "application/json") or kind.endswith("+json") for kind in kinds)


def dress(settings: Settings, request: Request, response: Response, now: float) -> Response:
    """The lines that cowboy, plug and cors_plug add: cowboy 1 in order of adding, cowboy 2 sorted."""
    date = formatdate(now, usegmt=True)
    lines: list[tuple[str, str]] = [("server", "Cowboy"), ("date", date), ("content-length", str(response.length))]
    # Each version of HTTP has a way that goes without saying; who asks for the other one is told that he gets it.
    wish = "close" if request.http > (1, 0) else "keep-alive"
    if wish in request.tokens("connection"):
        lines.insert(0, ("connection", wish))
    after, modern = b"", settings.profile == "1.8"
    path = request.path.rstrip("/")
    if path == SOCKET and modern:
        lines += CACHE
    elif path == SOCKET:
        if request.method == "GET" and response.status != 403:
            # Cowboy's own answer to what is no handshake.
            response.closes = True
        else:
            lines += CACHE
            # Who was refused for its Origin is spared.
            after = b"" if settings.check_origin and request.header("origin") else STRAY % date.encode()
    elif path == POLL and modern:
        lines += _polled(request, response)
    else:
        cors = PREFLIGHT if request.method == "OPTIONS" else CORS
        rest = [*CACHE, ("x-request-id", _request_id(settings, request, now)), *cors]
        # A picture gets its type last, a page of JSON when it is begun.
        lines += [*rest, *response.headers] if response.stored else [*response.headers, *rest]
    if modern:
        lines.sort()
        if response.status == 204:
            lines.remove(("content-length", "0"))
        # Today's Phoenix answers in the request's own process, and only then lets it fall.
        response.closes = False
    body = b"" if request.method == "HEAD" else response.body
    response.headers, response.body = tuple(lines), body + after
    return response


def _polled(request: Request, response: Response) -> Headers:
    """phoenix v1.8.12 lib/phoenix/transports/long_poll.ex: status_json and options_resp."""
    origin = ("access-control-allow-origin", "*")
    if request.method == "OPTIONS":
        asked = request.header("access-control-request-headers") or ""
        return (
            *CACHE,
            origin,
            ("access-control-allow-headers", asked),
            ("access-control-allow-methods", "get, post, options"),
            ("access-control-max-age", "3600"),
        )
    return (origin, ("cache-control", "no-store"), *JSON) if response.status == 200 else (origin, *CACHE)


def _request_id(settings: Settings, request: Request, now: float) -> str:
    """The client's, or one of 32 characters (plug v1.4.3 lib/plug/request_id.ex), 20 today; ours is no secret."""
    given = request.header("x-request-id") or ""
    if 20 <= len(given) <= 200:
        return given
    what = f"{now} {request.method} {request.path}".encode("utf-8", "surrogateescape")
    digest = blake2b(what, digest_size=20).digest()
    if settings.profile == "1.8":
        return base64.urlsafe_b64encode(digest[:15]).decode()
    return base64.b32hexencode(digest).decode().lower()
