"""A server of all five backends on real sockets, and peers that write what they like, in pieces, and go when they like.

    0 opens chip                a connection, numbered
    0 writes GET / HTTP/1.1~d~~a~
    0 asks for a socket         the handshake of a WebSocket, at the backend's own URL
    0 says 1 text               a masked frame with these first bits: 1 a text, 81 a whole text, 88 a close
    0 stutters text             the same frame as a whole text, byte by byte
    0 ends | 0 resets | 0 says no more
    after 30                    the manual clock moves

What is watched: no error in any log, no exception that nobody fetched, an answer is HTTP and a frame a frame, and when all
are gone no socket, request, task or descriptor is left and the next one is served.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

from simulator import backends
from simulator.serve.app import Server
from simulator.serve.masks import mask_plain
from simulator.serve.reporter import _is_bad_http
from tests.fuzz.conversation import Wrong
from tests.fuzz.spelling import read_bytes, spelled
from tests.fuzz.words import EITHER, JUNK, change, phrases
from tests.serve.clients import all_five
from tests.served import handshake

PATIENCE = 5.0
"""Seconds that the server has to be rid of somebody."""
MOST = 12
_MASK = b"\x37\xfa\x21\x3d"


class _Ears(logging.Handler):
    """Keeps what may not be said."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        # aiohttp tells of what is no HTTP so; `serve` makes a warning of it (serve/reporter.py).
        if error is None or not _is_bad_http(error):
            self.heard.append(self.format(record))


class Peer:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> None:
        self.reader, self.writer, self.url = reader, writer, url
        self.came = bytearray()
        self.ended = False

    def take(self) -> None:
        """What has come by now."""
        buffer: bytearray = self.reader._buffer  # type: ignore[attr-defined]
        self.came += buffer
        buffer.clear()


class Harbour:
    """The server, kept for many inputs: what one of them leaves the next would see."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.ears = _Ears()
        self.loop.set_exception_handler(lambda loop, told: self.ears.heard.append(str(told)))
        self.server: Server = all_five()
        logging.getLogger().addHandler(self.ears)
        logging.getLogger("aiohttp.server").propagate = True
        self.loop.run_until_complete(self.server.start())
        self._base = self._counted()

    def close(self) -> None:
        self.loop.run_until_complete(self.server.stop())
        logging.getLogger().removeHandler(self.ears)
        self.loop.close()

    def _counted(self) -> tuple[int, int]:
        files = Path("/proc/self/fd")
        return len(asyncio.all_tasks(self.loop)), len([*files.iterdir()]) if files.is_dir() else 0

    def play(self, lines: list[str]) -> int:
        """How many bytes came back. Raises Wrong."""
        try:
            return self.loop.run_until_complete(self._play(lines))
        except Exception as error:
            self.ears.heard.clear()
            told = "\n".join(f"    {line}" for line in lines)
            raise Wrong(f"{type(error).__name__}: {error}\n  after these lines:\n{told}") from error

    async def _play(self, lines: list[str]) -> int:
        peers: dict[str, Peer] = {}
        size = 0
        async with asyncio.timeout(4 * PATIENCE):
            try:
                for line in lines[:200]:
                    await self._line(line, peers)
                for _ in range(5):
                    await asyncio.sleep(0)
                for peer in peers.values():
                    peer.take()
                    self._judge(peer)
                    size += len(peer.came)
            finally:
                for peer in peers.values():
                    peer.writer.transport.abort()
            await self._gone()
            await self._alive()
        assert not self.ears.heard, self.ears.heard[0]
        return size

    async def _line(self, line: str, peers: dict[str, Peer]) -> None:
        match line.split(" ", 2):
            case [number, "opens", name] if name in backends.names() and number not in peers and len(peers) < MOST:
                split = urlsplit(self.server.url(name))
                reader, writer = await asyncio.open_connection(split.hostname, split.port)
                peers[number] = Peer(reader, writer, self.server.connect(name))
            case ["after", seconds] if seconds.isdigit():
                await self.server.driver.advance(float(seconds[:3]))
            case [number, what, *rest] if number in peers:
                await self._does(peers[number], what, "".join(rest))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _does(self, peer: Peer, what: str, rest: str) -> None:
        writer = peer.writer
        if writer.is_closing() or peer.ended:
            return
        match what:
            case "writes":
                writer.write(self._filled(read_bytes(rest), urlsplit(peer.url).netloc))
            case "asks":
                split = urlsplit(peer.url)
                raw = handshake(peer.url)
                writer.write(raw.replace(split.path.encode(), f"{split.path}?{split.query}".encode(), 1))
            case "says":
                head, _, text = rest.partition(" ")
                with suppress(ValueError):
                    writer.write(_frame(int(head[:2], 16), read_bytes(text)))
            case "stutters":
                for byte in _frame(0x81, read_bytes(rest)[:100]):
                    writer.write(bytes((byte,)))
                    await asyncio.sleep(0)
            case "ends":
                writer.close()
            case "resets":
                sock: socket.socket = writer.get_extra_info("socket")
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            case "no" if writer.can_write_eof():
                peer.ended = True
                with suppress(OSError):
                    writer.write_eof()

    def _filled(self, data: bytes, host: str) -> bytes:
        """With the port, and the number of who came last; bodies stay as long as they were said to be."""
        driver = self.server.driver
        last = max((one.number for run in driver.running for one in run.engine.wire.clients()), default=0)
        data = data.replace(b'"<channel>"', f'"{last}"'.encode().ljust(11)).replace(b"<channel>", str(last).encode())
        return data.replace(b"<host>", host.encode())

    def _judge(self, peer: Peer) -> None:
        came = bytes(peer.came)
        if not came:
            return
        assert came.startswith(b"HTTP/1."), f"an answer that is no HTTP: {came[:200]!r}"
        head, _, rest = came.partition(b"\r\n\r\n")
        status = int(head[9:12])
        assert 100 <= status < 600, head
        if status != 101 or rest.startswith(b"HTTP/1."):
            return
        protocol = ClientProtocol(parse_uri("ws://127.0.0.1/"), state=State.OPEN, max_size=1 << 24)
        protocol.receive_data(rest)
        assert protocol.parser_exc is None, f"frames that can't be read: {protocol.parser_exc}: {rest[:200]!r}"

    async def _gone(self) -> None:
        """All of it, sessions that linger included."""
        until = self.loop.time() + PATIENCE
        for place in [*self.server.spaces]:
            # What somebody has set by the control API is not for the next one.
            for one in [*place.driver.space.faults]:
                place.driver.space.faults.remove(one.name)
            place.driver.fault()
        while True:
            drivers = [place.driver for place in self.server.spaces]
            for driver in drivers:
                await driver.advance(300.0)
            left = {
                "links": sum(driver.linked for driver in drivers), "requests": sum(driver.asked for driver in drivers),
                "clients": sum(
                    len([*running.engine.wire.clients()]) for driver in drivers for running in driver.running
                ),
            }  # fmt: skip
            tasks, files = self._counted()
            # This one is one of them.
            left["tasks"], left["descriptors"] = tasks - self._base[0] - 1, files - self._base[1]
            if not any(count > 0 for count in left.values()):
                break
            assert self.loop.time() < until, f"left over: {left}"
            await asyncio.sleep(0.001)
        for place in [*self.server.spaces]:
            if place.name:
                self.server.spaces.drop(place.name)
            else:
                place.driver.reset()

    async def _alive(self) -> None:
        split = urlsplit(self.server.url("chip"))
        reader, writer = await asyncio.open_connection(split.hostname, split.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = await reader.read(-1)
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        writer.close()
        await writer.wait_closed()


def _frame(first: int, data: bytes) -> bytes:
    size = len(data)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + (size & 0xFFFF).to_bytes(2, "big")
    return bytes((first,)) + length + _MASK + mask_plain(data, _MASK)


def collected() -> None:
    """So that what nobody fetched is told of now, and not in the next test."""
    gc.collect()


# ---- words ----

METHODS = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "BREW", "get", "CONNECT", "TRACE", "PRI", ""]
PATHS = [
    "/", "/wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/", "/uat", "/socket/websocket?vsn=2.0.0", "/socket/longpoll?vsn=2.0.0",
    "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket", "/socket.io/?EIO=3&transport=websocket",
    "/__admin/health", "/__admin/reset", "/__admin/spaces", "/__admin/messages", "/__admin/messages/find", "/__admin/faults", "/__admin/clock/advance",
    "/__admin/ui", "/__admin/events?after=0", "/__admin/openapi.json", "/__admin/metrics", "/__admin/acts", "/__admin/channels/send", "/~space/x/",
    "/__admin/spaces/x", "/~space/a/socket.io/?EIO=4&transport=polling", "/~space/a/wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/", "//", "/../..", "/%00", "/%zz", "*", "http://example.com/", "example.com:443", "/a?b#c", "/" + "x" * 9000, "",
    "/chat-uat-resources/chat-images/x.png?X-Amz-Expires=900", "/content/image/3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60/b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718",
    "/receive-message/34", "/file-new/get-upload-url", "/client/auth/authorize-tenant",
]  # fmt: skip
HEADERS = [
    "Host: <host>", "Host: x", "Host: ", "Host: a~d~~a~Host: b", "Connection: close", "Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c",
    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: x",
    "Content-Length: 0", "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 3~d~~a~Content-Length: 4",
    "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked, identity", "Content-Encoding: gzip", "Expect: 100-continue",
    "Content-Type: application/json", "Content-Type: multipart/form-data; boundary=b", "Content-Type: text/plain;;", "Accept-Encoding: gzip, br",
    "Origin: http://evil.example.com", "Origin: null", "Authorization: Bearer x", "Cookie: a=b", "X: ~dcff~", "X: ~0~", "X~20~: y", ": z", "X", " folded",
    "X-Simulator-Space: a", "X-Simulator-Space: ../x", "Range: bytes=0-", "Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: a, b",
    "X: " + "y" * 9000,
]  # fmt: skip
BODIES = ["", "{}", "[]", "hello", "3~d~~a~abc~d~~a~0~d~~a~~d~~a~", "zz~d~~a~", "ffffffffff~d~~a~x", "--b~d~~a~~d~~a~x~d~~a~--b--", "~1f~~dc8b~~8~", "0~d~~a~X: y~d~~a~~d~~a~", "x" * 5000]  # fmt: skip


_TAPE = (
    r"cassette: 1\nby_hand: 'x'\nentries:\n- at: 0.0\n  conn: 1\n  event: open\n  path: '/wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/'"
    r"\n- at: 1.0\n  conn: 1\n  from: server\n  text: 'hi'\n"
)
CALLS = [
    'faults {"type":"latency","attributes":{"latency":300}}', 'faults {"type":"reset_peer","attributes":{"timeout":0}}',
    'faults {"type":"slicer","attributes":{"average_size":3,"delay":10}}', 'faults {"type":"drop","toxicity":0.5}', 'spaces {"name":"a"}',
    'faults {"type":"malformed","attributes":{"form":"json"}}', 'clock/advance {"seconds":30}', "reset {}", 'messages/count {"sender":"client"}',
    'messages/wait {"name":"x","timeout":0.05}', 'messages/remove {}', 'channels/send {"backend":"chip","name":"x","body":{}}',
    'act {"act":"say","text":"hi","channel":"<channel>"}', 'act {"act":"typing","on":true,"backend":"aida","talk":"x"}', 'act {"act":"raw","name":"x","body":[1],"channel":"<channel>"}',
    'channels/<channel>/close {"code":1011,"reason":"why not"}', 'channels/send {"channels":["<channel>"],"raw":"hi"}', 'channels/send {"backend":"mia","base64":"AAE="}',
    'messages/find {"sender":"client","limit":5}', 'messages/wait-for-count {"count":2,"timeout":0.05,"name":"x"}', f'cassettes/lanes {{"cassette":"{_TAPE}"}}',
    f'cassettes/compare {{"a":"{_TAPE}","b":"{_TAPE}","shape":true}}', f'cassettes/play {{"cassette":"{_TAPE}","channel":"<channel>"}}',
    'cassettes/lanes {"cassette":"../../etc/passwd"}', 'spaces {"name":"b","seed":7,"clock":"manual","scenario":"faq"}',
    'PUT clock {"time":"2030-01-01T00:00:00Z"}', 'PUT spaces {"name":"a","seed":1}', 'PUT scenarios/x/state {"state":"y","talk":"z"}',
    'DELETE messages {}', 'DELETE faults {}', 'DELETE spaces/a {}', 'DELETE channels/<channel> {}', 'DELETE cassettes/play {}', 'GET messages/1 {}',
]  # fmt: skip


def request(dice: Random) -> str:
    """A request, mostly whole."""
    if dice.random() < 0.15:
        call = dice.choice(CALLS)
        method, _, rest = call.partition(" ") if call[0].isupper() else ("POST", "", call)
        path, _, said = rest.partition(" ")
        if dice.random() < 0.3:
            said = change(f"x {said}", dice)[2:]
        size = len(read_bytes(said))
        return f"{method} /__admin/{path} HTTP/1.1~d~~a~Host: <host>~d~~a~Content-Length: {size}~d~~a~~d~~a~{said}"
    lines = [
        f"{dice.choice(METHODS[:3] if dice.random() < 0.7 else METHODS)} {dice.choice(PATHS)} HTTP/1.{dice.choice('1110')}"
    ]
    if dice.random() < 0.8:
        lines.append(HEADERS[0])
    lines += [dice.choice(HEADERS) for _ in range(dice.choice((0, 1, 2, 4, 8)))]
    body = dice.choice([*BODIES, *JUNK])
    if dice.random() < 0.5:
        lines.append(f"Content-Length: {len(read_bytes(body))}")
    return "~d~~a~".join([*lines, "", body])


def line(dice: Random) -> str:
    """Something that somebody does."""
    number = dice.randrange(3)
    name = dice.choice(backends.names())
    match dice.randrange(12):
        case 0 | 1:
            return f"{number} opens {name}"
        case 2 | 3:
            return f"{number} asks for a socket"
        case 4 | 5:
            whole = request(dice)
            return f"{number} writes {whole if dice.random() < 0.7 else whole[: dice.randrange(len(whole))]}"
        case 6 | 7 | 8:
            said = dice.choice([one for one in [*phrases(name), *EITHER] if one.startswith(">> ")])[3:]
            if dice.random() < 0.4:
                said = change(f"x {said}", dice)[2:]
            head = "81" if dice.random() < 0.7 else f"{dice.randrange(256):x}"
            return f"{number} says {head} {said}"
        case 9:
            raw = dice.randbytes(dice.randrange(20))
            return (
                f"{number} writes {spelled(raw)}" if dice.random() < 0.7 else f"{number} stutters {dice.choice(JUNK)}"
            )
        case 10:
            return f"{number} {dice.choice(('ends', 'resets', 'no more'))}"
        case _:
            return f"after {dice.choice((0, 1, 20, 30, 100))}"


def script(dice: Random) -> list[str]:
    """Some of that."""
    start = [f"0 opens {dice.choice(backends.names())}"]
    if dice.random() < 0.6:
        start.append("0 asks for a socket")
    return [*start, *(line(dice) for _ in range(dice.randrange(1, 25)))]


def lines_of(text: bytes) -> Iterator[Any]:
    yield from text.decode("utf-8", "replace").split("\n")
