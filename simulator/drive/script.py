"""A tape as a script for its client: what to do, and what the server is then expected to say, in the tape's order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from simulator.cassette import envelopes
from simulator.cassette.conversation import Said, looked_into, of_turn
from simulator.cassette.entries import (
    Beside,
    Body,
    Closed,
    Entry,
    Exchange,
    Lost,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    Upgraded,
)
from simulator.cassette.longpolls import LongPolls
from simulator.cassette.reading import Reading
from simulator.cassette.sessions import is_engine, is_poll, sid_of
from simulator.core.backend import Backend
from simulator.core.errors import WireError
from simulator.core.message import NO_REF, Frame, Headers, Json
from simulator.core.wire import Turn
from simulator.wire import phoenix_poll as longpoll
from simulator.wire.engineio_payload import MESSAGE, unbase64

CLOSE, REFUSED = "(close)", "(refused)"
_ENGINES_OWN: Final = frozenset("023456")
"""First characters of packets that a session makes by itself."""
_CLOSES: Final = "1"
_OLD = re.compile(r"[?&]EIO=[123](?:&|$)")


@dataclass(slots=True, eq=False)
class Open:
    """The client connects."""

    at: float
    line: int
    conn: int
    path: str
    """With its query."""
    headers: Headers = ()
    transports: tuple[str, ...] = ()
    """Of Engine.IO, in their order; none for a plain socket."""
    refused: bool = False
    """On the tape."""


@dataclass(slots=True, eq=False)
class Say:
    """The client sends a frame."""

    at: float
    line: int
    conn: int
    data: str | bytes
    """Of Engine.IO a packet, not encoded for a poll."""
    said: tuple[Said, ...] = ()
    """The messages that are whole with it."""


@dataclass(slots=True, eq=False)
class Hear:
    """The server says something."""

    at: float
    line: int
    conn: int
    """Of an HTTP answer the number of its exchange."""
    said: Said
    ref: object = NO_REF
    """Of an event that asks for an acknowledgement: its id on the tape."""
    offset: str = ""
    answers: bool = False
    """Whether the envelope says that it answers a message."""
    crossed: bool = False
    """The client had left when it came: it was on its way, and may be too late the next time."""
    came: bool = False
    """Whether it did, now."""


@dataclass(slots=True, eq=False)
class Hang:
    """The client ends a connection."""

    at: float
    line: int
    conn: int
    code: int | None
    reason: str


@dataclass(slots=True, eq=False)
class Ask:
    """The client makes an HTTP request."""

    at: float
    line: int
    conn: int
    """The number of the exchange."""
    request: TapedRequest
    name: str
    took: float


Step: TypeAlias = "Open | Say | Hear | Hang | Ask"


@dataclass(slots=True)
class Script:
    """One tape's."""

    steps: list[Step] = field(default_factory=list)
    kinds: dict[int, str] = field(default_factory=dict)
    """The kind of envelope of each conn."""
    notes: list[tuple[int, str]] = field(default_factory=list)
    """What can't be played, with its line; for people."""


def script(entries: Iterable[Entry], backend: Backend | None = None) -> Script:
    """The steps of a tape. Heartbeats and Engine.IO's own packets are none: whoever plays has his own."""
    return Writer(backend).write(entries)


class Writer:
    """Of one tape, which may still grow."""

    def __init__(self, backend: Backend | None) -> None:
        self._reading = Reading(backend)
        self._script = Script()
        self._rows: list[tuple[float, Step]] = []
        self._opens: dict[int, Open] = {}
        self._strange: set[int] = set()
        self._left: set[tuple[int, str]] = set()
        """Conns with the topics that their clients have left; with "" where that is all of it."""

    def write(self, entries: Iterable[Entry]) -> Script:
        """All of a tape that is whole."""
        for entry in _unrolled(entries):
            self._entry(entry, self._reading.pass_by(entry))
        # An exchange stands on the tape when it is over; it began before that.
        self._script.steps = [step for _, step in sorted(self._rows, key=lambda row: row[0])]
        return self._script

    def feed(self, entry: Entry) -> list[Step]:
        """One entry more: the steps that it makes. Of a long poll's frames give `carried`."""
        before = len(self._rows)
        self._entry(entry, self._reading.pass_by(entry))
        made = [step for _, step in self._rows[before:]]
        del self._rows[before:]
        return made

    @property
    def kinds(self) -> dict[int, str]:
        """The kind of envelope of each conn."""
        return self._script.kinds

    def _add(self, step: Step, at: float | None = None) -> None:
        self._rows.append((step.at if at is None else at, step))

    def _entry(self, entry: Entry, turns: list[Turn]) -> None:
        match entry:
            case Passed():
                self._passed(entry, turns)
            case Opened():
                transports: tuple[str, ...] = ()
                if is_engine(entry.path):
                    transports = ("polling",) if is_poll(entry.path) else ("websocket",)
                    if _OLD.search(entry.path):
                        self._script.notes.append((entry.line, "Engine.IO before version 4 is played as version 4"))
                step = Open(entry.at, entry.line, entry.conn, entry.path, entry.headers, transports)
                self._opens[entry.conn] = step
                self._add(step)
            case Refused():
                self._add(Open(entry.at, entry.line, entry.conn, entry.path, entry.headers, refused=True))
                response = entry.response
                self._hear(entry, entry.conn, REFUSED, (response.status, body(response.body)))
            case Upgraded() if (begun := self._opens.get(entry.conn)) is not None and begun.transports:
                begun.transports = ("polling", "websocket")
            case Closed():
                self._closed(entry)
            case Exchange():
                self._exchange(entry)
            case Lost():
                self._script.notes.append((entry.line, f"{entry.count} records are missing here: {entry.why}"))

    def _hear(self, entry: Refused | Closed | Exchange, conn: int, name: str, args: tuple[Json | bytes, ...]) -> None:
        said = Said(conn, "server", name, args, "", entry.line, name)
        self._add(Hear(entry.at, entry.line, conn, said, answers=True))

    def _passed(self, entry: Passed, turns: list[Turn]) -> None:
        begun = self._opens.get(entry.conn)
        if begun is None:
            if entry.conn not in self._strange:
                self._strange.add(entry.conn)
                why = f"connection {entry.conn} began before the recording, so nobody knows how: it is not played"
                self._script.notes.append((entry.line, why))
            return
        kind = self._script.kinds[entry.conn] = self._reading.kind(entry.conn)
        if envelopes.is_heartbeat(kind, entry.data, turns):
            return
        made = [_said(turn, entry) for turn in turns]
        if entry.sender == "server":
            for turn, said in zip(turns, made, strict=True):
                ref = NO_REF if turn.message is None or turn.answers is not None else turn.message.ref
                answers = turn.answers is not None
                crossed = not self._left.isdisjoint(((entry.conn, ""), (entry.conn, said.topic)))
                self._add(Hear(entry.at, entry.line, entry.conn, said, ref, turn.offset, answers, crossed))
            return
        data = entry.data
        if kind == envelopes.ENGINE and isinstance(data, str):
            if data[:1] == _CLOSES:
                self._left.add((entry.conn, ""))
                self._add(Hang(entry.at, entry.line, entry.conn, None, ""))
                return
            if data[:1] != MESSAGE and data[:1] in _ENGINES_OWN:
                return
            if entry.via == "polling" and data[:1] == "b":
                data = unbase64(data[1:])
        for said in made if kind == envelopes.ENGINE else ():
            (self._left.add if said.name == "disconnect" else self._left.discard)((entry.conn, said.topic))
        self._add(Say(entry.at, entry.line, entry.conn, data, tuple(made)))

    def _closed(self, entry: Closed) -> None:
        begun = self._opens.get(entry.conn)
        if begun is None or (begun.transports == ("polling", "websocket") and entry.link < 2):
            return
        if entry.by == "client":
            self._add(Hang(entry.at, entry.line, entry.conn, entry.code, entry.reason))
        elif entry.code is not None:
            self._hear(entry, entry.conn, CLOSE, (entry.code, entry.reason))
        del self._opens[entry.conn]

    def _exchange(self, entry: Exchange) -> None:
        request, response = entry.request, entry.response
        if is_poll(request.path) and sid_of(request.path):
            # What else was said on a session of which the live server knows nothing.
            return
        name = f"{request.method} {request.path.partition('?')[0]}"
        # Both numbers are rounded; what caused it still comes first.
        began = min(entry.at, max(0.0, entry.at - entry.took + 2e-6))
        self._add(Ask(began, entry.line, entry.http, request, name, entry.took))
        answer: tuple[Json | bytes, ...] = ("no answer",)
        if response is not None:
            answer = (response.status, body(response.body))
        self._hear(entry, entry.http, f"answer to {name}", answer)


def _unrolled(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Phoenix's long polls become the frames of a WebSocket, each at the time of its cause.

    A post is on the tape when it was answered; it came before that, and so may what it brought about.
    """
    polls, found, posts = LongPolls(), list[Entry](), False
    for entry in entries:
        for one in polls.frames(entry):
            if isinstance(one, Passed) and isinstance(entry, Exchange):
                if one.sender == "client":
                    one.at, posts = max(0.0, entry.at - entry.took), True
                found += carried(one)
            else:
                found.append(one)
    return sorted(found, key=lambda entry: entry.at) if posts else found


def carried(entry: Passed) -> list[Passed]:
    """The frames in the body of a long poll, as if a WebSocket had carried them."""
    return [replace(entry, data=frame.data, via="websocket") for frame in _frames(entry)]


def _frames(entry: Passed) -> list[Frame]:
    raw = entry.data.encode("utf-8", "surrogateescape") if isinstance(entry.data, str) else entry.data
    try:
        return longpoll.answered(raw) if entry.sender == "server" else longpoll.split(raw, lines=b"\n" in raw)
    except WireError:
        return [Frame(entry.data)]


def _said(turn: Turn, entry: Passed) -> Said:
    return (
        Said(entry.conn, entry.sender, "(unreadable)", (entry.data,), "", entry.line)
        if turn.message is None
        else of_turn(turn, entry.conn, entry.line)
    )


def body(raw: Body) -> Json | bytes:
    """A body as what it says: JSON where it is that. One that stands beside the tape is told by its size and hash."""
    if isinstance(raw, Beside):
        return {"bytes": raw.size, "sha256": raw.sha256}
    if not isinstance(raw, str):
        return raw or None
    return looked_into(raw) if raw else None
