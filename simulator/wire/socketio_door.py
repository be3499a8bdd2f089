"""The door of a namespace: who knocks, may go on from where it was, is let in or turned away."""

from __future__ import annotations

from hashlib import blake2b
from typing import cast

from simulator.core.actions import Accept, Cancel, Refuse
from simulator.core.events import Closed, Knocked, Opened
from simulator.core.message import Json, Response
from simulator.core.wire import Output
from simulator.core.world import World
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio import EngineIO
from simulator.wire.engineio_session import SID_LETTERS, Session, new_sid
from simulator.wire.socketio_recovery import Kept, Log
from simulator.wire.socketio_socket import Away, Client, Settings, Socket, State

_PENDING, _LOST, _OPEN, _, _GONE = State


class Door:
    """All namespaces' of one server."""

    __slots__ = ("_away", "_engine", "_ids", "_kept", "_settings", "_start", "_world")

    def __init__(self, engine: EngineIO, settings: Settings, world: World, away: Away) -> None:
        self._engine = engine
        self._settings = settings
        self._world = world
        self._ids = world.ids
        self._away = away
        self._kept = Kept()
        self._start = world.now()

    def knock(self, session: Session, client: Client, packet: packets.Packet, out: list[Output]) -> None:
        """Somebody wants to join a namespace (lib/client.ts, connect)."""
        auth: Json = packet.data or {}
        assert isinstance(auth, dict)
        pid, offset = auth.get("pid"), auth.get("offset")
        old = self._away.find(packet.nsp, pid, offset, self._world.now())
        if old is not None:
            conn = Socket(session, packet.nsp, old.sid, old.pid)
            conn.recovers, conn.offset = old, cast("str", offset)
        else:
            brought = blake2b(repr(auth).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            sid = new_sid(self._ids, "socket", packet.nsp, brought)
            conn = Socket(session, packet.nsp, sid, self._pid(sid))
        client.pending[conn] = None
        out.append(Knocked(conn, session.request, auth, packet.nsp, conn.recovers))

    def _pid(self, sid: str) -> str:
        return self._ids.child("pid", sid).token(16, SID_LETTERS) + sid[16:] if self._settings.recovery else ""

    def accept(self, accept: Accept, out: list[Output]) -> None:
        """The rules let a conn in."""
        conn = accept.conn
        if not isinstance(conn, Socket):
            return
        if conn.state is _LOST:
            conn.state = _GONE
            out.append(Closed(conn))
        if conn.state is not _PENDING:
            return
        session = conn.session
        client: Client = session.upper
        if not client.conns:
            out.append(Cancel(session, "connect"))
        del client.pending[conn]
        conn.state = _OPEN
        client.conns[conn] = None
        client.nsps[conn.nsp] = conn
        client.root = client.nsps.get("/")
        old = conn.recovers
        if old is not None:
            missed = old.missed(conn.offset, self._world.now())
            conn.log, old.log, conn.recovers = old.log, None, None
            if missed is not None:
                out.append(Cancel(old))
                self._away.forget(old)
                self._engine.send(session, missed, out)
        if conn.log is None and self._settings.recovery is not None:
            conn.log = Log(self._settings.recovery, self._start, self._kept)
        pid = f',"pid":"{conn.pid}"' if conn.pid else ""
        self._engine.send(session, [f'40{conn.prefix}{{"sid":"{conn.sid}"{pid}}}'], out)
        if conn.state is _OPEN:
            out.append(Opened(conn))

    def refuse(self, refuse: Refuse, out: list[Output]) -> None:
        """The rules turn a conn away."""
        conn = refuse.conn
        if not isinstance(conn, Socket):
            return
        if conn.state is _PENDING:
            client: Client = conn.session.upper
            del client.pending[conn]
            response = refuse.response
            text = response.body.decode("utf-8", "replace") if isinstance(response, Response) else ""
            body: Json = {"message": text} if isinstance(response, Response) else response
            text, _ = packets.payload(cast("packets.Args", body))
            self._engine.send(conn.session, [packets.head(packets.CONNECT_ERROR, 0, conn.prefix) + text], out)
            conn.state = _GONE
        elif conn.state is _LOST:
            conn.state = _GONE
