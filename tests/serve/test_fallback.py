"""The public way over loopback: the same table of cases, and the rows that it cannot hold."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from websockets.asyncio.client import connect

from simulator.core.link import Answer, LinkPolicy
from simulator.core.message import Frame, Ping, Pong
from simulator.serve import fallback, links
from simulator.serve.frames import Item, encode_close
from simulator.serve.handover import Handed
from tests.serve.cases import INVALID, ROWS, TEXT, Row, bye, client
from tests.serve.echo import ACCEPT, EXACT, REQUEST, AnyLink, Client, Echo, Watched, echo, headers_for, within
from tests.serve.keeper import until
from tests.served import Raw, prompt

HI = client(TEXT, b"hi")
VERSION = tuple(int(part) for part in aiohttp.__version__.split(".")[:2])

MISSING = {
    **{f"6.4 at once {data!r}": "text is checked when its message is whole" for data in INVALID},
    "5.18 text after an empty fragment": "an empty first fragment is forgotten",
    "6.9 not looked at": "text is always checked",
    **{f"7.9 code {code}": "only codes below 3000 are checked, and 1006 passes" for code in (1006, 5000, 65535)},
    "5.1 unmasked": "masks are not asked for",
    "5.1 unmasked close": "masks are not asked for",
    "5.2 long form of 125": "the form of a length is not looked at",
    "5.2 long form of 65535": "the form of a length is not looked at",
    "5.2 top bit of the length": "it is just a big number",
    "gorilla: bits, opcode, mask": "no reasons",
    "gorilla: control": "no reasons",
    "gorilla: data inside": "an empty first fragment is forgotten, masks are not asked for",
    "gorilla: loose": "no reasons",
    "gorilla: close code": "no reasons",
    "gorilla: close of one byte": "it is always refused",
    "gorilla: negative length": "a refusal always has a close frame",
    **({} if VERSION >= (3, 14) else {"9 header alone": "the payload is read first"}),
    **(
        {}
        if VERSION >= (3, 13)
        else {"5.15 text, then a loose fragment": "a loose fragment that is not the last passes"}
    ),
}


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that never ends its side is aborted soon."""
    monkeypatch.setattr(fallback, "GRACE", 0.05)


async def outcome(peer: Client, patience: float) -> tuple[bytes, bool]:
    """What the server wrote, and whether it ended the connection."""
    got = b""
    try:
        async with asyncio.timeout(patience):
            while data := await peer.reader.read(1 << 16):
                got += data
    except TimeoutError:
        return got, False
    return got, True


def test_missing_rows_are_rows() -> None:
    assert set(MISSING) <= {row.name for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_row(row: Row) -> None:
    missing = row.name in MISSING
    async with Echo(row.policy, public=True) as server:
        peer, _ = await server.connect(row.sent if row.end else row.sent + bye(1000))
        got = await outcome(peer, 0.1 if missing else 5)
        assert (got == (row.answer(), True)) is not missing, MISSING.get(row.name)
        if not missing:
            code = 1006 if isinstance(row.end, Answer) else 1000 if row.end is None else row.end.code or 1005
            closed, told = await within(server.closed)
            assert closed == code
            if isinstance(row.end, Answer):
                assert told == row.end.told()
            assert server.got.qsize() == len(row.items)


async def test_its_101_is_not_exact() -> None:
    async with Echo(public=True) as server:
        peer, _ = await server.connect()
        assert peer.head != EXACT
        assert b"\r\nSec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\n" in peer.head


async def test_other_lines_of_the_101_are_kept() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        lines = (*headers_for(request), ("Sec-WebSocket-Protocol", "b"), ("X-More", "1"))
        response = await fallback.serve(request, lines, LinkPolicy(), server.opened)
        assert isinstance(response, Handed)
        return response

    server = Echo(public=True)
    server.web = Watched(handler)
    async with server:
        peer = await Client.open(server.port)
        peer.write(REQUEST[:-2] + b"Sec-WebSocket-Protocol: a, b\r\n\r\n")
        head = await peer.until(b"\r\n\r\n")
        assert b"\r\nSec-WebSocket-Protocol: b\r\n" in head
        assert b"\r\nX-More: 1\r\n" in head
        peer.write(bye(1000))
        await peer.rest()
        await peer.close()


async def test_client_that_left_before_its_101() -> None:
    reached, seen = asyncio.Event(), asyncio.Event()
    results: list[object] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        reached.set()
        await server.web.lost.wait()
        results.append(await fallback.serve(request, headers_for(request), LinkPolicy(), server.opened))
        seen.set()
        return web.Response()

    server = Echo(public=True)
    server.web = Watched(handler)
    async with server:
        peer = await Client.open(server.port)
        peer.write(REQUEST)
        await asyncio.wait_for(reached.wait(), 5)
        await peer.close()
        await asyncio.wait_for(seen.wait(), 5)
    assert results == [None]
    assert server.links.empty()


async def test_websockets_client() -> None:
    policy = LinkPolicy(limit=1 << 22)
    async with Echo(policy, public=True) as server, connect(f"ws://127.0.0.1:{server.port}/") as ws:
        for message in ("häi", b"\x00\xff", "x" * 200_000, ""):
            await ws.send(message)
            assert await ws.recv() == message
        await (await ws.ping(b"payload"))
        await ws.close(4001, "reason")
        assert (ws.close_code, ws.close_reason) == (4001, "")
        assert await within(server.closed) == (4001, "reason")


@pytest.mark.parametrize("code", [None, 1000, 4321])
async def test_shut_waits_for_the_close_frame(code: int | None) -> None:
    async with Echo(public=True) as server:
        peer, link = await server.connect()
        link.pause()
        link.shut(code, "done")
        link.send(Frame("too late"))
        link.shut(1011)
        frame = encode_close(code, "done")
        assert await peer.exactly(len(frame)) == frame
        peer.write(HI + bye(code, b"done" if code else b""))
        assert await peer.rest() == b""
        assert await within(server.closed) == (code or 1005, "done" if code else "")
        assert server.got.empty()


@pytest.mark.parametrize("linger", [0, 0.05])
async def test_shut_gives_up_after_its_linger(linger: float) -> None:
    async with Echo(LinkPolicy(linger=linger), public=True) as server:
        peer, link = await server.connect()
        link.shut(1000)
        assert await peer.rest() == b"\x88\x02\x03\xe8"
        assert await within(server.closed) == (1006, "")


async def test_drop_ends_without_a_close_frame() -> None:
    async with Echo(public=True) as server:
        peer, link = await server.connect()
        link.send(Frame("last"))
        link.drop()
        link.send(Frame("too late"))
        assert await peer.rest() == b"\x81\x04last"
        assert await within(server.closed) == (1006, "")


async def test_abort_resets() -> None:
    async with Echo(public=True) as server:
        peer, link = await server.connect()
        link.abort()
        with pytest.raises(ConnectionResetError):
            await peer.rest()
        assert await within(server.closed) == (1006, "")


async def test_pause_keeps_order_and_bytes() -> None:
    def react(link: AnyLink, item: Item) -> None:
        if item == Frame("stop"):
            link.pause()
        echo(link, item)

    async with Echo(react=react, public=True) as server:
        peer, link = await server.connect(client(TEXT, b"stop") + HI + HI)
        assert await peer.exactly(6) == b"\x81\x04stop"
        link.send(Ping(b"still"))
        link.send(Pong(b"here"))
        link.send(Frame(b"bytes"))
        assert await peer.exactly(20) == b"\x89\x05still\x8a\x04here\x82\x05bytes"
        assert server.got.qsize() == 1
        assert link.unsent == 0
        link.resume()
        assert await peer.exactly(8) == b"\x81\x02hi" * 2
        assert link.peer == "127.0.0.1:{}".format(peer.writer.get_extra_info("sockname")[1])


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize(
    "policy", [LinkPolicy(write_bound=9 << 20), LinkPolicy(write_timeout=0.05, write_bound=1 << 30)]
)
async def test_peer_that_does_not_read_is_dropped(policy: LinkPolicy) -> None:
    async with Echo(policy, public=True) as server:
        peer, link = await server.connect()
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(400):
            link.send(Frame(b"x" * 60_000))
        assert await within(server.closed) == (1006, "")


async def test_it_is_gone_when_its_socket_is() -> None:
    """Not when its transport begins to close, which may hold what the peer has not read."""
    async with Echo(LinkPolicy(write_bound=1 << 30), public=True) as server:
        peer, link = await server.connect()
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        link.raw(bytes(24 << 20))
        link.drop()
        assert isinstance(link, fallback.PublicLink)
        await until(link._transport.is_closing)
        assert not link.gone
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await peer.rest()) == 24 << 20
        await until(lambda: link.gone)


async def test_peer_that_ends_without_a_close_frame() -> None:
    async with Echo(public=True) as server:
        peer, _ = await server.connect()
        await peer.close()
        assert await within(server.closed) == (1006, "")


async def test_peer_that_resets() -> None:
    async with Echo(public=True) as server:
        peer, _ = await server.connect()
        links.reset(peer.writer.transport)  # type: ignore[arg-type]
        assert await within(server.closed) == (1006, "")


async def test_callback_that_raises_takes_the_link_down() -> None:
    trouble: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: trouble.append(context))

    def react(link: AnyLink, item: Item) -> None:
        raise ZeroDivisionError

    async with Echo(react=react, public=True) as server:
        peer, _ = await server.connect(HI + HI)
        assert await peer.rest() == b""
        assert await within(server.closed) == (1006, "")
        assert server.got.qsize() == 1
    assert [type(context["exception"]) for context in trouble] == [ZeroDivisionError]


async def test_shutdown_of_the_server_ends_it() -> None:
    async with Echo(public=True) as server:
        await server.connect()
        await server.web.shutdown(0.01)
        assert await within(server.closed) == (1006, "")


# ---- the switch ----

UNMASKED = b"\x81\x15" + b'{"type":"start_chat"}'
"""What aiohttp's links take (see MISSING), and ours do not."""


@pytest.mark.parametrize("own", [True, False])
async def test_the_switch(own: bool, caplog: pytest.LogCaptureFixture) -> None:
    async with prompt(own_links=own) as sim, Raw.upgraded(sim.connect("chip")) as raw:
        raw.write(UNMASKED)
        first, _ = await raw.frame()
        assert first == (0x88 if own else 0x81)
    assert caplog.messages == []


@pytest.mark.parametrize("own", [True, False])
async def test_its_end_is_told(own: bool, caplog: pytest.LogCaptureFixture) -> None:
    async with prompt(own_links=own) as sim:
        for ends in (bye(1000), b""):
            async with Raw.upgraded(sim.connect("chip")) as raw:
                assert sim.driver.linked == 1
                raw.write(ends)
            await until(lambda: sim.driver.linked == 0)
        assert caplog.messages == [], "nor was anything of it lost in an error"
