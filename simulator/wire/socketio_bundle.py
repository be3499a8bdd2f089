"""The client's own files, served next to the engine (socket.io 4.8, lib/index.ts, serve).

The one place below `serve/` that reads files: those of the package itself, each once, when somebody first asks.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from simulator.core.message import Headers, Request, Response
from simulator.wire.engineio_http import Cors

VERSION = "4.8.4"
"""Of npm socket.io-client; static/VERSION says how the files came here."""

_NAMES = frozenset(
    f"{name}{end}" for name in ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js") for end in ("", ".map")
)
_ETAG = f'"{VERSION}"'


def has(request: Request, path: str) -> bool:
    """Whether a file of the bundle is asked for; `path` is the engine's."""
    return request.path.removeprefix(path) in _NAMES


def serve(request: Request, path: str, cors: Cors | None) -> Response:
    """The answer to who asks for one, by whatever method."""
    name = request.path.removeprefix(path)
    if cors is not None and request.method == "OPTIONS":
        return cors.preflight(request)
    more = cors.headers(request) if cors else ()
    if request.header("If-None-Match") in (_ETAG, f"W/{_ETAG}"):
        return Response(304, more)
    kind = "json" if name.endswith(".map") else "javascript"
    headers: Headers = (
        *more,
        ("Cache-Control", "public, max-age=0"),
        ("Content-Type", f"application/{kind}; charset=utf-8"),
        ("ETag", _ETAG),
    )
    return Response(200, headers, _content(name))


@cache
def _content(name: str) -> bytes:
    return files("simulator.wire").joinpath("static", name).read_bytes()
