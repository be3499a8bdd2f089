"""Clients that stay and say nothing, a process of its own: they connect as fast as they are taken, and answer pings.

`python -m bench.crowd URL TALK COUNT` says `ready` and the seconds it took, then `pings` and how many it has answered
so far for each line that it is given, until its input ends.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import sys
import time

from bench.load import frame, handshake, place
from bench.talks import TALKS, Step

_AT_ONCE = 64
"""Handshakes under way: a server that is quick never waits for the next."""
_PATIENCE = 60.0
_PONG, _ENGINE_PONG = frame(b"", 10), frame(b"3")


class Crowd:
    """All of them, and one selector."""

    def __init__(self, url: str, name: str) -> None:
        self._where, self._hello, self._steps = place(url), handshake(url), TALKS[name].steps
        self._selector = selectors.DefaultSelector()
        self._socks: dict[int, socket.socket] = {}
        self._left: dict[int, tuple[Step | None, ...]] = {}
        """What each of those who are not through waits for: None is the 101."""
        self._parts: dict[int, bytes] = {}
        self._through = 0
        self.pings = 0

    def connect(self, count: int) -> float:
        """Seconds until all stand and have said what they say at first."""
        began = time.perf_counter()
        heard = time.monotonic()
        while self._through < count:
            while len(self._socks) < count and len(self._left) < _AT_ONCE:
                self._begin()
            if self.look(1.0):
                heard = time.monotonic()
            elif time.monotonic() - heard > _PATIENCE:
                raise ConnectionError(f"let {len(self._left)} connections stand at its door")
        return time.perf_counter() - began

    def _begin(self) -> None:
        sock = socket.create_connection(self._where, _PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Ports of a crowd that has gone are free at once.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(self._hello)
        sock.setblocking(False)
        number = sock.fileno()
        self._socks[number] = sock
        self._left[number] = (None, *self._steps)
        self._selector.register(number, selectors.EVENT_READ)

    def watch(self, number: int) -> None:
        """Look at one descriptor more."""
        self._selector.register(number, selectors.EVENT_READ)

    def look(self, seconds: float) -> list[int]:
        """Take what has come; the descriptors that are none of ours."""
        others = []
        events = [key.fd for key, _ in self._selector.select(seconds)]
        for number in events:
            sock = self._socks.get(number)
            if sock is None:
                others.append(number)
                continue
            data = sock.recv(1 << 16)
            if not data:
                raise ConnectionError("closed a connection")
            self._take(number, sock, data)
        return others or events

    def _take(self, number: int, sock: socket.socket, data: bytes) -> None:
        left = self._left.get(number)
        if left is None:
            self._answer(sock, data)
            return
        data = self._parts.pop(number, b"") + data
        awaited = left[0]
        if (b"\r\n\r\n" if awaited is None else awaited.until) not in data:
            self._parts[number] = data
            return
        if awaited is None and not data.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError(f"answered {data[:60]!r}")
        left = left[1:]
        if not left:
            del self._left[number]
            self._through += 1
            return
        self._left[number] = left
        step = left[0]
        assert step is not None
        sock.sendall(frame(step.say if isinstance(step.say, bytes) else step.say(data)))

    def _answer(self, sock: socket.socket, data: bytes) -> None:
        """A ping, of WebSocket or of Engine.IO; whatever else comes is nothing to who is silent."""
        while len(data) > 1:
            size = data[1]
            if data[0] & 15 == 9:
                self.pings += 1
                sock.send(frame(data[2 : 2 + size], 10) if size else _PONG)
            elif data[:3] == b"\x81\x012":
                self.pings += 1
                sock.send(_ENGINE_PONG)
            elif data[0] & 15 == 8:
                raise ConnectionError(f"closed a connection: {data[2 : 2 + size]!r}")
            if size == 126:
                size = 2 + int.from_bytes(data[2:4], "big")
            data = data[2 + size :]


def main(url: str, name: str, count: int) -> None:
    """Work one command."""
    crowd = Crowd(url, name)
    print(f"ready {crowd.connect(count):.6f}", flush=True)
    crowd.watch(sys.stdin.fileno())
    while True:
        if sys.stdin.fileno() in crowd.look(60.0):
            if not os.read(sys.stdin.fileno(), 4096):
                return
            print(f"pings {crowd.pings}", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except (OSError, ValueError) as error:
        sys.exit(f"the server {error}")
