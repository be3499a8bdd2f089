"""What Fastify 4 answers, in which the real server is written: errors, the schema of /receive-message, unknown paths.

Seen by running Fastify 4.29 on Node 20 with that schema (src/schema.ts), header lines and their order included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

import orjson

from simulator.backends.mia import js
from simulator.core.message import Json, Request, Response
from simulator.wire import nodehttp

BODY_LIMIT = 1 << 20
"""Bytes (Fastify's bodyLimit)."""

_JSON = "application/json; charset=utf-8"
_REASONS = {400: "Bad Request", 413: "Payload Too Large", 415: "Unsupported Media Type", 500: "Internal Server Error"}
_ROUTED = frozenset({"GET", "HEAD", "POST"})
"""Methods that have any route: the others are not looked for at all."""
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA = re.compile(rf"({_WORD}/{_WORD})(?:[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|\"[^\"]*\"))*")
_HEX = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class Failed(Exception):
    """A request that ends with an error."""

    def __init__(self, status: int, why: str, code: str = "") -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.code = code

    def response(self) -> Response:
        """The answer."""
        coded = {"code": self.code} if self.code else {}
        return _json(
            self.status, {"statusCode": self.status, **coded, "error": _REASONS[self.status], "message": self.why}
        )


def ok() -> Response:
    """The answer of a handler that gives nothing back."""
    return Response(200, (("content-length", "0"),))


def html(page: bytes) -> Response:
    """A page."""
    return Response(200, (("content-type", "text/html; charset=utf-8"), ("content-length", str(len(page)))), page)


def not_found(request: Request) -> Response:
    """The answer where no route fits, whatever the method."""
    if request.method in _ROUTED and _broken(request.path):
        why = f"'{request.path}' is not a valid url component"
        body = orjson.dumps({"error": "Bad Request", "code": "FST_ERR_BAD_URL", "message": why, "statusCode": 400})
        return Response(400, (("Content-Type", "application/json"), ("Content-Length", str(len(body)))), body)
    url = f"{request.path}?{request.query}" if request.query else request.path
    why = f"Route {request.method}:{url} not found"
    return _json(404, {"message": why, "error": "Not Found", "statusCode": 404})


def dress(settings: object, request: Request, response: Response, now: float) -> Response:
    """The answer as Node writes it; Fastify lets a connection idle for 72 s, which holds for all of the server."""
    return nodehttp.dress(request, response, now, 72)


def instance_id(request: Request) -> float:
    """The last part of the path, a number. Raises Failed."""
    if _broken(request.path):
        # Past the router this can't be reached, which knows the path already.
        raise Failed(400, f"'{request.path}' is not a valid url component", "FST_ERR_BAD_URL")
    text = unquote_to_bytes(request.path.rpartition("/")[2]).decode().strip()
    if _HEX.fullmatch(text):
        return int(text, 0)
    if not _DECIMAL.fullmatch(text):
        raise Failed(400, "params/instanceId must be number", "FST_ERR_VALIDATION")
    return float(text)


def body(
    request: Request, required: tuple[str, ...], texts: tuple[str, ...], nullable: bool = False
) -> dict[str, Json]:
    """The body as the schema takes it: an object with what is required, and texts, made of what is nearly one.

    With `nullable` a null stays one. Raises Failed.
    """
    found = _parsed(request)
    if not isinstance(found, dict):
        raise Failed(400, "body must be object", "FST_ERR_VALIDATION")
    for name in required:
        if name not in found:
            raise Failed(400, f"body must have required property '{name}'", "FST_ERR_VALIDATION")
    return {**found, **{name: _text(name, found[name], nullable) for name in texts if name in found}}


def token(request: Request) -> str:
    """The header `token`. Raises Failed."""
    given = request.header("token")
    if given is None:
        raise Failed(400, "headers must have required property 'token'", "FST_ERR_VALIDATION")
    return given


def _text(name: str, value: Json, nullable: bool) -> str | None:
    """Ajv with `coerceTypes: "array"`, Fastify's default."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        return None if nullable else ""
    if isinstance(value, list | dict):
        raise Failed(400, f"body/{name} must be string", "FST_ERR_VALIDATION")
    return js.text(value)


def _parsed(request: Request) -> Json:
    kind = request.header("Content-Type")
    if len(request.body) > BODY_LIMIT:
        raise Failed(413, "Request body is too large", "FST_ERR_CTP_BODY_TOO_LARGE")
    if not kind:
        if request.body:
            raise Failed(415, "Unsupported Media Type: undefined", "FST_ERR_CTP_INVALID_MEDIA_TYPE")
        return None
    found = _MEDIA.fullmatch(kind)
    media = found[1].lower() if found is not None else ""
    if media.startswith("text/plain"):
        return ""
    if not media.startswith("application/json"):
        raise Failed(415, f"Unsupported Media Type: {kind}", "FST_ERR_CTP_INVALID_MEDIA_TYPE")
    if not request.body:
        why = "Body cannot be empty when content-type is set to 'application/json'"
        raise Failed(400, why, "FST_ERR_CTP_EMPTY_JSON_BODY")
    text = request.body.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # In the words of Node 18, which need no more than the place.
        at = error.pos
        raise Failed(
            400,
            f"Unexpected token {text[at]} in JSON at position {at}"
            if at < len(text)
            else "Unexpected end of JSON input",
        ) from None
    # secure-json-parse, which Fastify reads JSON with.
    if any(name in text for name in ("__proto__", "constructor")) and any(map(_forbidden, js.parts(value))):
        raise Failed(400, "Object contains forbidden prototype property")
    return value


def _forbidden(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    made = value.get("constructor")
    return "__proto__" in value or (isinstance(made, dict) and "prototype" in made)


def _broken(path: str) -> bool:
    if re.search("%(?![0-9a-fA-F]{2})", path):
        return True
    try:
        unquote_to_bytes(path).decode()
    except UnicodeError:
        return True
    return False


def _json(status: int, value: Mapping[str, Json]) -> Response:
    body = orjson.dumps(value)
    return Response(status, (("content-type", _JSON), ("content-length", str(len(body)))), body)
