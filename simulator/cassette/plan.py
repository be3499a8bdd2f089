"""A tape made ready to be played: its connections, who said what there, and what every word of the server followed."""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import Any, Final

from simulator.cassette import opaque
from simulator.cassette.bindings import Found, loads
from simulator.cassette.entries import (
    Beside,
    Body,
    Closed,
    Cut,
    Entry,
    Exchange,
    Lost,
    Opened,
    Passed,
    Refused,
)
from simulator.cassette.envelopes import ENGINE, PHOENIX, PLAIN, TYPED
from simulator.cassette.longpolls import LongPolls
from simulator.cassette.reading import Reading
from simulator.cassette.sessions import is_poll
from simulator.cassette.short_ids import Requests
from simulator.cassette.strands import Line, Part, Plan, Served, Strand, pack
from simulator.cassette.tape import Tape
from simulator.core.backend import Backend
from simulator.core.errors import CassetteError
from simulator.core.message import NO_REF, Headers, Json, Message
from simulator.core.wire import Turn

CONNS: Final = 100_000
"""Connections of one tape, a kilobyte and a half each before anything is said."""
_BACK: Final = 10_000
"""Values that go both ways, of one tape; what is found beyond them is bound, but not told."""


def read(tape: Tape, backend: Backend | None, fetch: Callable[[Beside], bytes | None] = lambda body: None) -> Plan:
    """The plan of a tape; `fetch` gives the bodies that lie beside it. Raises CassetteError."""
    plan = Plan(tape.path, tape.header)
    builder = _Builder(plan, backend, fetch)
    polls = LongPolls()
    for taped in tape:
        for entry in polls.frames(taped):
            builder.pass_by(entry)
        plan.last = taped.at
    plan.torn = tape.torn
    if plan.torn is not None:
        builder.end("the recorder was stopped in the middle of a record")
    return plan


class _Open:
    """A strand that is being read."""

    __slots__ = ("asked", "last", "left", "left_for", "over", "requests", "strand")

    def __init__(self, strand: Strand) -> None:
        self.strand = strand
        self.left_for = 0
        """What the server's last leaving followed."""
        self.over = False
        self.requests = Requests()
        """Where the envelope itself has no answers."""
        self.last: dict[str, int] = {}
        """By topic, the client's last line."""
        self.asked: dict[int, tuple[Message, int]] = {}
        """Messages that may be answered, by identity, and their lines."""
        self.left: set[str] = set()
        """Topics that the client has left."""


class _Builder:
    def __init__(self, plan: Plan, backend: Backend | None, fetch: Callable[[Beside], bytes | None]) -> None:
        self._plan = plan
        self._reading = Reading(backend)
        self._fetch = fetch
        self._open: dict[int, _Open] = {}
        self._first: dict[str, Line | Served | int | None] = {}
        """By a value the server's line, or the number of the client's, where it stood first; None once it went back."""

    def pass_by(self, entry: Entry) -> None:
        turns = self._reading.pass_by(entry)
        match entry:
            case Passed():
                self._passed(entry, turns)
            case Opened():
                self._begin(entry)
            case Closed():
                self._closed(entry)
            case Exchange():
                self._exchange(entry)
            case Refused():
                strand = self._begin(entry)
                strand.refusal = entry.response
                del self._open[entry.conn]
            case Cut():
                for conn in [*self._open] if entry.conn is None else [entry.conn]:
                    if (opened := self._open.pop(conn, None)) is not None:
                        opened.strand.cut = entry.why
            case Lost():
                self._remark(entry.line, f"{entry.count} records are missing here: {entry.why}")

    def end(self, why: str) -> None:
        """The tape is over before its connections are."""
        for opened in self._open.values():
            if not opened.over:
                opened.strand.cut = opened.strand.cut or why

    def _remark(self, line: int, why: str) -> None:
        self._plan.remarks.append((line, why))

    # --- connections

    def _begin(self, entry: Opened | Refused) -> Strand:
        if len(self._plan.strands) >= CONNS:
            why = f"more than {CONNS:,} connections can't be played: `simulator cassette trim` takes some of them"
            raise CassetteError(self._plan.path, entry.line, why)
        strand = Strand(entry.conn, entry.path)
        strand.lines.append(Line(entry.line, entry.at, Part.OPEN, True, "open"))
        self._plan.strands.append(strand)
        self._open[entry.conn] = _Open(strand)
        self._from_client(entry.path, entry.line)
        return strand

    def _closed(self, entry: Closed) -> None:
        opened = self._open.get(entry.conn)
        if opened is not None:
            opened.over = not self._reading.open(entry.conn)
        if opened is not None and entry.by == "server" and opened.over:
            line = Line(entry.line, entry.at, Part.CLOSE, False, "close", packed=pack((entry.code, entry.reason)))
            self._server(opened, line, 0)

    def _passed(self, entry: Passed, turns: list[Turn]) -> None:
        opened = self._open.get(entry.conn)
        if opened is None:
            self._remark(entry.line, f"conn {entry.conn} says something before it begins or after its end")
            return
        opened.strand.kind = self._reading.kind(entry.conn)
        opened.strand.foreign = self._reading.foreign(entry.conn)
        made = [self._turn(opened, entry, turn) for turn in turns]
        if isinstance(entry.data, str):
            if opened.strand.kind == ENGINE and entry.data.startswith("0{"):
                try:
                    opened.strand.handshake = loads(entry.data[1:])
                except (ValueError, RecursionError):
                    self._remark(entry.line, f"what opens the session of conn {entry.conn} is not JSON")
            if entry.sender == "client":
                self._from_client(entry.data, entry.line)
            elif made and made[-1] is not None and made[-1].part is not Part.ADMIT:
                self._from_server(entry.data, made[-1])

    def _turn(self, opened: _Open, entry: Passed, turn: Turn) -> Line | None:
        message = turn.message
        client = entry.sender == "client"
        if message is None:
            if client:
                return self._client(opened, Line(entry.line, entry.at, Part.BROKEN, True, "", "", pack((entry.data,))))
            self._remark(entry.line, f"the server's frame can't be read, and is not played: {turn.why}")
            return None
        line = Line(entry.line, entry.at, Part.SAID, client, intern(message.name), message.topic, pack(message.args))
        if opened.strand.kind == PHOENIX:
            line.wide = turn.wide
            opened.strand.profile = opened.strand.profile or _profile(entry, turn)
        return self._said(opened, line, message, turn) if client else self._told(opened, line, message, turn)

    def _said(self, opened: _Open, line: Line, message: Message, turn: Turn) -> Line | None:
        """What the client said."""
        kind = opened.strand.kind
        if kind == ENGINE and turn.answers is not None:
            line.part, line.answers = Part.ACK, opened.asked.pop(id(turn.answers))[1]
        elif kind == ENGINE and message.name in ("connect", "disconnect"):
            line.part = Part.JOIN
        elif kind == PHOENIX and message.topic == "phoenix":
            return None
        elif kind == PHOENIX and message.name in ("phx_join", "phx_leave"):
            line.part = Part.JOIN
        if message.name in ("disconnect", "phx_leave") and line.part is Part.JOIN:
            # The wire knows what to do about these.
            opened.left.add(message.topic)
            return None
        opened.left.discard(message.topic)
        made = self._client(opened, line)
        if kind in (TYPED, PLAIN):
            opened.requests.asks(message, len(opened.strand.lines) - 1)
        if line.part is Part.JOIN or message.ref is not NO_REF:
            opened.asked[id(message)] = (message, len(opened.strand.lines) - 1)
        return made

    def _told(self, opened: _Open, line: Line, message: Message, turn: Turn) -> Line | None:
        """What the server said."""
        kind, name = opened.strand.kind, message.name
        found = None if turn.answers is None else opened.asked.pop(id(turn.answers), None)
        if found is not None:
            line.part, line.answers = Part.ANSWER, found[1]
            asked = opened.strand.lines[found[1]]
            if asked.part is Part.JOIN:
                ok = name == "connect" or (kind == PHOENIX and _status(message) == "ok")
                line.part, line.name = Part.ADMIT if ok else Part.REFUSE, asked.name
        elif turn.answers is not None or (name == "connect" and kind == ENGINE):
            # Of a heartbeat, a leave, or of what was before the tape.
            return None
        elif (kind, name) in _ENDS:
            if message.topic in opened.left:
                return None
            line.part, line.packed = Part.LEAVE, pack((1011 if name == "phx_error" else 1000,))
        elif kind in (ENGINE, PHOENIX) and (turn.why or name == "phx_reply"):
            self._remark(line.line, "an answer to what is not on the tape is not played")
            return None
        if kind == PHOENIX and line.part in (Part.ANSWER, Part.ADMIT, Part.REFUSE):
            line.packed = pack(_reply(message))
        if kind == ENGINE and line.part is Part.SAID and message.ref is not NO_REF:
            line.asks = True
            opened.asked[id(message)] = (message, len(opened.strand.lines))
        cause = line.answers if line.answers is not None else self._cause(opened, line.topic)
        if kind in (TYPED, PLAIN) and (asked_in := opened.requests.answers(message)) is not None:
            cause = asked_in
        before = opened.strand.lines[-1]
        if line.part is before.part is Part.LEAVE:
            # The session is left, one namespace after the other.
            cause = opened.left_for
        if line.part is Part.LEAVE:
            opened.left_for = cause
        return self._server(opened, line, cause)

    @staticmethod
    def _cause(opened: _Open, topic: str) -> int:
        if opened.strand.kind not in (ENGINE, PHOENIX):
            topic = ""
        return opened.last.get(topic, 0)

    def _client(self, opened: _Open, line: Line) -> Line:
        strand = opened.strand
        index = len(strand.lines)
        strand.lines.append(line)
        opened.last[line.topic if strand.kind in (ENGINE, PHOENIX) else ""] = index
        if line.part is Part.ACK:
            assert line.answers is not None
            strand.acks[line.answers] = index
        else:
            strand.named.setdefault((line.topic, line.name), []).append(index)
        return line

    @staticmethod
    def _server(opened: _Open, line: Line, cause: int) -> Line:
        strand = opened.strand
        if line.part is Part.CLOSE:
            cause = max(opened.last.values(), default=0)
        strand.follows.setdefault(cause, []).append(len(strand.lines))
        strand.lines.append(line)
        return line

    # --- values

    def _from_client(self, text: str, line: int) -> None:
        first = self._first
        for value in opaque.found_in(text):
            owner = first.setdefault(value, line)
            if owner is not None and not isinstance(owner, int):
                owner.mints += (value,)
                first[value] = None
                at = owner.line if isinstance(owner, Line) else owner.exchange.line
                self._found(Found(value, "server", at, line, opaque.kind(value) or "token"))

    def _from_server(self, text: str, line: Line | Served) -> None:
        first = self._first
        for value in opaque.found_in(text):
            owner = first.setdefault(value, line)
            if isinstance(owner, int):
                first[value] = None
                at = line.line if isinstance(line, Line) else line.exchange.line
                self._found(Found(value, "client", owner, at, opaque.kind(value) or "token"))

    def _found(self, found: Found) -> None:
        if len(self._plan.found) < _BACK:
            self._plan.found.append(found)

    # --- HTTP

    def _exchange(self, entry: Exchange) -> None:
        if is_poll(entry.request.path):
            # Of a session that was over: the wire knows what to say.
            return
        asked = self._body(entry.request.body) or b""
        self._from_client(f"{entry.request.path} {asked.decode(errors='replace')}", entry.line)
        body = b"" if entry.response is None else self._body(entry.response.body)
        if body is None:
            self._remark(entry.line, "the body of the answer was not kept: it is played empty")
            body = b""
        served = Served(entry, body, asked)
        self._plan.exchanges.append(served)
        self._from_server(body.decode(errors="replace"), served)

    def _body(self, body: Body) -> bytes | None:
        if isinstance(body, Beside):
            return self._fetch(body)
        return body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body or b""


_ENDS: Final = {(PHOENIX, "phx_close"), (PHOENIX, "phx_error"), (ENGINE, "disconnect")}
"""What ends a namespace or topic."""


def _profile(entry: Passed, turn: Turn) -> str:
    """The version of Phoenix that speaks so; empty where every one does."""
    if entry.via == "longpoll" or isinstance(entry.data, bytes):
        return "1.8"
    assert turn.message is not None
    if entry.sender == "client" or turn.message.ref is not NO_REF:
        return ""
    array = entry.data.lstrip().startswith("[")
    return ("" if turn.wide else "1.8") if array else "1.3" if turn.wide else ""


def _payload(message: Message) -> dict[str, Any]:
    payload = message.args[0] if message.args else None
    return payload if isinstance(payload, dict) else {}


def _status(message: Message) -> object:
    return _payload(message).get("status")


def _reply(message: Message) -> tuple[Json | bytes, ...]:
    payload = _payload(message)
    return payload.get("status", "ok"), payload.get("response", {})


def answered(headers: Headers) -> Headers:
    """The lines of a recorded answer that still hold when it is given again."""
    return tuple((name, value) for name, value in headers if name.lower() not in _PASSING)


_PASSING: Final = frozenset(
    ("connection", "content-encoding", "content-length", "date", "keep-alive", "proxy-connection", "trailer",
     "transfer-encoding", "upgrade", "alt-svc")
)  # fmt: skip
"""What belongs to one connection, or is measured anew."""
