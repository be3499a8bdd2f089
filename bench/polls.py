"""The load generator for Socket.IO over HTTP long polling: each client a GET that waits and a POST, as browsers do it.

`python -m bench.polls URL TALK CONNECTIONS`, and the same conversation as of `bench.load`. An answer is one whole echo:
the POST is answered, and the GET has brought the event.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections import deque
from urllib.parse import urlsplit

from bench.load import obey, place
from bench.talks import TALKS, Talk, between

_PATIENCE = 10.0
_PAUSE = 0.001
_END = b"\r\n\r\n"
_SEPARATOR, _PING, _PONG = b"\x1e", b"2", b"3"


class Line:
    """One keep-alive connection that has one request under way at most."""

    __slots__ = ("_rest", "client", "sock")

    def __init__(self, where: tuple[str, int], client: Client) -> None:
        self.sock = socket.create_connection(where, _PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client = client
        self._rest = b""

    def send(self, request: bytes) -> None:
        if self.sock.send(request) != len(request):
            raise ConnectionError("did not take a request at once")

    def read(self) -> bytes | None:
        """The body of an answer; None while it is not whole."""
        data = self.sock.recv(1 << 16)
        if not data:
            raise ConnectionError("closed a connection")
        data = self._rest + data
        head, found, body = data.partition(_END)
        if not found:
            self._rest = data
            return None
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"answered {head[:40]!r} {body[:80]!r}")
        size = int(between(head.lower() + b"\r\n", b"content-length: ", b"\r\n"))
        if len(body) < size:
            self._rest = data
            return None
        self._rest = body[size:]
        return body[:size]

    def whole(self) -> bytes:
        """The body of an answer, while the socket still blocks."""
        while (body := self.read()) is None:
            pass
        return body


class Client:
    """One session."""

    __slots__ = ("_get", "_head", "_posts", "_queue", "_under_way", "ask", "down", "waiting")

    def __init__(self, url: str, talk: Talk) -> None:
        parts = urlsplit(url)
        target = f"{parts.path}?EIO=4&transport=polling"
        host = f"Host: {parts.netloc}\r\n"
        self.down, up = Line(place(url), self), Line(place(url), self)
        self._posts = up
        self.down.send(f"GET {target} HTTP/1.1\r\n{host}\r\n".encode())
        sid = between(self.down.whole(), b'"sid":"', b'"').decode()
        self._get = f"GET {target}&sid={sid} HTTP/1.1\r\n{host}\r\n".encode()
        self._head = f"POST {target}&sid={sid} HTTP/1.1\r\n{host}Content-Type: text/plain;charset=UTF-8\r\n"
        self.waiting = 0
        self._queue: deque[bytes] = deque()
        self._under_way = b""
        """What is being posted: one after the other, as a browser does it."""
        heard = b""
        for step in talk.steps:
            up.send(self._post(step.say(heard) if callable(step.say) else step.say))
            up.whole()
            while not (named := [one for one in self._told() if step.until in one]):
                pass
            heard = named[0]
        self.ask = self._post(talk.ask(heard) if callable(talk.ask) else talk.ask)

    def _told(self) -> list[bytes]:
        self.down.send(self._get)
        return self.down.whole().split(_SEPARATOR)

    def _post(self, packet: bytes) -> bytes:
        return f"{self._head}Content-Length: {len(packet)}\r\n\r\n".encode() + packet

    @property
    def lines(self) -> tuple[Line, Line]:
        return self.down, self._posts

    def poll(self) -> None:
        """Have a GET wait, as a client always does."""
        self.down.send(self._get)

    def say(self) -> None:
        """Ask: two answers are owed then."""
        self.waiting = 2
        self._queue.append(self.ask)
        self._next()

    def _next(self) -> None:
        if self._queue and not self._under_way:
            self._under_way = self._queue.popleft()
            self._posts.send(self._under_way)

    def took(self, line: Line, body: bytes) -> bool:
        """Whether all that was owed has come with this."""
        if line is self.down:
            self.poll()
            packets = body.split(_SEPARATOR)
            if _PING in packets:
                self._queue.append(self._post(_PONG))
            owed = any(packet != _PING for packet in packets)
        else:
            owed = self._under_way is self.ask
            self._under_way = b""
        self._next()
        self.waiting -= owed
        return owed and not self.waiting


def _run(selector: selectors.DefaultSelector, clients: list[Client], seconds: float) -> int:
    """How many echoes came until every last one was there; see `bench.load`."""
    answers, under_way = 0, len(clients)
    until = time.monotonic() + seconds
    for client in clients:
        client.say()
    quiet = until + _PATIENCE
    while under_way:
        time.sleep(_PAUSE)
        now = time.monotonic()
        events = selector.select(0)
        if not events and now > quiet:
            raise ConnectionError(f"left {under_way} messages without an answer")
        for key, _ in events:
            line: Line = key.data
            if _took(key):
                answers += 1
                under_way -= 1
                if now < until:
                    line.client.say()
                    under_way += 1
    return answers


def _took(key: selectors.SelectorKey) -> bool:
    """Whether a client has now all that it was owed."""
    line: Line = key.data
    body = line.read()
    return body is not None and line.client.took(line, body)


def main(url: str, name: str, connections: int) -> None:
    """Work one command."""
    clients = []
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            clients.append(client := Client(url, TALKS[name]))
            for one in client.lines:
                one.sock.setblocking(False)
                selector.register(one.sock, selectors.EVENT_READ, one)
            client.poll()
            # On a busy machine the first are pinged before the last are there.
            for key, _ in selector.select(0):
                _took(key)
        obey(selector, lambda seconds: _run(selector, clients, seconds), _took)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except (OSError, ValueError) as error:
        sys.exit(f"the server {error}")
