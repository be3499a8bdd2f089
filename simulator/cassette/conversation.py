"""What was said in a conversation, message by message, whatever carried it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, cast

import orjson

from simulator.cassette import envelopes
from simulator.cassette.entries import Beside, Body, Closed, Entry, Exchange, Opened, Passed, Refused
from simulator.cassette.longpolls import LongPolls
from simulator.cassette.reading import DEEP, Reading, is_deep
from simulator.cassette.timeline import name_of
from simulator.core.backend import Backend
from simulator.core.message import Headers, Json
from simulator.core.wire import Turn

_BOUNDARY: Final = re.compile(r"(?i:multipart/.*boundary)=\"?([^\";,\s]{1,200})")


@dataclass(slots=True, eq=False)
class Said:
    """One message of a conversation, without its envelope."""

    conn: int
    sender: str
    name: str
    """An acknowledgement is an `ack of` its event."""
    args: tuple[Json | bytes, ...] = ()
    topic: str = ""
    line: int = 0
    """Where it stands in its file, 0 if it stands in none."""
    message: str = ""
    """The name by which the backend knows it."""
    redacted: bool = False
    """Something was taken out of it."""


def said(entries: Iterable[Entry], backend: Backend | None = None) -> Iterator[Said]:
    """The messages of a tape, its HTTP exchanges, refusals and closes among them; heartbeats are none.

    What can't be read as a message is one named `(unreadable)`, with the frame as its argument.
    """
    reading = Reading(backend)
    polls = LongPolls(aside=True)
    for entry in (entry for taped in entries for entry in polls.frames(taped)):
        turns = reading.pass_by(entry)
        match entry:
            case Passed():
                if envelopes.is_heartbeat(reading.kind(entry.conn), entry.data, turns):
                    continue
                for turn in turns:
                    yield (
                        Said(entry.conn, entry.sender, "(unreadable)", (entry.data,), "", entry.line)
                        if turn.message is None
                        else of_turn(turn, entry.conn, entry.line, entry.redacted)
                    )
            case Opened():
                yield Said(entry.conn, "client", "(open)", (_target(entry.path),), "", entry.line)
            case Refused():
                yield Said(entry.conn, "client", "(open)", (_target(entry.path),), "", entry.line)
                yield Said(entry.conn, "server", "(refused)", (entry.response.status,), "", entry.line)
            case Closed() if entry.code is not None:
                yield Said(entry.conn, entry.by, "(close)", (entry.code, entry.reason), "", entry.line)
            case Exchange():
                yield from _exchange(entry)


def of_turn(turn: Turn, conn: int, line: int = 0, redacted: bool = False) -> Said:
    """A turn that has a message, of a tape or of somebody who listens."""
    message, name = turn.message, name_of(turn)
    assert message is not None
    known = message.name if message.name == name else ""
    return Said(conn, turn.sender, name, message.args, message.topic, line, known, redacted)


def _target(path: str) -> str:
    """Cache busters and sessions of Engine.IO are nobody's message."""
    where, _, query = path.partition("?")
    kept = [pair for pair in query.split("&") if pair.partition("=")[0] not in ("", "t", "sid")]
    return f"{where}?{'&'.join(kept)}" if kept else where


def _exchange(entry: Exchange) -> Iterator[Said]:
    request, response = entry.request, entry.response
    name = f"{request.method} {request.path.partition('?')[0]}"
    query = request.path.partition("?")[2]
    asked = (query, _body(request.body, request.headers))
    yield Said(0, "client", name, asked, "", entry.line, redacted=entry.redacted)
    answer: tuple[Json | bytes, ...] = (
        ("no answer",) if response is None else (response.status, _body(response.body, response.headers))
    )
    yield Said(0, "server", f"answer to {name}", answer, "", entry.line, redacted=entry.redacted)


def _body(body: Body, headers: Headers) -> Json | bytes:
    if isinstance(body, Beside):
        return {"bytes": body.size, "sha256": body.sha256}
    if body is None:
        return None
    for name, value in headers:
        drawn = _BOUNDARY.search(value) if name.lower() == "content-type" else None
        if drawn is not None:
            # Each client draws its own, each time.
            body = _unbound(body, drawn[1])
    return looked_into(body) if isinstance(body, str) else body


def looked_into(text: str) -> Json:
    """What a text is as JSON, where it is that, and not too deep to be compared."""
    try:
        value = cast("Json", orjson.loads(text))
    except ValueError:
        return text
    return text if text.count("[") + text.count("{") > DEEP and is_deep(value) else value


def _unbound(body: str | bytes, boundary: str) -> str | bytes:
    if isinstance(body, str):
        return body.replace(f"--{boundary}", "--boundary")
    return body.replace(f"--{boundary}".encode(), b"--boundary")
