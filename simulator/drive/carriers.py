"""How the frames of one conn travel: over a socket as they are, or as packets of an Engine.IO session."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from simulator.core.actions import After, Cancel
from simulator.core.errors import WireError
from simulator.core.events import CallId
from simulator.core.message import Frame, Headers, Response
from simulator.core.wire import Asked, Attached, Detached, Drop, Got, Link, Output, Shut, Write
from simulator.drive.orders import Dial, Fetch, Order
from simulator.wire.engineio_client import EngineClient
from simulator.wire.engineio_payload import Packet

_OWN: Final = frozenset({"EIO", "transport", "sid", "t", "b64"})
"""Parameters that the session makes by itself."""


class Desk(Protocol):
    """Whoever plays: numbers the calls, keeps the timers, listens."""

    def call(self, carrier: Carrier) -> CallId:
        """A number for a call of a carrier."""
        ...

    def after(self, seconds: float, owner: Hashable, name: Hashable) -> None:
        """A timer; its owner is told when it is due."""
        ...

    def cancel(self, owner: Hashable) -> None:
        """No timer of that owner any more."""
        ...

    def tell(self, kind: str, conn: int, what: object = None, why: str = "") -> None:
        """What became of a conn.

        `ready`: frames can go out; `heard`: one came; `refused`: the handshake was answered otherwise, by this
        Response; `failed`: it had no answer; `ended`: by the server or the network, with this code.
        """
        ...


class Carrier(Protocol):
    """One conn's; what is to be done is added to `out`."""

    conn: int

    @property
    def waiting(self) -> int: ...

    def begin(self, out: list[Order]) -> None: ...

    def write(self, data: str | bytes, out: list[Order]) -> None: ...

    def close(self, code: int | None, reason: str, out: list[Order]) -> None: ...

    def answered(self, call: CallId, response: Response, out: list[Order]) -> None: ...

    def failed(self, call: CallId, why: str, out: list[Order]) -> None: ...

    def attached(self, call: CallId, link: Link, out: list[Order]) -> None: ...

    def got(self, got: Got, out: list[Order]) -> None: ...

    def gone(self, link: Link, code: int, reason: str, out: list[Order]) -> None: ...

    def due(self, out: list[Order]) -> None: ...


@dataclass(slots=True)
class Place:
    """Where a conn is to be made."""

    url: str
    """Of an Engine.IO session without the parameters that it makes itself."""
    headers: Headers
    """Of a handshake."""
    polls: Headers
    """What a poll has in place of a handshake's lines."""


class Socket:
    """One WebSocket, its frames as they are."""

    def __init__(self, desk: Desk, conn: int, place: Place) -> None:
        self.conn = conn
        self._desk = desk
        self._place = place
        self._link: Link | None = None

    @property
    def waiting(self) -> int:
        """Nothing: a frame is on its way at once."""
        return 0

    def begin(self, out: list[Order]) -> None:
        """Dial."""
        out.append(Dial(self._desk.call(self), self._place.url, self._place.headers))

    def write(self, data: str | bytes, out: list[Order]) -> None:
        """Send a frame."""
        if self._link is not None:
            out.append(Write(self._link, Frame(data)))

    def close(self, code: int | None, reason: str, out: list[Order]) -> None:
        """Send a close frame; 1006 and 1015 end the socket without one, as it was on the tape."""
        if self._link is not None:
            # These and 1005 say what there was not, and are never sent.
            sent = None if code is None or code == 1005 else code
            # A frame holds 125 bytes, and the tape whatever somebody wrote into it.
            told = reason.encode("utf-8", "replace")[:123].decode("utf-8", "ignore")
            out.append(Drop(self._link) if code in (1006, 1015) else Shut(self._link, sent, told))

    def answered(self, call: CallId, response: Response, out: list[Order]) -> None:
        """No 101."""
        self._desk.tell("refused", self.conn, response)

    def failed(self, call: CallId, why: str, out: list[Order]) -> None:
        """Nothing came back."""
        self._desk.tell("failed", self.conn, None, why)

    def attached(self, call: CallId, link: Link, out: list[Order]) -> None:
        """It is open."""
        self._link = link
        self._desk.tell("ready", self.conn)

    def got(self, got: Got, out: list[Order]) -> None:
        """A frame."""
        if isinstance(got.item, Frame):
            self._desk.tell("heard", self.conn, got.item.data)

    def gone(self, link: Link, code: int, reason: str, out: list[Order]) -> None:
        """It has ended."""
        self._link = None
        self._desk.tell("ended", self.conn, code, reason)

    def due(self, out: list[Order]) -> None:
        """It has no timers."""


class Engine:
    """One session of Engine.IO; polls, posts, heartbeats and the upgrade are its own."""

    def __init__(self, desk: Desk, conn: int, place: Place, transports: Sequence[str]) -> None:
        self.conn = conn
        self._desk = desk
        self._place = place
        self._begun = False
        """Whether there was a session."""
        self._over = self._dropped = False
        self._own: dict[CallId, CallId] = {}
        self._reason = ""
        self._link: Link | None = None
        self._client = EngineClient(self, transports, urlsplit(place.url).path)

    # ---- what the session tells

    def opened(self, out: list[Output | Asked]) -> None:
        """A session begins."""
        self._begun = True
        self._desk.tell("ready", self.conn)

    def message(self, data: Packet, out: list[Output | Asked]) -> None:
        """A packet of Socket.IO, or an attachment."""
        self._desk.tell("heard", self.conn, f"4{data}" if isinstance(data, str) else data)

    def broken(self, error: WireError, out: list[Output | Asked]) -> None:
        """The server broke the protocol; the end follows."""
        self._reason = str(error)

    def closed(self, code: int, out: list[Output | Asked]) -> None:
        """A session ends."""
        if self._over:
            return
        self._over = True
        if self._begun:
            self._desk.tell("ended", self.conn, code, self._reason)
        else:
            self._desk.tell("failed", self.conn, None, self._reason or "the session was not opened")

    # ---- what comes in

    @property
    def waiting(self) -> int:
        """Bytes that a server which is polled has not taken yet."""
        return self._client.waiting

    def begin(self, out: list[Order]) -> None:
        """Ask for a session."""
        self._do(self._client.begin, out)

    def write(self, data: str | bytes, out: list[Order]) -> None:
        """Send a packet, its type in front."""
        if not self._over:
            self._do(lambda made: self._client.write([data], made), out)

    def close(self, code: int | None, reason: str, out: list[Order]) -> None:
        """Close the session; the code is Engine.IO's own business, but for an end without a word."""
        self._over = True
        if code == 1006 and self._link is not None:
            self._desk.cancel(self)
            self._dropped = True
            out.append(Drop(self._link))
            return
        self._do(self._client.close, out)

    def answered(self, call: CallId, response: Response, out: list[Order]) -> None:
        """A poll, a post, or a handshake that was refused."""
        if not self._begun and response.status != 200 and not self._over:
            self._over = True
            self._desk.tell("refused", self.conn, response)
        self._do(lambda made: self._client.answered(self._own.pop(call, 0), response, made), out)

    def failed(self, call: CallId, why: str, out: list[Order]) -> None:
        """Nothing came back."""
        if not self._begun and not self._over:
            self._over = True
            self._desk.tell("failed", self.conn, None, why)
        self._reason = self._reason or why
        self._do(lambda made: self._client.answered(self._own.pop(call, 0), None, made), out)

    def attached(self, call: CallId, link: Link, out: list[Order]) -> None:
        """A WebSocket is there."""
        self._link = link
        self._do(lambda made: self._client.attached(Attached(link, self._own.pop(call, 0)), made), out)

    def got(self, got: Got, out: list[Order]) -> None:
        """A packet."""
        self._do(lambda made: self._client.got(got, made), out)

    def gone(self, link: Link, code: int, reason: str, out: list[Order]) -> None:
        """A WebSocket has ended."""
        self._reason = reason or self._reason
        self._do(lambda made: self._client.detached(Detached(link, code), made), out)

    def due(self, out: list[Order]) -> None:
        """Nothing was heard for too long."""
        self._do(self._client.silent, out)

    def _do(self, what: Callable[[list[Output | Asked]], None], out: list[Order]) -> None:
        if self._dropped:
            # What still comes over a socket that was cut is answered by nobody.
            return
        made: list[Output | Asked] = []
        what(made)
        for one in made:
            match one:
                case Asked():
                    out.append(self._asked(one))
                case After():
                    self._desk.after(one.seconds, self, one.name)
                case Cancel():
                    self._desk.cancel(self)
                case Write() | Shut() | Drop():
                    out.append(one)

    def _asked(self, asked: Asked) -> Order:
        place, request = self._place, asked.request
        call = self._desk.call(self)
        self._own[call] = asked.call
        where, _, more = place.url.partition("?")
        url = f"{where}?{request.query}{f'&{more}' if more else ''}"
        if "websocket" in request.tokens("Upgrade"):
            return Dial(call, url, place.headers)
        # None may wait longer than the session itself does.
        return Fetch(call, request.method, url, (*request.headers, *place.polls), request.body, None)


def others(query: str) -> str:
    """The parameters of a query that an Engine.IO session does not make by itself."""
    return "&".join(pair for pair in query.split("&") if pair and pair.partition("=")[0] not in _OWN)
