"""What passes becomes records: redacted, in order, one write each. Nothing that goes wrong here reaches the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from simulator.cassette.bodies import INLINE, KEPT, Room, Stream
from simulator.cassette.entries import (
    Closed,
    Cut,
    Entry,
    Header,
    Lost,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    TapedResponse,
    Upgraded,
)
from simulator.cassette.kept import Kept, Redactor
from simulator.cassette.ledger import Counts, Ledger
from simulator.cassette.records import dump, dump_header
from simulator.cassette.sessions import Line, Session, Sessions, is_engine, is_gone, is_poll, sid_in, sid_of
from simulator.cassette.sink import Sink
from simulator.core.message import Headers

_PACKETS: Final = 10_000
"""In one payload; a client that sends more does not chat."""

__all__ = ["Call", "Counts", "Line", "Recorder", "Redactor"]


@dataclass(slots=True)
class Call:
    """A request that waits for its answer: what `asked` hands out."""

    request: TapedRequest
    time: float
    session: Session | None = None


def unheard(time: float, conn: int, sender: str, data: str | bytes, via: str) -> None:
    """Hears nothing."""


class Recorder:
    """Writes one cassette. `time` is always in seconds of the caller's clock, the one that `started` is of.

    Methods never raise. What can't be recorded is counted, told at once, and leaves a mark (`lost`) in its place.
    """

    def __init__(
        self,
        sink: Sink,
        started: float,
        header: Header | None = None,
        redactor: Redactor | None = None,
        max_size: int | None = None,
        tell: Callable[[str], None] = lambda line: None,
        inline: int = INLINE,
        keep: int = KEPT,
        after: int | None = None,
        heard: Callable[[float, int, str, str | bytes, str], object] = unheard,
    ) -> None:
        """Begin, and write the head. `started` is Unix time; `redactor` None writes everything as it is.

        With `after` there is a head, and that was the highest number behind it.

        `header` says backend, upstream and recorder, the rest is filled in. `max_size`, `inline` and `keep` are bytes.
        `tell` gets a line for the operator when something could not be recorded, and when the cassette is full.
        `heard` gets each frame as it passed, nothing taken out: time, connection, sender, data, and how it came.
        """
        self._heard = heard
        self._ledger = Ledger(sink, max_size, tell)
        self.counts = self._ledger.counts
        self._started = started
        self._redactor = redactor
        self._kept = Kept(self._ledger, redactor, inline, keep)
        self._keep = keep
        self._room = Room()
        self._numbers = after or 0
        self._sessions = Sessions()
        when = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        rules = redactor.rules if redactor is not None else ()
        head = replace(header or Header(), recorded=when, redacted=rules)
        try:
            if after is None:
                self._ledger.put(dump_header(head))
        except Exception as error:
            # A mark in its place would be no cassette.
            self._ledger.stopped = "the cassette could not be begun"
            self._ledger.lost("writing", error)

    @property
    def stopped(self) -> str:
        """Why nothing is recorded any more; empty while it is."""
        return self._ledger.stopped

    # --- sockets

    def open(self, time: float, path: str, headers: Headers, answer: Headers = ()) -> Line:
        """A WebSocket was accepted; `path` has the query, `answer` are the lines of the 101.

        One that goes on with an Engine.IO session is that session's next link.
        """
        engine, kept = is_engine(path), self._kept
        session = self._sessions.named(sid_of(path)) if engine else None
        if session is None:
            line, session = self._begin(time, path, headers, answer, engine)
            session.sockets = 1
            return line
        session.links += 1
        session.sockets += 1
        line = Line(session.conn, session.links, engine)
        self._safely(
            time,
            line.conn,
            lambda at: Upgraded(at, line.conn, line.link, kept.path(path), kept.headers(headers), kept.headers(answer)),
        )
        return line

    def refused(self, time: float, path: str, headers: Headers, response: TapedResponse) -> int:
        """A handshake was answered otherwise; the number of what was no conn."""
        number = self._number()
        self.counts.connections += 1

        kept = self._kept

        def made(at: float) -> Entry:
            return Refused(at, number, kept.path(path), kept.headers(headers), kept.response(number, response))

        self._safely(time, number, made)
        return number

    def frame(self, time: float, line: Line, sender: str, data: str | bytes, via: str = "websocket") -> None:
        """A message passed; `via` as in `core.message.Frame`. Whole bodies of Engine.IO polls go to `asked`."""
        if line.engine:
            self._engine(line, sender, data)
        self._frame(time, line, sender, data, via, None)

    def closed(self, time: float, line: Line, code: int | None, reason: str, by: str) -> None:
        """A link ended, with the code of the close frame (1005 without one, 1006 without a frame)."""
        kept = self._kept

        def made(at: float) -> Entry:
            return Closed(at, line.conn, None if code is None else int(code), kept.text(reason), by, line.link)

        self._safely(time, line.conn, made)
        session = self._sessions.of(line.conn)
        if session is not None:
            session.sockets -= 1
            if session.sockets < 1 and not session.polls:
                self._sessions.end(session)

    # --- HTTP

    def stream(self) -> Stream:
        """For a body that comes in chunks: feed it, and put what its `done` gives into a request or response."""
        return Stream(self._room, self._keep)

    def asked(self, time: float, request: TapedRequest) -> Call:
        """A request is there, its body bytes or what a stream's `done` gave, with no Content-Encoding left on it.

        The packets of a poll are recorded now, before what they cause.
        """
        call = Call(request, time)
        if is_poll(request.path):
            session = call.session = self._sessions.named(sid_of(request.path))
            if session is not None:
                session.waiting += 1
                if request.method == "POST" and isinstance(request.body, bytes):
                    self._packets(time, session, "client", request.body)
        return call

    def answered(self, time: float, call: Call, response: TapedResponse | None) -> int | None:
        """The answer to a call, None when the client got none: once for each call.

        Gives the number of the exchange, or None for a poll, which becomes frames.
        """
        poll = is_poll(call.request.path)
        if poll and response is not None and response.status == 200 and self._poll(time, call, response):
            number = None
        else:
            number = self._number()
            self.counts.exchanges += 1
            took, kept = time - call.time, self._kept
            self._safely(time, None, lambda at: kept.exchange(at, number, took, call.request, response))
        session = call.session
        if session is not None:
            session.waiting -= 1
            if response is not None and response.status == 400 and is_gone(response.body):
                session.ended = session.ended or "server"
            if session.ended and not session.waiting and self._sessions.of(session.conn) is session:
                self._safely(time, session.conn, lambda at: Closed(at, session.conn, None, "", session.ended))
                self._sessions.end(session)
        return number

    # --- the end

    def close(self, time: float) -> None:
        """Stop: conns that are open are marked as cut by the recorder, and all is on the disk."""
        for conn in self._sessions.conns():
            self._safely(time, conn, partial(Cut, conn=conn, why="the recording ended"))
        self._ledger.close()

    # --- sessions

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _begin(
        self, time: float, path: str, headers: Headers, answer: Headers, engine: bool, polls: bool = False
    ) -> tuple[Line, Session]:
        line, kept = Line(self._number(), 1, engine), self._kept
        self.counts.connections += 1
        session = Session(line.conn, sid_of(path) if engine else "", polls=polls)
        forgotten = self._sessions.begin(session)
        if forgotten is not None:
            conn = forgotten.conn
            self._safely(time, conn, lambda at: Cut(at, conn, "nothing was heard of it for a long time"))
        self._safely(
            time,
            line.conn,
            lambda at: Opened(at, line.conn, kept.path(path), kept.headers(headers), kept.headers(answer)),
        )
        return line, session

    def _engine(self, line: Line, sender: str, data: str | bytes) -> None:
        """What a packet over a WebSocket says about its session."""
        session = self._sessions.of(line.conn)
        if session is None or not isinstance(data, str):
            return
        if sender == "server" and data.startswith("0{"):
            self._sessions.name(session, sid_in(data))
        elif sender == "client" and data == "5":
            session.polls = False

    def _poll(self, time: float, call: Call, response: TapedResponse) -> bool:
        """Whether an answered poll is recorded as frames."""
        request, session = call.request, call.session
        if request.method == "POST" and isinstance(request.body, bytes):
            if session is None:
                # Older than the recording.
                self._packets(time, self._joined(time, request), "client", request.body)
            return True
        if request.method != "GET" or not isinstance(response.body, bytes):
            return False
        if session is None:
            sid = sid_of(request.path) or sid_in(response.body[:1000].decode("utf-8", "replace"))
            if not sid:
                return False
            session = self._joined(time, request)
            self._sessions.name(session, sid)
        self._packets(time, session, "server", response.body)
        return True

    def _joined(self, time: float, request: TapedRequest) -> Session:
        return self._begin(time, request.path, request.headers, (), True, polls=True)[1]

    def _packets(self, time: float, session: Session, sender: str, payload: bytes) -> None:
        """The packets of a payload, grouped; joined by U+001E they are the payload again."""
        session.bodies += 1
        line = Line(session.conn, 1, True)
        if payload.count(b"\x1e") >= _PACKETS:
            self._clock(time)
            self._ledger.missing(f"a payload of more than {_PACKETS} packets", session.conn)
            return
        for packet in payload.decode("utf-8", "surrogateescape").split("\x1e"):
            self._frame(time, line, sender, packet, "polling", session.bodies)
            if packet == "1":
                # Its end is told when no poll is left that could still bring something.
                session.ended = sender

    # --- entries

    def _frame(self, time: float, line: Line, sender: str, data: str | bytes, via: str, body: int | None) -> None:
        self._heard(time, line.conn, sender, data, via)
        ledger = self._ledger
        if ledger.stopped:
            return
        at = self._clock(time)
        doing = "redacting"
        try:
            said = data
            if (redactor := self._redactor) is not None:
                said = redactor.text(data) if isinstance(data, str) else redactor.binary(data)
            doing = "writing"
            ledger.put(dump(Passed(at, line.conn, sender, said, via, body, line.link, said is not data)))
            if not ledger.stopped:
                self.counts.frames += 1
        except Exception as error:
            ledger.lost(doing, error, line.conn)
        self._counted()

    def _safely(self, time: float, conn: int | None, make: Callable[[float], Entry]) -> None:
        """Record what `make` gives for its `at`; what goes wrong goes no further."""
        if self.stopped:
            return
        doing, kept = "redacting", self._kept
        try:
            before = kept.replaced
            entry = make(self._clock(time))
            if not isinstance(entry, Cut | Lost):
                entry.redacted = kept.replaced != before
            doing = "writing"
            self._ledger.put(dump(entry))
        except Exception as error:
            # Bodies are put beside while the entry is made.
            self._ledger.lost("writing" if isinstance(error, OSError) else doing, error, conn)
        self._counted()

    def _clock(self, time: float) -> float:
        # Clocks of people's machines are set back now and then; the tape goes on.
        at = self._ledger.at = max(self._ledger.at, time - self._started)
        return at

    def _counted(self) -> None:
        if self._redactor is not None:
            self.counts.redactions = self._redactor.count
