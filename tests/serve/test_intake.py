"""The intake over socket pairs: who is read, when no more, and where there is none."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from unittest.mock import Mock

import pytest

from simulator.core.link import LinkPolicy
from simulator.core.message import Frame
from simulator.serve import intake as module
from simulator.serve.intake import Intake
from simulator.serve.links import Link
from tests.serve.cases import TEXT, client
from tests.serve.echo import Echo, within

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has epoll")


class Ear:
    """One end of a socket pair that is read, and what it was told."""

    def __init__(self, intake: Intake, patient: bool = False) -> None:
        self.patient = patient
        self.mine, self.theirs = socket.socketpair()
        self.mine.setblocking(False)
        self.said: asyncio.Queue[object] = asyncio.Queue()
        self.then: Callable[[], object] = lambda: None
        self._intake = intake
        intake.watch(self.mine.fileno(), self)

    def data_received(self, data: bytes) -> None:
        self.said.put_nowait(data)
        self.then()

    def read_ended(self, error: Exception | None) -> None:
        self.said.put_nowait(error)

    def read_yourself(self) -> None:
        self.said.put_nowait("yourself")

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.mine.fileno() >= 0:
            self._intake.forget(self.mine.fileno())
        self.mine.close()
        self.theirs.close()


@pytest.fixture
async def intake() -> AsyncIterator[Intake]:
    made = Intake.here(asyncio.get_running_loop())
    assert made is not None
    yield made
    made.close()


async def test_reads_until_the_peer_ends(intake: Intake) -> None:
    with Ear(intake) as ear:
        ear.theirs.send(b"one")
        assert await within(ear.said) == b"one"
        ear.theirs.send(b"two")
        assert await within(ear.said) == b"two"
        ear.theirs.close()
        assert await within(ear.said) is None


async def test_many_bytes_come_in_parts(intake: Intake) -> None:
    with Ear(intake) as ear:
        ear.mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        ear.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        sent = os.urandom(module.MOST + 1000)
        ear.theirs.sendall(sent)
        got = b""
        while len(got) < len(sent):
            part = await within(ear.said)
            assert isinstance(part, bytes)
            assert len(part) <= module.MOST
            got += part
        assert got == sent


async def test_who_is_forgotten_by_what_came_just_before_is_not_read(intake: Intake) -> None:
    with Ear(intake) as first, Ear(intake) as second:
        first.then = lambda: intake.forget(second.mine.fileno())
        second.then = lambda: intake.forget(first.mine.fileno())
        first.theirs.send(b"1")
        second.theirs.send(b"2")
        ears = [first, second]
        await asyncio.wait([asyncio.ensure_future(ear.said.get()) for ear in ears], return_when=asyncio.FIRST_COMPLETED)
        first.theirs.send(b"3")
        second.theirs.send(b"3")
        # Whoever was read goes on being read; the other one never is.
        forgotten = second if second.said.empty() else first
        assert forgotten.said.empty()


async def test_a_reader_that_fails_is_told_and_read_no_more(intake: Intake) -> None:
    with Ear(intake) as ear, Ear(intake) as other:

        def fail() -> None:
            raise ZeroDivisionError

        ear.then = fail
        ear.theirs.send(b"x")
        assert await within(ear.said) == b"x"
        assert isinstance(await within(ear.said), ZeroDivisionError)
        ear.theirs.send(b"y")
        other.theirs.send(b"z")
        assert await within(other.said) == b"z"
        assert ear.said.empty()


async def test_who_is_patient_is_told_what_was_read_though_it_was_forgotten_by_what_came_just_before(
    intake: Intake,
) -> None:
    with Ear(intake, patient=True) as first, Ear(intake, patient=True) as second:
        first.then = lambda: intake.forget(second.mine.fileno())
        second.then = lambda: intake.forget(first.mine.fileno())
        first.theirs.send(b"1")
        second.theirs.send(b"2")
        assert {await within(first.said), await within(second.said)} == {b"1", b"2"}
        first.theirs.send(b"3")
        second.theirs.send(b"3")
        with Ear(intake) as last:
            last.theirs.send(b"4")
            assert await within(last.said) == b"4"
        assert first.said.empty()
        assert second.said.empty()


async def test_all_are_read_before_the_patient_are_told(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ear(intake, patient=True) as first, Ear(intake, patient=True) as second:
        told: list[str] = []
        read = os.read

        def noted(fd: int, size: int) -> bytes:
            told.append("read")
            return read(fd, size)

        monkeypatch.setattr(os, "read", noted)
        first.then = second.then = lambda: told.append("told")
        first.theirs.send(b"1")
        second.theirs.send(b"2")
        await within(first.said)
        await within(second.said)
        assert told == ["read", "read", "told", "told"]


async def test_what_waits_to_be_told_is_bounded(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 4)
    with Ear(intake, patient=True) as first, Ear(intake, patient=True) as second, Ear(intake, patient=True) as third:
        told: list[str] = []
        for name, ear in (("first", first), ("second", second), ("third", third)):
            ear.then = lambda name=name: told.append(name)  # type: ignore[misc]
            ear.theirs.send(b"xxx")
        for ear in (first, second, third):
            assert await within(ear.said) == b"xxx"
        # What came before the room was full waited for those who came after it, and nobody for more than that.
        assert told == ["second", "third", "first"]


async def test_a_patient_reader_that_fails_is_told_and_read_no_more(intake: Intake) -> None:
    with Ear(intake, patient=True) as ear, Ear(intake, patient=True) as gone, Ear(intake) as other:

        def fail() -> None:
            raise ZeroDivisionError

        def leave() -> None:
            intake.forget(gone.mine.fileno())
            raise ZeroDivisionError

        ear.then, gone.then = fail, leave
        for one in (ear, gone):
            one.theirs.send(b"x")
            assert await within(one.said) == b"x"
            assert isinstance(await within(one.said), ZeroDivisionError)
            one.theirs.send(b"y")
        other.theirs.send(b"z")
        assert await within(other.said) == b"z"
        assert ear.said.empty()
        assert gone.said.empty()


async def test_a_socket_that_somebody_else_reads_is_passed_over(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ear(intake) as ear:
        tries: list[int] = []
        read = os.read

        def busy(fd: int, size: int) -> bytes:
            tries.append(fd)
            if len(tries) < 3:
                raise BlockingIOError
            return read(fd, size)

        monkeypatch.setattr(os, "read", busy)
        ear.theirs.send(b"x")
        assert await within(ear.said) == b"x"
        assert len(tries) == 3


async def test_others_have_their_turn_while_something_always_waits(intake: Intake) -> None:
    with Ear(intake) as ear:
        turns = 0

        def again() -> None:
            nonlocal turns
            turns += 1
            ear.theirs.send(b"x")

        ear.then = again
        ear.theirs.send(b"x")
        await within(ear.said)
        # This line is reached at all: the loop is not kept for ever.
        assert turns % module.TURNS == 0
        ear.then = lambda: None


async def test_a_socket_that_was_closed_before_can_be_forgotten(intake: Intake) -> None:
    with Ear(intake) as ear:
        number = ear.mine.fileno()
        ear.mine.close()
        intake.forget(number)
        intake.forget(number)


async def test_close_gives_sockets_back() -> None:
    intake = Intake.here(asyncio.get_running_loop())
    assert intake is not None
    with Ear(intake) as ear:
        intake.close()
        assert await within(ear.said) == "yourself"


async def test_a_link_that_is_given_back_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Echo, "by_intake", True)
    async with Echo() as server:
        peer, _ = await server.connect(client(TEXT, b"one"))
        assert await peer.exactly(5) == b"\x81\x03one"
        assert server.intake is not None
        server.intake.close()
        server.intake = None
        peer.write(client(TEXT, b"two"))
        assert await peer.exactly(5) == b"\x81\x03two"
        await peer.close()
        assert await within(server.closed) == (1006, "")


async def test_a_link_over_tls_is_read_by_its_transport(intake: Intake) -> None:
    class Transport(asyncio.Transport):
        def get_extra_info(self, name: str, default: object = None) -> object:
            return {"sslcontext": True}.get(name)

        def write(self, data: bytes | bytearray | memoryview) -> None:
            assert data == b"\x81\x02hi"

        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            assert high == 1 << 16

    # pause_reading would raise: nobody has told this transport how.
    Link(Transport(), LinkPolicy(), intake).send(Frame("hi"))


async def test_there_is_none_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Intake.here(Mock(spec=asyncio.AbstractEventLoop)) is None, "uvloop's transports read in C"
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert Intake.here(loop) is None
