"""A cassette as rows that people read: when, which way, what it is called, what it says, what it answers."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import orjson

from simulator.cassette import envelopes
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
    Upgraded,
)
from simulator.cassette.longpolls import LongPolls
from simulator.cassette.reading import Reading
from simulator.core.backend import Backend
from simulator.core.message import NO_REF, Message
from simulator.core.wire import Turn

WINDOW: Final = 2000
"""Rows that are held back so that an event can be told with its answer."""
_BYTES: Final = 32
"""Of binary data, how many are shown."""


@dataclass(slots=True, eq=False)
class Row:
    """One entry, told."""

    line: int
    """Where the entry stands in its file."""
    at: float
    """Seconds since the recording began."""
    kind: str
    """`frame`, `http`, `open`, `upgrade`, `close`, `refused`, `cut` or `lost`."""
    conn: int | None
    """Of an HTTP exchange its own number."""
    sender: str = ""
    """`client` or `server`: who said it, who closed; empty for what nobody said."""
    name: str = ""
    """The event; in parentheses what is no event. Method and path of an exchange."""
    payload: str = ""
    """As JSON, bytes as `<12 bytes: 00 ff ...>`; of several arguments one after the other."""
    raw: str = ""
    """As on the wire; bytes in hexadecimal digits."""
    size: int = 0
    """Bytes on the wire."""
    topic: str = ""
    """Socket.IO namespace, Phoenix topic."""
    ref: str = ""
    note: str = ""
    """What the envelope says, in words."""
    via: str = ""
    link: int = 1
    body: int | None = None
    redacted: bool = False
    binary: bool = False
    heartbeat: bool = False
    awaits: bool = False
    """An answer may come."""
    wrong: str = ""
    """Why a frame could not be read."""
    answers: Row | None = None
    """What this answers."""
    answered: Row | None = None
    """The answer to this, where it came soon enough."""


@dataclass(slots=True)
class Filter:
    """Which rows are wanted; what is empty wants all."""

    conns: frozenset[int] = frozenset()
    sender: str = ""
    names: tuple[str, ...] = ()
    """Patterns as of a shell, one of which has to fit."""
    text: str = ""
    """Found in what passed, or in its payload, whatever the case."""
    since: float = 0.0
    until: float = float("inf")
    heartbeats: bool = True

    def wants(self, row: Row) -> bool:
        if not self.since <= row.at <= self.until or (row.heartbeat and not self.heartbeats):
            return False
        if self.conns and row.conn not in self.conns:
            return False
        if self.sender and row.sender != self.sender:
            return False
        # With an event comes its answer, which has no name of its own.
        called = [row.name] if row.answers is None else [row.name, row.answers.name]
        if self.names and not any(fnmatchcase(name, pattern) for pattern in self.names for name in called):
            return False
        wanted = self.text.casefold()
        return not wanted or any(wanted in said.casefold() for said in (row.name, row.raw, row.payload))


def rows(entries: Iterable[Entry], backend: Backend | None = None, window: int = WINDOW) -> Iterator[Row]:
    """All rows of a tape, in its order. A row learns of its answer when that comes; `held` waits for it."""
    reading = Reading(backend)
    asked: OrderedDict[int, tuple[Message, Row]] = OrderedDict()
    polls = LongPolls(aside=True)
    for entry in (entry for taped in entries for entry in polls.frames(taped)):
        turns = reading.pass_by(entry)
        if type(entry) is not Passed:
            yield _event(entry)
            continue
        kind = reading.kind(entry.conn)
        row = _frame(entry, turns, kind)
        for turn in turns:
            if turn.answers is not None:
                if (found := asked.pop(id(turn.answers), None)) is not None:
                    row.answers = found[1]
                    found[1].answered = row
            elif turn.message is not None and _awaits(kind, turn.sender, turn.message):
                row.awaits = True
                asked[id(turn.message)] = (turn.message, row)
                if len(asked) > window:
                    asked.popitem(last=False)[1][1].awaits = False
        yield row


def _awaits(kind: str, sender: str, message: Message) -> bool:
    if message.ref is not NO_REF:
        return kind == envelopes.ENGINE or sender == "client"
    return kind == envelopes.ENGINE and sender == "client" and message.name == "connect"


def held(told: Iterable[Row], window: int = WINDOW) -> Iterator[Row]:
    """The same rows, each held back until its answer is there, but never more than `window` of them."""
    waiting: deque[Row] = deque()
    for row in told:
        waiting.append(row)
        while waiting and (not waiting[0].awaits or waiting[0].answered is not None or len(waiting) > window):
            yield waiting.popleft()
    yield from waiting


def _frame(entry: Passed, turns: list[Turn], kind: str) -> Row:
    data = entry.data
    row = Row(
        entry.line,
        entry.at,
        "frame",
        entry.conn,
        entry.sender,
        raw=data if isinstance(data, str) else data.hex(),
        size=size_of(data),
        note=envelopes.note(kind, entry.sender, data, entry.via, turns),
        via=entry.via,
        link=entry.link,
        body=entry.body,
        binary=isinstance(data, bytes),
        redacted=entry.redacted,
        heartbeat=envelopes.is_heartbeat(kind, data, turns),
    )
    said = [turn.message for turn in turns if turn.message is not None]
    row.name = ", ".join(name_of(turn) for turn in turns if turn.message is not None)
    row.payload = " ".join(told(message) for message in said)
    row.wrong = "; ".join(turn.why for turn in turns if turn.message is None)
    if len(said) == 1:
        row.topic = said[0].topic
        row.ref = "" if said[0].ref is NO_REF else str(said[0].ref)
    if not said:
        row.name = "(unreadable)" if row.wrong else f"({envelopes.packet(data, entry.via)})"
        row.payload = row.raw if row.wrong and isinstance(data, str) else ""
    return row


def name_of(turn: Turn) -> str:
    """What a turn is called; an answer without a name of its own after what it answers."""
    message = turn.message
    assert message is not None
    if turn.answers is not None and message.name == "phx_reply":
        return f"phx_reply to {turn.answers.name}"
    if turn.answers is not None and message.ref is not NO_REF and message.topic.startswith("/"):
        return f"ack of {message.name}"
    return message.name or ("(ack)" if turn.why else "(message)")


def size_of(data: str | bytes) -> int:
    """Bytes on the wire."""
    return len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode("utf-8", "surrogatepass"))


def told(message: Message) -> str:
    """The arguments of a message as one line."""
    return " ".join(_json(arg) for arg in message.args)


def _json(value: object) -> str:
    if isinstance(value, bytes):
        return _bytes(value)
    try:
        return orjson.dumps(value, default=_bytes).decode()
    except (TypeError, ValueError):
        # Integers beyond 64 bits, lone surrogates.
        return json.dumps(value, default=_bytes, ensure_ascii=False, separators=(",", ":"))


def _bytes(value: object) -> str:
    assert isinstance(value, bytes)
    more = " ..." if len(value) > _BYTES else ""
    return f"<{len(value)} bytes: {value[:_BYTES].hex(' ')}{more}>"


def _event(entry: Entry) -> Row:
    match entry:
        case Opened():
            row = Row(entry.line, entry.at, "open", entry.conn, "client", "(open)", entry.path)
        case Upgraded():
            row = Row(entry.line, entry.at, "upgrade", entry.conn, "client", "(upgrade)", entry.path, link=entry.link)
            row.note = f"link {entry.link} of the session"
        case Refused():
            row = Row(entry.line, entry.at, "refused", entry.conn, "server", "(refused)", entry.path)
            row.note = f"status {entry.response.status}"
            row.raw = _body(entry.response.body)
        case Closed():
            code = "without a code" if entry.code is None else str(entry.code)
            row = Row(entry.line, entry.at, "close", entry.conn, entry.by, "(close)", f"{code} {entry.reason}".rstrip())
            row.link = entry.link
        case Cut():
            row = Row(entry.line, entry.at, "cut", entry.conn, name="(cut)", payload=entry.why)
        case Lost():
            row = Row(entry.line, entry.at, "lost", entry.conn, name="(lost)", payload=f"{entry.count}: {entry.why}")
        case Exchange():
            return _exchange(entry)
        case _:  # pragma: no cover
            raise AssertionError(entry)
    row.redacted = not isinstance(entry, Cut | Lost) and entry.redacted
    return row


def _exchange(entry: Exchange) -> Row:
    request, response = entry.request, entry.response
    asked, answer = _body(request.body), "" if response is None else _body(response.body)
    row = Row(entry.line, entry.at, "http", entry.http, "client", f"{request.method} {request.path}", via="http")
    status = "no answer" if response is None else str(response.status)
    row.payload = f"{status}{' ' if asked else ''}{asked}{' -> ' if answer else ''}{answer}"
    row.raw = asked + answer
    row.size = _length(request.body) + (0 if response is None else _length(response.body))
    row.note = f"took {entry.took:.3f} s"
    row.redacted = entry.redacted
    return row


def _body(body: Body) -> str:
    if isinstance(body, Beside):
        return f"<{body.size} bytes in {body.path}>" if body.path else f"<{body.size} bytes, not kept>"
    return body if isinstance(body, str) else "" if body is None else _bytes(body)


def _length(body: Body) -> int:
    return 0 if body is None else body.size if isinstance(body, Beside) else size_of(body)
