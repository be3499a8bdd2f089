"""Faults: what goes wrong on the way between a client and a backend, by toxiproxy's names where it has them.

A fault strikes what passes in its direction and fits it, in the order of adding; what one has taken away the next does
not see. Delays add up, the slowest bandwidth wins, and the order of a link is kept unless the fault is `reorder`.
Source of names, attributes and units: github.com/Shopify/toxiproxy, README.md, "Toxics".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from simulator.core.ids import Ids

UP, DOWN = "upstream", "downstream"
"""From the client to the backend, and back."""


@dataclass(slots=True, frozen=True)
class Latency:
    """Everything comes so much later."""

    latency: int = 0
    """Milliseconds."""
    jitter: int = 0
    """Milliseconds, more or less."""


@dataclass(slots=True, frozen=True)
class Bandwidth:
    """A narrow link; what is long comes in pieces."""

    rate: int = 0
    """Kilobytes a second."""


@dataclass(slots=True, frozen=True)
class SlowClose:
    """The server's close, or the end of its connection, comes later."""

    delay: int = 0
    """Milliseconds."""


@dataclass(slots=True, frozen=True)
class Timeout:
    """Silence in one direction, then the end of the connection without a close frame."""

    timeout: int = 0
    """Milliseconds; 0 is silence for ever."""


@dataclass(slots=True, frozen=True)
class ResetPeer:
    """A TCP reset."""

    timeout: int = 0
    """Milliseconds of silence before it."""
    deliver: bool = False
    """Whether the message that strikes it still arrives."""


@dataclass(slots=True, frozen=True)
class Slicer:
    """WebSocket messages come in fragments."""

    average_size: int = 0
    """Bytes."""
    size_variation: int = 0
    """Bytes, more or less."""
    delay: int = 0
    """Microseconds between two."""


@dataclass(slots=True, frozen=True)
class LimitData:
    """The connection ends after so much."""

    bytes: int = 0


@dataclass(slots=True, frozen=True)
class Close:
    """A close frame."""

    code: int | None = None
    """None: without a code, of which the client makes 1005."""
    reason: str = ""
    deliver: bool = False
    """Whether the message that strikes it still arrives."""


@dataclass(slots=True, frozen=True)
class Malformed:
    """What comes can't be read."""

    form: str = "json"
    """One of FORMS."""


@dataclass(slots=True, frozen=True)
class Duplicate:
    """A message comes more than once."""

    copies: int = 1
    """Beside the one that comes anyway."""


@dataclass(slots=True, frozen=True)
class Reorder:
    """A message changes places with the next one."""

    window: int = 1000
    """Milliseconds after which it goes although there is no next one."""


@dataclass(slots=True, frozen=True)
class Lost:
    """`drop`: a message never comes."""


@dataclass(slots=True, frozen=True)
class DroppedAck:
    """An acknowledgement never comes."""


@dataclass(slots=True, frozen=True)
class StarvedPing:
    """Heartbeats never come: pings and pongs of whatever kind."""


@dataclass(slots=True, frozen=True)
class Oversized:
    """A message is padded with blanks behind it, which JSON allows."""

    size: int = (1 << 20) + 1
    """Bytes that it has then at least."""


@dataclass(slots=True, frozen=True)
class RefusedHandshake:
    """No connection is opened."""

    status: int = 503
    body: str = ""


@dataclass(slots=True, frozen=True)
class FailedUpload:
    """An upload arrives and is not taken."""

    status: int = 500
    body: str | None = None
    """None: what the real server says with such a status, where that is known."""


Kind: TypeAlias = (
    Latency
    | Bandwidth
    | SlowClose
    | Timeout
    | ResetPeer
    | Slicer
    | LimitData
    | Close
    | Malformed
    | Duplicate
    | Reorder
    | Lost
    | DroppedAck
    | StarvedPing
    | Oversized
    | RefusedHandshake
    | FailedUpload
)

KINDS: Final[dict[str, type[Kind]]] = {
    "latency": Latency,
    "bandwidth": Bandwidth,
    "slow_close": SlowClose,
    "timeout": Timeout,
    "reset_peer": ResetPeer,
    "slicer": Slicer,
    "limit_data": LimitData,
    "close": Close,
    "malformed": Malformed,
    "duplicate": Duplicate,
    "reorder": Reorder,
    "drop": Lost,
    "dropped_ack": DroppedAck,
    "starved_ping": StarvedPing,
    "oversized": Oversized,
    "refused_handshake": RefusedHandshake,
    "failed_upload": FailedUpload,
}

INSIDE: Final = ("json", "envelope")
"""Malformed inside a good frame: JSON without its end, a text that is none of the envelope's."""
BROKEN: Final = ("utf8", "rsv", "opcode", "mask", "continuation")
"""Malformed as a WebSocket frame: a text that is not UTF-8, RSV2 set, opcode 3, a mask, a continuation of nothing."""
FORMS: Final = INSIDE + BROKEN

OF_MESSAGES: Final = frozenset((Malformed, Duplicate, Reorder, Lost, Oversized))
"""Strike messages and acknowledgements, and of the rest what is named."""
OF_LINKS: Final = frozenset((Bandwidth, LimitData))
"""Chosen once for each connection, whatever passes on it."""
ENDS: Final = frozenset((Timeout, ResetPeer, Close))
"""Strike a connection as a whole where no message is meant: those that are open at once, others when they open."""

TRANSPORTS: Final = ("websocket", "polling", "http")
"""What a fault may be kept to. `polling` is long polling, too; `http` are requests that carry no messages."""


@dataclass(slots=True)
class Fault:
    """One fault and its fate."""

    name: str
    type: str
    """One of KINDS."""
    of: Kind
    stream: str = DOWN
    toxicity: float = 1.0
    """How probable a strike is, from 0 to 1."""
    message: str | None = None
    """Only messages of this name."""
    nth: int | None = None
    """Of all that fits, only this one, counted from 1 over all connections."""
    count: int | None = None
    """After so many strikes it is spent."""
    backend: str | None = None
    """Only at this one."""
    transport: str | None = None
    """Only on this one of TRANSPORTS."""
    seen: int = 0
    """How much fitted."""
    struck: int = 0
    last: str = ""
    """What it struck last."""
    dice: Ids | None = field(default=None, repr=False)

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it should."""
        return self.count is not None and self.struck >= self.count

    @property
    def pointed(self) -> bool:
        """Whether certain messages are meant, and no connection as a whole."""
        return self.message is not None or self.nth is not None

    def strikes(self, what: str) -> bool:
        """Whether it strikes what fits, counting both."""
        if self.spent:
            return False
        self.seen += 1
        if self.nth is not None and self.seen != self.nth:
            return False
        if self.toxicity < 1:
            assert self.dice is not None, "a fault gets its dice when it is added"
            if self.dice.below(1 << 32) >= self.toxicity * (1 << 32):
                return False
        self.struck += 1
        self.last = what
        return True

    def draw(self, most: int) -> int:
        """An even draw from -most to most."""
        if not most:
            return 0
        assert self.dice is not None, "a fault gets its dice when it is added"
        return self.dice.below(2 * most + 1) - most

    def renew(self, ids: Ids) -> None:
        """Begin anew: nothing seen, nothing struck, dice from their start."""
        self.seen = self.struck = 0
        self.last = ""
        self.dice = ids.child(self.name)
