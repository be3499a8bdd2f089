"""A simulator to talk to: in this loop, or as the real command in a process of its own; and raw clients for both."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock, WallClock
from simulator.serve.masks import mask_plain
from simulator.serve.reporter import Reporter
from simulator.serve.spaces import KEPT
from tests.described import hold

SECONDS = 10.0
"""How long a test waits for what has to come."""

CLIENTS = Path(__file__).parent / "clients"
COMMAND = Path(sys.executable).with_name("simulator")

WEBSITE = "7d62d551-3030-4100-a260-2d7c4e9693e7"
HELP_PAGE = "8291264a-4581-4d12-96e5-e9fcfa6e68d9"
OTHER_ORG = "16955bac-23fd-4b5f-8981-530679ae0ac4"
INACTIVE = "2f6a1c9e-5b7d-4e38-9c10-aa4b8d3f7e21"
"""Channels of fixtures/chip.yaml."""

GUARDED = """
import sys

def forbid(event, args):
    # Only a server's end of a connection is made here.
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print("EGRESS", event, args[1:], file=sys.stderr, flush=True)
        raise PermissionError(event)

sys.addaudithook(forbid)
from simulator.__main__ import main
sys.argv[0] = "simulator"
main()
"""
"""The command, where no connection may be made."""

KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""RFC 6455, 1.3."""


def chip(
    clock: ManualClock | WallClock | None = None,
    *,
    seed: int | None = 7,
    host: str = "127.0.0.1",
    admin_token: str | None = None,
    fixtures: Mapping[str, Path] | None = None,
    reporter: Reporter | None = None,
    admin_port: int | None = None,
    journal: int = KEPT,
    own_links: bool | None = None,
    **settings: Any,
) -> Server:
    """A Server of chip on a free port, to be entered with `async with`."""
    links: dict[str, Any] = {} if own_links is None else {"own_links": own_links}
    return Server(
        Options(
            ["chip"],
            host=host,
            port=0,
            seed=seed,
            clock=clock,
            fixtures=fixtures or {},
            settings=[(key, str(value)) for key, value in settings.items()],
            admin_token=admin_token,
            admin_port=admin_port,
            journal=journal,
            **links,
            reporter=reporter,
        )
    )


def prompt(clock: ManualClock | None = None, **settings: Any) -> Server:
    """A chip that answers at once although its clock stands still: every byte is known beforehand."""
    return chip(clock or ManualClock(), **{"bot_delay": 0, "outbox_interval": 0, **settings})


def chromium() -> str | None:
    """The browser for tests/clients/browser.mjs: `$CHROMIUM`, or one from the path."""
    named = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in named if name and (found := shutil.which(name))), None)


def client_frame(data: bytes, opcode: int = 1, final: bool = True) -> bytes:
    """A masked frame of a client."""
    size, mask = len(data), b"\x37\xfa\x21\x3d"
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((final << 7 | opcode,)) + length + mask + mask_plain(data, mask)


class Raw:
    """Bytes over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, first: bytes = b"") -> AsyncIterator[Raw]:
        """Connects to a URL's host and port, and writes something."""
        split = urlsplit(url)
        raw = cls(*await asyncio.open_connection(split.hostname, split.port))
        raw.writer.write(first)
        try:
            yield raw
        finally:
            raw.writer.close()
            with suppress(OSError):
                await raw.writer.wait_closed()

    @classmethod
    @asynccontextmanager
    async def upgraded(cls, url: str) -> AsyncIterator[Raw]:
        """After its 101."""
        async with cls.open(url, handshake(url)) as raw:
            head = await raw.head()
            assert head[0] == "HTTP/1.1 101 Switching Protocols", head
            yield raw

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, text: str) -> None:
        """A masked text frame."""
        self.writer.write(client_frame(text.encode()))

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.readexactly(size)

    async def frame(self) -> tuple[int, bytes]:
        """The first byte and the payload of the server's next frame."""
        first, second = await self.exactly(2)
        assert second < 127, "longer than what these tests expect"
        size = int.from_bytes(await self.exactly(2), "big") if second == 126 else second
        return first, await self.exactly(size)

    async def text(self) -> str:
        """The next frame, which is a whole text frame."""
        first, payload = await self.frame()
        assert first == 0x81, (first, payload)
        return payload.decode()

    async def text_after_pings(self) -> str:
        """The next text, however many pings come before it."""
        while (found := await self.frame())[0] == 0x89:
            pass
        assert found[0] == 0x81, found
        return found[1].decode()

    async def head(self) -> list[str]:
        """The lines of the next HTTP answer's head."""
        async with asyncio.timeout(SECONDS):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        return raw.decode().split("\r\n")[:-2]

    async def answer(self, bodiless: bool = False) -> tuple[list[str], bytes]:
        """The next HTTP answer: lines of its head, body."""
        head = await self.head()
        size = next((int(line[16:]) for line in head if line.lower().startswith("content-length: ")), 0)
        return head, b"" if bodiless else await self.exactly(size)

    async def rest(self) -> bytes:
        """All up to the end."""
        async with asyncio.timeout(SECONDS):
            return await self.reader.read(-1)


def handshake(url: str, *more: str) -> bytes:
    """The request that opens a WebSocket, with more header lines."""
    split = urlsplit(url)
    lines = [
        f"GET {split.path} HTTP/1.1",
        f"Host: {split.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def request(method: str, path: str, body: bytes = b"", *more: str, host: str = "127.0.0.1") -> bytes:
    """A plain HTTP request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *more]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def ask(url: str, method: str, path: str, body: bytes = b"", *more: str) -> tuple[list[str], bytes]:
    """One HTTP request on a connection of its own: the lines of the answer's head, and its body."""
    async with Raw.open(url, request(method, path, body, *more)) as raw:
        return await raw.answer(bodiless=method == "HEAD")


async def admin(url: str, method: str, path: str, body: object = None, *more: str) -> tuple[int, Any]:
    """One request to the control API: status, and the JSON that came."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    head, answer = await ask(url, method, f"/__admin/{path}", raw, *more)
    status, told = int(head[0].split()[1]), json.loads(answer) if answer else None
    if answer:
        hold(method, path, status, told)
    return status, told


class Run:
    """The real command in a process of its own, once it is ready."""

    def __init__(self, process: asyncio.subprocess.Process, ready_file: Path) -> None:
        self.process = process
        self.ready_file = ready_file
        self.ready: dict[str, Any] = {}
        self.first = b""
        """The first line of its stdout."""

    @property
    def url(self) -> str:
        return str(self.ready["backends"][0]["url"])

    @property
    def connect(self) -> str:
        return str(self.ready["backends"][0]["connect"])

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; its exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(SECONDS):
            return await self.process.wait()


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what would set our options, and without what pytest says to its workers."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SIMULATOR_", "PYTEST_"))}
    return {**kept, "PYTHONUNBUFFERED": "", **more}


async def appears(path: Path) -> None:
    """Waits for a file, where nothing else tells."""
    async with asyncio.timeout(SECONDS):
        while not path.exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The real command with its three pipes; killed at the end, whatever happens."""
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(
        COMMAND, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=clean_environment(**environment)
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        # Reads both pipes to their end, so that the transports are closed with the loop still there.
        await started.communicate()


@asynccontextmanager
async def command(folder: Path, *arguments: str, **environment: str) -> AsyncIterator[Run]:
    """`simulator serve` for chip, on a free port unless told otherwise, once it has said where it serves."""
    ready_file = folder / "ready.json"
    options = ["--backend", "chip", "--port", "0", "--ready-file", str(ready_file)]
    async with process("serve", *options, *arguments, **environment) as started:
        run = Run(started, ready_file)
        assert started.stdout is not None
        async with asyncio.timeout(SECONDS):
            run.first = await started.stdout.readline()
        if not run.first:
            _, errors = await started.communicate()
            raise AssertionError(f"it did not start: {errors.decode()}")
        # The ready file is there before the first line is.
        run.ready = json.loads(ready_file.read_bytes())
        yield run


class Node:
    """A script of tests/clients, driven by lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.opened: list[str] = []
        """What the socket had agreed upon when it opened: subprotocol and extensions."""
        self.failed: list[str] = []
        """Errors that it told, each of them the end of a test: who finds it gone later learns from what."""

    @classmethod
    @asynccontextmanager
    async def running(cls, *arguments: str, **environment: str) -> AsyncIterator[Node]:
        """Killed at the end, whatever happens."""
        pipe = asyncio.subprocess.PIPE
        env = {**os.environ, **environment}
        started = await asyncio.create_subprocess_exec(
            "node", *arguments, stdin=pipe, stdout=pipe, stderr=pipe, cwd=CLIENTS, limit=1 << 22, env=env
        )
        try:
            yield cls(started)
        finally:
            if started.returncode is None:
                started.kill()
            await started.communicate()

    @classmethod
    @asynccontextmanager
    async def browser(cls, page: str, **environment: str) -> AsyncIterator[Node]:
        """A page of tests/clients, or a URL, in headless Chromium; browser and profile are gone when this returns."""
        shown = page if page.startswith(("http", "about:")) else str(CLIENTS / page)
        async with cls.running("browser.mjs", str(chromium()), shown, **environment) as node:
            await node.event("ready", seconds=4 * SECONDS)
            try:
                yield node
            finally:
                assert node.process.stdin is not None
                node.process.stdin.close()
                async with asyncio.timeout(SECONDS):
                    await node.process.wait()

    async def page(self, **command: object) -> Any:
        """What one command of browser.mjs gives."""
        self.write(command)
        return (await self.event("value", seconds=4 * SECONDS))[0]

    def write(self, command: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    async def event(self, *kinds: str, seconds: float = SECONDS) -> list[Any]:
        """What the next event of these kinds says; others are passed over."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        async with asyncio.timeout(seconds):
            while line := await self.process.stdout.readline():
                kind, *rest = json.loads(line)
                if kind in kinds:
                    return list(rest)
                if kind == "error":
                    self.failed.append(str(rest))
                    raise AssertionError(rest)
            words, code = (await self.process.stderr.read()).decode(), await self.process.wait()
            raise AssertionError(f"Node ended with {code}: {words or 'no word'}; errors before: {self.failed}")

    async def open(self, url: str, **options: object) -> list[Any]:
        """Opens a socket; status and header lines of the answer."""
        self.write({"open": url, "options": options})
        upgrade = await self.event("upgrade")
        self.opened = await self.event("open")
        return upgrade

    async def send(self, data: str | bytes) -> None:
        self.write({"send": data} if isinstance(data, str) else {"binary": data.hex()})

    async def text(self) -> str:
        return str((await self.event("text", "close"))[0])

    async def ping(self, payload: str) -> None:
        """Until the pong is here, with the same payload."""
        self.write({"ping": payload})
        assert await self.event("pong") == [payload]

    async def close(self, code: int, reason: str) -> tuple[int, str]:
        self.write({"close": [code, reason]})
        return await self.closed()

    async def closed(self) -> tuple[int, str]:
        code, reason = await self.event("close")
        return code, reason
