"""Whether a cassette is whole, and its frames what the backend's document says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from simulator.cassette.entries import Beside, Body, Closed, Cut, Entry, Exchange, Lost, Opened, Passed, Refused
from simulator.cassette.reading import Reading, goes_over
from simulator.cassette.tape import Tape
from simulator.core.backend import Backend, Route, find
from simulator.core.message import Message
from simulator.core.wire import Turn
from simulator.wire import gateway

ERROR: Final = "error"
"""The cassette can't be right: it breaks the format, or it holds what the document forbids."""
WARNING: Final = "warning"
"""It can be played, but somebody should know."""

_OWN: Final = frozenset(
    {"connect", "disconnect", "connect_error", "phx_join", "phx_leave", "phx_reply", "phx_error", "phx_close"}
)
"""What envelopes say for themselves; no backend has models for these."""
_SHOWN: Final = 3
"""Of one frame, how many wrong places are told."""


@dataclass(slots=True, frozen=True)
class Finding:
    """One line of the report."""

    line: int
    """0 where the file as a whole is meant."""
    level: str
    why: str

    def told(self, path: str) -> str:
        """As compilers write it."""
        place = f"{path}:{self.line}" if self.line else path
        return f"{place}: {self.level}: {self.why}"


def check(tape: Tape, backend: Backend | None = None) -> Iterator[Finding]:
    """What is wrong, in the order of the tape. Raises CassetteError where nothing more can be read."""
    if backend is None:
        yield Finding(0, WARNING, _unknown(tape.header.backend))
    judge = None if backend is None else _Judge(backend)
    conns = _Conns()
    for entry in tape:
        yield from conns.pass_by(entry)
        if judge is not None:
            yield from judge.pass_by(entry)
    if tape.torn is not None:
        yield Finding(tape.torn.line, WARNING, f"truncated: {tape.torn.why}")
    yield from conns.end()


def _unknown(name: str | None) -> str:
    if name is None:
        return "does not say which backend it is of: frames were held against no models; --backend NAME says it"
    return (
        f"is of {name!r}, which is no backend of ours: frames were held against no models; --backend NAME says another"
    )


class _Conns:
    """Whether conns begin before they speak, and end once."""

    def __init__(self) -> None:
        self._links: dict[int, set[int]] = {}
        self._probing: set[tuple[int, int]] = set()
        """Links that a session has not gone over to yet; where one ends, the session goes on by polling."""
        self._over: set[int] = set()

    def pass_by(self, entry: Entry) -> Iterator[Finding]:
        match entry:
            case Passed():
                if entry.link not in self._links.get(entry.conn, ()):
                    yield self._stray(entry, "speaks")
                elif entry.link > 1 and goes_over(entry):
                    self._probing.discard((entry.conn, entry.link))
            case Opened() | Refused():
                if entry.conn in self._links or entry.conn in self._over:
                    yield Finding(entry.line, ERROR, f"conn {entry.conn} begins a second time")
                if isinstance(entry, Opened):
                    self._links[entry.conn] = {1}
                else:
                    self._over.add(entry.conn)
            case Closed():
                links = self._links.get(entry.conn)
                if links is None or entry.link not in links:
                    yield self._stray(entry, "ends")
                    return
                links.discard(entry.link)
                failed = (entry.conn, entry.link) in self._probing
                self._probing.discard((entry.conn, entry.link))
                # Polling is the link that a session leaves behind without a word.
                if not links or (entry.link > 1 and links == {1} and not failed):
                    del self._links[entry.conn]
                    self._over.add(entry.conn)
            case Cut():
                for conn in [entry.conn] if entry.conn is not None else list(self._links):
                    self._links.pop(conn, None)
                    self._over.add(conn)
                if entry.conn is None:
                    yield Finding(entry.line, WARNING, f"not all of it: {entry.why}")
            case Lost():
                yield Finding(entry.line, WARNING, f"{entry.count} records are missing here: {entry.why}")
            case Exchange():
                for half, body in (("request", entry.request.body), ("response", _answer(entry))):
                    if isinstance(body, Beside) and body.path is None:
                        why = f"the body of the {half} ({body.size} bytes) was not kept"
                        yield Finding(entry.line, WARNING, why)
            case _:
                if entry.conn in self._links:
                    self._links[entry.conn].add(entry.link)
                    self._probing.add((entry.conn, entry.link))
                else:
                    yield self._stray(entry, "is upgraded")

    def _stray(self, entry: Passed | Closed | Entry, doing: str) -> Finding:
        assert not isinstance(entry, Exchange)
        when = "after its end" if entry.conn in self._over else "before it was opened"
        link = getattr(entry, "link", 1)
        which = f"link {link} of conn {entry.conn}" if link != 1 else f"conn {entry.conn}"
        return Finding(entry.line, ERROR, f"{which} {doing} {when}")

    def end(self) -> Iterator[Finding]:
        if self._links:
            conns = ", ".join(map(str, sorted(self._links)))
            yield Finding(0, WARNING, f"has no end for conn {conns}: it was not closed, and no recorder cut it")


def _answer(entry: Exchange) -> Body:
    return None if entry.response is None else entry.response.body


class _Judge:
    """Messages against models."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._reading = Reading(backend)
        self._validators: dict[type[BaseModel], Callable[[object], object]] = {}
        self._foreign: set[int] = set()
        """Conns of another server."""

    def pass_by(self, entry: Entry) -> Iterator[Finding]:
        turns = self._reading.pass_by(entry)
        if isinstance(entry, Opened):
            path = entry.path.partition("?")[0]
            if not isinstance(find(self._backend.routes, "GET", path), Route):
                yield Finding(entry.line, WARNING, f"{self._backend.name} has no path {path}")
        if isinstance(entry, Passed):
            if self._reading.foreign(entry.conn):
                if entry.conn not in self._foreign:
                    self._foreign.add(entry.conn)
                    why = f"conn {entry.conn} speaks to another server: its frames were not looked at"
                    yield Finding(entry.line, WARNING, why)
                return
            for turn in turns:
                yield from self._turn(entry, turn)

    def _turn(self, entry: Passed, turn: Turn) -> Iterator[Finding]:
        message = turn.message
        if message is None:
            yield Finding(entry.line, ERROR, f"the {entry.sender}'s frame can't be read: {turn.why}")
            return
        if turn.why:
            yield Finding(entry.line, ERROR, f"the {entry.sender}'s {message.name or 'ack'}: {turn.why}")
            return
        if turn.answers is not None and turn.answers.name != message.name:
            return
        # An acknowledgement's payload is of no model: it has the name of what it answers.
        if turn.answers is not None and isinstance(message.ref, str) and message.topic.startswith("/"):
            return
        models = self._backend.commands if entry.sender == "client" else self._backend.events
        model = models.get(message.name)
        if model is None:
            yield from self._stranger(entry, message, turn)
            return
        # Nor is a gateway's answer that tells of a failure.
        if len(message.args) == 2 and turn.answers is not None and message.args[0] != 200:
            return
        # A gateway's answer has its status before the body, an event without arguments has none.
        body = message.args[-1] if message.args else {}
        try:
            self._validator(model)(body)
        except ValidationError as error:
            level = WARNING if entry.redacted else ERROR
            redacted = " (redaction changed this frame)" if entry.redacted else ""
            for wrong in error.errors(include_url=False, include_context=False, include_input=False)[:_SHOWN]:
                place = ".".join(map(str, wrong["loc"]))
                dot = "." if place else ""
                yield Finding(entry.line, level, f"{message.name}{dot}{place}: {wrong['msg'].lower()}{redacted}")

    def _stranger(self, entry: Passed, message: Message, turn: Turn) -> Iterator[Finding]:
        own = message.name in _OWN or message.topic in (gateway.OWN, "phoenix")
        if own or turn.answers is not None:
            return
        other = self._backend.events if entry.sender == "client" else self._backend.commands
        if message.name in other:
            ought = "server" if entry.sender == "client" else "client"
            yield Finding(entry.line, ERROR, f"{message.name!r} is what the {ought} says, here the {entry.sender} does")
        elif entry.sender == "client":
            yield Finding(entry.line, ERROR, f"{self._backend.name} knows no message {message.name!r} from a client")
        else:
            why = f"{self._backend.name}'s document has no message {message.name!r} from the server"
            yield Finding(entry.line, WARNING, why)

    def _validator(self, model: type[BaseModel]) -> Callable[[object], object]:
        known = self._validators.get(model)
        if known is None:
            known = self._validators[model] = TypeAdapter(model).validator.validate_python
        return known
