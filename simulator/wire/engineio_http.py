"""The HTTP side of Engine.IO as engine.io 6.6 answers it: what a request asks for, refusals, CORS, the 101."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from simulator.core.message import Headers, Request, Response
from simulator.wire.single import accept_key

UNKNOWN_TRANSPORT, UNKNOWN_SID, BAD_METHOD, BAD_REQUEST, FORBIDDEN, UNSUPPORTED = range(6)
"""engine.io 6.6, lib/server.ts, Server.errors."""

_MESSAGES: Final = (
    "Transport unknown",
    "Session ID unknown",
    "Bad handshake method",
    "Bad request",
    "Forbidden",
    "Unsupported protocol version",
)
_KEY = re.compile(r"[+/0-9A-Za-z]{22}==")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(slots=True, frozen=True)
class Cors:
    """The option `cors` of socket.io, as npm cors 2.8 understands it."""

    origin: str | tuple[str, ...] = "*"
    """`*` for all, one origin that is always named, or those that are allowed and named when they ask."""
    credentials: bool = False

    def fixed(self) -> Headers | None:
        """What is added to every answer, where that does not depend on who asks."""
        return self.headers(_NOBODY) if isinstance(self.origin, str) else None

    def headers(self, request: Request) -> Headers:
        """What is added to every answer."""
        allow: Headers
        if isinstance(self.origin, str):
            allow = (("Access-Control-Allow-Origin", self.origin),)
        else:
            asking = request.header("Origin")
            allow = (("Access-Control-Allow-Origin", asking),) if asking in self.origin and asking is not None else ()
        if self.origin != "*":
            allow += (("Vary", "Origin"),)
        if self.credentials:
            allow += (("Access-Control-Allow-Credentials", "true"),)
        return allow

    def preflight(self, request: Request) -> Response:
        """The answer to OPTIONS."""
        headers = [*self.headers(request), ("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")]
        vary = "Access-Control-Request-Headers"
        if ("Vary", "Origin") in headers:
            headers[headers.index(("Vary", "Origin"))] = ("Vary", f"Origin, {vary}")
        else:
            headers.append(("Vary", vary))
        wanted = request.header(vary)
        if wanted:
            headers.append(("Access-Control-Allow-Headers", wanted))
        return Response(204, (*headers, ("Content-Length", "0")))


_NOBODY = Request("GET", "/")


def parameters(request: Request) -> Mapping[str, str]:
    """The query; of equal names the last counts."""
    return _parsed(request.query)


@lru_cache(64)
def _parsed(query: str) -> Mapping[str, str]:
    """Each poll has a query of its own, and is asked for it by wire, journal and space."""
    if "%" in query or "+" in query:
        return dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
    # parse_qsl, where nothing has to be decoded, in a tenth of its time.
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if part:
            found[name] = value
    return found


def ticket(request: Request) -> str:
    """The session that a request names."""
    return _parsed(request.query).get("sid", "")


def is_upgrade(request: Request) -> bool:
    """Whether Node hands the request to who listens for upgrades, whatever they are to."""
    named = request.named
    if named is not None and "upgrade" not in named:
        return False
    return request.header("Upgrade") is not None and "upgrade" in request.tokens("Connection")


def verify(
    request: Request, query: Mapping[str, str], upgrade: bool, transports: Container[str], current: str | None
) -> int | None:
    """The code of what is wrong with a request, None for nothing (lib/server.ts, verify).

    `current` is the transport of the session that it names, None where there is no such session.
    """
    transport = query.get("transport")
    if transport not in transports:
        return UNKNOWN_TRANSPORT
    if query.get("sid"):
        if current is None:
            return UNKNOWN_SID
        return None if upgrade or transport == current else BAD_REQUEST
    if request.method != "GET":
        return BAD_METHOD
    return BAD_REQUEST if transport == "websocket" and not upgrade else None


def refusal(code: int, upgrade: bool, cors: Headers) -> Response:
    """The answer to a request that the engine does not take (lib/server.ts, abortRequest and abortUpgrade)."""
    message = _MESSAGES[code]
    if upgrade:
        return _cut("400 Bad Request", message, "Content-type")
    body = f'{{"code":{code},"message":"{message}"}}'.encode()
    return Response(403 if code == FORBIDDEN else 400, (*cors, ("Content-Type", "application/json")), body)


def unsupported(handshake: Headers) -> Response:
    """The refusal of another revision over a WebSocket: Node says 101 first, and then writes its 400 behind it."""
    message = _MESSAGES[UNSUPPORTED]
    head = f"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: {len(message)}"
    return Response(101, handshake, f"{head}\r\n\r\n{message}".encode())


def answer(content_type: str, body: bytes, request: Request, cors: Headers) -> Response:
    """The answer to a poll or a post (lib/transports/polling.ts)."""
    agent = request.header("User-Agent")
    explorer = agent is not None and (";MSIE" in agent or "Trident/" in agent)
    return Response(200, _lines(content_type, len(body), explorer, cors), body)


@lru_cache(256)
def _lines(content_type: str, length: int, explorer: bool, cors: Headers) -> Headers:
    """Answers are many and much alike."""
    old: Headers = (("X-XSS-Protection", "0"),) if explorer else ()
    headers = (*cors, ("Content-Type", content_type), ("Content-Length", str(length)), *old)
    return (*headers, ("cache-control", "no-store"))


def handshake(request: Request, cors: Headers) -> Headers | Response:
    """The lines of the 101, or npm ws 8's refusal (lib/websocket-server.js, handleUpgrade)."""
    if request.method != "GET":
        return _cut("405 Method Not Allowed", "Invalid HTTP method")
    if (request.header("Upgrade") or "").lower() != "websocket":
        return _cut("400 Bad Request", "Invalid Upgrade header")
    key = request.header("Sec-WebSocket-Key") or ""
    if not _KEY.fullmatch(key):
        return _cut("400 Bad Request", "Missing or invalid Sec-WebSocket-Key header")
    if (request.header("Sec-WebSocket-Version") or "").strip() not in ("13", "8"):
        versions = (("Sec-WebSocket-Version", "13, 8"),)
        return _cut("400 Bad Request", "Missing or invalid Sec-WebSocket-Version header", more=versions)
    chosen: Headers = ()
    asked = request.header("Sec-WebSocket-Protocol")
    if asked is not None:
        protocols = [name.strip(" \t") for name in asked.split(",")]
        if len({*protocols}) < len(protocols) or not all(map(_TOKEN.fullmatch, protocols)):
            return _cut("400 Bad Request", "Invalid Sec-WebSocket-Protocol header")
        chosen = (("Sec-WebSocket-Protocol", protocols[0]),)
    accept = ("Sec-WebSocket-Accept", accept_key(key))
    return (("Upgrade", "websocket"), ("Connection", "Upgrade"), accept, *chosen, *cors)


def _cut(status: str, message: str, content_type: str = "Content-Type", more: Headers = ()) -> Response:
    """An answer written past Node's `http`, after which the connection ends."""
    headers = (("Connection", "close"), (content_type, "text/html"), ("Content-Length", str(len(message))), *more)
    code, _, reason = status.partition(" ")
    return Response(int(code), headers, message.encode(), reason)
