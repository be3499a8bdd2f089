"""Frames of a tape become turns of conversations: each conn has its reader, and answers find what they answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final

from simulator import backends
from simulator.cassette.entries import Closed, Entry, Header, Opened, Passed, Upgraded
from simulator.cassette.envelopes import ENGINE, PHOENIX, PLAIN, home_of, kind_of, reader_of
from simulator.core.backend import Backend, Route, find
from simulator.core.message import NO_REF, Frame, Message
from simulator.core.wire import Reader, Turn

_ASKED: Final = 1000
"""Requests of one conn that may wait for their answers."""
_CONNS: Final = 10_000
"""Conns that are read at the same time; a tape may begin any number and end none."""


DEEP: Final = 200
"""Lists and objects in each other, beyond which nobody compares a message: what walks through them has no end."""


def is_deep(value: object) -> bool:
    """Whether there are more."""
    level = [value]
    for _ in range(DEEP):
        level = [
            inner
            for one in level
            if isinstance(one, list | tuple | dict)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def backend_of(header: Header, named: str | None = None) -> Backend | None:
    """Whose tape it is; None where neither it nor `named` says, or where it says a name that is none of ours.

    Raises UnknownBackend for a wrong `named`.
    """
    if named is not None:
        return backends.load(named)
    return backends.load(header.backend) if header.backend in backends.names() else None


def goes_over(entry: Passed) -> bool:
    """Whether an Engine.IO session leaves polling with this: until then the end of its WebSocket ends nothing."""
    return entry.sender == "client" and entry.data == "5"


class _Conn:
    __slots__ = ("asked", "count", "foreign", "kind", "link", "over", "path", "reader")

    def __init__(self, path: str, reader: Reader | None) -> None:
        self.path = path
        self.link = 1
        self.over = True
        """Whether the last link is the one that counts."""
        self.kind = ""
        self.foreign = False
        self.reader = reader
        self.asked: dict[Hashable, deque[Message]] = {}
        self.count = 0


class Reading:
    """Give it every entry in order (`pass_by`), and frames become turns, those of other servers too.

    A frame that completes no message (a heartbeat, the head of a binary event) has none.
    """

    def __init__(self, backend: Backend | None = None) -> None:
        """Read as that backend's frames; None tells from each conn's own frames what it is."""
        self._backend = backend
        self._home = "" if backend is None else home_of(backend.reader())
        self._conns: dict[int, _Conn] = {}

    def pass_by(self, entry: Entry) -> list[Turn]:
        """The turns that it completes."""
        if type(entry) is Passed:
            return self._passed(entry)
        if isinstance(entry, Opened):
            self._begin(entry.conn, entry.path)
        elif isinstance(entry, Upgraded):
            if (conn := self._conns.get(entry.conn)) is not None:
                conn.link, conn.over = entry.link, False
        elif isinstance(entry, Closed):
            known = self._conns.get(entry.conn)
            if known is not None and entry.link >= known.link and known.over:
                del self._conns[entry.conn]
            elif known is not None and entry.link == known.link:
                # It did not go over: it goes on by polling.
                known.link, known.over = 1, True
        return []

    def open(self, conn: int) -> bool:
        """Whether a conn goes on: where a probe of its WebSocket has failed, its session does."""
        return conn in self._conns

    def kind(self, conn: int) -> str:
        """The kind of envelope of a conn's frames."""
        known = self._conns.get(conn)
        return (known.kind if known is not None else "") or PLAIN

    def foreign(self, conn: int) -> bool:
        """Whether a conn is of another server than the backend: its path is none of it, and its frames are none."""
        known = self._conns.get(conn)
        return known is not None and known.foreign

    def _is_foreign(self, path: str, kind: str) -> bool:
        # A path alone says little: the real server may stand behind a prefix, or on another stage.
        backend = self._backend
        if backend is None or kind in (self._home, PLAIN) or not path:
            return False
        return not isinstance(find(backend.routes, "GET", path.partition("?")[0]), Route)

    def _begin(self, number: int, path: str) -> _Conn:
        if len(self._conns) >= _CONNS:
            del self._conns[next(iter(self._conns))]
        conn = self._conns[number] = _Conn(path, None if self._backend is None else self._backend.reader())
        return conn

    def _passed(self, entry: Passed) -> list[Turn]:
        conn = self._conns.get(entry.conn)
        if conn is None:
            conn = self._begin(entry.conn, "")
        if not conn.kind or conn.kind == PLAIN:
            kind = PHOENIX if entry.via == "longpoll" else kind_of(conn.path, entry.data)
            if kind != conn.kind:
                conn.kind = kind
                conn.foreign = self._is_foreign(conn.path, kind)
                if self._backend is None or conn.foreign:
                    conn.reader = reader_of(kind)
        if entry.link > 1 and goes_over(entry):
            conn.over = True
        assert conn.reader is not None
        # One link for all: whatever carries it, a session is one conversation.
        turns = conn.reader.read(entry.sender, 1, Frame(entry.data, entry.via))
        if isinstance(entry.data, str) and entry.data.count("[") + entry.data.count("{") > DEEP:
            for turn in turns:
                if turn.message is not None and is_deep(turn.message.args):
                    turn.message, turn.why = None, f"more than {DEEP} lists and objects in each other"
        if conn.kind != ENGINE:
            for turn in turns:
                if turn.message is not None and turn.message.ref is not NO_REF:
                    self._pair(conn, turn, turn.message)
        return turns

    @staticmethod
    def _pair(conn: _Conn, turn: Turn, message: Message) -> None:
        """Phoenix's refs and the gateway's routes: the first that asked is answered first."""
        key = (message.topic, str(message.ref))
        if turn.sender == "client":
            conn.asked.setdefault(key, deque()).append(message)
            conn.count += 1
            if conn.count > _ASKED:
                oldest = next(iter(conn.asked))
                conn.count -= len(conn.asked.pop(oldest))
        elif (waiting := conn.asked.get(key)) is not None:
            turn.answers = waiting.popleft()
            conn.count -= 1
            if not waiting:
                del conn.asked[key]
