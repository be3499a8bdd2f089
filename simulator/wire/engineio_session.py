"""What Engine.IO knows of one client, and what it tells the layer above."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Protocol

from simulator.core.events import CallId
from simulator.core.ids import Ids
from simulator.core.message import Request
from simulator.core.wire import Link, Output
from simulator.wire.engineio_http import Cors
from simulator.wire.engineio_payload import Packet

SID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
NO_CODE, ABNORMAL, NORMAL = 1005, 1006, 1000
"""Close codes of RFC 6455, 7.4.1; a polling session's end has the one that fits."""


@dataclass(slots=True, frozen=True)
class Settings:
    """The server's options, times in seconds."""

    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    upgrade_timeout: float = 10.0
    close_timeout: float = 30.0
    """How long a closed polling session waits for the poll that fetches its end."""
    max_payload: int = 1_000_000
    transports: tuple[str, ...] = ("polling", "websocket")
    allow_upgrades: bool = True
    cors: Cors | None = None
    max_buffer: int = 16 << 20
    """Characters that wait for a client's next poll, above which its session ends; Node has no such limit."""
    max_waiting: int = 64 << 20
    """And for those of all clients: above it the session for which the most waits ends."""
    max_polling: int = 10_000
    """Sessions that poll at once: no socket stands for them, of which the system has a limit. One more is refused."""


class State(Enum):
    """Of a session."""

    OPEN = auto()
    CLOSING = auto()
    """Nothing goes in or out any more but what waits, and the end."""
    CLOSED = auto()


class Session:
    """One client, over whichever transport."""

    __slots__ = (
        "beats",
        "buffer",
        "call",
        "ending",
        "link",
        "pings",
        "poll",
        "probe",
        "request",
        "sid",
        "size",
        "state",
        "upgraded",
        "upper",
    )

    def __init__(self, sid: str, request: Request, link: Link | None, call: CallId) -> None:
        self.sid = sid
        self.call = call
        """Of the request that opened it."""
        self.request = replace(request, body=b"") if request.body else request
        """The request that opened it, without the body that nobody reads: it is kept for long."""
        self.link = link
        """None while it polls."""
        self.state = State.OPEN
        self.poll: tuple[CallId, Request] | None = None
        self.buffer: list[Packet] = []
        self.size = 0
        self.probe: Link | None = None
        """A WebSocket that wants to take over."""
        self.upgraded = False
        self.ending = False
        """Polling, and closed: the next poll is told."""
        self.pings = 0
        self.beats = 0
        self.upper: Any = None
        """What the upper layer keeps of it."""

    def __repr__(self) -> str:
        return f"<session {self.sid}>"

    def waiting(self) -> int:
        """Characters that wait for its next poll."""
        return self.size

    @property
    def transport(self) -> str:
        """What carries it now."""
        return "polling" if self.link is None else "websocket"

    @property
    def writable(self) -> bool:
        """Whether a packet would leave at once."""
        return self.link is not None or self.poll is not None


class Upper(Protocol):
    """Who understands the messages."""

    def opened(self, session: Session, out: list[Output]) -> None:
        """A session is open, its handshake written."""
        ...

    def refused(self, why: str) -> None:
        """A session was not opened, by no mistake of who asked for it."""
        ...

    def message(self, session: Session, data: Packet, out: list[Output]) -> None:
        """A message came; a string has lost its type."""
        ...

    def closed(self, session: Session, code: int, recoverable: bool, out: list[Output]) -> None:
        """A session is over, by no mistake of the engine's own protocol where it is `recoverable`."""
        ...


def new_sid(ids: Ids, *brought: object) -> str:
    """An id that looks like base64id's: sixteen characters by lot, and how many equal ones came before."""
    serial = ids.serial(brought, 0)
    tail = urlsafe_b64encode((serial % (1 << 24)).to_bytes(3, "big")).decode()
    return ids.child(*brought, serial).token(16, SID_LETTERS) + tail


def sid_for(request: Request, ids: Ids, mark: str = "") -> str:
    """The sid of a session that a request opens, by what it brought; a mark takes the place of what it covers."""
    brought = "&".join(part for part in request.query.split("&") if part.partition("=")[0] not in ("t", "sid"))
    return mark + new_sid(ids, "engine", request.path, brought[:256])[len(mark) :]


def handshake(session: Session, settings: Settings) -> str:
    """The open packet, its keys in Node's order."""
    upgrades = session.link is None and settings.allow_upgrades and "websocket" in settings.transports
    return (
        f'0{{"sid":"{session.sid}","upgrades":[{_WEBSOCKET if upgrades else ""}],'
        f'"pingInterval":{round(settings.ping_interval * 1000)},'
        f'"pingTimeout":{round(settings.ping_timeout * 1000)},"maxPayload":{settings.max_payload}}}'
    )


_WEBSOCKET = '"websocket"'
