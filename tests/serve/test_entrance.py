"""The entrance: polls and sockets without aiohttp, everything else with it, on one connection."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator.core.wire import Answer, Reset
from simulator.serve import visitor as visiting
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from simulator.serve.connections import Connection
from simulator.serve.driver import Driver
from simulator.serve.entrance import Entrance
from simulator.serve.intake import Intake
from simulator.serve.transport import OwnTransport
from simulator.serve.visitor import Visitor
from tests.backends.mia.chats import GARDEN
from tests.served import SECONDS, WEBSITE, Raw, admin, handshake, request

ROOM = f"40{json.dumps({'instance': GARDEN})}".encode()
needs_own = pytest.mark.skipif(sys.platform != "linux", reason="only there a transport is ours")
POLL = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = handshake("ws://127.0.0.1/socket.io/").replace(b"/socket.io/", b"/socket.io/?EIO=4&transport=websocket")


@pytest.fixture
async def mia() -> AsyncIterator[Server]:
    settings = [("bot", "none"), ("init_delay", "0")]
    async with Server(Options(["mia"], port=0, seed=7, clock=ManualClock(), settings=settings)) as running:
        yield running


async def opened(raw: Raw) -> str:
    """The path of a new session."""
    raw.write(request("GET", POLL))
    _, body = await raw.answer()
    return f"{POLL}&sid={json.loads(body[1:])['sid']}"


async def begun(mia: Server, raw: Raw) -> str:
    """The path of a session in a room, with nothing that waits for it."""
    path = await opened(raw)
    raw.write(request("POST", path, ROOM))
    assert (await raw.answer())[1] == b"ok"
    await mia.driver.advance(0.1)
    raw.write(request("GET", path))
    assert (await raw.answer())[1].startswith(b'40{"sid":')
    return path


async def waits(mia: Server, raw: Raw, path: str) -> None:
    """Poll, and nothing is there yet."""
    raw.write(request("GET", path))
    await until("it waits", lambda: mia.driver.asked == 1)


async def until(what: str, holds: object) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_poll_that_waits_costs_no_task(mia: Server) -> None:
    url = mia.url("mia")
    async with Raw.open(url) as one, Raw.open(url) as two, Raw.open(url) as three:
        raws = [one, two, three]
        paths = [await begun(mia, raw) for raw in raws]
        tasks = len(asyncio.all_tasks())
        for raw, path in zip(raws, paths, strict=True):
            raw.write(request("GET", path))
        await until("they wait", lambda: mia.driver.asked == 3)
        assert len(asyncio.all_tasks()) == tasks
        await mia.driver.advance(25)
        assert [(await raw.answer())[1] for raw in raws] == [b"2"] * 3


async def test_what_else_comes_is_aiohttps_and_so_is_the_connection_then(mia: Server) -> None:
    url = mia.url("mia")
    async with Raw.open(url) as raw:
        path = await begun(mia, raw)
        raw.write(request("GET", "/live"))
        assert (await raw.answer())[0][0] == "HTTP/1.1 200 OK"
        raw.write(request("POST", path, b"", "Transfer-Encoding: chunked") + b"1\r\n3\r\n0\r\n\r\n")
        assert (await raw.answer())[1] == b"ok"
    async with Raw.open(url, request("GET", path)) as raw:
        await until("it waits", lambda: mia.driver.asked == 1)
        await mia.driver.advance(25)
        assert (await raw.answer())[1] == b"2"


async def test_a_request_in_parts(mia: Server) -> None:
    url = mia.url("mia")
    async with Raw.open(url) as raw:
        path = await opened(raw)
        whole = request("POST", path, b"40")
        for part in (whole[:-2], whole[-2:-1], whole[-1:]):
            raw.write(part)
            await raw.writer.drain()
            await asyncio.sleep(0.01)
        assert (await raw.answer())[1] == b"ok"
        whole = request("GET", path)
        raw.write(whole[:40])
        await asyncio.sleep(0.01)
        raw.write(whole[40:])
        assert (await raw.answer())[1].startswith(b"40")


async def test_the_head_of_a_request_that_aiohttp_reads_is_not_waited_with(mia: Server) -> None:
    """Its body may be refused before it is there."""
    url = mia.url("mia")
    async with Raw.open(url, request("POST", "/identify-person/x", b"{}")[:-1]) as raw:
        await until("it is there", lambda: mia._runners[0].server.connections)  # type: ignore[union-attr]
        raw.write(b"}")
        assert (await raw.head())[0].startswith("HTTP/1.1 ")


async def test_requests_behind_one_that_waits_are_answered_after_it(mia: Server) -> None:
    url = mia.url("mia")
    async with Raw.open(url) as raw:
        path = await begun(mia, raw)
        await waits(mia, raw, path)
        raw.write(request("POST", path, b"3"))
        raw.write(request("GET", "/live"))
        await asyncio.sleep(0.01)
        await mia.driver.advance(25)
        assert (await raw.answer())[1] == b"2"
        assert (await raw.answer())[1] == b"ok"
        assert (await raw.answer())[0][0] == "HTTP/1.1 200 OK"


async def test_behind_one_that_waits_no_more_is_read_than_once(mia: Server) -> None:
    """It would be kept, however much comes."""
    async with Raw.open(mia.url("mia")) as raw:
        path = await begun(mia, raw)
        await waits(mia, raw, path)
        (visitor,) = visitors(mia)
        raw.write(request("POST", path, b"3"))
        await until("it is there", lambda: visitor._held)
        held = len(visitor._held)
        raw.write(request("GET", "/live"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(visitor._held) == held
        await mia.driver.advance(25)
        assert (await raw.answer())[1] == b"2"
        assert (await raw.answer())[1] == b"ok"
        assert (await raw.answer())[0][0] == "HTTP/1.1 200 OK"


async def test_who_leaves_while_his_poll_waits_is_gone(mia: Server) -> None:
    url = mia.url("mia")
    async with Raw.open(url) as raw:
        path = await begun(mia, raw)
        await waits(mia, raw, path)
    await until("it is noticed", lambda: mia.driver.asked == 0)
    async with Raw.open(url, request("GET", path)) as raw:
        assert (await raw.head())[0] == "HTTP/1.1 400 Bad Request"
        assert b'"Session ID unknown"' in await raw.reader.readuntil(b"0\r\n\r\n")


async def test_a_socket_and_what_came_behind_its_request(mia: Server) -> None:
    url = mia.url("mia")
    async with Raw.open(url, WEBSOCKET + b"\x81\x82\x00\x00\x00\x0040") as raw:
        assert (await raw.head())[0] == "HTTP/1.1 101 Switching Protocols"
        assert (await raw.text())[:8] == '0{"sid":'
        assert (await raw.text())[:9] == '40{"sid":'


async def test_what_came_behind_a_request_that_a_timer_answers_comes_after_it(mia: Server) -> None:
    slow = {"type": "latency", "stream": "downstream", "attributes": {"latency": 1000}}
    assert (await admin(mia.url("mia"), "POST", "faults", slow))[0] == 200
    async with Raw.open(mia.url("mia"), WEBSOCKET + b"\x81\x82\x00\x00\x00\x0040") as raw:
        await until("it waits", lambda: mia.driver.asked == 1)
        await mia.driver.advance(2)
        assert (await raw.head())[0] == "HTTP/1.1 101 Switching Protocols"
        assert (await raw.text())[:8] == '0{"sid":'
        assert (await raw.text())[:9] == '40{"sid":'


async def test_who_is_told_no_more_is_told_so(mia: Server) -> None:
    """By a reset, and by a mistake of ours."""
    url = mia.url("mia")
    async with Raw.open(url) as raw:
        path = await begun(mia, raw)
        await waits(mia, raw, path)
        mia.driver.reset()
        head, _ = await raw.answer()
        assert head[0].startswith("HTTP/1.1 200"), "the session ends before"
    running = mia.space.running["mia"]
    running.engine.interpose(lambda given: 1 / 0)  # type: ignore[arg-type, return-value]
    async with Raw.open(url, request("GET", POLL)) as raw:
        assert (await raw.head())[0] == "HTTP/1.1 500 Internal Server Error"
        assert await raw.rest() == b"0\r\n\r\n"
    running.engine.interpose(None)


async def test_a_space_that_is_gone_answers_503(mia: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mia.driver, "_closed", True)
    async with Raw.open(mia.url("mia"), request("GET", POLL)) as raw:
        assert (await raw.head())[0] == "HTTP/1.1 503 Service Unavailable"
        assert await raw.rest() == b"0\r\n\r\n"


@pytest.mark.parametrize("status", [499, 520])
async def test_a_status_that_has_no_name(mia: Server, status: int) -> None:
    url = mia.url("mia")
    fault = {"type": "refused_handshake", "attributes": {"status": status}}
    assert (await admin(url, "POST", "faults", fault))[0] == 200
    async with Raw.open(url, request("GET", POLL)) as raw:
        assert (await raw.answer())[0][0] == f"HTTP/1.1 {status} unknown"


async def test_a_mistake_in_an_answer_ends_the_connection(mia: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its space is in use no more."""
    monkeypatch.setattr(visiting, "head_of", lambda response, stays: 1 / 0)
    async with Raw.open(mia.url("mia"), request("GET", POLL)) as raw:
        assert await raw.rest() == b""
    assert mia.spaces.default._users == 0


async def test_a_mistake_behind_a_101_ends_the_connection(mia: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mia.driver, "attach", lambda running, call, link: 1 / 0)
    async with Raw.open(mia.url("mia"), WEBSOCKET) as raw:
        assert (await raw.head())[0] == "HTTP/1.1 101 Switching Protocols"
        assert await raw.rest() == b""
    assert mia.spaces.default._users == 0


async def test_an_answer_of_nothing_ends_the_connection(mia: Server) -> None:
    running = mia.space.running["mia"]
    running.engine.interpose(lambda given: [Answer(given.call, None)])  # type: ignore[union-attr]
    async with Raw.open(mia.url("mia"), request("GET", POLL)) as raw:
        assert await raw.rest() == b""


async def test_a_frame_that_came_while_its_handshake_was_held_up(mia: Server) -> None:
    """It came behind the request as well."""
    url = mia.url("mia")
    status, _ = await admin(url, "POST", "faults", {"type": "latency", "attributes": {"latency": 5000}})
    assert status == 200
    door = handshake(url + "/socket.io/").replace(b"/socket.io/", b"/socket.io/?EIO=4&transport=websocket")
    async with Raw.open(url, door) as raw:
        await until("it waits", lambda: any(visitor._opening for visitor in visitors(mia)))
        (visitor,) = (visitor for visitor in visitors(mia) if visitor._opening)
        raw.send("40")
        await until("a frame is there", lambda: visitor._held)
        assert (await admin(url, "DELETE", "faults"))[0] == 200
        assert (await raw.head())[0] == "HTTP/1.1 101 Switching Protocols"
        assert (await raw.text())[:8] == '0{"sid":'
        assert (await raw.text())[:9] == '40{"sid":'
        # The header lines by name are kept as long as the socket otherwise, and nobody asks for them.
        assert visitor._request.named is None


async def test_a_fault_that_resets_is_no_orderly_end(mia: Server) -> None:
    running = mia.space.running["mia"]
    running.engine.interpose(lambda given: [Reset(given.call)])  # type: ignore[union-attr]
    async with Raw.open(mia.url("mia"), request("GET", POLL)) as raw:
        with pytest.raises(ConnectionResetError):
            await raw.rest()
    running.engine.interpose(None)
    await until("nothing is left", lambda: visited(mia, 0))


async def test_idle_connections_are_closed(mia: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = mia.url("mia")
    (server,) = (runner.server for runner in mia._runners)
    assert isinstance(server, Entrance)
    async with Raw.open(url) as used, Raw.open(url) as unused, Raw.open(url) as waiting:
        path = await begun(mia, waiting)
        await opened(used)
        await waits(mia, waiting, path)
        server.sweep()
        await opened(used)
        server.sweep()
        assert await unused.rest() == b""
        await opened(used)
        await mia.driver.advance(25)
        assert (await waiting.answer())[1] == b"2"


async def test_the_end_closes_connections() -> None:
    async with Server(Options(["mia"], port=0, seed=7, clock=ManualClock())) as running:
        raw = Raw(*await asyncio.open_connection("127.0.0.1", int(running.url("mia").rpartition(":")[2])))
        await opened(raw)
    assert await raw.rest() == b""
    raw.writer.close()


async def test_a_mistake_in_a_read_costs_one_connection(mia: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = mia.url("mia")
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
    async with Raw.open(url) as raw:
        await opened(raw)
        with monkeypatch.context() as patch:
            patch.setattr(Driver, "put", lambda *given: 1 / 0)
            raw.write(request("GET", POLL))
            assert await raw.rest() == b""
    assert [type(error) for error in told] == [ZeroDivisionError]
    async with Raw.open(url) as raw:
        await opened(raw)


def of_mia(**options: float) -> Server:
    settings = [("bot", "none"), ("init_delay", "0")]
    return Server(Options(["mia"], port=0, seed=7, clock=ManualClock(), settings=settings, **options))  # type: ignore[arg-type]


def visitors(running: Server) -> set[Visitor]:
    server = running._runners[0].server
    assert isinstance(server, Entrance)
    return server._visitors


def visited(running: Server, expected: int) -> bool:
    """Whether the entrance has so many; over aiohttp's links there is none, and what clients see is the same."""
    return not running._options.own_links or len(visitors(running)) == expected


async def test_who_ends_his_side_is_no_mistake(mia: Server) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    async with Raw.open(mia.url("mia")) as raw:
        await opened(raw)
        raw.writer.write_eof()
        assert await raw.rest() == b""
    assert told == []


async def test_what_is_handed_on_is_worked_once(mia: Server) -> None:
    async with Raw.open(mia.url("mia")) as raw:
        await opened(raw)
        (visitor,) = visitors(mia)
        make, made = visitor._make, list[asyncio.Protocol]()

        def counted() -> asyncio.Protocol:
            made.append(make())
            return made[-1]

        visitor._make = counted
        raw.write(request("GET", "/live"))
        assert (await raw.answer())[0][0] == "HTTP/1.1 200 OK"
        assert len(made) == 1


@pytest.mark.parametrize("again", [False, True])
async def test_who_says_nothing_is_closed(again: bool) -> None:
    async with of_mia(request_timeout=0.1) as running, Raw.open(running.url("mia")) as raw:
        if again:
            await opened(raw)
        assert await raw.rest() == b""
        assert running._crowd is not None
        await until("it is gone", lambda: running._crowd.count == 0)


async def test_a_body_that_never_ends_is_handed_on_and_ends_there() -> None:
    async with of_mia(request_timeout=0.2) as running, Raw.open(running.url("mia")) as raw:
        path = await opened(raw)
        raw.write(request("POST", path, ROOM)[:-1])
        assert (await raw.answer(bodiless=True))[0][0] == "HTTP/1.1 408 Request Timeout"
        await raw.rest()


async def test_a_body_that_comes_late_is_worked(mia: Server) -> None:
    async with Raw.open(mia.url("mia")) as raw:
        path = await opened(raw)
        whole = request("POST", path, ROOM)
        raw.write(whole[:-1])
        await until("a part is here", lambda: any(visitor._held for visitor in visitors(mia)))
        server = mia._runners[0].server
        assert isinstance(server, Entrance)
        server.sweep()
        assert not visitors(mia), "it is aiohttp's"
        raw.write(whole[-1:])
        assert (await raw.answer())[1] == b"ok"


async def test_who_does_not_read_is_not_served(mia: Server) -> None:
    async with Raw.open(mia.url("mia")) as raw:
        await opened(raw)
        (visitor,) = visitors(mia)
        visitor.pause_writing()
        raw.write(request("GET", POLL))
        await until("it waits", lambda: visitor._held)
        assert sum(1 for _ in mia.space.running["mia"].engine.wire.clients()) == 1
        visitor.resume_writing()
        assert (await raw.answer())[1].startswith(b'0{"sid"')
        # Before anything came as well.
        visitor.pause_writing()
        visitor.resume_writing()
        await opened(raw)


@pytest.mark.parametrize("closing", [False, True])
async def test_who_never_reads_is_cut(closing: bool) -> None:
    async with of_mia(answer_timeout=0.05) as running, Raw.open(running.url("mia")) as raw:
        await opened(raw)
        (visitor,) = visitors(running)
        visitor.pause_writing()
        if closing:
            # It has left, but what was written has not: its end is waited for as long, and no longer.
            visitor._leave()
        assert await raw.rest() == b""


class Slow:
    """A socket of a client that does not read, without the megabytes that a system takes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.takes = 0

    def send(self, data: bytes) -> int:
        if not self.takes:
            raise BlockingIOError
        return self.sock.send(data[: self.takes])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


def own(visitor: Visitor) -> OwnTransport:
    """Narrows the type."""
    assert isinstance(visitor._transport, OwnTransport)
    return visitor._transport


async def sent_away(running: Server, raw: Raw, size: int = 1000) -> tuple[Visitor, OwnTransport, Slow]:
    """One who has to go, and takes nothing of so many bytes yet."""
    await opened(raw)
    (visitor,) = visitors(running)
    transport = own(visitor)
    transport._sock = slow = Slow(transport._sock)  # type: ignore[assignment]
    transport.write(b"x" * size)
    visitor.end()
    return visitor, transport, slow


@needs_own
@pytest.mark.parametrize("size", [1000, 100_000])
async def test_who_is_sent_away_and_never_reads_is_cut(size: int) -> None:
    async with of_mia(answer_timeout=0.05) as running, Raw.open(running.url("mia")) as raw:
        visitor, transport, slow = await sent_away(running, raw, size)
        # A little of it goes, so that what is left does not count as much.
        slow.takes = size - 500
        transport._writable()
        slow.takes = 0
        assert transport.get_write_buffer_size() == 500
        assert len(await raw.rest()) == size - 500
        assert visitor._unread is None


@needs_own
async def test_who_reads_before_the_end_is_not_cut() -> None:
    async with of_mia(answer_timeout=SECONDS) as running, Raw.open(running.url("mia")) as raw:
        visitor, _, slow = await sent_away(running, raw)
        assert visitor._unread is not None
        slow.takes = 1000
        assert await raw.rest() == b"x" * 1000
        assert visitor._unread is None, "it holds nothing any more"


@needs_own
async def test_who_was_sent_away_and_never_reads_is_cut_at_the_stop() -> None:
    async with of_mia() as running, Raw.open(running.url("mia")) as raw:
        visitor, _, slow = await sent_away(running, raw)
        assert entered(running)._parting == {visitor}
    assert slow.sock.fileno() == -1
    assert visitor._unread is None


@needs_own
async def test_who_was_sent_away_has_a_moment_to_read_at_the_stop() -> None:
    """And it is over as soon as he has."""
    async with of_mia() as running, Raw.open(running.url("mia")) as raw:
        _, _, slow = await sent_away(running, raw)
        stopping = asyncio.create_task(entered(running).shutdown(3600.0))
        await asyncio.sleep(0.01)
        assert not stopping.done()
        slow.takes = 1000
        assert await raw.rest() == b"x" * 1000
        async with asyncio.timeout(SECONDS):
            await stopping


async def test_who_does_not_read_may_be_aiohttps(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where a transport of our own is handed on, it is the new one that tells.
    monkeypatch.setattr(Intake, "here", lambda loop: None)
    async with of_mia() as mia, Raw.open(mia.url("mia")) as raw:
        await opened(raw)
        (visitor,) = visitors(mia)
        visitor.pause_writing()
        visitor._hand_on(request("GET", "/live"))
        handler = visitor._transport.get_protocol()
        assert isinstance(handler, Connection)
        handler.resume_writing()
        assert (await raw.answer())[0][0] == "HTTP/1.1 200 OK"


async def test_a_space_that_is_full_is_told_by_aiohttp() -> None:
    async with of_mia(space_connections=1) as running, Raw.open(running.url("mia")) as one:
        path = await begun(running, one)
        await waits(running, one, path)
        async with Raw.open(running.url("mia"), request("GET", POLL)) as two:
            assert (await two.answer())[0][0] == "HTTP/1.1 503 Service Unavailable"


def entered(running: Server) -> Entrance:
    server = running._runners[0].server
    assert isinstance(server, Entrance)
    return server


async def test_who_is_idle_is_looked_for_twice_in_his_time() -> None:
    """So that nobody is idle for longer than that, and when nobody is here nobody looks."""
    async with of_mia(request_timeout=60.0) as running:
        server = entered(running)
        async with Raw.open(running.url("mia")) as raw:
            await opened(raw)
            look = server._look
            assert look is not None
            assert 20.0 < look.when() - asyncio.get_running_loop().time() <= 30.0
            server.sweep()
            assert server._look is not look
        await until("it is gone", lambda: not server._visitors)
        server.sweep()
        assert not server._look
        async with Raw.open(running.url("mia")) as raw:
            await opened(raw)
            look = server._look
            assert look
    assert look.cancelled(), "it would look for ever"


async def test_nothing_is_left_of_who_has_gone(mia: Server) -> None:
    assert mia._crowd is not None
    async with Raw.open(mia.url("mia")) as raw:
        await opened(raw)
        (visitor,) = visitors(mia)
        assert mia._crowd.count == 1
        # Who vanishes without a word is noticed by the system.
        sock = visitor._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        visitor.pause_writing()
    await until("it is noticed", lambda: not visitors(mia))
    assert mia._crowd.count == 0
    assert visitor._unread is None


async def test_who_is_sent_away_is_no_visitor_any_more(mia: Server) -> None:
    """He may still have something to read."""
    async with Raw.open(mia.url("mia")) as raw:
        await opened(raw)
        (visitor,) = visitors(mia)
        visitor.end()
        assert not visitors(mia)
        assert await raw.rest() == b""


async def test_who_was_sent_away_is_served_no_more(mia: Server) -> None:
    """He had asked, and it was to be worked in a turn of its own."""
    async with Raw.open(mia.url("mia")) as raw:
        await opened(raw)
        (visitor,) = visitors(mia)
        visitor._held = request("GET", POLL)
        visitor.end()
        visitor._go_on()
        assert sum(1 for _ in mia.space.running["mia"].engine.wire.clients()) == 1
        assert await raw.rest() == b""


async def test_who_does_not_read_is_not_idle(mia: Server) -> None:
    async with Raw.open(mia.url("mia")) as raw:
        await opened(raw)
        (visitor,) = visitors(mia)
        visitor.pause_writing()
        for _ in range(3):
            entered(mia).sweep()
        assert visitors(mia) == {visitor}
        visitor.resume_writing()
        assert visitor._unread is None, "it would be cut all the same"
        await opened(raw)


async def test_a_space_is_in_use_as_long_as_somebody_waits_in_it(mia: Server) -> None:
    async with Raw.open(mia.url("mia")) as raw, Raw.open(mia.url("mia")) as other:
        paths = [await of_space(mia, one) for one in (raw, other)]
        place = mia.spaces.named("a")
        assert place._users == 0
        for one, path in zip((raw, other), paths, strict=True):
            one.write(request("GET", path))
        await until("they wait", lambda: place.driver.asked == 2)
        assert place._users == 2
        await place.driver.advance(25)
        assert (await raw.answer())[1] == b"2"
        assert (await other.answer())[1] == b"2"
        assert place._users == 0
        raw.write(request("GET", paths[0]))
        await until("it waits", lambda: place.driver.asked == 1)
        assert place._users == 1
    await until("it is noticed", lambda: place.driver.asked == 0)
    assert place._users == 0


async def of_space(mia: Server, raw: Raw) -> str:
    """The path of a session in a room in the space `a`, with nothing that waits for it."""
    raw.write(request("GET", f"/~space/a{POLL}"))
    path = f"/~space/a{POLL}&sid={json.loads((await raw.answer())[1][1:])['sid']}"
    raw.write(request("POST", path, ROOM))
    assert (await raw.answer())[1] == b"ok"
    await mia.spaces.named("a").driver.advance(0.1)
    raw.write(request("GET", path))
    assert (await raw.answer())[1].startswith(b'40{"sid":')
    return path


async def test_a_body_that_a_route_has_no_room_for_is_aiohttps() -> None:
    async with Server(Options(["chip"], port=0, seed=7, clock=ManualClock())) as running:
        door = f"/wc/connect/{WEBSITE}/"
        async with Raw.open(running.url("chip"), request("POST", door)) as raw:
            bare = await raw.answer()
            assert visited(running, 1)
            raw.write(request("POST", door, b"x"))
            # What it says is the same, whoever reads it.
            assert (await raw.answer())[1] == bare[1]
            assert visited(running, 0)


@pytest.mark.parametrize("cut", [0, 10])
async def test_a_request_behind_a_handshake_that_was_refused_is_answered(cut: int) -> None:
    """All of it came with the handshake, or a part of it after that."""
    async with Server(Options(["chip"], port=0, seed=7, clock=ManualClock())) as running:
        door = f"/wc/connect/{WEBSITE.replace('7', '8')}/"
        first = handshake(running.url("chip") + door)
        behind = request("POST", door)
        async with Raw.open(running.url("chip"), first + behind[:cut] if cut else first + behind) as raw:
            refused = await raw.answer()
            assert refused[0][0] == "HTTP/1.1 400 Bad Request"
            if cut:
                raw.write(behind[cut:])
            assert (await raw.answer())[1] == refused[1]
            # Half a head is aiohttp's, and the connection with it.
            assert visited(running, 0 if cut else 1)
