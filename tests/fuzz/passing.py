"""The relay that records, between a client and a server that both write whatever they like, over real sockets.

    client 0 opens              a connection, numbered
    client 0 writes GET / HTTP/1.1~d~~a~
    client 0 asks /ws           the handshake of a WebSocket
    client 0 says 81 text       a masked frame with these first bits
    client 0 stutters text      the same frame as a whole text, byte by byte
    client 0 ends | resets | no more
    server 0 answers 200 text   on the newest of the relay's connections; 1 is the one before
    server 0 accepts            a 101 that belongs to the handshake there
    server 0 says 81 text       a frame, which has no mask
    server 0 writes ... | stutters text | ends | resets | no more

The first line may be `plain`: then no secrets are taken out. What is watched: nothing but one line for the operator is said of
anything, what either side gets is HTTP and frames that others can read, what the operator gave for his server goes there and
to nobody else, a client has seen nothing that is not on the tape, the tape can be read, and when all are gone no task, socket
or descriptor is left and the next one is served.
"""

from __future__ import annotations

import asyncio
import io
import logging
import re
import socket
import struct
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha1
from itertools import count
from pathlib import Path

from aiohttp import web
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from simulator.cassette.check import ERROR, check
from simulator.cassette.entries import Closed, Entry, Header, Opened, Passed
from simulator.cassette.recorder import Recorder
from simulator.cassette.redact import Redactor
from simulator.cassette.rules import Rules
from simulator.cassette.sink import MemorySink
from simulator.cassette.tape import Tape
from simulator.drive.relay import Relay, session
from simulator.drive.target import Target
from simulator.serve.masks import mask_plain
from tests.fuzz import sockets
from tests.fuzz.conversation import Wrong
from tests.fuzz.spelling import index, read_bytes

PATIENCE = 5.0
"""Seconds in which all is over when all have gone."""
MOST = 8
TURNS = 16
"""Of the loop, in which what one has written is where the other one is, a connection on the way included."""
SECRETS = ("operators-own-header", "operators-own-query")
_MASK = b"\x37\xfa\x21\x3d"
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_REQUEST = re.compile(rb"[!#-'*+.^_`|~0-9A-Za-z-]+ /[^\x00-\x20\x7f]* HTTP/1\.1\r\n")
_ASKED = re.compile(rb"\r\nsec-websocket-key: *([^\r]+)\r\n", re.IGNORECASE)


class Side:
    """One end of a connection to the relay, or of the relay's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.came = bytearray()
        self.ended = False
        self.path = ""
        """Of a WebSocket that it has asked for, first of all."""
        self.frames_from = -1
        """Where the other side's frames begin in what came, where it was a good 101 that came before them."""

    def take(self) -> None:
        """What has come by now."""
        buffer: bytearray = self.reader._buffer  # type: ignore[attr-defined]
        self.came += buffer
        buffer.clear()

    def write(self, data: bytes) -> None:
        """Where it can."""
        if not self.ended and not self.writer.is_closing():
            self.writer.write(data)

    async def leave(self, how: str) -> None:
        """In one of three ways."""
        match how:
            case "ends":
                self.writer.close()
            case "resets":
                sock: socket.socket = self.writer.get_extra_info("socket")
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.writer.transport.abort()
            case "no" if self.writer.can_write_eof():
                self.ended = True
                with suppress(OSError):
                    self.writer.write_eof()


class _Log(logging.Logger):
    """The relay's: what is a client's own mistake in HTTP is a line for the operator, all else is a finding."""

    def __init__(self) -> None:
        super().__init__("relay", logging.WARNING)
        self.heard: list[str] = []
        ears = sockets._Ears()
        ears.heard = self.heard
        self.addHandler(ears)


class Strait:
    """The relay and who is before and behind it, kept for many inputs: what one of them leaves the next would see."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.log = _Log()
        self.loop.set_exception_handler(lambda loop, told: self.log.heard.append(str(told)))
        self.servers: list[Side] = []
        self.relay: Relay | None = None
        self.loop.run_until_complete(self._begin())
        self._base = self._counted()

    async def _begin(self) -> None:
        self._upstream = await asyncio.start_server(self._came, "127.0.0.1", 0)
        self._host = f"127.0.0.1:{self._upstream.sockets[0].getsockname()[1]}"
        self.target = Target(
            f"http://{self._host}/v2", (("Authorization", f"Bearer {SECRETS[0]}"),), (("token", SECRETS[1]),)
        )
        self._client = session(self.target, insecure=False)
        # As in record/relayed.py.
        server = web.Server(
            self._handle, access_log=None, handler_cancellation=True, auto_decompress=False, logger=self.log
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.servers.append(Side(reader, writer))

    async def _handle(self, asked: web.BaseRequest) -> web.StreamResponse:
        assert self.relay is not None
        return await self.relay(asked)

    def close(self) -> None:
        self.loop.run_until_complete(self._end())
        self.loop.close()

    async def _end(self) -> None:
        await self._runner.cleanup()
        await self._client.close()
        self._upstream.close()

    def _counted(self) -> tuple[int, int]:
        files = Path("/proc/self/fd")
        return len(asyncio.all_tasks(self.loop)), len([*files.iterdir()]) if files.is_dir() else 0

    def play(self, lines: list[str]) -> list[Entry]:
        """What is on the tape. Raises Wrong."""
        try:
            return self.loop.run_until_complete(self._play(lines[:200]))
        except Exception as error:
            self.log.heard.clear()
            told = "\n".join(f"    {line[:500]}" for line in lines)
            raise Wrong(f"{type(error).__name__}: {error}\n  after these lines:\n{told}") from error

    async def _play(self, lines: list[str]) -> list[Entry]:
        sink, told, clock = MemorySink(), list[str](), count(1)
        plain = lines[:1] == ["plain"]
        redactor = None if plain else Redactor(b"k" * 32, Rules(texts=self.target.secrets))
        recorder = Recorder(sink, 1_800_000_000.0, Header(upstream=self.target.base), redactor, tell=told.append)
        relay = self.relay = Relay(
            self.target, recorder, self._client, told.append, lambda: 1_800_000_000.0 + next(clock) / 1000
        )
        clients: dict[str, Side] = {}
        async with asyncio.timeout(4 * PATIENCE):
            try:
                for line in lines:
                    await self._line(line.split(" ", 3), clients)
                    await _turns(TURNS)
                for side in (*clients.values(), *self.servers):
                    side.take()
                came = [*self.servers]
            finally:
                for side in (*clients.values(), *self.servers):
                    side.writer.transport.abort()
            await self._gone(relay)
            assert not self.log.heard, self.log.heard[0]
            await self._alive()
        relay.end()
        assert not self.log.heard, self.log.heard[0]
        for line in told:
            assert "\n" not in line, f"two lines for the operator: {line!r}"
            assert line.startswith("upstream: "), line
            assert not any(secret in line for secret in SECRETS), line
        tape = Tape(io.BytesIO(b"".join(sink.records)), "x.yaml")
        entries = [*tape]
        assert tape.torn is None, tape.torn
        assert recorder.counts.failures == 0, f"{recorder.counts.failures} things that are not on the tape"
        wrong = [one for one in check(Tape(io.BytesIO(b"".join(sink.records)), "x.yaml")) if one.level == ERROR]
        assert not wrong, wrong[0]
        for client in clients.values():
            # What the server itself says is the server's.
            secrets = [] if any(secret in line for line in lines for secret in SECRETS) else SECRETS
            self._judge(client, entries if plain else None, secrets)
        for server in came:
            self._judge_request(server)
        return entries

    # ---- lines

    async def _line(self, words: list[str], clients: dict[str, Side]) -> None:
        match words:
            case ["client", number, "opens"] if number not in clients and len(clients) < MOST:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                clients[number] = Side(reader, writer)
            case ["client", number, what, *rest] if number in clients:
                await self._client_does(clients[number], what, "".join(rest))
            case ["server", which, what, *rest] if open_ := [s for s in self.servers if not s.writer.is_closing()]:
                await self._server_does(open_[-1 - index(which, len(open_))], what, "".join(rest))

    async def _client_does(self, side: Side, what: str, rest: str) -> None:
        match what:
            case "writes":
                side.write(read_bytes(rest).replace(b"<host>", self._host.encode()))
            case "asks":
                path = "/" + re.sub(r"[^!-~]", "", rest).lstrip("/")
                side.path = side.path or path
                side.write(
                    f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n\r\n".encode()
                )
            case "says":
                side.write(_frame(rest, masked=True))
            case "stutters":
                await _stutter(side, _frame(f"81 {rest}", masked=True))
            case _:
                await side.leave(what)

    async def _server_does(self, side: Side, what: str, rest: str) -> None:
        side.take()
        match what:
            case "writes":
                side.write(read_bytes(rest))
            case "answers":
                status, _, said = rest.partition(" ")
                body = read_bytes(said)
                head = f"HTTP/1.1 {status if re.fullmatch('[1-9][0-9]{2}', status) else 200} So\r\nContent-Length: "
                side.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
            case "accepts":
                if found := _ASKED.search(side.came):
                    accept = b64encode(sha1(found[1].strip() + _GUID, usedforsecurity=False).digest())
                    if side.frames_from < 0:
                        side.frames_from = len(side.came)
                    side.write(
                        b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
                        + b"\r\n" + b"".join(line + b"\r\n" for line in read_bytes(rest).split(b"\r\n") if line) + b"\r\n"
                    )  # fmt: skip
            case "says":
                side.write(_frame(rest, masked=False))
            case "stutters":
                await _stutter(side, _frame(f"81 {rest}", masked=False))
            case _:
                await side.leave(what)

    # ---- what came

    def _judge(self, side: Side, entries: list[Entry] | None, secrets: Sequence[str]) -> None:
        came = bytes(side.came)
        if not came:
            return
        assert came.startswith(b"HTTP/1."), f"an answer that is no HTTP: {came[:200]!r}"
        assert not any(secret.encode() in came for secret in secrets), "who asks is told the operator's secrets"
        head, _, rest = came.partition(b"\r\n\r\n")
        status = int(head[9:12])
        assert 100 <= status <= 999, head
        if status != 101 or rest.startswith(b"HTTP/1."):
            return
        protocol = ClientProtocol(parse_uri("ws://127.0.0.1/"), state=State.OPEN, max_size=1 << 24)
        protocol.receive_data(rest)
        # Whatever number the server gives is his; `websockets` knows none from 5000 on.
        odd = "invalid status code" in str(protocol.parser_exc)
        assert odd or protocol.parser_exc is None, f"frames that can't be read: {protocol.parser_exc}: {rest[:200]!r}"
        if entries is None or not side.path:
            return
        heard = [
            bytes(frame.data).decode() if frame.opcode is Opcode.TEXT else bytes(frame.data)
            for frame in protocol.events_received()
            if isinstance(frame, Frame) and frame.opcode in (Opcode.TEXT, Opcode.BINARY)
        ]
        tapes = {
            entry.conn: list[str | bytes]() for entry in entries if isinstance(entry, Opened) and entry.path == side.path
        }  # fmt: skip
        for entry in entries:
            if isinstance(entry, Passed) and entry.conn in tapes and entry.sender == "server":
                tapes[entry.conn].append(entry.data)
        # What comes when a client has said its last word is on no tape.
        left = {entry.conn for entry in entries if isinstance(entry, Closed) and entry.by == "client"}
        there = [tape[: len(heard)] == (heard[: len(tape)] if conn in left else heard) for conn, tape in tapes.items()]
        if "/socket.io/" not in side.path:
            assert any(there), f"{heard} was heard, and {[*tapes.values()]} are on the tape"

    def _judge_request(self, side: Side) -> None:
        came = bytes(side.came)
        if not came:
            return
        line, _, rest = came.partition(b"\r\n")
        assert _REQUEST.fullmatch(line + b"\r\n"), f"no request: {line!r}"
        assert line.split(b" ")[1].startswith(b"/v2/"), f"another place than the operator's: {line!r}"
        head = rest.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
        if b"\r\n\r\n" in rest:
            assert head.count(b"host: " + self._host.encode()) == sum(one.startswith(b"host:") for one in head) == 1, (
                head
            )
            names = [one for one in head if one.startswith(b"authorization:")]
            assert names == [f"authorization: bearer {SECRETS[0]}".encode()], names
            assert all(re.match(rb"[!#-'*+.^_`|~0-9a-z-]+:", one) for one in head), f"no header lines: {head}"
        if side.frames_from > 0:
            protocol = ServerProtocol(state=State.OPEN, max_size=1 << 24)
            protocol.receive_data(came[side.frames_from :])
            odd = "invalid status code" in str(protocol.parser_exc)
            assert odd or protocol.parser_exc is None, f"frames that no server reads: {protocol.parser_exc}"

    async def _gone(self, relay: Relay) -> None:
        until, calm = self.loop.time() + PATIENCE, 0
        while True:
            tasks, files = self._counted()
            # This one is one of them.
            left = {
                "tasks": tasks - self._base[0] - 1, "descriptors": files - self._base[1], "sockets": len(relay._sockets)
            }  # fmt: skip
            if self.servers or any(count > 0 for count in left.values()):
                assert self.loop.time() < until, f"left over: {left}"
                calm = 0
            else:
                calm += 1
                if calm > 3:
                    return
            await asyncio.sleep(0.001)
            # Some were on their way.
            for server in self.servers:
                server.writer.transport.abort()
            self.servers.clear()

    async def _alive(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(b"GET /alive HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                while not self.servers:
                    await _turns(1)
                self.servers[0].writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nalive")
                answer = await reader.read(-1)
            assert answer.endswith(b"\r\n\r\nalive"), answer[:200]
        finally:
            for one in (writer, *(server.writer for server in self.servers)):
                one.transport.abort()
            self.servers.clear()


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def _stutter(side: Side, frame: bytes) -> None:
    for byte in frame[:100]:
        side.write(bytes((byte,)))
        await asyncio.sleep(0)


def _frame(said: str, masked: bool) -> bytes:
    head, _, text = said.partition(" ")
    try:
        first = int(head[:2], 16)
    except ValueError:
        return b""
    whole = sockets._frame(first & 0xFF, read_bytes(text))
    if masked:
        return whole
    start = 2 if whole[1] & 0x7F < 126 else 4
    return bytes((whole[0], whole[1] & 0x7F)) + whole[2:start] + mask_plain(whole[start + 4 :], _MASK)
