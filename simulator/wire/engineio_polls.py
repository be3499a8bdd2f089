"""The polls that wait for something to say, and what waits for a poll."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.core.events import CallId
from simulator.core.message import Headers, Request
from simulator.core.wire import Answer, Output
from simulator.wire import engineio_http as http
from simulator.wire.engineio_payload import Packet, join
from simulator.wire.engineio_session import Session, Settings

TEXT = "text/plain; charset=UTF-8"


class Polls:
    """Those of all sessions of one server. All functions add what is to be done to `out`."""

    __slots__ = ("_sessions", "_settings", "cors", "waiting")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sessions: dict[CallId, Session] = {}
        self.cors: Headers | None = settings.cors.fixed() if settings.cors else ()
        """What every answer has; None where that depends on who asks, see `allowed`."""
        self.waiting = 0
        """Characters in the buffers of all sessions."""

    def allowed(self, request: Request) -> Headers:
        """What the answer to one request has."""
        assert self._settings.cors is not None
        return self._settings.cors.headers(request)

    def wait(self, session: Session, call: CallId, request: Request) -> None:
        """A poll came."""
        session.poll = (call, request)
        self._sessions[call] = session

    def gone(self, call: CallId) -> Session | None:
        """The client of a call went away: whose poll that was, if it was one."""
        session = self._sessions.pop(call, None)
        if session is not None:
            session.poll = None
        return session

    def cut(self, session: Session, out: list[Output]) -> None:
        """End the connection of the poll that waits without a word."""
        assert session.poll is not None
        (call, _), session.poll = session.poll, None
        del self._sessions[call]
        out.append(Answer(call, None))

    def answer(self, session: Session, packets: Sequence[Packet], out: list[Output]) -> None:
        """Answer the poll that waits."""
        assert session.poll is not None
        (call, request), session.poll = session.poll, None
        del self._sessions[call]
        cors = self.allowed(request) if self.cors is None else self.cors
        out.append(Answer(call, http.answer(TEXT, join(packets), request, cors)))

    def keep(self, session: Session, packet: Packet) -> None:
        """Have a packet wait for the next poll."""
        session.buffer.append(packet)
        session.size += len(packet)
        self.waiting += len(packet)

    def taken(self, session: Session) -> list[Packet]:
        """All that waits for a client, and does no more."""
        packets, session.buffer = session.buffer, []
        self.waiting -= session.size
        session.size = 0
        return packets
