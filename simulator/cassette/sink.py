"""The one place of this room that writes files: records at the end of a cassette, big bodies beside it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Final, Protocol

SYNC_EVERY: Final = 1.0
"""Seconds between two fsyncs while something is written; one for each frame would cost 70 % of the speed."""


class Sink(Protocol):
    """Where a recorder puts what it makes. Every method may raise OSError."""

    def write(self, record: bytes) -> None:
        """All of it at the end of the cassette at once, or nothing."""
        ...

    def beside(self, name: str, data: bytes) -> str:
        """Keep a body in a file of its own; its path relative to the cassette's folder."""
        ...

    def close(self) -> None:
        """Nothing comes after this; all is on the disk."""
        ...


class FileSink:
    """A cassette's file. What a killed process has written stays: there is no buffer of ours."""

    def __init__(self, path: Path, replace: bool = False, sync_every: float = SYNC_EVERY, append: bool = False) -> None:
        """Make the file, readable for its owner alone. Raises FileExistsError unless it may be replaced, OSError.

        `append` writes behind what is in it. Two who write one cassette would give the same numbers: the second can't.
        """
        self.path = path
        new = os.O_CREAT | (0 if replace else os.O_EXCL)
        flags = os.O_WRONLY | os.O_APPEND | (0 if append else new)
        self._file = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o600)
        try:
            _alone(self._file, path)
            if replace and stat.S_ISREG(os.fstat(self._file).st_mode):
                # Not while it was opened: it may be somebody's who still writes it. A device has nothing to cut off.
                os.ftruncate(self._file, 0)
        except OSError:
            os.close(self._file)
            raise
        self._size = -1
        """Known from the first write on: who appends may have to mend the end before."""
        self._unsynced = False
        self._deleted = False
        self._error: OSError | None = None
        self._over = Event()
        self._syncer = Thread(target=self._sync_often, args=(sync_every,), name="cassette-sync", daemon=True)
        self._syncer.start()

    @property
    def folder(self) -> Path:
        """Where bodies go that are too big for the cassette."""
        return self.path.with_name(f"{self.path.stem}.files")

    def write(self, record: bytes) -> None:
        """One write. Where only a part fits, it is taken back, so that the next record begins on a line of its own."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._size < 0:
            self._size = os.fstat(self._file).st_size
        done = 0
        try:
            while done < len(record):
                done += os.write(self._file, record[done:] if done else record)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += done
        self._unsynced = True

    def beside(self, name: str, data: bytes) -> str:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(data)
        return f"{self.folder.name}/{name}"

    def close(self) -> None:
        if self._over.is_set():
            return
        self._over.set()
        self._syncer.join()
        try:
            os.fsync(self._file)
            if self._error is None and not self._deleted:
                self._look_for_it()
        finally:
            # Its number is the next file's: what is still written fails, and is not written there.
            file, self._file = self._file, -1
            os.close(file)
        if self._error is not None:
            raise self._error

    @property
    def here(self) -> bool:
        """Whether that file still has that name."""
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self.path))  # noqa: PTH116
        except OSError:
            return False

    def _look_for_it(self) -> None:
        """Writing into a file that has no name any more fails in no way, and all of it would be gone."""
        self._deleted = os.fstat(self._file).st_nlink == 0
        if not self.here:
            how = "deleted" if self._deleted else "moved away"
            self._error = FileNotFoundError(
                errno.ENOENT, f"the cassette was {how} while it was written", str(self.path)
            )

    def _sync_often(self, every: float) -> None:
        while not self._over.wait(every):
            if not self._deleted and os.fstat(self._file).st_nlink == 0:
                self._look_for_it()
            if self._unsynced:
                self._unsynced = False
                try:
                    os.fsync(self._file)
                except OSError as error:
                    # Told by the next write: this thread has nobody to tell.
                    self._error = error


def _alone(file: int, path: Path) -> None:
    """Raises OSError where somebody else writes that file; where nobody can tell (Windows, some network disks) not."""
    with suppress(ImportError):
        from fcntl import LOCK_EX, LOCK_NB, flock

        try:
            flock(file, LOCK_EX | LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                raise OSError(errno.EBUSY, "another process is writing it", str(path)) from None


class MemorySink:
    """Records in memory: for tests, and for who wants a cassette without a file."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.files: dict[str, bytes] = {}
        self.closed = False

    def write(self, record: bytes) -> None:
        self.records.append(record)

    def beside(self, name: str, data: bytes) -> str:
        path = f"cassette.files/{name}"
        self.files[path] = data
        return path

    def close(self) -> None:
        self.closed = True

    @property
    def lines(self) -> list[bytes]:
        """What a file would have, for a Tape."""
        return b"".join(self.records).splitlines(keepends=True)
