"""The stream of what passes: live and resumed, filtered, slow readers, and how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from simulator.core.message import Frame
from simulator.serve.admin import events, feed
from simulator.serve.admin.feed import feed_of
from simulator.serve.app import Server
from simulator.serve.links import reset
from tests.backends.mia.chats import GARDEN
from tests.serve.clients import NAMES, all_five, client, says
from tests.served import SECONDS, Raw, admin, ask, prompt, request


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with all_five() as simulator:
        yield simulator


class Stream:
    """A reader of server-sent events, written after the standard and not after our server."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.last = ""
        self.comments = 0

    async def next(self, *kinds: str) -> tuple[str, Any]:
        """The next event of these kinds, or of any: its kind, and its data."""
        async with asyncio.timeout(SECONDS):
            while True:
                kind, data = await self._one()
                if not kinds or kind in kinds:
                    return kind, json.loads(data)

    async def _one(self) -> tuple[str, str]:
        kind, data = "message", list[str]()
        async for line in self._lines():
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line and data:
                return kind, "\n".join(data)
            if field == "event":
                kind = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                self.last = value
            elif line and not field:
                self.comments += 1
        raise EOFError

    async def _lines(self) -> AsyncIterator[str]:
        while True:
            line = (await self.raw.reader.readline()).decode()
            if not line:
                return
            # Chunks of HTTP: each write is one, so that sizes stand on lines of their own, and an empty line follows.
            if self._size(line):
                continue
            yield line.rstrip("\r\n")

    def _size(self, line: str) -> bool:
        return line.endswith("\r\n")

    async def ended(self) -> bool:
        """Whether the body is whole: the last chunk came."""
        async with asyncio.timeout(SECONDS):
            return (await self.raw.reader.readuntil(b"\r\n0\r\n\r\n")) != b""


@asynccontextmanager
async def stream(server: Server, asked: str = "", *lines: str) -> AsyncIterator[Stream]:
    """One that is open."""
    url = server.url("chip")
    async with Raw.open(url, request("GET", f"/__admin/events{asked}", b"", *lines)) as raw:
        head = await raw.head()
        assert head[0] == "HTTP/1.1 200 OK", (head, await raw.reader.read(1000))
        assert "Content-Type: text/event-stream" in head
        yield Stream(raw)


async def call(server: Server, method: str, path: str, body: object = None) -> Any:
    status, told = await admin(server.url("chip"), method, path, body)
    assert status == 200, told
    return told


@pytest.mark.parametrize("backend", NAMES)
async def test_a_conversation_as_it_happens(server: Server, backend: str) -> None:
    async with stream(server) as seen:
        async with client(server, backend) as who:
            _, channel = await seen.next("channel")
            assert (channel["event"], channel["channel"]["backend"]) == ("opened", backend)
            await who.send(says(backend, who.talk, "Hello there"))
            while "Hello there" not in (message := (await seen.next("message"))[1])["raw"]:
                pass
            assert (message["sender"], message["backend"]) == ("client", backend)
            await call(server, "POST", f"channels/{channel['channel']['id']}/close", {"code": 4001, "reason": "off"})
            _, closed = await seen.next("channel")
            assert (closed["event"], closed["channel"]["id"]) == ("closed", channel["channel"]["id"])
        told = (await call(server, "GET", "messages"))["messages"]
        # What a stream says is what the journal says.
        assert message in told


async def test_how_a_connection_ended(server: Server) -> None:
    async with stream(server) as seen, client(server, "chip") as who:
        await seen.next("channel")
        await who.socket.close(4100, "bye")
        _, closed = await seen.next("channel")
        assert (closed["event"], closed["code"], closed["reason"]) == ("closed", 4100, "bye")


async def test_resumed(server: Server) -> None:
    async with client(server, "chip") as who:
        for i in range(4):
            await who.send(says("chip", who.talk, str(i)))
        await call(server, "POST", "messages/wait", {"body": {"text": "3"}})
        async with stream(server, "?after=2&name=send_msg") as seen:
            assert [(await seen.next())[1]["number"] for _ in range(3)] == [3, 4, 5]
            assert seen.last == "5"
        # As an EventSource comes back: with the URL that it had.
        async with stream(server, "?after=2&name=send_msg", f"Last-Event-ID: {seen.last}") as seen:
            assert (await seen.next())[1]["number"] == 6
            await who.send(says("chip", who.talk, "live"))
            assert (await seen.next())[1]["args"] == [{"text": "live"}]
        # One of a server that knew more begins anew.
        async with stream(server, "?after=100&sender=client") as seen:
            await who.send(says("chip", who.talk, "later"))
            assert (await seen.next())[1]["args"] == [{"text": "later"}]


async def test_filters(server: Server) -> None:
    async with stream(server, "?violation=true") as seen, client(server, "chip") as who:
        assert (await seen.next())[0] == "channel"
        await who.send(says("chip", who.talk, 5))
        _, message = await seen.next()
        assert message["violations"][0]["path"] == "text"


async def test_clock_and_reset(server: Server) -> None:
    async with stream(server) as seen, client(server, "chip"):
        await seen.next("message")
        await call(server, "POST", "clock/advance", {"seconds": 5})
        assert (await seen.next("clock"))[1]["time"] == "2026-01-01T00:00:05Z"
        await call(server, "POST", "reset")
        assert (await seen.next("reset"))[1]["time"] == "2026-01-01T00:00:00Z"
        assert seen.last == "0"
        async with client(server, "chip"):
            assert [(await seen.next("message"))[1]["number"] for _ in range(2)] == [1, 2]


async def test_who_polls_comes_goes_and_upgrades(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_TICK", 0.01)
    url, path = server.url("mia"), "/socket.io/?EIO=4&transport=polling"
    async with stream(server) as seen:
        path += f"&sid={json.loads((await ask(url, 'GET', path))[1][1:])['sid']}"
        _, opened = await seen.next("channel")
        assert (opened["event"], opened["channel"]["transport"]) == ("opened", "polling")
        await ask(url, "POST", path, f"40{json.dumps({'instance': GARDEN})}".encode())
        async with connect(url.replace("http", "ws") + path.replace("polling", "websocket"), proxy=None) as socket:
            for text in ("2probe", "5"):
                await socket.send(text)
            _, upgraded = await seen.next("channel")
            assert (upgraded["event"], upgraded["channel"]["transport"]) == ("upgraded", "websocket")
            assert upgraded["channel"]["id"] == opened["channel"]["id"]
            await socket.close(4000)
        _, closed = await seen.next("channel")
        assert (closed["event"], closed["code"]) == ("closed", 4000)
        path = "/socket.io/?EIO=4&transport=polling"
        path += f"&sid={json.loads((await ask(url, 'GET', path))[1][1:])['sid']}"
        _, opened = await seen.next("channel")
        await call(server, "DELETE", f"channels/{opened['channel']['id']}")
        _, closed = await seen.next("channel")
        assert (closed["event"], closed["channel"]["id"], closed["code"]) == ("closed", opened["channel"]["id"], None)


async def test_many_channels_are_looked_for_now_and_then(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_FEW", 1)
    monkeypatch.setattr(feed, "_TICK", 0.01)
    async with stream(server) as seen, client(server, "chip"), client(server, "chip"), client(server, "chip"):
        ids = {(await seen.next("channel"))[1]["channel"]["id"] for _ in range(3)}
        assert len(ids) == 3


async def test_messages_of_one_body_have_one_number(server: Server) -> None:
    """Who resumes must not miss the second of them."""
    url, path = server.url("mia"), "/socket.io/?EIO=4&transport=polling"
    path += f"&sid={json.loads((await ask(url, 'GET', path))[1][1:])['sid']}"
    await ask(url, "POST", path, f"40{json.dumps({'instance': GARDEN})}".encode())
    said = [f"42{json.dumps(['odd', i])}" for i in range(3)]
    await ask(url, "POST", path, "\x1e".join(said).encode())
    async with stream(server, "?after=0&name=odd") as seen:
        numbers = []
        for i in range(3):
            before = seen.last
            _, message = await seen.next("message")
            numbers.append(message["number"])
            assert message["args"] == [i]
            assert (seen.last != before) is (i == 2)
        assert len({*numbers}) == 1
    assert len((await call(server, "GET", "messages?limit=1&name=odd&after=0"))["messages"]) == 1


async def test_who_reads_slowly_is_told_what_is_missing(server: Server) -> None:
    journal = server.space.journal
    async with stream(server, "?after=0") as seen, client(server, "chip"):
        assert [(await seen.next("message"))[1]["number"] for _ in range(2)] == [1, 2]
        # With no turn for the stream between them it is as far behind as one whose reader does not read.
        for _ in range(12_000):
            journal.add(0.0, "chip", 1, "client", Frame('{"type":"start_chat"}'))
        assert await seen.next("gap", "message") == ("gap", {"lost": 2_000, "first": 2_003})
        assert seen.last == "2002"
        assert [(await seen.next("message"))[1]["number"] for _ in range(3)] == [2_003, 2_004, 2_005]


async def test_it_says_that_it_lives(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "QUIET", 0.01)
    async with stream(server) as seen:
        async with asyncio.timeout(SECONDS):
            found = await seen.raw.reader.readuntil(b"\n:\n\n")
        assert b": events" in found


async def test_who_does_not_read_at_all_is_let_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PATIENCE", 0.05)
    journal = server.space.journal
    async with stream(server, "?after=0"):
        async with asyncio.timeout(SECONDS):
            while (at := server.spaces.default.feed) is not None and at.busy:
                journal.add(0.0, "chip", 1, "client", Frame(f'{{"type":"{"x" * 100_000}"}}'))
                await asyncio.sleep(0.001)


async def test_the_end_of_a_space_ends_its_streams(server: Server) -> None:
    async with stream(server, "?simulator_space=a") as seen:
        await call(server, "DELETE", "spaces/a")
        assert await seen.ended()


async def test_the_end_of_the_server_ends_streams() -> None:
    async with all_five() as server, stream(server) as seen, client(server, "chip"):
        await seen.next("message")
        await server.stop()
        assert await seen.ended()


async def test_streams_have_a_bound(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST", 2)
    async with stream(server), stream(server):
        status, told = await admin(server.url("chip"), "GET", "events")
        assert (status, told["error"]) == (503, "2 wait for messages of this space already: let some of them go first")
    async with asyncio.timeout(SECONDS):
        while (at := server.spaces.default.feed) is None or at.busy:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_space_in_use_is_not_idle(server: Server) -> None:
    async with stream(server, "?simulator_space=a"):
        place = server.spaces.named("a")
        assert place.idle(asyncio.get_running_loop().time() + 1e6) == 0.0


async def test_asked_wrongly(server: Server) -> None:
    for lines, asked, why in (
        ((), "?after=x", "after: "),
        ((), "?title=x", "title: there is no such key"),
        (("Last-Event-ID: x",), "", "Last-Event-ID: expected the number of a message, got 'x'"),
        (("Last-Event-ID: " + "9" * 30,), "", "Last-Event-ID: expected "),
    ):
        status, told = await admin(server.url("chip"), "GET", f"events{asked}", None, *lines)
        assert (status, told["error"][: len(why)]) == (400, why)
    head, body = await ask(server.url("chip"), "HEAD", "/__admin/events")
    assert (head[0], body) == ("HTTP/1.1 200 OK", b"")


async def test_who_is_gone_before_the_first_word(caplog: pytest.LogCaptureFixture) -> None:
    async with prompt() as simulator:
        url = simulator.url("chip")
        for _ in range(20):
            async with Raw.open(url, request("GET", "/__admin/events")) as raw:
                await asyncio.sleep(0)
                reset(raw.writer.transport)  # type: ignore[arg-type]
        await ask(url, "GET", "/")
        async with asyncio.timeout(SECONDS):
            while feed_of(simulator.spaces.default).onlookers:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
