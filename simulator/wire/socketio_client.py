"""The client's face of Socket.IO: joins, events, acknowledgements, coming back; over polls, a WebSocket, or both.

Whoever drives it lets it `begin`, carries its requests out and tells what became of them: Answer, Attached for one that
is a WebSocket's, Aborted where nobody answered. After an end it may begin again, and each conn goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

from simulator.core.actions import Close, Reply, Send
from simulator.core.errors import WireError
from simulator.core.events import Acked, Closed, Malformed, Opened, Received
from simulator.core.message import NO_REF, Json, Message
from simulator.core.wire import Aborted, Answer, Asked, Attached, Detached, Drain, Due, Got, Input, Output
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio_client import EngineClient
from simulator.wire.engineio_payload import Packet
from simulator.wire.engineio_session import NO_CODE, NORMAL
from simulator.wire.socketio_recovery import is_offset


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

    __slots__ = ("_by_nsp", "_engine", "_inbox", "conns")

    def __init__(
        self,
        joins: Sequence[tuple[str, Json]] = (("/", None),),
        most_attachments: int = 1_000,
        transports: Sequence[str] = ("websocket",),
        path: str = "/socket.io/",
    ) -> None:
        """Join these namespaces, each with what it shall be told.

        With the transports `polling` and `websocket` it begins with polls and goes over to a WebSocket where the server
        lets it.
        """
        self.conns = [Joined(nsp, auth) for nsp, auth in joins]
        self._by_nsp = {conn.nsp: conn for conn in self.conns}
        self._engine = EngineClient(self, transports, path)
        self._inbox = packets.Inbox(most_attachments)

    def owes(self) -> Collection[tuple[Hashable, int]]:
        """A client pings nobody."""
        return ()

    def begin(self) -> list[Output | Asked]:
        """Begin a session, where there is none."""
        out: list[Output | Asked] = []
        self._engine.begin(out)
        return out

    def take(self, given: Input | Answer) -> list[Output | Asked]:
        """Work one input wholly; what it causes, in order."""
        out: list[Output | Asked] = []
        engine = self._engine
        match given:
            case Got():
                engine.got(given, out)
            case Send():
                self._send(given, out)
            case Reply():
                self._reply(given, out)
            case Answer():
                engine.answered(given.call, given.response, out)
            case Due():
                engine.silent(out)
            case Attached():
                engine.attached(given, out)
            case Detached():
                engine.detached(given, out)
            case Aborted():
                engine.answered(given.call, None, out)
            case Close():
                self._close(given, out)
            case Drain():
                self._leave(self.conns, NORMAL, out)
                engine.close(out)
        return out

    # ---- what the engine tells

    def opened(self, out: list[Output | Asked]) -> None:
        """A session begins."""
        for conn in self.conns:
            auth = conn.auth
            if conn.pid and conn.offset:
                auth = {"pid": conn.pid, "offset": conn.offset, **(auth if isinstance(auth, dict) else {})}
            text = "" if auth is None else packets.payload(auth)[0]  # type: ignore[arg-type]
            self._engine.write([packets.head(packets.CONNECT, 0, conn.prefix) + text], out)

    def message(self, data: Packet, out: list[Output | Asked]) -> None:
        """A message of the session. Raises WireError."""
        whole = self._inbox.add(data)
        if whole is not None:
            self._whole(whole, out)

    def broken(self, error: WireError, out: list[Output | Asked]) -> None:
        """The server broke the protocol."""
        out += [Malformed(conn, error) for conn in self.conns if conn.open]

    def closed(self, code: int, out: list[Output | Asked]) -> None:
        """A session ends."""
        self._inbox = packets.Inbox(self._inbox.most)
        for conn in self.conns:
            self._closed(conn, code, out)

    # ---- packets

    def _whole(self, packet: packets.Packet, out: list[Output | Asked]) -> None:
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

    def _send(self, send: Send, out: list[Output | Asked]) -> None:
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
            self._engine.write([head + text, *attachments], out)

    def _reply(self, reply: Reply, out: list[Output | Asked]) -> None:
        conn = reply.conn
        if isinstance(conn, Joined) and conn.open and isinstance(reply.ref, str):
            try:
                text, attachments = packets.payload(reply.args)
            except WireError as error:
                out.append(Malformed(conn, error))
                return
            head = packets.head(packets.ACK, len(attachments), conn.prefix, reply.ref)
            self._engine.write([head + text, *attachments], out)

    def _close(self, close: Close, out: list[Output | Asked]) -> None:
        if isinstance(close.conn, Joined) and close.conn.open:
            code = NO_CODE if close.code is None else close.code
            self._leave(self.conns if close.whole else [close.conn], code, out)
            if close.whole:
                self._engine.close(out)

    def _leave(self, conns: Sequence[Joined], code: int, out: list[Output | Asked]) -> None:
        for conn in conns:
            if conn.open:
                self._engine.write([packets.head(packets.DISCONNECT, 0, conn.prefix)], out)
                conn.pid = conn.offset = ""
                self._closed(conn, code, out)

    def _closed(self, conn: Joined, code: int, out: list[Output | Asked]) -> None:
        if conn.open:
            conn.open = False
            conn.acks = {}
            out.append(Closed(conn, code))
