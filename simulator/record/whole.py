"""A request as it came, put together again from what the edge has made of it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5

from simulator.core.events import Requested
from simulator.core.message import Request


def whole(asked: Requested, body: bytes) -> Request:
    """A request with its body; what was taken out of a form becomes one again."""
    request, route = asked.request, asked.route
    field = getattr(route.body, "field", None)
    if request.upload is None or field is None:
        return replace(request, body=body)
    mark = f"--------{md5(body, usedforsecurity=False).hexdigest()}"
    name = getattr(request.upload, "filename", None)
    kind = getattr(request.upload, "type", None)
    lines = [f'--{mark}\r\nContent-Disposition: form-data; name="{field}"']
    lines.append("" if name is None else '; filename="{}"'.format(name.replace('"', "%22")))
    lines.append("\r\n" if kind is None else f"\r\nContent-Type: {kind}\r\n")
    head, tail = "".join([*lines, "\r\n"]).encode(), f"\r\n--{mark}--\r\n".encode()
    headers = tuple(line for line in request.headers if line[0].lower() not in ("content-type", "content-length"))
    kinds = ("Content-Type", f"multipart/form-data; boundary={mark}")
    return replace(request, body=head + body + tail, headers=(*headers, kinds))
