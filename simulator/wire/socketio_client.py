"""The client's face of Socket.IO, over a WebSocket: joins, events, acknowledgements, heartbeats, coming back.

Whoever drives it dials `TARGET` and says Attached; after Detached it may dial again, and each conn goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

from simulator.core.actions import After, Cancel, Close, Reply, Send
from simulator.core.errors import WireError
from simulator.core.events import Acked, Closed, Malformed, Opened, Received
from simulator.core.message import NO_REF, Frame, Json, Message, Ping, Pong
from simulator.core.wire import Attached, Detached, Drain, Drop, Due, Got, Input, Link, Output, Shut, Write
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio_payload import CLOSE, MESSAGE, OPEN, PING, PONG, Packet, read
from simulator.wire.engineio_session import ABNORMAL, NO_CODE, NORMAL
from simulator.wire.socketio_recovery import is_offset

TARGET = "/socket.io/?EIO=4&transport=websocket"


class Joined:
    """One conn: a namespace that this client is in, or wants to be."""

    __slots__ = ("acks", "asked", "auth", "nsp", "offset", "open", "pid", "prefix", "sid")

    def __init__(self, nsp: str, auth: Json) -> None:
        self.nsp = nsp
        self.prefix = packets.prefix(nsp)
        self.auth = auth
        self.open = False
        self.sid = self.pid = self.offset = ""
        self.asked = 0
        self.acks: dict[str, Hashable] = {}

    def __repr__(self) -> str:
        return f"<joined {self.nsp}>"


class SocketIOClient:
    """One session. A refusal is received as a message named `connect_error`, a name that no event can bear."""

    __slots__ = ("_by_nsp", "_inbox", "_link", "_patience", "conns")

    def __init__(self, joins: Sequence[tuple[str, Json]] = (("/", None),), most_attachments: int = 1_000) -> None:
        """Join these namespaces, each with what it shall be told."""
        self.conns = [Joined(nsp, auth) for nsp, auth in joins]
        self._by_nsp = {conn.nsp: conn for conn in self.conns}
        self._link: Link | None = None
        self._patience = 45.0
        self._inbox = packets.Inbox(most_attachments)

    def owes(self) -> Collection[tuple[Hashable, int]]:
        """A client pings nobody."""
        return ()

    def take(self, given: Input) -> list[Output]:
        """Work one input wholly; what it causes, in order."""
        out: list[Output] = []
        match given:
            case Got() if given.link == self._link:
                if isinstance(given.item, Frame):
                    self._packet(read(given.item.data), out)
                elif isinstance(given.item, Ping):
                    out.append(Write(given.link, Pong(given.item.data)))
            case Send():
                self._send(given, out)
            case Reply():
                self._reply(given, out)
            case Due() if self._link is not None:
                # Neither a ping nor anything else for too long: the JavaScript client closes, too.
                out.append(Drop(self._link))
                self._over(ABNORMAL, out)
            case Attached():
                self._link = given.link
                self._wait(out)
            case Detached() if given.link == self._link:
                self._over(given.code, out)
            case Close():
                self._close(given, out)
            case Drain():
                self._leave(self.conns, NORMAL, out)
                self._hang_up(out)
        return out

    def _packet(self, packet: Packet | None, out: list[Output]) -> None:
        try:
            if packet is None:
                raise WireError("not an Engine.IO packet")
            kind = MESSAGE if isinstance(packet, bytes) else packet[0]
            if kind == PING:
                self._write([PONG], out)
                self._wait(out)
            elif kind == CLOSE:
                self._hang_up(out)
            elif kind == OPEN and isinstance(packet, str):
                self._opened(packets.loads(packet[1:]), out)
            elif kind == MESSAGE:
                whole = self._inbox.add(packet[1:] if isinstance(packet, str) else packet)
                if whole is not None:
                    self._whole(whole, out)
        except (WireError, RecursionError) as error:
            out += [Malformed(conn, WireError(str(error))) for conn in self.conns if conn.open]
            self._hang_up(out)

    def _opened(self, data: Json, out: list[Output]) -> None:
        told = data if isinstance(data, dict) else {}
        interval, timeout = told.get("pingInterval"), told.get("pingTimeout")
        if isinstance(interval, int | float) and isinstance(timeout, int | float):
            self._patience = (interval + timeout) / 1000
        self._wait(out)
        for conn in self.conns:
            auth = conn.auth
            if conn.pid and conn.offset:
                auth = {"pid": conn.pid, "offset": conn.offset, **(auth if isinstance(auth, dict) else {})}
            text = "" if auth is None else packets.payload(auth)[0]  # type: ignore[arg-type]
            self._write([packets.head(packets.CONNECT, 0, conn.prefix) + text], out)

    def _whole(self, packet: packets.Packet, out: list[Output]) -> None:
        conn, kind, data = self._by_nsp.get(packet.nsp), packet.kind, packet.data
        if conn is None:
            # The JavaScript client passes over what is for none of its namespaces.
            return
        args = tuple(data) if isinstance(data, list) else ()
        if kind in (packets.EVENT, packets.BINARY_EVENT) and isinstance(data, list):
            if conn.pid and packet.id is None and is_offset(data[1:]):
                conn.offset = str(data.pop())
            name = data[0] if isinstance(data[0], str) else packets.name_of(data[0])
            ref = NO_REF if packet.id is None else packet.id
            out.append(Received(conn, Message(name, tuple(data[1:]), ref, conn.nsp)))
        elif kind in (packets.ACK, packets.BINARY_ACK) and packet.id in conn.acks:
            out.append(Acked(conn, conn.acks.pop(packet.id), args))
        elif kind == packets.CONNECT and not conn.open and isinstance(data, dict):
            conn.open = True
            pid = data.get("pid")
            conn.sid, conn.pid = str(data.get("sid")), pid if isinstance(pid, str) else ""
            out.append(Opened(conn))
        elif kind == packets.CONNECT_ERROR:
            out.append(Received(conn, Message("connect_error", () if data is None else (data,), NO_REF, conn.nsp)))
        elif kind == packets.DISCONNECT:
            conn.pid = conn.offset = ""
            self._closed(conn, NO_CODE, out)

    def _send(self, send: Send, out: list[Output]) -> None:
        for conn in send.conns:
            if not isinstance(conn, Joined) or not conn.open:
                continue
            asked = ""
            try:
                text, attachments = packets.payload((send.message.name, *send.message.args))
            except WireError as error:
                out.append(Malformed(conn, error))
                return
            if send.ack is not None:
                asked = str(conn.asked)
                conn.asked += 1
                conn.acks[asked] = send.ack
            head = packets.head(packets.EVENT, len(attachments), conn.prefix, asked)
            self._write([head + text, *attachments], out)

    def _reply(self, reply: Reply, out: list[Output]) -> None:
        conn = reply.conn
        if isinstance(conn, Joined) and conn.open and isinstance(reply.ref, str):
            try:
                text, attachments = packets.payload(reply.args)
            except WireError as error:
                out.append(Malformed(conn, error))
                return
            head = packets.head(packets.ACK, len(attachments), conn.prefix, reply.ref)
            self._write([head + text, *attachments], out)

    def _close(self, close: Close, out: list[Output]) -> None:
        if isinstance(close.conn, Joined) and close.conn.open:
            code = NO_CODE if close.code is None else close.code
            self._leave(self.conns if close.whole else [close.conn], code, out)
            if close.whole:
                self._hang_up(out)

    def _leave(self, conns: Sequence[Joined], code: int, out: list[Output]) -> None:
        for conn in conns:
            if conn.open:
                self._write([packets.head(packets.DISCONNECT, 0, conn.prefix)], out)
                conn.pid = conn.offset = ""
                self._closed(conn, code, out)

    def _hang_up(self, out: list[Output]) -> None:
        if self._link is not None:
            out.append(Shut(self._link, None))
            self._over(NO_CODE, out)

    def _over(self, code: int, out: list[Output]) -> None:
        self._link = None
        self._inbox = packets.Inbox(self._inbox.most)
        out.append(Cancel(self))
        for conn in self.conns:
            self._closed(conn, code, out)

    def _closed(self, conn: Joined, code: int, out: list[Output]) -> None:
        if conn.open:
            conn.open = False
            conn.acks = {}
            out.append(Closed(conn, code))

    def _wait(self, out: list[Output]) -> None:
        out.append(After(self._patience, self, "silence"))

    def _write(self, frames: Sequence[Packet], out: list[Output]) -> None:
        assert self._link is not None
        out += [Write(self._link, Frame(frame)) for frame in frames]
