"""Requests that came whole and say nothing that two parsers could read in two ways, pure; all others are aiohttp's."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from simulator.core.message import Headers, Request

LARGEST = 64 << 10
"""Bytes of a body that is waited for here, where it does not come with its head."""
_LONGEST = 4096
"""Bytes of a head, far below what aiohttp takes."""

_LINE = re.compile(
    r"(GET|POST) (/[/A-Za-z0-9._~!$&'()*+,;=:@%-]*)(?:\?([/?A-Za-z0-9._~!$&'()*+,;=:@%-]*))? HTTP/1\.1\r\n"
)
"""RFC 9112, 3, with a target of RFC 3986's characters alone."""
_FIELDS = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [!-~](?:[ -~]*[!-~])?\r\n)+")
"""RFC 9110, 5, as everybody writes it: ASCII, one blank, none at the end."""
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?", re.ASCII)
_LENGTH = re.compile(r"\d{1,8}", re.ASCII)
_OTHERS = frozenset(("transfer-encoding", "content-encoding", "expect", "te", "trailer", "http2-settings"))
"""What changes how a message has to be read, or what is expected before it is whole."""
_STAYS = frozenset(("", "keep-alive"))
_UPGRADES = frozenset(("upgrade", "keep-alive, upgrade"))


class Fields(Struct, frozen=True):
    """What the header lines of a request say."""

    lines: Headers
    named: dict[str, str]
    host: str
    length: int
    upgrade: bool


def read(data: bytes, scheme: str) -> tuple[Request, bytes | None] | None:
    """The request that these bytes are, and what came behind one for a WebSocket; with None its body is not all there.

    None for what somebody else has to read.
    """
    end = data.find(b"\r\n\r\n") + 2
    if not 2 < end <= _LONGEST:
        return None
    head = data[:end].decode("latin-1")
    line = _LINE.match(head)
    if line is None:
        return None
    raw = head[line.end() :]
    # Each request for a WebSocket has a key of its own: there is nothing to remember.
    fields = _read(raw) if "pgrade" in raw else _known(raw)
    if fields is None:
        return None
    method, path, query = line.groups("")
    body = data[end + 2 :]
    tail: bytes | None
    base = f"{scheme}://{fields.host}"
    if fields.upgrade:
        if method != "GET":
            return None
        body, tail = b"", body
    else:
        if len(body) > fields.length:
            return None
        tail = b"" if len(body) == fields.length else None
    request = Request(method, path, query, fields.lines, body, (1, 1), base)
    request.named = fields.named
    return request, tail


def _read(raw: str) -> Fields | None:
    if not _FIELDS.fullmatch(raw):
        return None
    lines = [_line(line) for line in raw.split("\r\n")[:-1]]
    named = {name.lower(): value for name, value in lines}
    # Twice the same is nothing that clients do, and servers differ on it.
    if len(named) < len(lines) or not _OTHERS.isdisjoint(named):
        return None
    host, length = named.get("host", ""), named.get("content-length", "0")
    if not _HOST.fullmatch(host) or not _LENGTH.fullmatch(length) or int(length) > LARGEST:
        return None
    connection = named.get("connection", "").lower()
    upgrade = "upgrade" in named
    if upgrade:
        plain = connection in _UPGRADES and named["upgrade"].lower() == "websocket" and "content-length" not in named
    else:
        plain = connection in _STAYS
    return Fields(tuple(lines), named, host, int(length), upgrade) if plain else None


_known = lru_cache(256)(_read)


@lru_cache(256)
def _line(line: str) -> tuple[str, str]:
    """All clients of a kind say the same, and some of them have it kept as long as they are there: 0.8 KiB each."""
    name, _, value = line.partition(": ")
    return name, value
