"""A WebSocket link of our own, on a transport that has spoken HTTP so far: see `handover.py`."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import TypeAlias

from simulator.core.link import Answer, LinkPolicy
from simulator.serve.frames import Closing, Item, Parser, encode, encode_close
from simulator.serve.intake import Intake

Receive: TypeAlias = Callable[[Item], None]
Closed: TypeAlias = Callable[[int | None, str], None]

GRACE = 3.0
"""Seconds that a peer has to end its side of the TCP connection after ours, before it is aborted."""
TURN = 256
"""Items of one link in one turn of the loop. A read may bring ten thousand, for which everybody else would wait."""
NO_CODE = 1005
"""RFC 6455, 7.4.1: the close frame had no code."""
JUST_ENDED = 1006
"""RFC 6455, 7.4.1: there was no close frame."""


class _State(IntEnum):
    OPEN = 0
    SHUT = 1
    """Our close frame is out, the peer's is waited for; its data is ignored."""
    DONE = 2
    """Our side of the TCP connection is closed; what comes is thrown away, the abort timer runs."""
    LOST = 3
    """The transport is gone."""


_OPEN, _SHUT, _DONE, _LOST = _State


class Link(asyncio.Protocol):
    """One WebSocket. `receive` and `closed` are called by the loop, `start` and `resume`, never by the other methods.

    There is one timer, and only while it is needed: for a peer that does not read, for its close frame, for its end.
    A paused link does not see that its peer is gone; whoever pauses owes a `resume`, or has a deadline of its own.
    """

    patient = True
    """For the intake: what comes while it is paused waits inside, what comes when it has ended is thrown away."""

    __slots__ = (
        "__weakref__",
        "_busy",
        "_closed",
        "_fd",
        "_held",
        "_intake",
        "_parser",
        "_policy",
        "_receive",
        "_rests",
        "_state",
        "_timer",
        "_transport",
        "_whole",
        "_write",
    )

    def __init__(self, transport: asyncio.Transport, policy: LinkPolicy, intake: Intake | None = None) -> None:
        """With an intake that one reads the socket, else the transport does."""
        self._transport = transport
        self._intake: Intake | None = None
        self._fd = -1
        """The socket that the intake reads at present, -1 for none."""
        if transport.get_extra_info("sslcontext") is not None:
            # What TLS holds back is half a megabyte otherwise, until a peer that does not read is noticed.
            transport.set_write_buffer_limits(1 << 16)
        elif intake is not None:
            self._intake = intake
            transport.pause_reading()
            self._read_on()
        self._write = transport.write
        self._policy = policy
        self._parser = Parser(policy)
        self._whole = self._parser.whole
        self._receive: Receive | None = None
        self._closed: Closed | None = None
        self._state = _OPEN
        self._held = True
        self._rests = False
        """Held by itself, until others had their turn."""
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    # What the driver calls

    def start(self, receive: Receive, closed: Closed) -> None:
        """To be called right after `upgrade`: hands out what came with the upgrade request, then what comes."""
        # Who attached it may have shut it by now.
        self._receive = receive if self._state is _OPEN else None
        self._closed = closed
        self._held = False
        if self._state is _LOST:
            self._report(JUST_ENDED)
        else:
            self._run()

    def send(self, item: Item) -> None:
        """Writes into the transport at once; nothing happens once the link is closing."""
        if self._state is not _OPEN:
            return
        write = self._write
        write(encode(item))
        # A timer of an open link means that the peer does not read.
        if self._timer is not None and self._transport.get_write_buffer_size() > self._policy.write_bound:
            self.drop()

    def raw(self, data: bytes) -> None:
        """Writes bytes that need not be a frame, as faults do."""
        if self._state is _OPEN:
            self._write(data)
            if self._timer is not None and self._transport.get_write_buffer_size() > self._policy.write_bound:
                self.drop()

    def shut(self, code: int | None, reason: str = "") -> None:
        """Sends a close frame, an empty one without a code, and waits `policy.linger` seconds for the peer's."""
        if self._state is not _OPEN:
            return
        self._transport.write(encode_close(code, reason))
        if self._policy.linger <= 0:
            self._end()
            return
        self._state = _SHUT
        # What is read alone is handed out without a look at the state.
        self._receive = None
        self._arm(self._policy.linger, self._given_up)
        if self._held:
            asyncio.get_running_loop().call_soon(self.resume)

    def drop(self) -> None:
        """Closes the TCP connection without a close frame."""
        self._end()

    def abort(self) -> None:
        """Resets the TCP connection."""
        if self._state is _LOST:
            return
        self._state = _DONE
        self._parser.stop()
        reset(self._transport)

    def pause(self) -> None:
        """Stops reading and handing out; what is here already stays, at most one read of the transport."""
        if self._state is not _OPEN:
            # It looks for the peer's close frame, with rests of its own.
            return
        self._rests = False
        if not self._held:
            self._hold()

    def resume(self) -> None:
        """Goes on where `pause` stopped."""
        self._rests = False
        if self._held and self._state < _DONE and self._closed is not None:
            self._held = False
            self._read_on()
            self._run()

    @property
    def unsent(self) -> int:
        """Bytes that the transport still holds."""
        return 0 if self._state is _LOST else self._transport.get_write_buffer_size()

    @property
    def gone(self) -> bool:
        """Whether its socket is closed, not only over."""
        return self._state is _LOST

    @property
    def peer(self) -> str:
        """The peer's address, `host:port`, or what a socket without one says."""
        return named(self._transport.get_extra_info("peername"))

    # What the transport calls

    def data_received(self, data: bytes) -> None:
        """Judges and hands out what came."""
        receive = self._receive
        if receive is not None and not self._held and not self._busy:
            whole = self._whole
            frame = whole(data)
            if frame is not None:
                self._busy = True
                try:
                    receive(frame)
                except Exception as error:
                    self._failed(error)
                self._busy = False
                return
        self._parser.push(data)
        if not self._held:
            self._run()

    def eof_received(self) -> None:
        """The peer ended its side, with a close frame before (then it is known already) or without."""
        if self._state < _DONE:
            self._end()
            self._report(JUST_ENDED)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed: no timer, no write any more."""
        self._state = _LOST
        self._read_no_more()
        self._disarm()
        self._parser.stop()
        self._report(JUST_ENDED)

    def pause_writing(self) -> None:
        """The peer does not read: it has some seconds to change its mind."""
        if self._state is _OPEN:
            self._arm(self._policy.write_timeout, self.drop)

    def resume_writing(self) -> None:
        """The peer reads again."""
        if self._state is _OPEN:
            self._disarm()

    # What the intake calls, beside `data_received`

    def read_ended(self, error: Exception | None) -> None:
        """As a transport does it: after the peer's end our own, after an error no word more."""
        self._fd = -1
        if error is None:
            self.eof_received()
            self._transport.close()
        elif isinstance(error, OSError):
            self._transport.abort()
        else:
            self._failed(error)
            self._transport.abort()

    def read_yourself(self) -> None:
        """The transport reads from now on."""
        self._fd = -1
        self._intake = None
        self._transport.resume_reading()

    # Inside

    def _hold(self) -> None:
        self._held = True
        if self._intake is None:
            self._transport.pause_reading()
        else:
            self._read_no_more()

    def _rest(self) -> None:
        if self._state < _DONE:
            self._hold()
            self._rests = True
            asyncio.get_running_loop().call_soon(self._rested)

    def _rested(self) -> None:
        if self._rests:
            self.resume()

    def _read_on(self) -> None:
        if self._intake is None:
            self._transport.resume_reading()
        elif self._fd < 0 and not self._transport.is_closing():
            self._fd = self._transport.get_extra_info("socket").fileno()
            self._intake.watch(self._fd, self)

    def _read_no_more(self) -> None:
        if self._intake is not None and self._fd >= 0:
            self._intake.forget(self._fd)
            self._fd = -1

    def _run(self) -> None:
        if self._busy:
            return
        self._busy = True
        take, receive, left = self._parser.take, self._receive, TURN
        try:
            while not self._held and (found := take()) is not None:
                left -= 1
                if not left:
                    left = TURN
                    self._rest()
                if isinstance(found, Closing):
                    self._answer_close(found)
                elif isinstance(found, Answer):
                    self._refuse(found)
                elif self._state is _OPEN and receive is not None:
                    receive(found)
            if self._parser.more and not self._held:
                self._rest()
        except Exception as error:
            self._failed(error)
        finally:
            self._busy = False

    def _answer_close(self, closing: Closing) -> None:
        if self._state is _OPEN:
            # RFC 6455, 5.5.1: the same code goes back; gorilla/websocket and most others leave the reason out.
            self._transport.write(encode_close(closing.code, closing.reason if self._policy.echo_reason else ""))
        self._end()
        self._report(NO_CODE if closing.code is None else closing.code, closing.reason)

    def _refuse(self, answer: Answer) -> None:
        if self._state is _OPEN and answer.code is not None:
            self._transport.write(encode_close(answer.code, answer.reason))
        self._end()
        self._report(JUST_ENDED, answer.told())

    def _given_up(self) -> None:
        self._end()
        self._report(JUST_ENDED)

    def _end(self) -> None:
        """Ends our side and leaves the peer some time to end its own.

        The other side stays open because closing a socket with unread input sends an RST, which can eat what was
        written last. TLS cannot be half closed; there the loop reads on until the peer's close_notify.
        """
        if self._state >= _DONE:
            return
        self._state = _DONE
        self._parser.stop()
        self._arm(GRACE, self.abort)
        if self._transport.is_closing():
            # A write failed a moment ago: connection_lost is on its way (uvloop does not like to be asked again).
            return
        if self._held:
            self._read_on()
        if self._transport.can_write_eof():
            # A peer that reset the connection a moment ago: connection_lost is on its way.
            with suppress(OSError):
                self._transport.write_eof()
        else:
            self._transport.close()

    def _report(self, code: int, reason: str = "") -> None:
        closed, self._closed = self._closed, None
        self._receive = None
        if closed is not None:
            try:
                closed(code, reason)
            except Exception as error:
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        """A mistake of ours, not of the peer: the link goes down and the loop's handler tells."""
        self.drop()
        context = {"message": "a link's callback failed", "exception": error, "protocol": self}
        asyncio.get_running_loop().call_exception_handler(context)

    def _arm(self, seconds: float, then: Callable[[], None]) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def reset(transport: asyncio.Transport) -> None:
    """Ends a TCP connection by an RST."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # uvloop says ValueError for a socket that is closed already.
        with suppress(OSError, ValueError):
            # Lingering for no time at all is how a close becomes an RST (socket(7)).
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def named(address: object) -> str:
    """An address as one writes it."""
    if isinstance(address, tuple) and len(address) >= 2:
        host = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
        return f"{host}:{address[1]}"
    return str(address or "")
