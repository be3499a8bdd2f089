"""A request as it came, put together again from what the edge has made of it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5

from simulator.core.backend import Stored
from simulator.core.events import Requested
from simulator.core.message import Request
from simulator.core.objects import Upload


def whole(asked: Requested, body: bytes) -> Request:
    """A request with its body; what was taken out of a form becomes one again, and so do chunks."""
    request, route = asked.request, asked.route
    if not isinstance(request.upload, Upload) or not isinstance(route.body, Stored):
        return replace(request, body=body)
    field = route.body.field
    if field is None:
        framed = route.body.framed(request) is not None
        return replace(request, body=_framed(body, request.upload) if framed else body)
    mark = f"--------{md5(body, usedforsecurity=False).hexdigest()}"
    name, kind = request.upload.filename, request.upload.type
    lines = [f'--{mark}\r\nContent-Disposition: form-data; name="{field}"']
    lines.append("" if name is None else '; filename="{}"'.format(name.replace('"', "%22")))
    lines.append("\r\n" if kind is None else f"\r\nContent-Type: {kind}\r\n")
    head, tail = "".join([*lines, "\r\n"]).encode(), f"\r\n--{mark}--\r\n".encode()
    headers = tuple(line for line in request.headers if line[0].lower() not in ("content-type", "content-length"))
    kinds = ("Content-Type", f"multipart/form-data; boundary={mark}")
    return replace(request, body=head + body + tail, headers=(*headers, kinds))


def _framed(body: bytes, upload: Upload) -> bytes:
    """In one chunk of aws-chunked: that it is framed, its header lines say, and they may be signed."""
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b""
    lines = "".join(f"{name}:{value}\r\n" for name, value in upload.trailers if name)
    return chunk + b"0\r\n" + lines.encode("utf-8", "surrogateescape") + b"\r\n"
