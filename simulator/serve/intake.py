"""One epoll for all links: what came is read without a turn of the loop, a handle and a call for each.

A loop asks its selector, makes a handle of every event, and calls a transport, which reads and calls the protocol: more
than a short message itself takes. Here the loop sees one descriptor; behind it links are read until nothing waits.
Only Linux has epoll, and TLS has its own way to read: there transports read as they always do.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
from contextlib import suppress
from typing import Protocol

TURNS = 16
"""So often it looks again before others have their turn: while clients write quickly there is always something."""
MOST = 1 << 16
"""Bytes of one read, and bytes of all after which it does not look again: work of a client who sends much can wait."""


class Reader(Protocol):
    """Who is read for."""

    patient: bool
    """What was read may be handed out once all others were read: it takes that also when the intake was made to forget
    it meanwhile. A kernel and an interpreter that take turns at each message cost each other their caches.
    """

    def data_received(self, data: bytes) -> None: ...

    def read_ended(self, error: Exception | None) -> None:
        """Nothing more will be read: the peer has ended its side, or reading failed."""
        ...

    def read_yourself(self) -> None:
        """The intake is closed: let the transport read from now on."""
        ...


class Intake:
    """Reads sockets that do not block, for whoever watches them, in the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        assert sys.platform == "linux"
        self._loop = loop
        self._epoll = select.epoll()
        self._readers: dict[int, Reader] = {}
        loop.add_reader(self._epoll.fileno(), self._ready)

    @classmethod
    def here(cls, loop: asyncio.AbstractEventLoop) -> Intake | None:
        """One for this loop, None where there is no epoll, or where transports read in C, as those of uvloop do."""
        return cls(loop) if sys.platform == "linux" and isinstance(loop, asyncio.SelectorEventLoop) else None

    def watch(self, fd: int, reader: Reader) -> None:
        """Read this socket from now on; who did before is told no more."""
        if fd not in self._readers:
            self._epoll.register(fd, select.EPOLLIN)
        self._readers[fd] = reader

    def forget(self, fd: int) -> None:
        """Read it no more. To be called before the socket is closed, as its number is soon another's."""
        if self._readers.pop(fd, None) is not None:
            # A socket that is closed already has left by itself.
            with suppress(OSError):
                self._epoll.unregister(fd)

    def close(self) -> None:
        """Give the sockets that are left back to their transports."""
        for fd, reader in [*self._readers.items()]:
            self.forget(fd)
            reader.read_yourself()
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _ready(self) -> None:
        poll, read, readers = self._epoll.poll, os.read, self._readers
        room = MOST
        for _ in range(TURNS):
            events = poll(0) if room > 0 else ()
            if not events:
                return
            waiting: list[tuple[int, Reader, bytes]] = []
            for fd, _event in events:
                reader = readers.get(fd)
                if reader is None:
                    # Forgotten by what came just before it.
                    continue
                try:
                    data = read(fd, MOST)
                    if data:
                        room -= len(data)
                        if room > 0 and reader.patient:
                            waiting.append((fd, reader, data))
                        else:
                            reader.data_received(data)
                        continue
                    error = None
                except (BlockingIOError, InterruptedError):
                    continue
                except Exception as failed:
                    error = failed
                self.forget(fd)
                reader.read_ended(error)
            for fd, reader, data in waiting:
                try:
                    reader.data_received(data)
                except Exception as failed:
                    if readers.get(fd) is reader:
                        self.forget(fd)
                    reader.read_ended(failed)
