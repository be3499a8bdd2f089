"""How a server's WebSocket layer treats its peer: limits, and the close frame for each violation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class Violation(Enum):
    """What a peer can do wrong in a frame, in the order in which it is looked for (RFC 6455, sections 5 to 8)."""

    RSV1 = auto()
    RSV2 = auto()
    RSV3 = auto()
    LONG_CONTROL = auto()
    """A control frame announces more than 125 bytes (5.5)."""
    FRAGMENTED_CONTROL = auto()
    """A control frame without FIN (5.5)."""
    DATA_INSIDE_MESSAGE = auto()
    """A new text or binary frame before the last message ended (5.4)."""
    LOOSE_CONTINUATION = auto()
    """A continuation frame outside a message (5.4)."""
    OPCODE = auto()
    """A reserved opcode (5.2); its number fills `{n}`."""
    UNMASKED = auto()
    """A client's frame without a mask (5.1)."""
    LONG_LENGTH = auto()
    """A length that is not in its shortest form (5.2)."""
    NEGATIVE_LENGTH = auto()
    """An eight-byte length with its top bit set (5.2)."""
    TOO_BIG = auto()
    """A message above the limit, judged from the header alone."""
    SHORT_CLOSE = auto()
    """A close frame with a payload of one byte (5.5.1)."""
    CLOSE_CODE = auto()
    """A close code that must not be sent (7.4); the code fills `{n}`."""
    CLOSE_UTF8 = auto()
    """A close reason that is not UTF-8 (5.5.1)."""
    UTF8 = auto()
    """A text message that is not UTF-8 (8.1); only looked for when `validate_utf8` is set."""


@dataclass(slots=True)
class Answer:
    """What the server does about a violation: a close frame with that code and reason, none when the code is None."""

    code: int | None
    reason: str = ""

    def told(self) -> str:
        """What happened, for the operator: the peer may be told a bare number."""
        what = _MEANINGS.get(self.code, "a frame against the protocol")
        how = "dropped" if self.code is None else f"closed with {self.code}"
        return f"{what}: {how}{f' ({self.reason})' if self.reason else ''}"


_MEANINGS: Mapping[int | None, str] = {1007: "a text that is not UTF-8", 1009: "a message above the limit"}
"""RFC 6455, 7.4.1."""

RFC_6455: Mapping[Violation, Answer] = {
    **dict.fromkeys(Violation, Answer(1002)),
    Violation.TOO_BIG: Answer(1009),
    Violation.CLOSE_UTF8: Answer(1007),
    Violation.UTF8: Answer(1007),
}
"""What the RFC asks for, without reasons."""


@dataclass(slots=True)
class LinkPolicy:
    """One server's manners on a WebSocket. A violation that `answers` leaves out is tolerated."""

    limit: int = 1 << 20
    """Bytes of one message over all its fragments: so many are accepted, one more is not."""
    frame_limit: int | None = None
    """Bytes of one frame, for servers that bound these apart; None leaves it to `limit`."""
    validate_utf8: bool = True
    early: bool = True
    """Whether frames may come together with the upgrade request; else the connection is closed without a word."""
    answers: Mapping[Violation, Answer] = field(default_factory=lambda: RFC_6455)
    join: bool = False
    """All violations in the first two bytes are named, joined by a comma and a blank, as gorilla/websocket does."""
    close_codes: frozenset[int] = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
    """The close codes below 3000 that a peer may send; 3000 to 4999 always may."""
    echo_reason: bool = False
    """A close frame is answered with its reason too, not only with its code."""
    linger: float = 5.0
    """Seconds to wait for the peer's close frame after ours; 0 closes the TCP connection at once."""
    write_timeout: float = 15.0
    """Seconds that a peer may leave our bytes unread before it is dropped."""
    write_bound: int = 4 << 20
    """Bytes waiting for a peer that does not read, above which it is dropped at once."""
