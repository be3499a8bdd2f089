"""Engine.IO v4 sessions as engine.io 6.6 keeps them: polling, WebSocket, the upgrade between them, heartbeats.

A session layer: what the messages mean, an upper layer knows. All functions add what is to be done to `out`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence

from simulator.core.actions import After, Cancel
from simulator.core.events import CallId
from simulator.core.ids import Ids
from simulator.core.message import Frame, Headers, Ping, Pong, Request, Response
from simulator.core.wire import (
    Aborted,
    Answer,
    Asked,
    Attached,
    Detached,
    Drop,
    Due,
    Got,
    Link,
    Output,
    Shut,
    Upgrade,
    Write,
)
from simulator.wire import engineio_http as http
from simulator.wire.engineio_payload import CLOSE, MESSAGE, NOOP, PING, PONG, UPGRADE, Packet, join, read, split
from simulator.wire.engineio_polls import TEXT, Polls
from simulator.wire.engineio_session import (
    ABNORMAL,
    NO_CODE,
    NORMAL,
    Session,
    Settings,
    State,
    Upper,
    handshake,
    sid_for,
)

# Members are looked up slowly, and these are on the way of every message.
_OPEN, _CLOSING, _CLOSED = State
_CHECK = 0.1
"""Seconds between two looks for a poll that holds an upgrade up (lib/socket.ts, _maybeUpgrade)."""


class EngineIO:
    """All sessions of one server."""

    __slots__ = (
        "_check",
        "_ids",
        "_mark",
        "_owed",
        "_polls",
        "_probes",
        "_settings",
        "_upgrades",
        "_upper",
        "links",
        "sessions",
    )

    def __init__(self, settings: Settings, ids: Ids, upper: Upper, by_hand: bool = False, mark: str = "") -> None:
        """By hand: a poll that holds an upgrade up is freed at once, for no time would pass. The mark begins sids."""
        self._settings = settings
        self._check = 0.0 if by_hand else _CHECK
        self._ids = ids
        self._mark = mark
        self._upper = upper
        self.sessions: dict[str, Session] = {}
        self.links: dict[Link, Session] = {}
        self._probes: dict[Link, Session] = {}
        self._polls = Polls(settings)
        self._upgrades: dict[CallId, tuple[Request, Mapping[str, str]]] = {}
        self._owed: dict[Session, int] = {}

    def owes(self) -> Collection[tuple[Hashable, int]]:
        """Pings that no pong has answered yet, those that wait for a poll included."""
        return self._owed.items()

    # ---- what comes in

    def got(self, got: Got, out: list[Output]) -> None:
        """Something came over a socket."""
        item = got.item
        session = self.links.get(got.link)
        if session is not None and type(item) is Frame:
            self._packet(session, read(item.data), out)
        elif isinstance(item, Ping):
            if session is not None or got.link in self._probes:
                out.append(Write(got.link, Pong(item.data)))
        elif isinstance(item, Frame) and (session := self._probes.get(got.link)) is not None:
            self._probed(session, got.link, item.data, out)

    def asked(self, asked: Asked, out: list[Output]) -> None:
        """A request came to the engine's path (lib/server.ts, handleRequest and handleUpgrade)."""
        request, settings, polls = asked.request, self._settings, self._polls
        cors = polls.allowed(request) if polls.cors is None else polls.cors
        upgrade = http.is_upgrade(request)
        if settings.cors and request.method == "OPTIONS":
            # An upgrade has no answer that could be written there: the connection ends.
            out.append(Answer(asked.call, None if upgrade else settings.cors.preflight(request)))
            return
        query = http.parameters(request)
        session = self.sessions.get(query.get("sid", ""))
        code = None
        # Nearly all that comes goes on with a session that polls, which there is only where polling is allowed.
        if session is None or session.link is not None or upgrade or query.get("transport") != "polling":
            code = http.verify(request, query, upgrade, settings.transports, session.transport if session else None)
        if code is not None:
            out.append(Answer(asked.call, http.refusal(code, upgrade, cors)))
        elif upgrade:
            self._upgrade(asked, query, http.handshake(request, cors), out)
        elif session is not None and request.method == "GET":
            self._poll(session, asked.call, request, cors, out)
        elif session is not None and request.method == "POST":
            self._post(session, asked.call, request, cors, out)
        elif session is not None:
            out.append(Answer(asked.call, Response(500, cors)))
        elif query.get("EIO") != "4":
            out.append(Answer(asked.call, http.refusal(http.UNSUPPORTED, False, cors)))
        elif len(self.sessions) - len(self.links) >= settings.max_polling:
            self._upper.refused(f"{settings.max_polling} sessions poll already: kept_polling lets more in")
            out.append(Answer(asked.call, http.refusal(http.FORBIDDEN, False, cors)))
        else:
            session = self._new(request, None, asked.call)
            body = join([handshake(session, settings)])
            out += (Answer(asked.call, http.answer(TEXT, body, request, cors)), self._ping(session))
            self._upper.opened(session, out)

    def _poll(self, session: Session, call: CallId, request: Request, cors: Headers, out: list[Output]) -> None:
        if session.poll is not None:
            # Two at once: neither goes on.
            self._end(session, ABNORMAL, True, out)
            out.append(Answer(call, Response(400, cors)))
            return
        self._polls.wait(session, call, request)
        if session.buffer:
            self._flush(session, out)
        elif session.ending:
            self._polls.answer(session, [NOOP, CLOSE], out)
            self._end(session, NO_CODE, True, out)
        elif session.probe is not None and not self._check:
            out.append(After(0.0, session, "check"))

    def _post(self, session: Session, call: CallId, request: Request, cors: Headers, out: list[Output]) -> None:
        if request.header("Content-Type") == "application/octet-stream":
            self._end(session, NO_CODE, True, out)
            out.append(Answer(call, Response(400, cors)))
            return
        if len(request.body) > self._settings.max_payload:
            out.append(Answer(call, Response(413, cors, reason="Payload Too Large")))
            return
        for packet in split(request.body):
            if isinstance(packet, str) and packet[0] == CLOSE:
                if session.state is not _CLOSED:
                    if session.poll is not None:
                        self._polls.answer(session, [NOOP], out)
                    self._over(session, NORMAL, True, out)
            else:
                self._packet(session, packet, out)
        out.append(Answer(call, http.answer("text/html", b"ok", request, cors)))

    def _packet(self, session: Session, packet: Packet | None, out: list[Output]) -> None:
        """A packet of an open session (lib/socket.ts, onPacket)."""
        if session.state is not _OPEN:
            return
        if packet is None:
            self._end(session, NO_CODE, False, out)
        elif isinstance(packet, bytes):
            self._upper.message(session, packet, out)
        elif (kind := packet[0]) == MESSAGE:
            self._upper.message(session, packet[1:], out)
        elif kind == PONG:
            self._pong(session, out)
        elif kind in (PING, CLOSE):
            # A ping is the server's to send. A close packet over a WebSocket Node leaves to its ping timeout.
            self._end(session, NO_CODE, True, out)

    def _pong(self, session: Session, out: list[Output]) -> None:
        if self._owed.pop(session, None) is None and session.beats:
            session.beats -= 1
            return
        ping = self._ping(session)
        if out[-1:] != [ping]:  # Of a payload's many pongs one changes something.
            out += (Cancel(session, "pong"), ping)

    def attached(self, attached: Attached, out: list[Output]) -> None:
        """The socket of an upgrade (lib/server.ts, onWebSocket)."""
        link = attached.link
        waiting = self._upgrades.pop(attached.call, None)
        if waiting is None:
            out.append(Drop(link))
            return
        request, query = waiting
        sid = query.get("sid")
        if query["transport"] != "websocket":
            out.append(Shut(link, None))
        elif not sid:
            session = self._new(request, link, attached.call)
            self.links[link] = session
            out += (Write(link, Frame(handshake(session, self._settings))), self._ping(session))
            self._upper.opened(session, out)
        elif (old := self.sessions.get(sid)) is None or old.probe is not None or old.upgraded:
            out.append(Shut(link, None))
        else:
            old.probe = link
            self._probes[link] = old
            out.append(After(self._settings.upgrade_timeout, old, "upgrade"))

    def detached(self, detached: Detached, out: list[Output]) -> None:
        """A socket is gone."""
        link = detached.link
        if (probed := self._probes.get(link)) is not None:
            self._unprobe(probed, out)
        elif (session := self.links.get(link)) is not None:
            self._over(session, detached.code, True, out)

    def aborted(self, aborted: Aborted, out: list[Output]) -> None:
        """The client of a poll or an upgrade went away."""
        self._upgrades.pop(aborted.call, None)
        session = self._polls.gone(aborted.call)
        if session is not None:
            self._end(session, ABNORMAL, True, out)

    def due(self, due: Due, out: list[Output]) -> None:
        """A timer of a session."""
        session = due.owner
        assert isinstance(session, Session)
        match due.name:
            case "ping":
                if session.state is _OPEN:
                    session.pings += 1
                    self._owed[session] = session.pings
                    self.write(session, PING, out)
                out.append(After(self._settings.ping_timeout, session, "pong"))
            case "pong":
                self._end(session, ABNORMAL, True, out)
            case "check":
                if session.poll is not None:
                    self._polls.answer(session, [NOOP], out)
                if self._check:
                    out.append(After(self._check, session, "check"))
            case "upgrade":
                assert session.probe is not None
                out.append(Shut(session.probe, None))
                self._unprobe(session, out)
            case _:
                self._end(session, NO_CODE, True, out)

    def beat(self, out: list[Output]) -> None:
        """Ping everyone, to no consequence: who answers is not waited for, who does not is not missed."""
        for session in [*self.sessions.values()]:
            if session.state is _OPEN and PING not in session.buffer:
                session.beats += 1
                self.write(session, PING, out)

    def drain(self, out: list[Output]) -> None:
        """The server stops (lib/server.ts, close): transports end, nothing lingers."""
        self._upgrades.clear()
        for session in [*self.sessions.values()]:
            self._end(session, NO_CODE, True, out)

    # ---- what goes out

    def send(self, session: Session, packets: Sequence[Packet], out: list[Output]) -> None:
        """Send message packets, a string with its type in front."""
        for packet in packets:
            self.write(session, packet, out)

    def close(self, session: Session, out: list[Output]) -> None:
        """Close a session once everything that waits is written (lib/socket.ts, close)."""
        if session.state is not _OPEN:
            return
        session.state = _CLOSING
        self._owed.pop(session, None)
        if session.link is not None or not session.buffer:
            self._close_transport(session, out)

    def sever(self, session: Session, code: int | None, reason: str, out: list[Output]) -> None:
        """End a session as a proxy before it would, or a process that dies: no packet says so.

        With code 1006 there is no close frame either, and a poll that waits gets no answer.
        """
        if session.link is not None:
            out.append(Drop(session.link) if code == ABNORMAL else Shut(session.link, code, reason))
        elif session.poll is not None and code == ABNORMAL:
            self._polls.cut(session, out)
        elif session.poll is not None:
            self._polls.answer(session, [CLOSE], out)
        self._over(session, NO_CODE if code is None else code, True, out)

    def _close_transport(self, session: Session, out: list[Output]) -> None:
        if session.writable:
            self._end(session, NO_CODE, True, out)
        else:
            session.ending = True
            out.append(After(self._settings.close_timeout, session, "linger"))

    def write(self, session: Session, packet: Packet, out: list[Output]) -> None:
        """Write one packet, or keep it for the next poll."""
        if session.link is not None:
            out.append(Write(session.link, Frame(packet)))
            return
        if session.state is not _OPEN:
            return
        if session.poll is not None:
            # Nothing waits for who waits.
            self._polls.answer(session, (packet,), out)
            return
        self._polls.keep(session, packet)
        if session.size > self._settings.max_buffer:
            self._end(session, ABNORMAL, True, out)
        elif self._polls.waiting > self._settings.max_waiting:
            self._end(max(self.sessions.values(), key=Session.waiting), ABNORMAL, True, out)

    def _flush(self, session: Session, out: list[Output]) -> None:
        self._polls.answer(session, self._polls.taken(session), out)
        if session.state is _CLOSING:
            self._close_transport(session, out)

    # ---- beginnings

    def _new(self, request: Request, link: Link | None, call: CallId) -> Session:
        session = Session(sid_for(request, self._ids, self._mark), request, link, call)
        self.sessions[session.sid] = session
        return session

    def _ping(self, session: Session) -> After:
        return After(self._settings.ping_interval, session, "ping")

    # ---- the upgrade

    def _upgrade(self, asked: Asked, query: Mapping[str, str], lines: Headers | Response, out: list[Output]) -> None:
        if isinstance(lines, Response):
            out.append(Answer(asked.call, lines))
        elif query["transport"] == "websocket" and not query.get("sid") and query.get("EIO") != "4":
            out.append(Answer(asked.call, http.unsupported(lines)))
        else:
            self._upgrades[asked.call] = (asked.request, query)
            out.append(Upgrade(asked.call, lines))

    def _probed(self, session: Session, link: Link, data: Packet, out: list[Output]) -> None:
        if data == f"{PING}probe":
            out += (Write(link, Frame(f"{PONG}probe")), After(self._check, session, "check"))
            return
        self._unprobe(session, out)
        if not isinstance(data, str) or data[:1] != UPGRADE:
            out.append(Shut(link, None))
            return
        if session.link is not None:
            del self.links[session.link]
            out.append(Shut(session.link, None))
        elif session.poll is not None:
            self._polls.answer(session, [CLOSE], out)
        session.link = link
        session.upgraded = True
        self.links[link] = session
        # As in Node, a ping that is under way has no deadline any more.
        self._owed.pop(session, None)
        out.append(Cancel(session, "pong"))
        out += [Write(link, Frame(packet)) for packet in self._polls.taken(session)]
        if session.state is _CLOSING:
            self._end(session, NO_CODE, True, out)

    def _unprobe(self, session: Session, out: list[Output]) -> None:
        assert session.probe is not None
        del self._probes[session.probe]
        session.probe = None
        out += (Cancel(session, "upgrade"), Cancel(session, "check"))

    # ---- ends

    def _end(self, session: Session, code: int, recoverable: bool, out: list[Output]) -> None:
        """Close the transport, and be done (lib/socket.ts, onClose)."""
        if session.link is not None:
            out.append(Shut(session.link, None))
        elif session.poll is not None:
            self._polls.answer(session, [CLOSE], out)
        self._over(session, code, recoverable, out)

    def _over(self, session: Session, code: int, recoverable: bool, out: list[Output]) -> None:
        """The transport is closed: forget the session."""
        session.state = _CLOSED
        del self.sessions[session.sid]
        if session.link is not None:
            del self.links[session.link]
            session.link = None
        if session.probe is not None:
            out.append(Shut(session.probe, None))
            self._unprobe(session, out)
        self._owed.pop(session, None)
        self._polls.taken(session)
        out.append(Cancel(session))
        self._upper.closed(session, code, recoverable, out)
