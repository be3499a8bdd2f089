"""Who comes in by our own gate, over a transport of ours, beside asyncio's: what a protocol sees is the same."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from simulator.serve import gate as module
from simulator.serve import reporter
from simulator.serve.gate import Gate, Listener, listen
from simulator.serve.transport import OwnTransport
from tests.serve.echo import Client, within

MANY = os.urandom(6 << 20)
"""More than the system takes of who has a reader that does not read."""

needs_epoll = pytest.mark.skipif(sys.platform != "linux", reason="only with an intake there is a gate of our own")


class Ear(asyncio.Protocol):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[object] = asyncio.Queue()
        self.stays = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.told.put_nowait("made")

    def data_received(self, data: bytes) -> None:
        self.told.put_nowait(data)

    def eof_received(self) -> bool:
        self.told.put_nowait("eof")
        return self.stays

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.put_nowait(exc if exc is None else type(exc))

    def pause_writing(self) -> None:
        self.told.put_nowait("full")

    def resume_writing(self) -> None:
        self.told.put_nowait("free")


class Port:
    """Listens on a free port."""

    def __init__(self) -> None:
        self.ears: asyncio.Queue[Ear] = asyncio.Queue()

    def make(self) -> Ear:
        ear = Ear()
        self.ears.put_nowait(ear)
        return ear

    @asynccontextmanager
    async def met(self) -> AsyncIterator[tuple[Ear, Client]]:
        """Both ends of a connection."""
        client = await Client.open(self.number)
        ear = await within(self.ears)
        assert await within(ear.told) == "made"
        yield ear, client
        await client.close()

    listener: Listener

    @property
    def number(self) -> int:
        return int(self.listener.sockets[0].getsockname()[1])


@pytest.fixture(params=[pytest.param(True, marks=needs_epoll), False], ids=["own", "asyncio"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[Port]:
    made = Port()
    made.listener = await listen(made.make, "127.0.0.1", 0, None, own=request.param)
    assert isinstance(made.listener, Gate) is request.param
    yield made
    made.listener.close()


async def reset(client: Client) -> None:
    """The client's side, at once."""
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


async def test_it_reads_until_the_peer_ends(port: Port) -> None:
    async with port.met() as (ear, client):
        ours = ear.transport.get_extra_info("socket")
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert ear.transport.get_extra_info("peername") == client.writer.get_extra_info("sockname")
        assert ear.transport.get_extra_info("sockname") == client.writer.get_extra_info("peername")
        assert ear.transport.get_extra_info("sslcontext", "none") == "none"
        assert ear.transport.is_reading()
        client.write(b"one")
        assert await within(ear.told) == b"one"
        client.writer.write_eof()
        assert [await within(ear.told) for _ in range(2)] == ["eof", None]
        assert await client.rest() == b""
        await asyncio.sleep(0)
        assert (ours.fileno(), ear.transport.is_closing(), ear.told.empty()) == (-1, True, True)


async def test_a_side_that_stays_may_go_on(port: Port) -> None:
    async with port.met() as (ear, client):
        ear.stays = True
        client.writer.write_eof()
        assert await within(ear.told) == "eof"
        ear.transport.write(b"still here")
        assert await client.exactly(10) == b"still here"
        ear.transport.close()
        assert await within(ear.told) is None


async def test_nothing_is_read_while_reading_rests(port: Port) -> None:
    async with port.met() as (ear, client):
        ear.transport.pause_reading()
        client.write(b"one")
        await asyncio.sleep(0.01)
        assert (ear.told.empty(), ear.transport.is_reading()) == (True, False)
        ear.transport.resume_reading()
        assert await within(ear.told) == b"one"


async def test_what_is_too_much_waits(port: Port) -> None:
    async with port.met() as (ear, client):
        ear.transport.write(MANY)
        ear.transport.write(b"end")
        assert await within(ear.told) == "full"
        assert ear.transport.get_write_buffer_size() > 0
        assert await client.exactly(len(MANY) + 3) == MANY + b"end"
        assert await within(ear.told) == "free"
        assert ear.transport.get_write_buffer_size() == 0
        ear.transport.write(b"more")
        assert await client.exactly(4) == b"more"
        assert ear.told.empty()


@pytest.mark.parametrize("half", [True, False])
async def test_an_end_comes_behind_all_that_waits(port: Port, half: bool) -> None:
    async with port.met() as (ear, client):
        ear.transport.write(MANY)
        if half:
            ear.transport.write_eof()
            with pytest.raises(RuntimeError):
                ear.transport.write(b"behind it")
        else:
            ear.transport.close()
            ear.transport.close()
            assert ear.transport.is_closing()
        assert await client.rest() == MANY
        assert [await within(ear.told) for _ in range(2)] == ["full", "free"]
        if half:
            client.write(b"I read on")
            assert await within(ear.told) == b"I read on"
            ear.transport.write_eof()
            ear.transport.close()
        assert await within(ear.told) is None


async def test_an_end_at_once(port: Port) -> None:
    async with port.met() as (ear, client):
        ear.transport.write_eof()
        assert await client.rest() == b""
        client.write(b"I read on")
        assert await within(ear.told) == b"I read on"


async def test_who_is_cut_gets_no_more(port: Port) -> None:
    async with port.met() as (ear, client):
        ear.transport.write(MANY)
        assert await within(ear.told) == "full"
        ear.transport.abort()
        ear.transport.abort()
        ear.transport.close()
        ear.transport.write(b"nothing")
        assert ear.transport.get_write_buffer_size() == 0
        assert await within(ear.told) is None
        assert len(await client.rest()) < len(MANY)
        assert ear.told.empty()


@pytest.mark.parametrize("waiting", [True, False])
async def test_a_peer_that_is_gone(port: Port, waiting: bool) -> None:
    async with port.met() as (ear, client):
        ear.transport.pause_reading()
        if waiting:
            ear.transport.write(MANY)
            assert await within(ear.told) == "full"
        await reset(client)
        if not waiting:
            async with asyncio.timeout(5):
                while not ear.transport.is_closing():
                    ear.transport.write(b"anybody?")
                    await asyncio.sleep(0)
        assert await within(ear.told) in (ConnectionResetError, BrokenPipeError)
        ear.transport.write(b"nobody")
        assert ear.told.empty()


async def test_a_peer_that_resets_while_it_is_read(port: Port) -> None:
    async with port.met() as (ear, client):
        await reset(client)
        assert await within(ear.told) is ConnectionResetError


async def test_more_than_are_let_in_at_once(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    clients = await asyncio.gather(*(Client.open(port.number) for _ in range(7)))
    ears = [await within(port.ears) for _ in clients]
    assert len({id(ear) for ear in ears}) == 7
    for client in clients:
        await client.close()


# --- what is our own's alone


@pytest.fixture
async def own() -> AsyncIterator[Port]:
    made = Port()
    made.listener = await listen(made.make, "127.0.0.1", 0, None, own=True)
    yield made
    made.listener.close()


async def test_who_is_handed_on_misses_nothing_and_nothing_comes_before(own: Port) -> None:
    async with own.met() as (ear, client):
        transport, heir = ear.transport, Ear()
        assert isinstance(transport, OwnTransport)
        transport.write(MANY)
        assert await within(ear.told) == "full"
        client.write(b"two")
        transport.hand_on(heir, b"one, ")
        assert transport.is_closing()
        assert await within(heir.told) == "made"
        assert await within(heir.told) == "full"
        got = b""
        while len(got) < 8:
            found = await within(heir.told)
            assert isinstance(found, bytes)
            got += found
        assert got == b"one, two"
        assert not isinstance(heir.transport, OwnTransport)
        heir.transport.write(b"end")
        assert await client.exactly(len(MANY) + 3) == MANY + b"end"
        heir.transport.abort()
        assert ear.told.empty(), "it has nothing to do with it any more"


async def test_nobody_is_handed_on_once_the_gate_is_closed(own: Port) -> None:
    async with own.met() as (one, client), own.met() as (two, other):
        early, late = Ear(), Ear()
        for ear, heir in ((one, early), (two, late)):
            assert isinstance(ear.transport, OwnTransport)
            ear.transport.hand_on(heir, b"")
            own.listener.close()
        assert (await client.rest(), await other.rest()) == (b"", b"")
        assert late.told.empty()


async def test_what_is_over_is_no_knot(own: Port) -> None:
    async with own.met() as (ear, _):
        assert ear.transport.get_protocol() is ear
        ear.transport.close()
        assert await within(ear.told) is None
        assert ear.transport.get_protocol() is not ear


class Raises(Ear):
    """Fails as it is told of its connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        raise ZeroDivisionError


@needs_epoll
async def test_a_mistake_as_somebody_comes_costs_his_connection() -> None:
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context))
    ears = [Raises(), Ear()]
    listener = await listen(iter(ears).__next__, "127.0.0.1", 0, None, own=True)
    number = int(listener.sockets[0].getsockname()[1])
    one = await Client.open(number)
    assert await one.rest() == b""
    assert [await within(ears[0].told) for _ in range(2)] == ["made", None]
    two = await Client.open(number)
    assert await within(ears[1].told) == "made"
    assert [type(context["exception"]) for context in failed] == [ZeroDivisionError]
    await one.close()
    await two.close()
    assert [await within(ears[1].told) for _ in range(2)] == ["eof", None]
    listener.close()


class Door:
    """A socket that listens, of which `accept` fails."""

    def __init__(self, number: int) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.number = number
        self.times = 0

    def accept(self) -> Any:
        self.times += 1
        if self.times == 1:
            raise OSError(self.number, os.strerror(self.number))
        return self.sock.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EPROTO])
async def test_who_can_not_be_accepted_waits(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST", 0.01)
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context))
    port, door = Port(), Door(number)
    port.listener = Gate(port.make, [cast("socket.socket", door)])
    async with port.met():
        assert [context["exception"].errno for context in failed] == [number]
        assert (failed[0].get("message") == reporter._NO_FILES[0]) is (number == errno.EMFILE)
        assert door.times == 2 + 1, "it failed, let one in, and found nobody else"
    port.listener.close()


async def test_a_rest_ends_with_the_gate() -> None:
    rests = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: rests.set())
    door = Door(errno.EMFILE)
    gate = Gate(Port().make, [cast("socket.socket", door)])
    client = await Client.open(door.getsockname()[1])
    async with asyncio.timeout(5):
        await rests.wait()
    gate.close()
    assert [rest.cancelled() for rest in gate._rests.values()] == [True]
    assert door.fileno() == -1
    await client.close()


async def test_a_port_that_was_taken_since_it_was_bound() -> None:
    one, two = (socket.socket() for _ in range(2))
    for sock in (one, two):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    two.bind(one.getsockname())
    one.listen()
    make: Callable[[], asyncio.Protocol] = Port().make
    with one, pytest.raises(OSError, match="Address already in use") as taken:
        Gate(make, [two])
    assert (taken.value.errno, two.fileno()) == (errno.EADDRINUSE, -1)
