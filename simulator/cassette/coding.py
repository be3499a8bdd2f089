"""Bodies that were squeezed on their way: a cassette has them as they were before, so that one can look into them."""

from __future__ import annotations

import zlib
from typing import Final

from simulator.cassette.bodies import KEPT
from simulator.core.message import Headers

_WINDOWS: Final = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
"""zlib's `wbits`; many servers leave the wrapping of RFC 9110 away from their deflate."""
_OF_IT: Final = frozenset(("content-encoding", "content-length"))


def undone(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Header lines and body without the Content-Encoding; as they are where it is another, broken, or too much."""
    coding = next((value.strip().lower() for name, value in headers if name.lower() == "content-encoding"), "")
    for window in _WINDOWS.get(coding, ()):
        squeezed = zlib.decompressobj(window)
        try:
            plain = squeezed.decompress(body, KEPT + 1)
        except zlib.error:
            continue
        # A kilobyte may be a megabyte: no more of it is made than would be kept.
        if squeezed.eof and not squeezed.unused_data and len(plain) <= KEPT:
            return without(headers), plain
    return headers, body


def without(headers: Headers) -> Headers:
    """Header lines of a body whose encoding was undone."""
    if not any(name.lower() == "content-encoding" for name, _ in headers):
        return headers
    return tuple(line for line in headers if line[0].lower() not in _OF_IT)
