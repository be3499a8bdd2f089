"""Bodies on their way into a cassette: short ones stand in it, long ones beside it, and of the longest the hash."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from simulator.cassette.entries import Beside

INLINE: Final = 256 << 10
"""Bytes of a body that stands in the cassette."""
KEPT: Final = 8 << 20
"""Bytes of a body that is kept beside it."""
HELD: Final = 64 << 20
"""Bytes of all bodies together that are still on their way."""


@dataclass(slots=True)
class Room:
    """What all bodies on their way may still take."""

    left: int = HELD


class Stream:
    """A body that comes in chunks. Call `done` once, also when it is cut off."""

    __slots__ = ("_chunks", "_hash", "_held", "_most", "_room", "size")

    def __init__(self, room: Room, most: int = KEPT) -> None:
        self._room = room
        self._most = most
        self._hash = sha256()
        self._chunks: list[bytes] | None = []
        self._held = 0
        self.size = 0
        """Bytes that came."""

    def feed(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._hash.update(chunk)
        if self._chunks is None:
            return
        if self.size > self._most or len(chunk) > self._room.left:
            self._let_go()
            return
        self._room.left -= len(chunk)
        self._held += len(chunk)
        self._chunks.append(chunk)

    def done(self) -> bytes | Beside:
        """The body, or what is known of one that was too long."""
        body: bytes | Beside
        body = Beside(None, self.size, self._hash.hexdigest()) if self._chunks is None else b"".join(self._chunks)
        self._let_go()
        return body

    def _let_go(self) -> None:
        self._chunks = None
        self._room.left += self._held
        self._held = 0


def beside(folder: Path, path: str) -> bytes:
    """A body in a file of its own, in the folder of its cassette or below. Raises OSError, also where it is no file.

    A cassette may be a stranger's: a pipe has no end, and a file may be bigger than the memory.
    """
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise PermissionError(0, "is not in the folder of the cassette", path)
    if file.exists() and not file.is_file():
        raise PermissionError(0, "is no file", path)
    if (size := file.stat().st_size) > HELD:
        raise PermissionError(0, f"has {size >> 20} MiB, and may have {HELD >> 20}", path)
    return file.read_bytes()


def hashed(body: bytes) -> Beside:
    """What is known of a body that is not kept."""
    return Beside(None, len(body), sha256(body).hexdigest())
