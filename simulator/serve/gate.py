"""Where connections come from: a port that is listened at, by asyncio's server or by one of our own before an intake.

asyncio makes a task, a future, three handles and a transport of 1.5 KiB of each connection that it accepts.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

from simulator.serve.connections import ANSWER, HANDSHAKE
from simulator.serve.transport import OwnTransport

BACKLOG = 1024
"""Connections that the system keeps for us."""
AT_ONCE = 64
"""So many are let in before others have their turn."""
_SCARCE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
SCARCE = "socket.accept() out of system resource"
"""asyncio's words: the reporter knows them."""
REST = 1.0
"""Seconds that nobody is let in where the system has no more descriptors: it would tell us again and again."""


class Listener(Protocol):
    """Who listens."""

    @property
    def sockets(self) -> Sequence[Any]: ...
    def close(self) -> None: ...


async def listen(
    make: Callable[[], asyncio.Protocol],
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    own: bool,
    patience: float = ANSWER,
) -> Listener:
    """Listen at all addresses of a host, at one port. Raises OSError, UnicodeError.

    `own` is for protocols that are content with `OwnTransport`; TLS has asyncio's, and `patience` seconds for a client
    to end his side.
    """
    secured: dict[str, Any] = {}
    if context is not None:
        # Not aiohttp's site, which can't say how long these may take.
        secured = {"ssl": context, "ssl_handshake_timeout": HANDSHAKE, "ssl_shutdown_timeout": patience}
    own = own and context is None
    server = await asyncio.get_running_loop().create_server(
        make, host, port, backlog=BACKLOG, start_serving=not own, **secured
    )
    # A name may have several addresses, localhost for one, and 0 gave each a port of its own.
    ports = {sock.getsockname()[1] for sock in server.sockets}
    if len(ports) > 1:
        server.close()
        return await listen(make, host, min(ports), context, own, patience)
    if not own:
        return server
    # What asyncio has bound is ours now.
    socks = [socket.fromfd(sock.fileno(), sock.family, sock.type, sock.proto) for sock in server.sockets]
    server.close()
    return Gate(make, socks)


def why_not(error: OSError | UnicodeError, host: str, port: int, option: str) -> str:
    """Why `listen` failed, and what to do; `option` is the one that names the port."""
    if isinstance(error, UnicodeError | socket.gaierror):
        return (
            f"can't listen on {host}: there is no host of that name; --host takes a name or an address of this machine"
        )
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken: stop what listens there, "
            f"or choose another with {option} N ({option} 0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return f"port {port} on {host} is not allowed to you: choose one above 1023 with {option} N"
    if error.errno in (errno.EADDRNOTAVAIL, None):
        # From Python 3.13 on asyncio says this without a number.
        return f"can't listen on {host}: it is no address of this machine; 127.0.0.1 is, and 0.0.0.0 is all it has"
    # Not asyncio's words, which name the address once more.
    return f"can't listen on {host} port {port}: {os.strerror(error.errno)}"


def reachable(host: str) -> str:
    """The address that a client on this machine uses for what is bound to `host`."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{shown}]" if ":" in shown else shown


class Gate:
    """Accepts connections in the read that tells of them."""

    def __init__(self, make: Callable[[], asyncio.Protocol], sockets: Sequence[socket.socket]) -> None:
        """The sockets are bound, and are this object's from now on. `make` makes the protocol of each connection."""
        self.loop = asyncio.get_running_loop()
        self._make = make
        self.sockets = sockets
        self._rests: dict[socket.socket, asyncio.TimerHandle] = {}
        self._handing: set[asyncio.Task[None]] = set()
        self._closed = False
        for sock in sockets:
            sock.setblocking(False)
            # Who is accepted has it from here.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for sock in sockets:
                sock.listen(BACKLOG)
                self._open(sock)
        except OSError:
            # Somebody was quicker: the port is taken since we bound it.
            self.close()
            raise

    def close(self) -> None:
        """Let nobody in any more; who is in stays."""
        self._closed = True
        for rest in self._rests.values():
            rest.cancel()
        for task in self._handing:
            task.cancel()
        for sock in self.sockets:
            if sock.fileno() >= 0:
                self.loop.remove_reader(sock.fileno())
                sock.close()

    def hand_on(self, sock: socket.socket, protocol: asyncio.Protocol, unsent: bytes, data: bytes) -> None:
        """Make a transport of asyncio's of a socket, for a protocol that shall have this data."""
        if self._closed:
            sock.close()
            return
        task = self.loop.create_task(self._hand_on(sock, _Heir(protocol, unsent, data)))
        self._handing.add(task)
        task.add_done_callback(partial(self._handed_on, sock))

    def _handed_on(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._handing.discard(task)
        if task.cancelled():
            # Perhaps before it began.
            sock.close()

    async def _hand_on(self, sock: socket.socket, heir: _Heir) -> None:
        await self.loop.connect_accepted_socket(lambda: heir, sock)

    def _open(self, sock: socket.socket) -> None:
        self._rests.pop(sock, None)
        self.loop.add_reader(sock.fileno(), self._knocked, sock)

    def _knocked(self, sock: socket.socket) -> None:
        accept, make = sock.accept, self._make
        for _ in range(AT_ONCE):
            try:
                accepted, _address = accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _SCARCE:
                    raise
                self.loop.call_exception_handler({"message": SCARCE, "exception": error, "socket": sock})
                self.loop.remove_reader(sock.fileno())
                self._rests[sock] = self.loop.call_later(REST, self._open, sock)
                return
            accepted.setblocking(False)
            transport = OwnTransport(accepted, make(), self)
            try:
                transport.begin()
            except BaseException:
                # Else nobody closes it before the collector does.
                transport.abort()
                raise


class _Heir(asyncio.Protocol):
    """Stands in until asyncio has a transport, so that nothing is read before what was read already."""

    def __init__(self, protocol: asyncio.Protocol, unsent: bytes, data: bytes) -> None:
        self._protocol = protocol
        self._unsent = unsent
        self._data = data

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        ours, protocol = cast("asyncio.Transport", transport), self._protocol
        ours.set_protocol(protocol)
        protocol.connection_made(ours)
        if self._unsent:
            ours.write(self._unsent)
        protocol.data_received(self._data)
