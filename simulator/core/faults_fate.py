"""What faults make of one thing that passes: each is asked in the order of adding, and all that strike add up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from simulator.core.envelope import ACK, HEARTBEAT, MESSAGE, Look
from simulator.core.faults import (
    BROKEN,
    ENDS,
    OF_LINKS,
    OF_MESSAGES,
    Bandwidth,
    Close,
    DroppedAck,
    Duplicate,
    FailedUpload,
    Fault,
    Latency,
    LimitData,
    Lost,
    Malformed,
    Oversized,
    RefusedHandshake,
    Reorder,
    ResetPeer,
    Slicer,
    SlowClose,
    StarvedPing,
    Timeout,
)

FRAME, PACKET, REQUEST, OPENING, ENDING, HANDSHAKE, UPLOAD = (
    "frame",
    "packet",
    "request",
    "connection",
    "end",
    "handshake",
    "upload",
)
"""What can be struck: a WebSocket frame with what belongs to it, a packet in a poll's body, a whole request or its
answer, a link that is there or opens, its end by the server, a request that opens a connection, one that brings a file.
"""

_ELSEWHERE = frozenset((SlowClose, RefusedHandshake, FailedUpload))
_WHOLE_REQUESTS = frozenset((Latency, Bandwidth, Timeout, ResetPeer, Close))


@dataclass(slots=True)
class Passing:
    """One thing that passes."""

    what: str
    stream: str
    transport: str
    look: Look = Look()  # noqa: RUF009  # frozen
    size: int = 0
    data: bool = True
    """Whether it is a text or binary frame, and no ping or pong."""
    swapping: bool = False
    """Whether another one waits already to change places with it."""
    chosen: dict[str, bool] = field(default_factory=dict)
    """Of its link or call: which faults of whole links were found to strike it."""
    passed: dict[str, int] = field(default_factory=dict)
    """Of its link: bytes by fault."""
    poll: bool = False
    """Whether it is a poll, which a session's end may answer."""
    met: Collection[str] = ()
    """Faults that were asked about this link or call as a whole."""

    @property
    def told(self) -> str:
        """For the operator."""
        named = " ".join(part for part in (self.look.kind, self.look.name) if part)
        what = {FRAME: named, PACKET: named, ENDING: "the server's close"}.get(self.what, self.what)
        return f"{self.stream} {self.transport}: {what}"


@dataclass(slots=True)
class Fate:
    """What becomes of it."""

    by: list[str] = field(default_factory=list)
    """Names of what struck."""
    lost: bool = False
    copies: int = 0
    form: str = ""
    """Malformed how."""
    size: int = 0
    """Bytes to which it is padded."""
    window: float | None = None
    """Seconds for which it waits for another to go first."""
    swapper: str = ""
    """By which fault."""
    waits: dict[str, float] = field(default_factory=dict)
    """Seconds, by fault."""
    rates: dict[str, float] = field(default_factory=dict)
    """Bytes a second, by fault."""
    slicer: Fault | None = None
    part: int | None = None
    """So many bytes of it pass, then the connection ends."""
    end: Fault | None = None
    """The connection ends by that fault."""

    def join(self, other: Fate) -> None:
        """What is struck together with another waits as long, and ends as that does."""
        self.waits.update(other.waits)
        self.rates.update(other.rates)
        if self.end is None:
            self.end = other.end


def fits(fault: Fault, passing: Passing) -> bool:
    """Whether a fault is about this at all."""
    of, what = type(fault.of), passing.what
    if fault.stream != passing.stream or (of in _ELSEWHERE and not (of is SlowClose and what == ENDING)):
        return False
    if fault.transport is not None and fault.transport != passing.transport:
        return False
    if what in (FRAME, PACKET):
        return _fits_message(fault, passing)
    if fault.pointed:
        return False
    if what == REQUEST:
        return of in _WHOLE_REQUESTS and (of is not Close or passing.poll) and fault.name not in passing.met
    if what == OPENING:
        return of in ENDS and fault.name not in passing.met
    return of in (SlowClose, Latency)


def _fits_message(fault: Fault, passing: Passing) -> bool:
    of, look = type(fault.of), passing.look
    if fault.message is not None and fault.message != look.name:
        return False
    spoken = look.kind in (MESSAGE, ACK)
    packet = passing.what == PACKET
    if of is Reorder and passing.swapping:
        return False
    if of is DroppedAck:
        return look.kind == ACK
    if of is StarvedPing:
        return look.kind == HEARTBEAT
    if of in ENDS and not fault.pointed:
        return False
    if packet and (of in (Slicer, LimitData) or (of in _WHOLE_REQUESTS and not fault.pointed)):
        return False
    if of is Slicer and not passing.data:
        return False
    if isinstance(fault.of, Malformed) and packet and fault.of.form in BROKEN and fault.of.form != "utf8":
        return False
    if of in OF_MESSAGES or fault.nth is not None:
        return spoken or fault.message is not None
    return True


def judge(faults: Iterable[Fault], passing: Passing, say: Callable[[Fault, str], None]) -> Fate:
    """What becomes of it; `say` is told of each strike."""
    fate = Fate()
    for fault in faults:
        if not fits(fault, passing):
            continue
        if type(fault.of) in OF_LINKS:
            chosen = passing.chosen.get(fault.name)
            if chosen is None:
                chosen = passing.chosen[fault.name] = fault.strikes(passing.told)
                if chosen:
                    say(fault, passing.told)
            if chosen:
                _limit(fate, fault, passing)
        elif fault.strikes(passing.told):
            say(fault, passing.told)
            _strike(fate, fault)
        if fate.lost:
            break
    return fate


def _limit(fate: Fate, fault: Fault, passing: Passing) -> None:
    fate.by.append(fault.name)
    if isinstance(fault.of, Bandwidth):
        fate.rates[fault.name] = fault.of.rate * 1000.0
        return
    assert isinstance(fault.of, LimitData)
    before = passing.passed.get(fault.name, 0)
    passing.passed[fault.name] = before + passing.size
    if before + passing.size > fault.of.bytes:
        fate.part = max(0, fault.of.bytes - before)
        fate.lost = True
        fate.end = fault


def _strike(fate: Fate, fault: Fault) -> None:
    fate.by.append(fault.name)
    match fault.of:
        case Latency(latency, jitter):
            fate.waits[fault.name] = max(0, latency + fault.draw(jitter)) / 1000
        case SlowClose(delay):
            fate.waits[fault.name] = delay / 1000
        case Lost() | DroppedAck() | StarvedPing():
            fate.lost = True
        case Duplicate(copies):
            fate.copies += copies
        case Reorder(window):
            fate.window, fate.swapper = window / 1000, fault.name
        case Malformed(form):
            fate.form = form
        case Oversized(size):
            fate.size = max(fate.size, size)
        case Slicer():
            fate.slicer = fault
        case Close() | ResetPeer() | Timeout() as end:
            fate.end = fault
            fate.lost = isinstance(end, Timeout) or not end.deliver
        case _:  # pragma: no cover
            raise AssertionError(fault)
