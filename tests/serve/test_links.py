"""The own link over loopback: the table of cases, other people's client, and how a link ends."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import Any

import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from simulator.core.link import Answer, LinkPolicy
from simulator.core.message import Frame, Ping, Pong
from simulator.serve import frames, links, trial
from simulator.serve.frames import Item, encode, encode_close
from simulator.serve.handover import upgrade
from simulator.serve.links import Link
from tests.secure import contexts
from tests.serve.cases import PING, PONG, ROWS, TEXT, Row, bye, client
from tests.serve.echo import EXACT, REQUEST, SECONDS, AnyLink, Client, Echo, echo, headers_for, within

HI = client(TEXT, b"hi")


needs_epoll = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has epoll")


WAYS = ["transport", pytest.param("intake", marks=needs_epoll), pytest.param("gate", marks=needs_epoll), "tls"]


@pytest.fixture(autouse=True, params=WAYS)
def reads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads and writes, a link is the same. Under TLS there is an intake as well, which is passed by."""
    monkeypatch.setattr(Echo, "by_intake", request.param != "transport")
    monkeypatch.setattr(Echo, "by_gate", request.param == "gate")
    if request.param == "tls":
        monkeypatch.setattr(Echo, "secure", contexts())


@pytest.fixture
def aiohttps() -> None:
    """For what is between us and aiohttp."""
    if Echo.by_gate:
        pytest.skip("aiohttp has never had these")


@pytest.fixture
def plain() -> None:
    """For what only a bare socket can do."""
    if Echo.secure is not None:
        pytest.skip("TLS has no half close, and no request before its handshake")


def joined(server: Echo) -> Any:
    """Other people's client, to be entered with `async with`."""
    if server.secure is None:
        return connect(f"ws://127.0.0.1:{server.port}/", proxy=None)
    return connect(f"wss://127.0.0.1:{server.port}/", proxy=None, ssl=server.secure[1])


def own(link: AnyLink) -> Link:
    """Narrows the type."""
    assert isinstance(link, Link)
    return link


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that never ends its side is aborted soon."""
    monkeypatch.setattr(links, "GRACE", 0.05)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_row(row: Row) -> None:
    async with Echo(row.policy) as server:
        peer, _ = await server.connect(row.sent if row.end else row.sent + bye(1000))
        assert peer.head == EXACT
        assert await peer.rest() == row.answer()
        code = 1006 if isinstance(row.end, Answer) else 1000 if row.end is None else row.end.code or 1005
        told = row.end.told() if isinstance(row.end, Answer) else row.end.reason if row.end else ""
        assert await within(server.closed) == (code, told)
        assert server.got.qsize() == len(row.items)


async def test_websockets_client() -> None:
    async with Echo(LinkPolicy(limit=1 << 22)) as server, joined(server) as ws:
        for message in ("häi", b"\x00\xff", "x" * 200_000, "", b""):
            await ws.send(message)
            assert await ws.recv() == message
        await ws.send(["frag", "", "ment"])
        assert await ws.recv() == "fragment"
        await (await ws.ping(b"payload"))
        await ws.close(4001, "reason")
        assert (ws.close_code, ws.close_reason) == (4001, "")
        assert await within(server.closed) == (4001, "reason")


async def test_frames_with_the_upgrade_request_come_from_start() -> None:
    async with Echo() as server:
        peer, _ = await server.connect(HI + HI[:3])
        assert await peer.exactly(4) == b"\x81\x02hi"
        peer.write(HI[3:])
        assert await peer.exactly(4) == b"\x81\x02hi"


@pytest.mark.usefixtures("aiohttps")
async def test_request_task_ends_and_aiohttp_forgets_it() -> None:
    before = len(asyncio.all_tasks())
    async with Echo() as server:
        peer, link = await server.connect()
        await asyncio.wait_for(server.web.lost.wait(), 5)
        assert server.web.connections == []
        peer.write(HI)
        await peer.exactly(4)
        assert len(asyncio.all_tasks()) == before
        assert own(link)._timer is None
        assert link.peer == "127.0.0.1:{}".format(peer.writer.get_extra_info("sockname")[1])


@pytest.mark.usefixtures("plain", "aiohttps")
async def test_client_that_left_before_its_101() -> None:
    reached, seen = asyncio.Event(), asyncio.Event()
    results: list[object] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        reached.set()
        await server.web.lost.wait()
        results.append(upgrade(request, headers_for(request), LinkPolicy()))
        seen.set()
        return web.Response()

    server = Echo()
    server.handle = handler  # type: ignore[method-assign]
    server.web = type(server.web)(handler)
    async with server:
        peer = await Client.open(server.port)
        peer.write(REQUEST)
        await asyncio.wait_for(reached.wait(), 5)
        await peer.close()
        await asyncio.wait_for(seen.wait(), 5)
    assert results == [None]


@pytest.mark.parametrize("code", [None, 1000, 4321])
async def test_shut_waits_for_the_close_frame(code: int | None) -> None:
    async with Echo() as server:
        peer, link = await server.connect()
        link.shut(code, "done")
        link.send(Frame("too late"))
        link.shut(1011)
        frame = encode_close(code, "done")
        assert await peer.exactly(len(frame)) == frame
        peer.write(HI + bye(code, b"done" if code else b""))
        assert await peer.rest() == b""
        assert await within(server.closed) == (code or 1005, "done" if code else "")
        assert server.got.empty()


@pytest.mark.parametrize("sent", [HI, client(TEXT, b"x" * 200), client(PONG)], ids=["short", "medium", "pong"])
@pytest.mark.parametrize("early", [False, True], ids=["later", "before its start"])
async def test_what_comes_alone_after_shut_is_not_handed_out(sent: bytes, early: bool) -> None:
    async with Echo() as server:
        peer, link = await server.connect()
        link.shut(1000)
        if early:
            # As where the handshake's own effects shut it.
            own(link).start(server.got.put_nowait, own(link)._closed or pytest.fail("it is closed"))
        own(link).data_received(sent)
        assert own(link)._parser.whole(sent) is not None, "the next one is as short"
        assert server.got.empty()
        peer.write(bye(1000))
        assert await within(server.closed) == (1000, "")
        assert server.got.empty()


async def test_shut_gives_up_after_its_linger() -> None:
    async with Echo(LinkPolicy(linger=0.05)) as server:
        peer, link = await server.connect()
        link.shut(1000)
        assert await peer.rest() == b"\x88\x02\x03\xe8"
        assert await within(server.closed) == (1006, "")


async def test_shut_without_linger_ends_at_once_and_is_not_eaten() -> None:
    async with Echo(LinkPolicy(linger=0)) as server:
        peer, link = await server.connect()
        peer.write(HI * 1000)
        link.shut(1001, "away")
        assert await peer.rest() == b"\x88\x06\x03\xe9away"
        await peer.close()
        assert await within(server.closed) == (1006, "")


async def test_shut_of_a_paused_link_sees_the_close_frame() -> None:
    async with Echo() as server:
        peer, link = await server.connect()
        link.pause()
        peer.write(HI + bye(1000))
        link.shut(1000)
        assert await peer.rest() == b"\x88\x02\x03\xe8"
        assert await within(server.closed) == (1000, "")


async def test_drop_ends_without_a_close_frame() -> None:
    async with Echo() as server:
        peer, link = await server.connect()
        link.send(Frame("last"))
        link.drop()
        link.drop()
        link.send(Frame("too late"))
        assert await peer.rest() == b"\x81\x04last"
        await peer.close()
        assert await within(server.closed) == (1006, "")


@pytest.mark.usefixtures("short_grace")
async def test_peer_that_stays_after_drop_is_aborted() -> None:
    async with Echo() as server:
        peer, link = await server.connect()
        link.drop()
        assert await peer.rest() == b""
        assert await within(server.closed) == (1006, "")
        assert link.unsent == 0


async def test_abort_resets() -> None:
    async with Echo() as server:
        peer, link = await server.connect()
        link.abort()
        with pytest.raises(ConnectionResetError):
            await peer.rest()
        assert await within(server.closed) == (1006, "")
        link.abort()
        link.drop()


async def test_pause_keeps_order_and_bytes() -> None:
    def react(link: AnyLink, item: Item) -> None:
        if item == Frame("stop"):
            link.pause()
        echo(link, item)

    async with Echo(react=react) as server:
        peer, link = await server.connect(client(TEXT, b"stop") + HI + client(TEXT, b"stop"))
        assert await peer.exactly(6) == b"\x81\x04stop"
        peer.write(HI)
        link.send(Ping(b"still"))
        assert await peer.exactly(7) == b"\x89\x05still"
        assert server.got.qsize() == 1
        link.resume()
        assert await peer.exactly(10) == b"\x81\x02hi\x81\x04stop"
        assert server.got.qsize() == 3
        link.resume()
        assert await peer.exactly(4) == b"\x81\x02hi"


async def test_pause_and_resume_inside_receive() -> None:
    def react(link: AnyLink, item: Item) -> None:
        link.pause()
        link.resume()
        echo(link, item)

    async with Echo(react=react) as server:
        peer, _ = await server.connect(HI * 50)
        assert await peer.exactly(200) == b"\x81\x02hi" * 50


@pytest.mark.parametrize("sent", [HI, client(PING)], ids=["texts", "pings"])
async def test_who_floods_leaves_others_their_turns(sent: bytes) -> None:
    """A read has thousands of short frames, which take longer to work than some clients wait for a pong."""
    turns: list[int] = []

    def react(link: AnyLink, item: Item) -> None:
        if server.got.qsize() % links.TURN == 1:
            asyncio.get_running_loop().call_soon(lambda: turns.append(server.got.qsize()))
        if item == Frame("stop"):
            # Whoever pauses it meanwhile is not overruled.
            asyncio.get_running_loop().call_soon(link.resume)
            link.pause()

    count = links.TURN * 6
    async with Echo(react=react) as server:
        peer, _ = await server.connect()
        peer.write(sent * (links.TURN - 1) + client(TEXT, b"stop") + sent * (count - links.TURN) + bye(1000))
        assert await within(server.closed) == (1000, "")
        assert server.got.qsize() == count
        # Some come in pieces, so there may be more turns than that.
        assert all(later - before <= links.TURN for before, later in zip([0, *turns], turns, strict=False))


async def test_who_is_paused_after_shut_goes_on_to_the_close_frame() -> None:
    """In the midst of what the peer had said before: its rest is no pause."""

    def react(link: AnyLink, item: Item) -> None:
        link.shut(4000)
        asyncio.get_running_loop().call_soon(link.pause)

    async with Echo(LinkPolicy(linger=SECONDS), react=react) as server:
        peer, _ = await server.connect(HI * links.TURN * 2 + bye(4000))
        assert await within(server.closed) == (4000, "")
        await peer.close()


async def test_who_floods_with_fragments_leaves_others_their_turns() -> None:
    """They are no items, so there is nothing that the link could count."""
    turns = 0
    count = frames.FRAGMENTS * 6

    def turn() -> None:
        nonlocal turns
        turns += 1
        if server.got.empty():
            asyncio.get_running_loop().call_soon(turn)

    async with Echo() as server:
        peer, link = await server.connect()
        fragments = client(TEXT, b"a", final=False) + client(0, b"a", final=False) * count + client(0)
        own(link).data_received(fragments[:8])
        turn()
        own(link).data_received(fragments[8:])
        assert await within(server.got) == Frame("a" * (count + 1))
        assert turns >= 6
        peer.write(HI)
        assert await within(server.got) == Frame("hi")


@pytest.mark.parametrize("turns", [1, 2])
async def test_a_read_that_ends_with_a_turn_is_followed_by_others(turns: int) -> None:
    async with Echo() as server:
        peer, link = await server.connect()
        fragments = client(0, b"a", final=False) * (turns * frames.FRAGMENTS - 1)
        own(link).data_received(client(TEXT, b"a", final=False) + fragments)
        for _ in range(4 * turns):
            await asyncio.sleep(0)
        assert own(link)._held is False
        peer.write(client(0))
        assert await within(server.got) == Frame("a" * turns * frames.FRAGMENTS)
        own(link).data_received(HI * turns * links.TURN)
        for _ in range(4 * turns):
            await asyncio.sleep(0)
        assert own(link)._held is False
        peer.write(bye(1000))
        assert await within(server.closed) == (1000, "")
        assert server.got.qsize() == turns * links.TURN


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("end", ["shut", "drop", "abort"])
async def test_nothing_is_handed_out_after_the_end(end: str) -> None:
    def react(link: AnyLink, item: Item) -> None:
        getattr(link, end)(*([1000] if end == "shut" else []))

    async with Echo(react=react) as server:
        await server.connect(HI + HI + bye(1000))
        assert await within(server.closed) == ((1000, "") if end == "shut" else (1006, ""))
        assert server.got.qsize() == 1


def fill(peer: Client, link: AnyLink) -> None:
    """The peer reads no more, and gets more than the kernel and its TLS read ahead (256 KiB).

    The kernel's buffers stay small: left to itself it makes them larger as time goes by, and takes all of that later.
    """
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    ours: socket.socket = own(link)._transport.get_extra_info("socket")
    theirs: socket.socket = peer.writer.get_extra_info("socket")
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    while not link.unsent:
        link.send(Frame(b"x" * 60_000))
    more(link)


def more(link: AnyLink) -> None:
    """Enough for a peer's TLS to read no further."""
    for _ in range(20):
        link.send(Frame(b"x" * 60_000))


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("policy", [LinkPolicy(write_bound=100_000), LinkPolicy(write_timeout=0.05)])
async def test_peer_that_does_not_read_is_dropped(policy: LinkPolicy) -> None:
    async with Echo(policy) as server:
        peer, link = await server.connect()
        fill(peer, link)
        async with asyncio.timeout(SECONDS):
            while server.closed.empty():
                # asyncio's TLS hands all that waits to its socket's transport once that has room, and says that it
                # has taken everything. Who goes on sending finds out.
                if not link.unsent:
                    more(link)
                await asyncio.sleep(0.001)
        assert server.closed.get_nowait() == (1006, "")


async def test_peer_that_reads_again_stays() -> None:
    async with Echo() as server:
        peer, link = await server.connect()
        fill(peer, link)
        assert own(link)._timer is not None
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        link.send(Frame("the end"))
        assert (await peer.until(b"the end")).endswith(b"\x81\x07the end")
        assert own(link)._timer is None


@pytest.mark.usefixtures("plain")
async def test_peer_that_ends_without_a_close_frame() -> None:
    async with Echo() as server:
        peer, _ = await server.connect()
        peer.write(HI)
        peer.writer.write_eof()
        assert await peer.rest() == b"\x81\x02hi"
        assert await within(server.closed) == (1006, "")


async def test_peer_that_resets() -> None:
    async with Echo() as server:
        peer, _ = await server.connect()
        links.reset(peer.writer.transport)  # type: ignore[arg-type]
        assert await within(server.closed) == (1006, "")


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("end", ["shut", "drop", "send", "abort"])
async def test_peer_that_reset_a_moment_ago(end: str) -> None:
    loop = asyncio.get_running_loop()
    async with Echo(LinkPolicy(linger=0)) as server:
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", server.port))
        await loop.sock_sendall(sock, REQUEST)
        link = await within(server.links)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        arguments: dict[str, list[Any]] = {"shut": [1000], "send": [Frame("x")]}
        getattr(link, end)(*arguments.get(end, []))
        link.drop()
        assert await within(server.closed) == (1006, "")


async def test_closed_that_raises_is_told() -> None:
    trouble: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: trouble.append(context))

    def closed(code: int | None, reason: str) -> None:
        raise ZeroDivisionError

    async with Echo() as server:
        peer, link = await server.connect()
        own(link)._closed = closed
        peer.write(bye(1000))
        assert await peer.rest() == b"\x88\x02\x03\xe8"
    assert [type(context["exception"]) for context in trouble] == [ZeroDivisionError]


async def test_close_frame_survives_an_oversize_message() -> None:
    async with Echo(LinkPolicy(limit=1000)) as server:
        peer, _ = await server.connect()
        peer.write(client(2, b"x" * (4 << 20)))
        await asyncio.wait_for(peer.writer.drain(), 5)
        assert await peer.rest() == b"\x88\x02\x03\xf1"
        await peer.close()
        assert await within(server.closed) == (1006, "a message above the limit: closed with 1009")


@pytest.mark.parametrize("late", [False, True], ids=["with the request", "later"])
async def test_callback_that_raises_takes_the_link_down(late: bool) -> None:
    trouble: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: trouble.append(context))

    def react(link: AnyLink, item: Item) -> None:
        raise ZeroDivisionError

    async with Echo(react=react) as server:
        peer, _ = await server.connect(b"" if late else HI + HI)
        if late:
            peer.write(HI + HI)
        assert await peer.rest() == b""
        await peer.close()
        assert await within(server.closed) == (1006, "")
        assert server.got.qsize() == 1
    assert [type(context["exception"]) for context in trouble] == [ZeroDivisionError]


async def test_shut_from_the_server_reaches_websockets_client() -> None:
    def react(link: AnyLink, item: Item) -> None:
        link.shut(1013, "later")

    async with Echo(react=react) as server, joined(server) as ws:
        await ws.send("x")
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (1013, "later")
        assert await within(server.closed) == (1013, "later")


async def test_pong_and_ping_go_out_as_they_are() -> None:
    async with Echo() as server:
        peer, link = await server.connect()
        for item in (Ping(b"1"), Pong(b"2"), Frame("\udcff")):
            link.send(item)
        expected = encode(Ping(b"1")) + encode(Pong(b"2")) + b"\x81\x01\xff"
        assert await peer.exactly(len(expected)) == expected


async def test_check_says_that_it_works() -> None:
    assert await trial.check() is None


async def test_check_says_why_it_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def renamed(*arguments: object) -> None:
        raise AttributeError("set_parser")

    monkeypatch.setattr(trial, "upgrade", renamed)
    assert await trial.check() == "the hand-over of the socket failed: AttributeError('set_parser')"
