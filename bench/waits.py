"""How soon `messages/wait` answers: from the client's frame to the caller's answer, beside an answer on the socket."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import statistics
import time
from urllib.parse import urlsplit

from bench.pace import Pace
from bench.process import Child, cores
from bench.rows import Failed, Found, Row, percentile
from bench.servers import simulator

SAMPLES = 200
"""Of each, in a round."""
_FRAMES = 10_000
"""In the journal before."""
_REST = 0.01
_ASK = '{"type":"get_history","before":"2026-01-01T00:00:00Z"}'


def measure(pace: Pace) -> Found:
    """Nothing here could be missing."""
    answer = Row("waits.answer", "chip: get_history, its answer, p50", "ms")
    p50 = Row("waits.p50", "messages/wait, from frame to answer, p50", "ms", base=answer.key, ratio="own/base")
    p99 = Row("waits.p99", "messages/wait, from frame to answer, p99", "ms")
    stream = Row("waits.stream", "events, from frame to event, p50", "ms", base=answer.key, ratio="own/base")
    chosen = cores()
    command = (simulator(), "serve", "--backend", "chip", "--port", "0", "--clock", "manual")
    for n in range(1, (1 if pace.quick else pace.rounds) + 1):
        pace.round("waits", n, "messages/wait")
        with Child("simulator", command, chosen[0] if chosen else None) as child:
            found = re.search(r"http://\S+", child.line())
            if found is None:
                raise Failed("simulator: did not say where it serves")
            base = urlsplit(found[0])
            if chosen:
                os.sched_setaffinity(0, {chosen[1]})
            try:
                answered, waited, streamed = asyncio.run(_round(base.hostname or "", base.port or 0))
            finally:
                if chosen:
                    os.sched_setaffinity(0, {*chosen})
        answer.figures.append(statistics.median(answered))
        p50.figures.append(statistics.median(waited))
        p99.figures.append(percentile(waited, 0.99))
        stream.figures.append(statistics.median(streamed))
    return Found([answer, p50, p99, stream])


async def _round(host: str, port: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of each sample."""
    reader, writer = await _socket(host, port)
    _say(writer, '{"type":"start_chat"}')
    await _frame(reader)
    for _ in range(_FRAMES // 2):
        # The journal is full, as after a morning's work.
        _say(writer, _ASK)
        await _frame(reader)
    answered = []
    for _ in range(SAMPLES):
        # As long as below: who has rested for a while is not served at once on a busy machine.
        await asyncio.sleep(_REST)
        began = time.perf_counter()
        _say(writer, _ASK)
        await _frame(reader)
        answered.append((time.perf_counter() - began) * 1000)
    waited = await _waits(host, port, reader, writer)
    return answered, waited, await _streams(host, port, reader, writer)


async def _waits(host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[float]:
    asking, asks = await asyncio.open_connection(host, port)
    found = []
    # Before the first call the control API is not even imported, and the journal is not read.
    asks.write(f"GET /__admin/messages?name=none HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    await asking.readuntil(b'"messages":[]}')
    for n in range(SAMPLES):
        # start_chat, then get_history again and again, each with its answer.
        passed = 2 + 2 * (_FRAMES // 2 + SAMPLES + n)
        body = json.dumps({"sender": "client", "name": "get_history", "after": passed, "timeout": 30}).encode()
        head = f"POST /__admin/messages/wait HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
        asks.write(head.encode() + body)
        # Until it waits: nothing tells, and nothing else is measured here.
        await asyncio.sleep(_REST)
        began = time.perf_counter()
        _say(writer, _ASK)
        answer = (await asking.readuntil(b"\r\n\r\n")).decode()
        found.append((time.perf_counter() - began) * 1000)
        size = re.search(r"Content-Length: (\d+)", answer)
        if not answer.startswith("HTTP/1.1 200") or size is None:
            raise Failed(f"messages/wait: {answer.splitlines()[0]}")
        await asking.readexactly(int(size[1]))
        await _frame(reader)
    asks.close()
    return found


async def _streams(host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[float]:
    events, asks = await asyncio.open_connection(host, port)
    asks.write(f"GET /__admin/events?sender=client HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    await events.readuntil(b": events\n\n")
    found = []
    for _ in range(SAMPLES):
        await asyncio.sleep(_REST)
        began = time.perf_counter()
        _say(writer, _ASK)
        await events.readuntil(b"event: message")
        found.append((time.perf_counter() - began) * 1000)
        await _frame(reader)
    asks.close()
    return found


async def _socket(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(host, port)
    key = base64.b64encode(bytes(16)).decode()
    lines = (
        "GET /wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/ HTTP/1.1",
        f"Host: {host}:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    )
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def _say(writer: asyncio.StreamWriter, text: str) -> None:
    """A client's frame, its mask all zeros."""
    data = text.encode()
    writer.write(bytes((0x81, 0x80 | len(data), 0, 0, 0, 0)) + data)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    while True:
        first, size = await reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        data = await reader.readexactly(size)
        if first == 0x81:
            return data
