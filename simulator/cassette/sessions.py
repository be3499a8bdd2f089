"""Which requests and sockets belong together: an Engine.IO session is one conn, whatever carries it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

KEPT: Final = 10_000
"""Sessions that are remembered; clients may leave any number behind without a word."""

_ENGINE = re.compile(r"[?&]EIO=")
_POLLING = re.compile(r"[?&]transport=polling(?:&|$)")
_SID = re.compile(r"[?&]sid=([^&]*)")
_HANDSHAKE = re.compile(r'^0\{.*?"sid"\s*:\s*"([^"\\]*)"')


@dataclass(slots=True)
class Line:
    """One link of a conn: what `Recorder.open` hands out."""

    conn: int
    link: int = 1
    engine: bool = False
    """Engine.IO is spoken on it."""


@dataclass(slots=True)
class Session:
    """What a recorder has to remember of a conn while it is open."""

    conn: int
    sid: str = ""
    links: int = 1
    """How many it ever had."""
    polls: bool = False
    """Whether it can still be polled."""
    sockets: int = 0
    bodies: int = 0
    """Payloads that came and went."""
    waiting: int = 0
    """Polls that have no answer yet."""
    ended: str = ""
    """Who ended it by a packet or an answer, empty while nobody did."""


def is_engine(path: str) -> bool:
    return _ENGINE.search(path) is not None


def is_poll(path: str) -> bool:
    """Whether a request is one of Engine.IO's polling transport."""
    return is_engine(path) and _POLLING.search(path) is not None


def is_gone(body: object) -> bool:
    """Whether a poll was told with this that its session is no more: engine.io 6.6, lib/server.ts, UNKNOWN_SID."""
    return isinstance(body, bytes) and b'"code":1,' in body


def sid_of(path: str) -> str:
    """The session that a request names, empty for none."""
    match = _SID.search(path)
    return match[1] if match else ""


def sid_in(packet: str) -> str:
    """The session that an open packet begins, empty where it is none."""
    match = _HANDSHAKE.match(packet)
    return match[1] if match else ""


class Sessions:
    """All conns that are open, by number; those of Engine.IO also by sid."""

    __slots__ = ("_by_sid", "_most", "_open")

    def __init__(self, most: int = KEPT) -> None:
        self._open: dict[int, Session] = {}
        self._by_sid: dict[str, Session] = {}
        self._most = most

    def begin(self, session: Session) -> Session | None:
        """One more; the polling session that was begun first is forgotten, and given back, where there are too many."""
        self._open[session.conn] = session
        self.name(session, session.sid)
        if len(self._by_sid) > self._most:
            oldest = next((known for known in self._by_sid.values() if not known.sockets), None)
            if oldest is not None:
                self.end(oldest)
                return oldest
        return None

    def name(self, session: Session, sid: str) -> None:
        """Its sid is known."""
        if sid:
            session.sid = sid
            self._by_sid[sid] = session

    def of(self, conn: int) -> Session | None:
        return self._open.get(conn)

    def named(self, sid: str) -> Session | None:
        return self._by_sid.get(sid) if sid else None

    def end(self, session: Session) -> None:
        self._open.pop(session.conn, None)
        self._by_sid.pop(session.sid, None)

    def conns(self) -> list[int]:
        """All that are open."""
        return list(self._open)
