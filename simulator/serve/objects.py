"""The object store: uploads are streamed in and out, in memory up to a bound, the rest in a directory of its own."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from simulator.core.message import Headers
from simulator.core.objects import Upload

MEMORY = 32 << 20
"""Bytes of all objects together that stay in memory."""
MOST = 1 << 30
"""Bytes of all objects together, those included that are on their way in or out."""
CHUNK = 64 << 10
"""Bytes that are handed out at a time."""

_log = logging.getLogger("simulator")


class Full(Exception):
    """There is no room: the store's own bound is reached, or the disk says no. The operator has been told."""


class Cleared(Exception):
    """The store was cleared while this was on its way."""


class _Bytes:
    """Bytes that grow at the end; freed when the last of those who hold them lets go."""

    __slots__ = ("_file", "_holders", "_parts", "_path", "_shelf", "_tail", "size")

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._parts: list[bytes] = []
        self._tail = bytearray()
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._holders = 1
        self.size = 0

    def append(self, data: bytes) -> None:
        """Raises Full; nothing of `data` counts then."""
        shelf, size = self._shelf, len(data)
        house = shelf.house
        if not house.fits(shelf, size):
            _log.warning(
                "no upload fits any more: all objects together may have %d bytes; a reset throws them away", house.most
            )
            raise Full
        try:
            if self._file is None and house.in_memory + size > house.memory:
                self._spill()
            if self._file is not None:
                _write(self._file, data)
            else:
                self._remember(data)
        except OSError as error:
            _log.warning("an upload can't be stored in %s: %s", house.folder, error.strerror or error)
            raise Full from error
        self.size += size
        shelf.total += size
        house.total += size

    def _remember(self, data: bytes) -> None:
        # Many tiny pieces would cost many times their length.
        self._tail += data
        if len(self._tail) >= CHUNK:
            self._parts.append(bytes(self._tail))
            self._tail.clear()
        self._shelf.house.in_memory += len(data)

    def _spill(self) -> None:
        path = self._shelf.house.new_path()
        # Unbuffered: what the disk refuses is known at once, and closing has nothing left to write.
        self._file = path.open("xb", buffering=0)
        # Not before: what was there already is not ours to unlink.
        self._path = path
        for part in self._in_memory():
            _write(self._file, part)
        self._forget()

    def _forget(self) -> None:
        self._shelf.house.in_memory -= sum(map(len, self._parts)) + len(self._tail)
        self._parts, self._tail = [], bytearray()

    def _in_memory(self) -> Iterator[bytes]:
        yield from self._parts
        for start in range(0, len(self._tail), CHUNK):
            yield bytes(self._tail[start : start + CHUNK])

    def finish(self) -> None:
        """Nothing is appended any more: a file needs no descriptor until somebody reads it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def open(self) -> BinaryIO | None:
        """The file, if there is one, for reading. Raises OSError."""
        return None if self._path is None else self._path.open("rb", buffering=0)

    def chunks(self, file: BinaryIO | None) -> Iterator[bytes]:
        """All of it, in pieces. Raises OSError, also when a file has become shorter."""
        if file is None:
            yield from self._in_memory()
            return
        left = self.size
        while left:
            data = file.read(min(left, CHUNK))
            if not data:
                raise OSError(f"{left} bytes are missing at its end")
            left -= len(data)
            yield data

    def hold(self) -> None:
        self._holders += 1

    def release(self) -> None:
        self._holders -= 1
        if self._holders:
            return
        self._shelf.total -= self.size
        self._shelf.house.total -= self.size
        self._forget()
        self.finish()
        if self._path is not None:
            # Somebody may have emptied the directory of temporary files.
            with suppress(OSError):
                self._path.unlink()


class Writing:
    """An upload that is on its way: write, then `done` or `abandon`."""

    __slots__ = ("_bytes", "_crc32", "_md5", "_sha256", "_shelf")

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._bytes: _Bytes | None = _Bytes(shelf)
        # Nothing is secured by it: S3 calls it the ETag.
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._crc32 = 0

    def write(self, chunk: bytes) -> None:
        """Raises Full or Cleared; the upload is abandoned then."""
        if self._bytes is None:
            raise Cleared
        try:
            self._bytes.append(chunk)
        except Full:
            self.abandon()
            raise
        self._md5.update(chunk)
        self._sha256.update(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)

    def done(self, type: str | None, filename: str | None = None, trailers: Headers = ()) -> Upload:
        """Makes it an object, which stays if it is kept. Raises Cleared."""
        data, self._bytes = self._bytes, None
        if data is None:
            raise Cleared
        data.finish()
        hashes = self._sha256.hexdigest(), self._crc32
        upload = Upload("", data.size, type, self._md5.hexdigest(), filename, *hashes, trailers)
        return self._shelf._add(self, data, upload)

    def abandon(self) -> None:
        """Throws it away; nothing happens when it is done or gone already."""
        data, self._bytes = self._bytes, None
        if data is not None:
            self._shelf._writings.discard(self)
            data.release()


class Reading:
    """An object that is on its way out: it stays whole until it is closed, whatever happens to it in the store."""

    __slots__ = ("_bytes", "_file")

    def __init__(self, data: _Bytes) -> None:
        self._file = data.open()
        data.hold()
        self._bytes: _Bytes | None = data

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of at most CHUNK bytes. Raises OSError."""
        assert self._bytes is not None, "closed"
        return self._bytes.chunks(self._file)

    def close(self) -> None:
        """Lets go; a second time nothing happens."""
        data, self._bytes = self._bytes, None
        if self._file is not None:
            self._file.close()
        if data is not None:
            data.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


class _Object:
    __slots__ = ("data", "kept", "upload")

    def __init__(self, upload: Upload, data: _Bytes) -> None:
        self.upload = upload
        self.data = data
        self.kept = False


class House:
    """What the objects of all spaces share: memory, disk, and one directory."""

    def __init__(self, memory: int = MEMORY, most: int = MOST, shares: int = 1) -> None:
        """Bounds in bytes, see MEMORY and MOST; each of `shares` spaces has its part for sure."""
        self.memory = memory
        self.most = most
        self.shares = shares
        self.total = 0
        """Bytes of all that is stored, on its way in, or on its way out."""
        self.in_memory = 0
        """Bytes of these that are in memory."""
        self.folder: Path | None = None
        """The directory of what does not fit into memory, made when it is first needed."""
        self._files = 0

    def fits(self, shelf: Shelf, size: int) -> bool:
        """Whether a space may store so many bytes more.

        One that fills the house takes nothing from another's part: so all together may have twice `most` at worst.
        """
        return self.total + size <= self.most or shelf.total + size <= self.most // self.shares

    def new_path(self) -> Path:
        """For a file that is to be made. Raises OSError."""
        # One that lives long may lose its directory to those who tidy up temporary files.
        if self.folder is None or not self.folder.is_dir():
            self.folder = Path(tempfile.mkdtemp(prefix="simulator-"))
        # Not the key: after a clear a reader may still have the file of an older object with that key.
        self._files += 1
        return self.folder / str(self._files)

    def close(self) -> None:
        """Throws the directory away; a new one is made when it is needed again."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


class Shelf:
    """A space's objects, under the keys "1", "2" and so on in the order in which their uploads were complete."""

    def __init__(self, house: House | None = None) -> None:
        """In a house of its own, or with others."""
        self.house = house or House()
        self.total = 0
        """Bytes of all that is stored here, on its way in, or on its way out."""
        self._objects: dict[str, _Object] = {}
        self._writings: set[Writing] = set()
        self._serial = 0

    # --- what rules may do (core/objects.py)

    def keep(self, key: str) -> None:
        """Lets an upload stay."""
        if (found := self._objects.get(key)) is not None:
            found.kept = True

    def head(self, key: str) -> Upload | None:
        """What is stored there."""
        found = self._objects.get(key)
        return None if found is None else found.upload

    def delete(self, key: str) -> None:
        """Throws it away; who reads it reads on."""
        if (found := self._objects.pop(key, None)) is not None:
            found.data.release()

    # --- the edge's side

    @property
    def count(self) -> int:
        """How many objects there are."""
        return len(self._objects)

    @property
    def coming(self) -> int:
        """Uploads that are on their way."""
        return len(self._writings)

    def begin(self) -> Writing:
        """A new upload."""
        writing = Writing(self)
        self._writings.add(writing)
        return writing

    def _add(self, writing: Writing, data: _Bytes, upload: Upload) -> Upload:
        self._writings.discard(writing)
        self._serial += 1
        upload = replace(upload, key=str(self._serial))
        self._objects[upload.key] = _Object(upload, data)
        return upload

    def settle(self, upload: Upload) -> None:
        """Its request is answered: throws it away unless it was kept."""
        found = self._objects.get(upload.key)
        # After a clear another object may have its key.
        if found is not None and found.upload is upload and not found.kept:
            self.delete(upload.key)

    def open(self, upload: Upload) -> Reading | None:
        """To read it; None when it is not there any more, or another in its place, or its file is gone (logged)."""
        found = self._objects.get(upload.key)
        if found is None or found.upload != upload:
            return None
        try:
            return Reading(found.data)
        except OSError as error:
            _log.warning("the object %s can't be read: %s", upload.key, error)
            return None

    def clear(self) -> None:
        """Begins anew, with key "1": objects are gone, uploads on their way raise Cleared, readers read on."""
        for key in [*self._objects]:
            self.delete(key)
        for writing in [*self._writings]:
            writing.abandon()
        self._serial = 0


def _write(file: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        # A disk that is nearly full takes a part.
        left = left[file.write(left) :]
