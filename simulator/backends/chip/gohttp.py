"""HTTP as Go's net/http with chi's router and gorilla's upgrader answer it: statuses, bodies, header lines in order."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime

import orjson

from simulator.core.backend import Miss, NoMethod
from simulator.core.link import Answer, Violation
from simulator.core.message import Json, Request, Response
from simulator.wire.rawjson import escape
from simulator.wire.single import Flaw

PLAIN = "text/plain; charset=utf-8"

GORILLA = {
    Violation.RSV1: Answer(1002, "RSV1 set"),
    Violation.RSV2: Answer(1002, "RSV2 set"),
    Violation.RSV3: Answer(1002, "RSV3 set"),
    Violation.LONG_CONTROL: Answer(1002, "len > 125 for control"),
    Violation.FRAGMENTED_CONTROL: Answer(1002, "FIN not set on control"),
    Violation.DATA_INSIDE_MESSAGE: Answer(1002, "data before FIN"),
    Violation.LOOSE_CONTINUATION: Answer(1002, "continuation after FIN"),
    Violation.OPCODE: Answer(1002, "bad opcode {n}"),
    Violation.UNMASKED: Answer(1002, "bad MASK"),
    Violation.NEGATIVE_LENGTH: Answer(None),
    Violation.TOO_BIG: Answer(1009),
    Violation.CLOSE_CODE: Answer(1002, "bad close code {n}"),
    Violation.CLOSE_UTF8: Answer(1002, "invalid utf8 payload in close frame"),
}
"""gorilla/websocket v1.5.3, conn.go advanceFrame: its words for each violation; what is not named it lets pass."""

GORILLA_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013})
"""conn.go, validReceivedCloseCodes."""

_STATUS = {400: "Bad Request", 404: "404 page not found", 405: "Method Not Allowed"}


def json(status: int, value: Json) -> Response:
    """web/server.go writeMarshalled: no charset, no newline."""
    return Response(status, (("Content-Type", "application/json"),), encode(value))


def encode(value: Json) -> bytes:
    """gocommon/jsonx Marshal: compact, `<>&` as they are."""
    return escape(orjson.dumps(value).decode()).encode()


def error(status: int) -> Response:
    """net/http Error: plain text with a newline."""
    headers = (("Content-Type", PLAIN), ("X-Content-Type-Options", "nosniff"))
    return Response(status, headers, f"{_STATUS[status]}\n".encode())


def refuse(request: Request, wrong: Flaw) -> Response:
    """gorilla/websocket v1.5.3, server.go returnError."""
    response = error(405 if wrong is Flaw.METHOD else 400)
    kind, nosniff = response.headers
    response.headers = (kind, ("Sec-Websocket-Version", "13"), nosniff)
    return response


METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""What chi knows (tree.go, methodMap); any other is refused whatever the path."""


def miss(request: Request, why: Miss) -> Response:
    """What chi answers where no route fits: mux.go, methodNotAllowedHandler and http.NotFound."""
    if request.method not in METHODS:
        return Response(405)
    if isinstance(why, NoMethod):
        return Response(405, tuple(("Allow", method) for method in why.allowed))
    return error(404)


def dress(request: Request, response: Response, now: float) -> Response:
    """The lines that Go adds, in its order: the handler's sorted by name, then Date and Content-Length."""
    headers, body = list(response.headers), response.body
    kind = dict(headers).get("Content-Type", "").partition(";")[0]
    if kind in ("application/json", "text/plain"):
        coding = _coding(request)
        if coding == "gzip":
            body = gzip.compress(body, mtime=0)
        elif coding == "deflate":
            # chi's "deflate" is Go's compress/flate, without the zlib wrapping of RFC 9110.
            squeeze = zlib.compressobj(wbits=-15)
            body = squeeze.compress(body) + squeeze.flush()
        if coding:
            headers += [("Content-Encoding", coding), ("Vary", "Accept-Encoding")]
    headers.sort(key=lambda line: line[0])
    date = datetime.fromtimestamp(now, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers.append(("Date", date))
    if body or request.method != "HEAD":
        headers.append(("Content-Length", str(len(body))))
    return Response(response.status, tuple(headers), b"" if request.method == "HEAD" else body, response.reason)


def _coding(request: Request) -> str | None:
    """chi v5.0.13, middleware/compress.go selectEncoder: gzip before deflate, quality values not looked at."""
    accepted = request.tokens("Accept-Encoding")
    return next((coding for coding in ("gzip", "deflate") if any(coding in token for token in accepted)), None)
