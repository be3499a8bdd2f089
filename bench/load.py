"""The load generator, a process of its own: raw sockets, frames encoded before the clock starts, answers barely read.

`python -m bench.load URL TALK CONNECTIONS [SPACES]` says `ready` when all connections stand. For each line, which is a
number of seconds, it works so long and says how many answers came; in between it does no more than answer pings, until
its input ends. With SPACES the connections are in so many spaces of a simulator, each in turn.
"""

from __future__ import annotations

import gc
import os
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from bench.talks import TALKS, Talk

_PATIENCE = 10.0
_PAUSE = 0.001
_MASK = b"\x37\xfa\x21\x3d"
_LONG_MASK = int.from_bytes(_MASK * 64, "big")


def frame(payload: bytes, opcode: int = 1) -> bytes:
    size = len(payload)
    assert size < 256
    key = _LONG_MASK >> 8 * (256 - size)
    masked = (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
    head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else bytes((0x80 | opcode, 0xFE, 0, size))
    return head + _MASK + masked


_ENGINE_PONG = frame(b"3")


def handshake(url: str) -> bytes:
    """What asks for a WebSocket."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    head = (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    return head.encode()


def place(url: str) -> tuple[str, int]:
    """Where to connect."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


class Conn:
    """One connection."""

    __slots__ = ("_rest", "ask", "sock")

    def __init__(self, url: str) -> None:
        self.sock = socket.create_connection(place(url), _PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(handshake(url))
        got = b""
        while b"\r\n\r\n" not in got:
            part = self.sock.recv(4096)
            if not part:
                raise ConnectionError("closed during the handshake")
            got += part
        head_line, _, _ = got.partition(b"\r\n")
        if b" 101 " not in head_line:
            raise ConnectionError(f"answered {head_line.decode()}")
        self._rest = got.partition(b"\r\n\r\n")[2]
        self.ask = b""

    def send(self, frame: bytes) -> None:
        if self.sock.send(frame) != len(frame):
            raise ConnectionError("did not take a frame at once")

    def read(self) -> list[bytes]:
        """The text messages that came; pings are answered, those of Engine.IO as well."""
        data = self.sock.recv(1 << 16)
        if not data:
            raise ConnectionError("closed a connection")
        if self._rest:
            data = self._rest + data
        return self._whole(data)

    def _whole(self, data: bytes) -> list[bytes]:
        found: list[bytes] = []
        while (size := len(data)) > 1:
            length, start = data[1], 2
            if length == 126:
                length, start = int.from_bytes(data[2:4], "big"), 4
            elif length == 127:
                length, start = int.from_bytes(data[2:10], "big"), 10
            end = start + length
            if size < max(end, start):
                break
            self._take(data[0] & 15, data[start:end], found)
            data = data[end:]
        self._rest = data
        return found

    def _take(self, opcode: int, payload: bytes, found: list[bytes]) -> None:
        if opcode == 1 and payload == b"2":
            self.send(_ENGINE_PONG)
        elif opcode == 1:
            found.append(payload)
        elif opcode == 9:
            self.send(frame(payload, 10))
        else:
            raise ConnectionError(f"sent a frame with opcode {opcode}: {payload[:80]!r}")

    def wait(self, count: int) -> None:
        """So many messages, while the socket still blocks."""
        while count > 0:
            count -= len(self.read())

    def begin(self, talk: Talk) -> None:
        """All its steps, while the socket still blocks."""
        heard = b""
        for step in talk.steps:
            self.send(frame(step.say(heard) if callable(step.say) else step.say))
            came = self._whole(self._rest)
            while not (named := [one for one in came if step.until in one]):
                came = self.read()
            heard = named[0]
        self.ask = frame(talk.ask(heard) if callable(talk.ask) else talk.ask)


def _connect(selector: selectors.DefaultSelector, url: str, talk: Talk, count: int, spaces: int) -> list[Conn]:
    conns = []
    for n in range(count):
        conns.append(conn := Conn(in_space(url, n % spaces) if spaces else url))
        conn.begin(talk)
        conn.sock.setblocking(False)
        selector.register(conn.sock, selectors.EVENT_READ, conn)
        # On a busy machine the first are pinged before the last are there.
        for key, _ in selector.select(0):
            key.data.read()
    return conns


def in_space(url: str, number: int) -> str:
    """The same place in a space of the simulator."""
    parts = urlsplit(url)
    return parts._replace(path=f"/~space/s{number}{parts.path}").geturl()


def _run(selector: selectors.BaseSelector, conns: list[Conn], talk: Talk, seconds: float) -> int:
    """How many answers came until every last one was there.

    It looks every millisecond and never waits for a socket: whoever sends to a sleeper pays for waking it, so that a
    server which is slower than its load would look slower still. It also gives every server the same full batches.
    A connection never has two frames under way: both would be read at once, which costs the server less than two
    people do. As nothing answers an ack, a connection that sent one lets three fifths of the others go first.
    """
    ack = talk.ack
    lag = len(conns) * 3 // 5
    resting = deque(conns[:lag] if ack else ())
    answers, under_way = 0, len(conns) - len(resting)
    until = time.monotonic() + seconds
    for conn in conns[len(resting) :]:
        conn.send(conn.ask)
    quiet = until + _PATIENCE
    while under_way:
        time.sleep(_PAUSE)
        now = time.monotonic()
        going = now < until
        events = selector.select(0)
        if not events and now > quiet:
            raise ConnectionError(f"left {under_way} messages without an answer")
        for key, _ in events:
            conn = key.data
            for answer in conn.read():
                answers += 1
                under_way -= 1
                following: Conn | None = conn
                if ack is not None:
                    conn.send(frame(ack(answer)))
                    resting.append(conn)
                    following = resting.popleft() if len(resting) > lag else None
                if going and following is not None:
                    following.send(following.ask)
                    under_way += 1
    return answers


def obey(
    watched: selectors.DefaultSelector, work: Callable[[float], int], idle: Callable[[selectors.SelectorKey], object]
) -> None:
    """Work for as many seconds as each line of the input says; what comes meanwhile goes to `idle`."""
    # Nothing here has cycles, and the many connections are not looked through again and again.
    gc.disable()
    print("ready", flush=True)
    inputs = sys.stdin.fileno()
    with selectors.DefaultSelector() as both:
        both.register(inputs, selectors.EVENT_READ)
        both.register(watched, selectors.EVENT_READ)
        while True:
            given = {key.fd for key, _ in both.select()}
            if inputs in given:
                line = os.read(inputs, 64)
                if not line:
                    return
                print(work(float(line)), flush=True)
            else:
                for key, _ in watched.select(0):
                    idle(key)


def main(url: str, name: str, connections: int, spaces: int = 0) -> None:
    """Work one command."""
    talk = TALKS[name]
    with selectors.DefaultSelector() as selector:
        conns = _connect(selector, url, talk, connections, spaces)
        obey(selector, lambda seconds: _run(selector, conns, talk, seconds), lambda key: key.data.read())


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
    except (OSError, ValueError) as error:
        sys.exit(f"the server {error}")
