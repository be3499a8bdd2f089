r"""Bodies in chunks of their own: Amazon's aws-chunked, taken off in a stream.

    6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n

It looks like HTTP's chunked coding, but is the content's, not the connection's: it stands inside of any of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto

from simulator.core.objects import Upload, UploadFlaw
from simulator.serve.objects import Writing

LINE = 8 << 10
"""Bytes of a line, the size of a chunk or a trailer."""
TRAILERS = 16
CHUNK = 8192
"""Bytes that every chunk but the last must have."""

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[^\r\n]*)?")


class _At(Enum):
    SIZE = auto()
    DATA = auto()
    END = auto()
    """Behind the data of a chunk: a line break."""
    TRAILER = auto()
    OVER = auto()
    """All of it is there, or it is flawed."""


class Framed:
    """One body: `push` what comes, then `result`, or `abandon`, as with a Form.

    Holds no more than what was pushed last and a line. How strict it is was taken from what S3 answers, by the tests of
    its clone versitygw. More than `announced` bytes in the chunks are a flaw at once.
    """

    def __init__(self, type: str | None, announced: int, begin: Callable[[], Writing]) -> None:
        self._type = type
        self._room = announced
        self._writing = begin()
        self._buffer = bytearray()
        self._at = _At.SIZE
        self._left = 0
        self._small = False
        self._flaw: UploadFlaw | None = UploadFlaw.MALFORMED
        """What is wrong if nothing more comes."""
        self._trailers: list[tuple[str, str]] = []

    @property
    def over(self) -> bool:
        """Whether it is known that there is a flaw: nothing more needs to be read."""
        return self._at is _At.OVER and self._flaw is not None

    def push(self, data: bytes) -> None:
        """Takes what came. Raises what the Writing raises."""
        self._buffer += data
        while self._buffer and self._step():
            pass

    def result(self) -> Upload | UploadFlaw:
        """What came in the chunks, or that they are flawed or not all. Raises Cleared."""
        if self._flaw is not None:
            self.abandon()
            return self._flaw
        return self._writing.done(self._type, None, tuple(self._trailers))

    def abandon(self) -> None:
        """Throws away what was written; nothing happens after `result`."""
        self._writing.abandon()

    def _step(self) -> bool:
        """Works on what is there; whether it can go on without more."""
        if self._at is _At.DATA:
            return self._data()
        if self._at is _At.OVER:
            # Something stands behind the end.
            return self._fail()
        line = self._line()
        if line is None:
            return False
        if self._at is _At.SIZE:
            return self._size(line)
        if self._at is _At.TRAILER:
            return self._trailer(line)
        self._at = _At.SIZE
        return not line or self._fail()

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end > LINE or (end < 0 and len(self._buffer) > LINE):
            self._fail()
        if end < 0 or self._at is _At.OVER:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _size(self, line: bytes) -> bool:
        found = _SIZE.fullmatch(line)
        if found is None:
            return self._fail()
        self._left = int(found[1], 16)
        if self._left and self._small:
            return self._fail(UploadFlaw.SMALL_CHUNK)
        self._small = self._left < CHUNK
        self._room -= self._left
        if self._room < 0:
            return self._fail(UploadFlaw.TOO_BIG)
        self._at = _At.DATA if self._left else _At.TRAILER
        return True

    def _data(self) -> bool:
        part = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._writing.write(part)
        self._left -= len(part)
        if not self._left:
            self._at = _At.END
        return True

    def _trailer(self, line: bytes) -> bool:
        if not line:
            self._at, self._flaw = _At.OVER, None
            return True
        if len(self._trailers) == TRAILERS:
            return self._fail()
        name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        self._trailers.append((name.lower(), value.strip()) if colon else ("", line.decode("utf-8", "surrogateescape")))
        return True

    def _fail(self, flaw: UploadFlaw = UploadFlaw.MALFORMED) -> bool:
        self._at, self._flaw = _At.OVER, flaw
        self._buffer.clear()
        self.abandon()
        return False
