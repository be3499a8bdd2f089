"""One who comes in: polls, and requests for WebSockets, are worked in the read that brings them, others are aiohttp's.

aiohttp makes a parser, two tasks and a timer of each connection, and a task, a request and a response of each request:
more than twice what a poll itself takes. None of it is needed where a request came whole and its answer is written
whole, so an asyncio protocol of our own takes these. Whatever else comes, it hands to aiohttp with all that was read,
and the connection is aiohttp's from then on.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol, cast

from simulator.core.backend import Buffered
from simulator.core.events import CallId
from simulator.core.message import Request, Response
from simulator.core.space import Running
from simulator.core.wire import Answer, Reset, Upgrade
from simulator.serve import handover, links
from simulator.serve.calls import Gone
from simulator.serve.connections import Crowd
from simulator.serve.driver import Driver
from simulator.serve.exact import head_of
from simulator.serve.http import Doors, Opening
from simulator.serve.intake import Intake
from simulator.serve.transport import OwnTransport
from simulator.serve.whole import read


class Make(Protocol):
    """Makes aiohttp's protocol of a connection."""

    def __call__(self) -> asyncio.Protocol: ...


class Visitor(asyncio.Protocol):
    """One connection as long as nothing else came over it. One request is under way at a time, the next one waits."""

    patient = False
    """For the intake: what others make of theirs may give this socket to somebody else."""

    __slots__ = (
        "__weakref__",
        "_call",
        "_crowd",
        "_doors",
        "_fd",
        "_full",
        "_held",
        "_idle",
        "_intake",
        "_make",
        "_opening",
        "_parting",
        "_request",
        "_scheme",
        "_tail",
        "_transport",
        "_unread",
        "_visitors",
    )

    def __init__(
        self,
        doors: Doors,
        crowd: Crowd,
        intake: Intake | None,
        visitors: set[Visitor],
        parting: set[Visitor],
        make: Make,
    ) -> None:
        self._doors = doors
        self._crowd = crowd
        self._intake = intake
        self._visitors = visitors
        self._parting = parting
        self._make = make
        self._fd = -1
        """The socket, while the intake reads it."""
        self._held = b""
        """A request that is not whole, or that has to wait."""
        self._full = False
        self._unread: asyncio.TimerHandle | None = None
        """Runs while the peer does not read, and at the end while it has not read all."""
        self._idle = False
        self._opening: Opening | None = None
        """Of the request that is under way."""
        self._call: CallId | None = None

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody comes."""
        self._transport = cast("asyncio.Transport", transport)
        secured = transport.get_extra_info("sslcontext") is not None
        self._scheme = "https" if secured else "http"
        if secured:
            self._intake = None
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # As aiohttp does it: the system notices who is gone without a word.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._intake is not None:
            # The transport has not begun to read yet.
            self._transport.pause_reading()
            self._fd = sock.fileno()
            self._intake.watch(self._fd, self)
        self._visitors.add(self)
        self._crowd.enters(self)

    def data_received(self, data: bytes) -> None:
        """Works a request, or hands the connection on."""
        if self._held:
            data = self._held + data
            self._held = b""
        if self._opening is not None or self._full:
            self._held = data
            self._read_no_more()
            return
        found = read(data, self._scheme)
        if found is None or not self._serve(found[0], found[1], data):
            self._hand_on(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._calm()
        self._leave()
        self._parting.discard(self)
        opening, self._opening = self._opening, None
        if opening is not None and self._call is not None:
            driver, running, _, use = opening
            driver.give_up(running, self._call)
            use.__exit__(None, None, None)

    def pause_writing(self) -> None:
        """The peer does not read: it has some seconds to change its mind, and is not served before."""
        self._full = True
        self._hurry()

    def resume_writing(self) -> None:
        """It does again."""
        self._full = False
        if self._transport.is_closing():
            # It may yet leave the rest unread.
            return
        self._calm()
        if self in self._visitors and self._opening is None and self._fd < 0:
            self._read_on()

    # What the intake calls, beside `data_received`

    def read_ended(self, error: Exception | None) -> None:
        """As a transport does it: after the peer's end our own, after an error no word more."""
        self._fd = -1
        if error is None:
            self._close()
            return
        if not isinstance(error, OSError):
            context = {"message": "a request failed", "exception": error, "protocol": self}
            asyncio.get_running_loop().call_exception_handler(context)
        self._transport.abort()

    def read_yourself(self) -> None:
        """The transport reads from now on."""
        self._fd = -1
        self._intake = None
        self._transport.resume_reading()

    # What the entrance calls

    def end(self) -> None:
        """Close the connection once all is written."""
        self._leave()
        self._close()

    def cut(self) -> None:
        """Close it with what is still to be written."""
        self._transport.abort()

    def rest(self) -> None:
        """Close it if no request came since this was called last, and nobody waits."""
        if self._opening is not None or self._full:
            return
        if self._held:
            # A part of a request. aiohttp's connection has a patience of its own with what comes by and by.
            data, self._held = self._held, b""
            self._hand_on(data)
        elif not self._idle:
            self._idle = True
        else:
            self.end()

    # Inside

    def _serve(self, request: Request, tail: bytes | None, data: bytes) -> bool:
        opening = self._doors.opening(request)
        if opening is None:
            return False
        driver, running, route, use = opening
        assert isinstance(route.body, Buffered)
        if len(request.body) > route.body.limit:
            return False
        if tail is None:
            # It is looked at again when more of it comes, and handed on when that takes long: see `rest`.
            self._held = data
            return True
        self._idle = False
        self._request = request
        self._tail = tail
        self._opening = opening
        self._call = None
        use.__enter__()
        try:
            call = driver.put(running, request, route, self._told)
        except Gone as gone:
            self._told(gone)
        else:
            self._call = call
        return True

    def _told(self, answer: Answer | Upgrade | Reset | Exception) -> None:
        """Here is the answer, perhaps with the request still being worked."""
        assert self._opening is not None
        driver, running, _, use = self._opening
        self._opening = None
        try:
            if type(answer) is Answer:
                if answer.response is None:
                    self.end()
                else:
                    self._write(driver, running, answer.response, True)
            elif type(answer) is Upgrade:
                self._upgrade(driver, running, answer)
            elif type(answer) is Reset:
                self._leave()
                links.reset(self._transport)
            else:
                self._write(driver, running, Response(503 if isinstance(answer, Gone) else 500), False)
        except Exception:
            # A mistake of ours. Nobody is told twice: the client would wait for ever.
            self.end()
            raise
        finally:
            use.__exit__(None, None, None)

    def _write(self, driver: Driver, running: Running, response: Response, stays: bool) -> None:
        dressed = running.backend.dress(running.seed.settings, self._request, response, driver.clock.now())
        head, stays = head_of(dressed, stays)
        self._transport.write(head + dressed.body)
        if not stays:
            self.end()
            return
        if self._tail:
            # Behind a handshake that was refused: the next request.
            self._held, self._tail = self._tail + self._held, b""
            if self._fd >= 0:
                asyncio.get_running_loop().call_soon(self._go_on)
        if self._fd < 0 and not self._full and not self._transport.is_closing():
            self._read_on()

    def _upgrade(self, driver: Driver, running: Running, upgrade: Upgrade) -> None:
        self._calm()
        self._go()
        # It may be kept as long as the socket is there.
        self._request.named = None
        policy = running.policy
        # What came while the answer had to be waited for came behind the request as well.
        link = handover.begin(self._transport, upgrade.headers, policy, self._tail + self._held, self._intake)
        self._held = b""
        if link is None:
            self.end()
            driver.aborted(running, upgrade.call)
        else:
            # The intake reads for the link now.
            self._fd = -1
            link.start(*driver.attach(running, upgrade.call, link))

    def _hand_on(self, data: bytes) -> None:
        """The connection is aiohttp's from now on, with all that was read."""
        transport = self._transport
        intake = self._intake
        if isinstance(transport, OwnTransport) and transport.is_closing():
            self.end()
            return
        self._calm()
        self._leave()
        if isinstance(transport, OwnTransport):
            handler = self._make()
            self._crowd.knocks(handler)
            transport.hand_on(handler, data)
            return
        if intake is not None and not transport.is_reading():
            transport.resume_reading()
        handler = self._make()
        transport.set_protocol(handler)
        handler.connection_made(transport)
        if self._full:
            handler.pause_writing()
        handler.data_received(data)

    def _leave(self) -> None:
        """It is no visitor any more; what is still to be written to it has its time."""
        self._go()
        self._forget()

    def _go(self) -> None:
        if self in self._visitors:
            self._visitors.remove(self)
            self._crowd.leaves()

    def _close(self) -> None:
        self._transport.close()
        if self._transport.get_write_buffer_size() or self._scheme == "https":
            # Nobody tells of less than what a transport calls too much, and TLS waits for who does not end his side.
            self._parting.add(self)
            self._hurry()

    def _hurry(self) -> None:
        if self._unread is None:
            loop = asyncio.get_running_loop()
            self._unread = loop.call_later(self._crowd.patience.answer, self._transport.abort)

    def _calm(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    # Reading: by the intake, where there is one

    def _read_on(self) -> None:
        if self._intake is not None:
            self._fd = self._transport.get_extra_info("socket").fileno()
            self._intake.watch(self._fd, self)
        elif not self._transport.is_reading():
            self._transport.resume_reading()
        if self._held:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        # It may have been sent away meanwhile.
        if self._held and self._opening is None and self in self._visitors:
            self.data_received(b"")

    def _read_no_more(self) -> None:
        if self._fd >= 0:
            self._forget()
        else:
            self._transport.pause_reading()

    def _forget(self) -> None:
        if self._fd >= 0 and self._intake is not None:
            self._intake.forget(self._fd)
            self._fd = -1
