"""Conversations with served backends, recorded by the house's own recorder on the client's side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from simulator.cassette.entries import Header, TapedRequest, TapedResponse
from simulator.cassette.recorder import Recorder, Redactor
from simulator.cassette.sink import FileSink
from simulator.serve.app import Options, Server
from tests.served import SECONDS


def served(name: str, seed: int = 7, **settings: Any) -> Server:
    return Server(Options([name], port=0, seed=seed, settings=[(key, str(value)) for key, value in settings.items()]))


class Client:
    """Speaks with one server, and all that passes is on the tape."""

    def __init__(self, recorder: Recorder, session: aiohttp.ClientSession, base: str) -> None:
        self.recorder, self.session, self.base = recorder, session, base

    @classmethod
    @asynccontextmanager
    async def taping(
        cls, path: Path, base: str, backend: str | None, redactor: Redactor | None = None
    ) -> AsyncIterator[Client]:
        loop = asyncio.get_running_loop()
        # Unix seconds are of no matter to anybody here.
        recorder = Recorder(FileSink(path), loop.time(), Header(backend=backend, upstream=base), redactor)
        async with aiohttp.ClientSession() as session:
            try:
                yield cls(recorder, session, base)
            finally:
                recorder.close(loop.time())

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    async def connect(self, path: str, **headers: str) -> Talk:
        ws = await self.session.ws_connect(self.base + path, headers=headers, autoclose=False)
        line = self.recorder.open(self.time(), path, tuple(headers.items()))
        return Talk(self, ws, line)

    async def ask(self, method: str, url: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """A request beside the conversation; the URL may be a path."""
        path = "/" + url.split("/", 3)[-1] if url.startswith("http") else url
        full = url if url.startswith("http") else self.base + url
        call = self.recorder.asked(self.time(), TapedRequest(method, path, tuple(headers.items()), body))
        async with self.session.request(method, full, data=body or None, headers=headers) as response:
            answer = await response.read()
        lines = tuple(response.headers.items())
        self.recorder.answered(self.time(), call, TapedResponse(response.status, lines, answer))
        return response.status, answer


class Talk:
    """One WebSocket."""

    def __init__(self, client: Client, ws: aiohttp.ClientWebSocketResponse, line: Any) -> None:
        self.client, self.ws, self.line = client, ws, line

    async def say(self, data: Any) -> None:
        text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
        self.client.recorder.frame(self.client.time(), self.line, "client", text)
        await self.ws.send_str(text)

    async def hear(self, until: Callable[[str], bool] = lambda text: True) -> str:
        """The first text of which `until` is true; those before it are on the tape, too."""
        async with asyncio.timeout(SECONDS):
            while True:
                text = await self.ws.receive_str()
                self.client.recorder.frame(self.client.time(), self.line, "server", text)
                if until(text):
                    return text

    async def has(self, part: str, count: int = 1) -> str:
        for _ in range(count):
            text = await self.hear(lambda text: part in text)
        return text

    async def leave(self, code: int = 1000) -> None:
        await self.ws.close(code=code)
        self.client.recorder.closed(self.client.time(), self.line, code, "", "client")
