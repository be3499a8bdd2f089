"""Socket.IO v5 over Engine.IO as socket.io 4.8 serves it: namespaces, events, acknowledgements, binary, recovery."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from typing import assert_never

import orjson

from simulator.core.actions import BY_HAND, Accept, After, Cancel, Close, Hold, Refuse, Release, Reply, Send
from simulator.core.errors import WireError
from simulator.core.events import Acked, CallId, Closed, Received, Requested
from simulator.core.message import NO_REF, Frame, Message
from simulator.core.wire import (
    Aborted,
    Answer,
    Asked,
    Attached,
    Beat,
    Detached,
    Drain,
    Due,
    Got,
    Hangup,
    Input,
    Link,
    Output,
    Pause,
    Present,
    Put,
    Write,
)
from simulator.core.world import World
from simulator.wire import engineio_http as http
from simulator.wire import socketio_bundle as bundle
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio import EngineIO
from simulator.wire.engineio_payload import Packet
from simulator.wire.engineio_session import NO_CODE, Session
from simulator.wire.engineio_session import State as EngineState
from simulator.wire.socketio_door import Door
from simulator.wire.socketio_outbound import Outbound
from simulator.wire.socketio_socket import Away, Client, Settings, Socket, State

_NOTHING = Cancel("nobody")
# Members are looked up slowly, and these are on the way of every message.
_, _LOST, _OPEN, _, _GONE = State
_ENGINE_OPEN = EngineState.OPEN
_RESERVED = packets.RESERVED
_loads, _dumps = orjson.loads, orjson.dumps


class SocketIO:
    """The server's face."""

    __slots__ = (
        "_away",
        "_door",
        "_engine",
        "_left",
        "_links",
        "_outbound",
        "_routes",
        "_settings",
        "_telling",
        "_world",
    )

    def __init__(self, settings: Settings, world: World, door: str = "socketio") -> None:
        """Serve requests on the routes named after `door`, see `routes`."""
        self._settings = settings
        self._world = world
        self._routes = (door, f"{door} files")
        self._engine = EngineIO(settings.engine, world.ids, self, world.by_hand, world.mark)
        self._links = self._engine.links
        self._outbound = Outbound(self._engine, settings, world)
        self._left: list[Socket] = []
        self._telling: list[Output] = []
        """What a request caused: the rules may be hearing of it still."""
        self._away = Away()
        self._door = Door(self._engine, settings, world, self._away)

    def owes(self) -> Collection[tuple[Hashable, int]]:
        """Server pings that no pong has answered yet."""
        return self._engine.owes()

    def clients(self) -> Iterator[Present]:
        """Everybody whose session is open, over whichever transport."""
        for session in self._engine.sessions.values():
            if session.state is not _ENGINE_OPEN:
                # It lingers until a poll has fetched its end.
                continue
            client: Client = session.upper
            yield Present(
                session.call,
                session.link,
                session.transport,
                client.nsps,
                session.sid,
                session.request,
                client.since,
            )

    def number(self, session: str) -> CallId | None:
        """Of a sid."""
        found = self._engine.sessions.get(session)
        return None if found is None else found.call

    def take(self, given: Input) -> list[Output]:
        """Work one input wholly; what it causes, in order."""
        if type(given) is Got:
            item = given.item
            received = self.heard(given.link, item) if type(item) is Frame else None
            return self._got(given) if received is None else [received]
        if type(given) is Send:
            written = self.said(given)
            return self._outbound.send(given) if written is None else [written]
        if type(given) is Asked:
            return self._asked(given)
        out: list[Output] = []
        engine = self._engine
        match given:
            case Reply():
                self._outbound.reply(given, out)
            case Put() | Hangup():
                self._by_hand(given, out)
            case Due():
                self._due(given, out)
            case Accept():
                self._door.accept(given, out)
            case Refuse():
                self._door.refuse(given, out)
            case Close():
                self._close(given, out)
            case Attached():
                engine.attached(given, out)
            case Detached():
                engine.detached(given, out)
            case Aborted():
                engine.aborted(given, out)
            case Beat():
                engine.beat(out)
            case Drain():
                engine.drain(out)
            case Hold() | Release():
                conn = given.conn
                if isinstance(conn, Socket) and conn.state is _OPEN and conn.session.link is not None:
                    out.append(Pause(conn.session.link, isinstance(given, Hold)))
            case _:  # pragma: no cover
                assert_never(given)
        return out

    def heard(self, link: Link, frame: Frame) -> Received | None:
        """An event of the root namespace that wants no acknowledgement; `_got` would do the same with it."""
        if self._telling:
            self._telling = []
        session = self._links.get(link)
        if session is None:
            return None
        data = frame.data
        client: Client = session.upper
        if data[:3] == "42[" and (root := client.root) is not None and client.inbox.partial is None:
            try:
                body = _loads(data[2:])
            except ValueError:
                return None
            if body and type(name := body[0]) is str and name not in _RESERVED:
                del body[0]
                return Received(root, Message(name, tuple(body), NO_REF, "/"))
        return None

    def said(self, send: Send | Reply) -> Write | None:
        """An event to one conn over a WebSocket; `Outbound` would do the same with it."""
        if type(send) is not Send or len(send.conns) != 1 or send.ack is not None:
            return None
        conn, message = send.conns[0], send.message
        if type(conn) is not Socket or conn.state is not _OPEN or message.name in _RESERVED:
            return None
        link, log = conn.session.link, conn.log
        if link is None:
            return None
        try:
            text = _dumps((message.name, *message.args)).decode()
        except TypeError:
            return None
        if log is None or send.volatile:
            return Write(link, Frame(conn.event + text))
        now = self._world._now
        offset = log.offset(now)
        packet = f'{conn.event}{text[:-1]},"{offset}"]'
        log.add(now, offset, (packet,))
        return Write(link, Frame(packet))

    def _got(self, got: Got) -> list[Output]:
        out: list[Output] = []
        self._engine.got(got, out)
        if self._left:
            self._tidy()
        return out

    # ---- requests and timers

    def _asked(self, asked: Asked) -> list[Output]:
        request = asked.request
        settings = self._settings
        if asked.route.name not in self._routes:
            return [Requested(asked.call, request, asked.route)]
        path = settings.path
        if (
            request.path != path
            and settings.serve_client
            and bundle.has(request, path)
            and not http.is_upgrade(request)
        ):
            return [Answer(asked.call, bundle.serve(request, path, settings.engine.cors))]
        out: list[Output] = []
        self._telling = out
        self._engine.asked(asked, out)
        if self._left:
            self._tidy()
        for output in out:
            if type(output) is Received or type(output) is Acked:
                return out
        # A request that tells nothing leaves nothing.
        self._telling = []
        return out

    def _tidy(self) -> None:
        """Take those off their sessions that left."""
        for conn in self._left:
            client: Client = conn.session.upper
            nsps = client.nsps
            if nsps.get(conn.nsp) is conn:
                del nsps[conn.nsp]
                client.root = nsps.get("/")
        self._left.clear()

    def _due(self, due: Due, out: list[Output]) -> None:
        if isinstance(due.owner, Socket):
            self._away.forget(due.owner)
        elif due.name == "connect":
            assert isinstance(due.owner, Session)
            self._hang_up(due.owner, out)
        else:
            self._engine.due(due, out)

    # ---- what the engine tells

    def opened(self, session: Session, out: list[Output]) -> None:
        """A session begins."""
        session.upper = Client(self._settings.max_attachments, self._world.now())
        out.append(After(self._settings.connect_timeout, session, "connect"))

    def refused(self, why: str) -> None:
        """Our operator has to know: who asked is only told that it is forbidden."""
        self._world.log("warning", f"refused: {why}")

    def message(self, session: Session, data: Packet, out: list[Output]) -> None:
        """A message of a session."""
        client: Client = session.upper
        if data[:2] == "2[" and (root := client.root) is not None and client.inbox.partial is None:
            # As in `take`: nearly all that comes by polling.
            try:
                body = _loads(data[1:])
            except ValueError:
                pass
            else:
                if body and type(name := body[0]) is str and name not in _RESERVED:
                    if root.state is _OPEN:
                        del body[0]
                        out.append(Received(root, Message(name, tuple(body), NO_REF, "/")))
                    return
        try:
            packet = client.inbox.add(data)
            if packet is not None:
                self._packet(session, client, packet, out)
        except (WireError, RecursionError) as error:
            self._world.log("info", f"a client broke the protocol: {error}", sid=session.sid)
            self._hang_up(session, out)

    def closed(self, session: Session, code: int, recoverable: bool, out: list[Output]) -> None:
        """A session ends."""
        client: Client = session.upper
        self._lose(client, code, recoverable, out)

    # ---- packets

    def _packet(self, session: Session, client: Client, packet: packets.Packet, out: list[Output]) -> None:
        """A whole packet (lib/client.ts, ondecoded)."""
        kind, data = packet.kind, packet.data
        conn = client.nsps.get(packet.nsp)
        if conn is None:
            if kind != packets.CONNECT or len(client.conns) + len(client.pending) >= self._settings.max_conns:
                raise WireError(f"not a packet for a namespace that was not joined: type {kind}")
            self._door.knock(session, client, packet, out)
        elif conn.state is not _OPEN and kind not in (packets.CONNECT, packets.CONNECT_ERROR):
            # It left in the same payload, which Node only notices at its end.
            return
        elif kind in (packets.EVENT, packets.BINARY_EVENT):
            # Without a payload it is no event at all.
            if isinstance(data, list):
                name = data[0] if isinstance(data[0], str) else packets.name_of(data[0])
                ref = NO_REF if packet.id is None else packet.id
                out.append(Received(conn, Message(name, tuple(data[1:]), ref, conn.nsp)))
        elif kind in (packets.ACK, packets.BINARY_ACK):
            if packet.id in conn.acks:
                key = conn.acks.pop(packet.id)
                if key is not BY_HAND:
                    out.append(Acked(conn, key, tuple(data) if isinstance(data, list) else ()))
        elif kind == packets.DISCONNECT:
            del client.conns[conn]
            self._left.append(conn)
            self._gone(conn, 1000, False, out)
        else:
            raise WireError(f"not a packet for a namespace that was joined: type {kind}")

    # ---- ends

    def _by_hand(self, given: Put | Hangup, out: list[Output]) -> None:
        session = next((one for one in self._engine.sessions.values() if one.call == given.client), None)
        if session is None:
            return
        if isinstance(given, Put):
            self._engine.send(session, [given.frame.data], out)
            return
        conn = next(iter(session.upper.conns), None)
        if conn is not None:
            self._close(Close(conn, given.code), out)
        else:
            self._hang_up(session, out)

    def _close(self, close: Close, out: list[Output]) -> None:
        conn = close.conn
        if not isinstance(conn, Socket) or conn.state is not _OPEN:
            return
        if close.bare:
            self._engine.sever(conn.session, close.code, close.reason, out)
            return
        code = NO_CODE if close.code is None else close.code
        client: Client = conn.session.upper
        for other in [*client.conns] if close.whole else [conn]:
            if other.state is not _OPEN:
                # What was to be written before was too much for a session that does not poll.
                break
            self._engine.send(conn.session, [packets.head(packets.DISCONNECT, 0, other.prefix)], out)
            if other.state is _OPEN:
                del client.conns[other]
                client.nsps.pop(other.nsp, None)
                client.root = client.nsps.get("/")
                self._gone(other, code, False, out)
        if close.whole:
            self._hang_up(conn.session, out)

    def _hang_up(self, session: Session, out: list[Output]) -> None:
        """Close the transport (lib/client.ts, close): to this layer it is over at once."""
        if session.state is _ENGINE_OPEN:
            self._engine.close(session, out)
            self._lose(session.upper, NO_CODE, True, out)

    def _lose(self, client: Client, code: int, recoverable: bool, out: list[Output]) -> None:
        for conn in client.pending:
            conn.state = _LOST
        conns = [*client.conns]
        client.pending, client.conns, client.nsps = {}, {}, {}
        client.root = None
        client.inbox = packets.Inbox()
        for conn in conns:
            self._gone(conn, code, recoverable, out)

    def _gone(self, conn: Socket, code: int, recoverable: bool, out: list[Output]) -> None:
        conn.acks = {}
        conn.state = _GONE
        telling = self._telling
        for i, output in enumerate(telling):
            # Node hands out a payload's events one after the other: who is gone meanwhile said nothing more.
            if isinstance(output, Received | Acked) and output.conn is conn:
                telling[i] = _NOTHING
        recovery = self._settings.recovery
        if recovery is not None and recoverable:
            out.append(After(recovery.seconds, conn, "expired"))
            oldest = self._away.add(conn, recovery.most_away)
            if oldest is not None:
                out.append(Cancel(oldest))
        else:
            conn.forget()
        out.append(Closed(conn, code))
