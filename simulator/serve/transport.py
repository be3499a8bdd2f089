"""A transport of our own over a socket that an intake reads: asyncio's takes a task, 45 us and 1.5 KiB for each client.

It does what asyncio's does where protocols of ours ask for it: nothing else may be given to aiohttp, see `hand_on`.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from simulator.serve.gate import Gate

HIGH, LOW = 64 << 10, 16 << 10
"""Bytes not yet sent, at which a protocol is told that its peer does not read, and that it does: asyncio's own."""
_MOST = 64 << 10
"""Bytes of one read."""

# What has become of it.
_OPEN, _CLOSING, _LOST = range(3)

_NOBODY = asyncio.Protocol()
"""Told of nothing: so that what was a connection is no knot, which only the collector could undo."""


class OwnTransport(asyncio.Transport):
    """One accepted socket, of TCP. Nothing is made for writing until the system takes no more at once."""

    __slots__ = ("_eof", "_fd", "_full", "_gate", "_protocol", "_reading", "_sock", "_state", "_unsent")

    def __init__(self, sock: socket.socket, protocol: asyncio.Protocol, gate: Gate) -> None:
        """Does not block, nor does the socket; it is this object's from now on."""
        self._sock = sock
        self._fd = sock.fileno()
        self._protocol = protocol
        self._gate = gate
        self._state = _OPEN
        self._unsent: bytearray | None = None
        self._eof = False
        self._full = False
        self._reading: bool | None = None
        """None until the protocol has said whether it wants to be read to."""

    def begin(self) -> None:
        """Tell the protocol, and read for it unless it says at once that somebody else does."""
        self._protocol.connection_made(self)
        if self._reading is None and self._state is _OPEN:
            self.resume_reading()

    def hand_on(self, protocol: asyncio.Protocol, data: bytes) -> None:
        """While it is open: the connection is this protocol's, over a transport of asyncio's, with what was read."""
        unsent = bytes(self._unsent or b"")
        self._still()
        self._state = _LOST
        self._protocol = _NOBODY
        self._gate.hand_on(self._sock, protocol, unsent, data)

    # What asyncio.BaseTransport and its children have

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`socket`, `peername` and `sockname`, asked when they are wanted."""
        if name == "socket":
            return self._sock
        if name in ("peername", "sockname"):
            with suppress(OSError):
                return self._sock.getpeername() if name == "peername" else self._sock.getsockname()
        return default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Who is told from now on."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is told."""
        return self._protocol

    def is_closing(self) -> bool:
        """Whether somebody or an error has ended it."""
        return self._state is not _OPEN

    def is_reading(self) -> bool:
        """Whether it reads itself."""
        return bool(self._reading)

    def pause_reading(self) -> None:
        """Somebody else reads, or nobody."""
        if self._reading:
            self._gate.loop.remove_reader(self._fd)
        self._reading = False

    def resume_reading(self) -> None:
        """It reads itself."""
        if self._state is _OPEN and not self._reading:
            self._reading = True
            self._gate.loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """At once, and what the system does not take once it does. Nothing, where the peer is gone."""
        if self._eof:
            raise RuntimeError("nothing can be written behind the end")
        if self._unsent is None:
            if self._state:
                return
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._end(error)
                return
            if sent == len(data):
                return
            self._unsent = bytearray(memoryview(data)[sent:])
            self._gate.loop.add_writer(self._fd, self._writable)
        else:
            self._unsent += data
        if not self._full and len(self._unsent) > HIGH:
            self._full = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """Bytes not yet sent."""
        return 0 if self._unsent is None else len(self._unsent)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """They are always the same."""
        return LOW, HIGH

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def write_eof(self) -> None:
        """End our side once all is sent. Raises OSError where the peer has reset it."""
        if self._state or self._eof:
            return
        self._eof = True
        if self._unsent is None:
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close it once all is sent."""
        if self._state:
            return
        self.pause_reading()
        if self._unsent is None:
            self._end(None)
        else:
            self._state = _CLOSING

    def abort(self) -> None:
        """Close it, whatever is left."""
        self._end(None)

    # Inside

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_MOST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        if data:
            self._protocol.data_received(data)
        elif self._protocol.eof_received():
            self.pause_reading()
        else:
            self.close()

    def _writable(self) -> None:
        assert self._unsent is not None
        try:
            sent = self._sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        del self._unsent[:sent]
        if self._full and len(self._unsent) <= LOW:
            self._full = False
            # It may write or close.
            self._protocol.resume_writing()
        if self._unsent:
            return
        self._written_out()
        if self._state is _CLOSING:
            self._end(None)
        elif self._eof and self._state is _OPEN:
            # A peer that reset the connection a moment ago: reading tells.
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)

    def _written_out(self) -> None:
        if self._unsent is not None:
            self._gate.loop.remove_writer(self._fd)
            self._unsent = None

    def _still(self) -> None:
        """The loop has nothing to do with it any more."""
        self.pause_reading()
        self._written_out()

    def _end(self, error: Exception | None) -> None:
        """Nothing is written any more; the protocol is told in a turn of its own, the socket is there until then."""
        if self._state is _LOST:
            return
        self._still()
        self._state = _LOST
        self._gate.loop.call_soon(self._lost, error)

    def _lost(self, error: Exception | None) -> None:
        protocol, self._protocol = self._protocol, _NOBODY
        try:
            protocol.connection_lost(error)
        finally:
            self._sock.close()
