"""The client's side of an Engine.IO v4 session as engine.io-client 6.6 keeps it: polls, posts, WebSocket, upgrade.

It asks (Asked) and is answered: by Answer, by Attached where it asked for an upgrade, by Aborted where nobody answered.
All functions add what is to be done to `out`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum, auto
from typing import Final, Protocol
from urllib.parse import quote

from simulator.core.actions import After, Cancel
from simulator.core.backend import Route
from simulator.core.errors import WireError
from simulator.core.events import CallId
from simulator.core.message import Frame, Headers, Json, Ping, Pong, Request, Response
from simulator.core.wire import Asked, Attached, Detached, Drop, Got, Link, Output, Shut, Write
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio_payload import CLOSE, MESSAGE, OPEN, PING, PONG, UPGRADE, Packet, join, read, split
from simulator.wire.engineio_session import ABNORMAL, NO_CODE

_ROUTE: Final = Route("engine", "/.*", via="polling")
_UPGRADE: Final[Headers] = (("Connection", "Upgrade"), ("Upgrade", "websocket"))
"""The rest of a WebSocket's handshake is of who dials."""
_TEXT: Final[Headers] = (("Content-type", "text/plain;charset=UTF-8"), ("Accept", "*/*"))
_PATIENCE = 45.0
"""Seconds until a server that has said nothing at all is given up."""
_LONGEST: Final = 2**31 - 1
"""Milliseconds that a timer of JavaScript can take."""


class State(Enum):
    """Of a session."""

    IDLE = auto()
    OPENING = auto()
    OPEN = auto()
    CLOSING = auto()
    """Over for the layer above; what was said before, and the end, still go out by posts."""


_IDLE, _OPENING, _OPEN, _CLOSING = State


class _Call(Enum):
    POLL = auto()
    POST = auto()
    SOCKET = auto()


class Upper(Hashable, Protocol):
    """Who understands the messages, and whose timers they are."""

    def opened(self, out: list[Output | Asked]) -> None:
        """The handshake came."""
        ...

    def message(self, data: Packet, out: list[Output | Asked]) -> None:
        """A message came; a string has lost its type. Raises WireError."""
        ...

    def broken(self, error: WireError, out: list[Output | Asked]) -> None:
        """The server broke the protocol; the end follows."""
        ...

    def closed(self, code: int, out: list[Output | Asked]) -> None:
        """The session is over."""
        ...


class EngineClient:
    """One session after the other."""

    __slots__ = (
        "_buffer",
        "_calls",
        "_link",
        "_max_payload",
        "_numbers",
        "_path",
        "_patience",
        "_pausing",
        "_probe",
        "_sid",
        "_state",
        "_transports",
        "_upper",
    )

    def __init__(self, upper: Upper, transports: Sequence[str], path: str) -> None:
        """Of the transports, `polling` and `websocket`, the first is begun with; the other is gone over to."""
        self._upper = upper
        self._transports = transports
        self._path = path
        self._numbers = 0
        self._reset(_IDLE)

    def _reset(self, state: State) -> None:
        self._state = state
        self._sid = ""
        self._link: Link | None = None
        """The WebSocket that carries the session; None while it polls."""
        self._probe: Link | None = None
        """A WebSocket that is to take over."""
        self._pausing = False
        """It may take over: neither is polled nor posted any more, and what is under way comes to its end."""
        self._calls: dict[CallId, _Call] = {}
        self._buffer: list[Packet] = []
        self._patience = _PATIENCE
        self._max_payload = 0

    # ---- what comes in

    def begin(self, out: list[Output | Asked]) -> None:
        """Begin, or begin anew; what is left of a session before is let go."""
        if self._state in (_OPENING, _OPEN):
            return
        self._reset(_OPENING)
        self._ask(_Call.POLL if self._transports[0] == "polling" else _Call.SOCKET, out)
        self._wait(out)

    def got(self, got: Got, out: list[Output | Asked]) -> None:
        """Something came over a socket."""
        if got.link not in (self._link, self._probe):
            return
        item = got.item
        if isinstance(item, Ping):
            out.append(Write(got.link, Pong(item.data)))
        elif isinstance(item, Frame) and got.link == self._link:
            self._packet(read(item.data), out)
        elif isinstance(item, Frame):
            if item.data != f"{PONG}probe":
                out.append(Shut(got.link, None))
                self._unprobe(out)
            else:
                self._pausing = True
                self._pause(out)

    def answered(self, call: CallId, response: Response | None, out: list[Output | Asked]) -> None:
        """What was asked has its answer, None where there was none."""
        kind = self._calls.pop(call, None)
        if kind is None or (kind is _Call.SOCKET and self._state is not _OPENING):
            # Who may not go over to a WebSocket goes on polling.
            return
        if kind is _Call.SOCKET or response is None or response.status != 200:
            self._over(ABNORMAL, out)
        elif kind is _Call.POLL:
            self._polled(response.body, out)
        elif self._state is _CLOSING and not self._buffer:
            self._reset(_IDLE)
        else:
            self._go_on(out)

    def _polled(self, body: bytes, out: list[Output | Asked]) -> None:
        for packet in split(body):
            if self._state not in (_OPENING, _OPEN):
                return
            self._packet(packet, out)
        if self._state is _OPENING:
            self._broken(WireError("an answer without a handshake"), out)
        elif self._state is _OPEN:
            self._go_on(out)

    def attached(self, attached: Attached, out: list[Output | Asked]) -> None:
        """A socket that was asked for."""
        link = attached.link
        if self._calls.pop(attached.call, None) is not _Call.SOCKET or self._state is _CLOSING:
            out.append(Drop(link))
        elif self._state is _OPEN:
            self._probe = link
            out.append(Write(link, Frame(f"{PING}probe")))
        else:
            self._link = link

    def detached(self, detached: Detached, out: list[Output | Asked]) -> None:
        """A socket is gone."""
        if detached.link == self._link:
            self._over(detached.code, out)
        elif detached.link == self._probe:
            self._unprobe(out)

    def silent(self, out: list[Output | Asked]) -> None:
        """Neither a ping nor anything else for too long: the JavaScript client closes, too."""
        if self._state in (_OPENING, _OPEN):
            if self._link is not None:
                out.append(Drop(self._link))
            self._over(ABNORMAL, out)

    def _packet(self, packet: Packet | None, out: list[Output | Asked]) -> None:
        try:
            if packet is None:
                raise WireError("not an Engine.IO packet")
            kind = MESSAGE if isinstance(packet, bytes) else packet[0]
            if kind == PING:
                self.write([PONG], out)
                self._wait(out)
            elif kind == CLOSE:
                if self._link is not None:
                    out.append(Shut(self._link, None))
                self._over(NO_CODE, out)
            elif kind == OPEN and isinstance(packet, str) and self._state is _OPENING:
                self._opened(packets.loads(packet[1:]), out)
            elif kind == MESSAGE:
                self._upper.message(packet[1:] if isinstance(packet, str) else packet, out)
        except (WireError, RecursionError) as error:
            self._broken(WireError(str(error)), out)

    def _opened(self, data: Json, out: list[Output | Asked]) -> None:
        told = data if isinstance(data, dict) else {}
        interval, timeout, most = told.get("pingInterval"), told.get("pingTimeout"), told.get("maxPayload")
        if isinstance(interval, int | float) and isinstance(timeout, int | float):
            self._patience = sum(min(max(told, 0), _LONGEST) for told in (interval, timeout)) / 1000
        self._max_payload = most if isinstance(most, int) else 0
        self._sid = str(told.get("sid", ""))
        self._state = _OPEN
        self._wait(out)
        self._upper.opened(out)
        upgrades = told.get("upgrades")
        wanted = isinstance(upgrades, list) and "websocket" in upgrades and "websocket" in self._transports
        if wanted and self._link is None and self._state is _OPEN:
            self._ask(_Call.SOCKET, out)

    # ---- what goes out

    @property
    def waiting(self) -> int:
        """Bytes, or characters, that wait for the answer to a post."""
        return sum(map(len, self._buffer))

    def write(self, packets: Sequence[Packet], out: list[Output | Asked]) -> None:
        """Send packets, each a string with its type in front, or bytes."""
        if self._link is not None:
            out += [Write(self._link, Frame(packet)) for packet in packets]
        else:
            self._buffer += packets
            self._post(out)

    def close(self, out: list[Output | Asked]) -> None:
        """Close the session; a server that is polled hears of it after everything else."""
        if self._link is not None:
            out.append(Shut(self._link, None))
            self._over(NO_CODE, out)
        elif self._state is _OPENING:
            self._over(NO_CODE, out)
        elif self._state is _OPEN:
            if self._probe is not None:
                out.append(Shut(self._probe, None))
                self._probe = None
                self._pausing = False
            self._state = _CLOSING
            self._buffer.append(CLOSE)
            out.append(Cancel(self._upper))
            self._post(out)
            self._upper.closed(NO_CODE, out)

    def _ask(self, kind: _Call, out: list[Output | Asked], body: bytes = b"") -> None:
        self._numbers += 1
        self._calls[self._numbers] = kind
        transport = "websocket" if kind is _Call.SOCKET else "polling"
        # As encodeURIComponent does it (contrib/parseqs.ts): the server may call a session whatever it likes.
        sid = quote(self._sid, safe="!~*'()", errors="replace")
        query = f"EIO=4&transport={transport}{f'&sid={sid}' if sid else ''}"
        headers = {_Call.SOCKET: _UPGRADE, _Call.POST: _TEXT, _Call.POLL: _TEXT[1:]}[kind]
        method = "POST" if kind is _Call.POST else "GET"
        out.append(Asked(self._numbers, Request(method, self._path, query, headers, body), _ROUTE))

    def _go_on(self, out: list[Output | Asked]) -> None:
        """Something that was under way has come to its end."""
        if self._pausing:
            self._pause(out)
            return
        if self._link is None and self._state is _OPEN and _Call.POLL not in self._calls.values():
            self._ask(_Call.POLL, out)
        self._post(out)

    def _post(self, out: list[Output | Asked]) -> None:
        """Post as much of what waits as the server takes at once (lib/socket.ts, _getWritablePackets)."""
        buffer = self._buffer
        if not buffer or self._pausing or _Call.POST in self._calls.values():
            return
        count, size = 1, len(join(buffer[:1]))
        for packet in buffer[1:]:
            size += 1 + len(join([packet]))
            if self._max_payload and size > self._max_payload:
                break
            count += 1
        body, self._buffer = join(buffer[:count]), buffer[count:]
        self._ask(_Call.POST, out, body)

    def _pause(self, out: list[Output | Asked]) -> None:
        """Go over to the WebSocket once nothing is under way any more."""
        if self._calls:
            return
        assert self._probe is not None
        self._link, self._probe, self._pausing = self._probe, None, False
        packets, self._buffer = self._buffer, []
        self.write([UPGRADE, *packets], out)

    def _unprobe(self, out: list[Output | Asked]) -> None:
        self._probe = None
        self._pausing = False
        self._go_on(out)

    # ---- ends

    def _broken(self, error: WireError, out: list[Output | Asked]) -> None:
        self._upper.broken(error, out)
        self.close(out)

    def _over(self, code: int, out: list[Output | Asked]) -> None:
        told = self._state is _CLOSING
        if self._probe is not None:
            out.append(Shut(self._probe, None))
        self._reset(_IDLE)
        if not told:
            out.append(Cancel(self._upper))
            self._upper.closed(code, out)

    def _wait(self, out: list[Output | Asked]) -> None:
        out.append(After(self._patience, self._upper, "silence"))
