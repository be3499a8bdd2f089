"""What Socket.IO knows of a client in a namespace, and of the session that carries it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto

from simulator.core.backend import Buffered, Route
from simulator.core.message import Json
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio_http import ticket
from simulator.wire.engineio_payload import Packet
from simulator.wire.engineio_session import Session
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio_recovery import Log, Recovery

INVALID_NAMESPACE: Json = {"message": "Invalid namespace"}
"""What rules refuse a namespace with that the server does not have (lib/client.ts, connect)."""


@dataclass(slots=True, frozen=True)
class Settings:
    """The server's options, times in seconds; what Node leaves without a limit has one here."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    path: str = "/socket.io/"
    connect_timeout: float = 45.0
    """A session that joined no namespace by then is closed."""
    recovery: Recovery | None = None
    serve_client: bool = True
    max_attachments: int = 10
    """Of one packet (socket.io-parser 4.2)."""
    max_conns: int = 1_000
    """Namespaces that one session has joined or asked for."""
    max_acks: int = 10_000
    """Acknowledgements that one socket may owe; the oldest is forgotten."""


def routes(settings: Settings, name: str = "socketio") -> tuple[Route, ...]:
    """Where the client's files are, and behind them the engine."""
    path = settings.path.replace(".", r"\.")
    body = Buffered(settings.engine.max_payload + 1, spare=64 << 20)
    files = (Route(f"{name} files", rf"{path}socket\.io(\.esm)?(\.min)?\.js(\.map)?", body=body),)
    engine = Route(name, f"{path}.*", body=body, via="polling", ticket=ticket)
    return (*(files if settings.serve_client else ()), engine)


class State(Enum):
    """Of a conn."""

    PENDING = auto()
    LOST = auto()
    """The session ended before the door was answered."""
    OPEN = auto()
    AWAY = auto()
    """Closed, but it may come back."""
    GONE = auto()


class Socket:
    """One conn: a client in a namespace."""

    __slots__ = (
        "acks",
        "asked",
        "event",
        "log",
        "nsp",
        "offset",
        "pid",
        "prefix",
        "recovers",
        "session",
        "sid",
        "state",
    )

    def __init__(self, session: Session, nsp: str, sid: str, pid: str) -> None:
        self.session = session
        self.nsp = nsp
        self.prefix = packets.prefix(nsp)
        self.event = packets.head(packets.EVENT, 0, self.prefix)
        """What stands before the JSON of an event that wants no acknowledgement."""
        self.sid = sid
        self.pid = pid
        self.state = State.PENDING
        self.asked = 0
        """How many acknowledgements were asked for."""
        self.acks: dict[str, Hashable] = {}
        self.log: Log | None = None
        self.recovers: Socket | None = None
        self.offset = ""

    def __repr__(self) -> str:
        return f"<socket {self.prefix}{self.sid}>"

    def missed(self, offset: str, now: float) -> list[Packet] | None:
        """What was sent to it after an offset; None where that is not known any more."""
        return None if self.log is None else self.log.missed(now, offset)

    def forget(self) -> None:
        """Nobody comes back for what was sent to it."""
        if self.log is not None:
            self.log.clear()
            self.log = None


class Client:
    """What this layer keeps of a session."""

    __slots__ = ("conns", "inbox", "nsps", "pending", "root", "since")

    def __init__(self, most_attachments: int, since: float) -> None:
        self.since = since
        self.conns: dict[Socket, None] = {}
        self.nsps: dict[str, Socket] = {}
        self.root: Socket | None = None
        """The one of `/` in `nsps`."""
        self.pending: dict[Socket, None] = {}
        self.inbox = packets.Inbox(most_attachments)


class Away:
    """Those that are closed and may come back, by their private ids."""

    __slots__ = ("_by_pid",)

    def __init__(self) -> None:
        self._by_pid: dict[str, Socket] = {}

    def __len__(self) -> int:
        return len(self._by_pid)

    def find(self, nsp: str, pid: Json, offset: Json, now: float) -> Socket | None:
        """The one that a client may go on from."""
        if not isinstance(pid, str) or not isinstance(offset, str):
            return None
        found = self._by_pid.get(pid)
        return found if found is not None and found.nsp == nsp and found.missed(offset, now) is not None else None

    def add(self, conn: Socket, most: int) -> Socket | None:
        """Remember one; the one that had to be forgotten for it."""
        conn.state = State.AWAY
        self._by_pid[conn.pid] = conn
        if len(self._by_pid) <= most:
            return None
        oldest = next(iter(self._by_pid.values()))
        self.forget(oldest)
        return oldest

    def forget(self, conn: Socket) -> None:
        """It does not come back, or it did."""
        conn.state = State.GONE
        conn.forget()
        if self._by_pid.get(conn.pid) is conn:
            del self._by_pid[conn.pid]
