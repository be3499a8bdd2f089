"""What is in a cassette, counted while it streams by."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from heapq import heappush, heappushpop
from typing import Final, TypeVar

from simulator.cassette import envelopes
from simulator.cassette.entries import Closed, Cut, Entry, Exchange, Lost, Opened, Passed, Refused, Upgraded
from simulator.cassette.reading import Reading
from simulator.cassette.tape import Tape, Torn
from simulator.cassette.timeline import name_of, size_of
from simulator.core.backend import Backend
from simulator.core.wire import Turn

_TOP: Final = 5
_NAMES: Final = 1000
"""Names that are counted each for itself."""
OTHERS: Final = "(all other names)"
ARROWS: Final = {"client": ">", "server": "<"}


@dataclass(slots=True)
class Tally:
    """Frames of one kind."""

    frames: int = 0
    bytes: int = 0
    biggest: int = 0

    def add(self, size: int) -> None:
        self.frames += 1
        self.bytes += size
        if size > self.biggest:
            self.biggest = size


@dataclass(slots=True, frozen=True, order=True)
class Gap:
    """A silence."""

    seconds: float
    start: float
    line: int
    """Of the entry that ends it."""


@dataclass(slots=True, frozen=True, order=True)
class Big:
    """A big frame."""

    bytes: int
    at: float
    line: int
    name: str


_Ordered = TypeVar("_Ordered", Gap, Big)


@dataclass(slots=True)
class Stats:
    """What was counted. Sizes are bytes on the wire, times seconds."""

    entries: int = 0
    seconds: float = 0.0
    """From the beginning of the recording to the last entry."""
    connections: int = 0
    upgrades: int = 0
    refused: int = 0
    closed: int = 0
    open: int = 0
    """Conns that the recorder cut, or that had no end when the tape had one."""
    codes: dict[str, int] = field(default_factory=dict)
    """How conns were closed: by code."""
    exchanges: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    """HTTP exchanges by status, `no answer` among them."""
    ways: dict[tuple[str, str], Tally] = field(default_factory=dict)
    """Frames by sender and transport."""
    names: dict[tuple[str, str], Tally] = field(default_factory=dict)
    """Messages by sender and name, what is no message in parentheses."""
    gaps: list[Gap] = field(default_factory=list)
    """The longest silences, the longest first."""
    biggest: list[Big] = field(default_factory=list)
    """The biggest frames, the biggest first."""
    redacted: int = 0
    """Entries that redaction changed."""
    lost: int = 0
    """Records that the recorder could not write."""
    unreadable: int = 0
    """Frames that are not of their wire's kind."""
    torn: Torn | None = None


def count(tape: Tape, backend: Backend | None = None) -> Stats:
    """Walk a tape to its end, in constant memory. Raises CassetteError."""
    stats = Stats()
    reading = Reading(backend)
    begun: set[int] = set()
    gaps: list[Gap] = []
    biggest: list[Big] = []
    last = 0.0
    for entry in tape:
        turns = reading.pass_by(entry)
        at = entry.at
        if at > last:
            if len(gaps) < _TOP or round(at - last, 6) > gaps[0].seconds:
                _keep(gaps, Gap(round(at - last, 6), last, entry.line))
            last = at
        if type(entry) is not Passed:
            _event(stats, entry, begun)
            continue
        size = size_of(entry.data)
        _add(stats.ways, (entry.sender, entry.via), size)
        name = _told(stats, entry, turns)
        _add(stats.names, (entry.sender, name), size)
        stats.redacted += entry.redacted
        if len(biggest) < _TOP or size > biggest[0].bytes:
            _keep(biggest, Big(size, at, entry.line, name))
    stats.entries = tape.count
    stats.seconds = last
    stats.torn = tape.torn
    stats.open += len(begun)
    stats.gaps = sorted(gaps, reverse=True)
    stats.biggest = sorted(biggest, reverse=True)
    return stats


def _keep(heap: list[_Ordered], item: _Ordered) -> None:
    if len(heap) < _TOP:
        heappush(heap, item)
    else:
        heappushpop(heap, item)


def _add(tallies: dict[tuple[str, str], Tally], key: tuple[str, str], size: int) -> None:
    tally = tallies.get(key)
    if tally is None:
        if len(tallies) >= _NAMES:
            key = (key[0], OTHERS)
        tally = tallies.setdefault(key, Tally())
    tally.add(size)


def _told(stats: Stats, entry: Passed, turns: list[Turn]) -> str:
    if not turns:
        return f"({envelopes.packet(entry.data, entry.via)})"
    names = []
    for turn in turns:
        if turn.message is None:
            stats.unreadable += 1
            names.append("(unreadable)")
        else:
            names.append(name_of(turn))
    return names[0] if len(names) == 1 else ", ".join(names)


def _event(stats: Stats, entry: Entry, begun: set[int]) -> None:
    match entry:
        case Opened():
            stats.connections += 1
            begun.add(entry.conn)
        case Upgraded():
            stats.upgrades += 1
        case Refused():
            stats.refused += 1
        case Closed():
            code = "without a code" if entry.code is None else str(entry.code)
            stats.codes[code] = stats.codes.get(code, 0) + 1
            if entry.conn in begun:
                begun.discard(entry.conn)
                stats.closed += 1
        case Cut():
            if entry.conn in begun:
                begun.discard(entry.conn)
                stats.open += 1
        case Exchange():
            stats.exchanges += 1
            status = "no answer" if entry.response is None else str(entry.response.status)
            stats.statuses[status] = stats.statuses.get(status, 0) + 1
        case Lost():
            stats.lost += entry.count
        case _:  # pragma: no cover
            raise AssertionError(entry)
    stats.redacted += not isinstance(entry, Cut | Lost) and entry.redacted


def text(stats: Stats) -> list[str]:
    """What was counted, in lines."""
    ended = f"{stats.closed} closed, {stats.open} open at the end"
    lines = [
        f"connections  {stats.connections} ({ended}; {_many(stats.upgrades, 'upgrade')}, {stats.refused} refused)",
        f"http         {_counted(stats.exchanges, stats.statuses)}",
        f"entries      {stats.entries} in {stats.seconds:.3f} s",
    ]
    if stats.codes:
        lines.append(f"closes       {', '.join(f'{count} {code}' for code, count in sorted(stats.codes.items()))}")
    lines.append(f"redactions   {_many(stats.redacted, 'entry', 'entries')}")
    if stats.lost:
        lines.append(f"lost         {_many(stats.lost, 'record')}, which the recorder could not write")
    if stats.unreadable:
        lines.append(f"unreadable   {_many(stats.unreadable, 'frame')}")
    if stats.torn is not None:
        lines.append(f"torn         line {stats.torn.line}: {stats.torn.why}")
    total = Tally()
    for way in stats.ways.values():
        total.frames += way.frames
        total.bytes += way.bytes
        total.biggest = max(total.biggest, way.biggest)
    table = [("", "FRAMES", "BYTES", "BIGGEST"), _row("all frames", total)]
    table += [_row(f"{sender}, {via}", tally) for (sender, via), tally in sorted(stats.ways.items())]
    lines += ["", *_table(table)]
    if stats.names:
        busy = sorted(stats.names.items(), key=lambda item: (-item[1].frames, item[0]))
        table = [("NAME", "FRAMES", "BYTES", "BIGGEST")]
        table += [_row(f"{ARROWS[sender]} {name}", tally) for (sender, name), tally in busy]
        lines += ["", *_table(table)]
    if stats.gaps:
        lines += ["", "longest silences"]
        lines += [f"  {gap.seconds:.3f} s from {gap.start:.3f}, to line {gap.line}" for gap in stats.gaps]
    if stats.biggest:
        lines += ["", "biggest frames"]
        lines += [f"  {_many(big.bytes, 'byte')} at {big.at:.3f}, line {big.line}: {big.name}" for big in stats.biggest]
    return lines


def _counted(total: int, parts: dict[str, int]) -> str:
    told = ", ".join(f"{count} {part}" for part, count in sorted(parts.items()))
    return f"{_many(total, 'exchange')} ({told})" if told else _many(total, "exchange")


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or f'{one}s'}"


def _row(name: str, tally: Tally) -> tuple[str, str, str, str]:
    return name, str(tally.frames), str(tally.bytes), str(tally.biggest)


def _table(table: list[tuple[str, str, str, str]]) -> list[str]:
    wide = [max(len(row[column]) for row in table) for column in range(4)]
    return [f"{name.ljust(wide[0])}  {'  '.join(map(str.rjust, rest, wide[1:]))}".rstrip() for name, *rest in table]


def as_json(stats: Stats) -> dict[str, object]:
    """What was counted, for programs."""
    told = asdict(stats)
    for key, names in (("ways", ("sender", "via")), ("names", ("sender", "name"))):
        told[key] = [dict(zip(names, pair, strict=True)) | asdict(tally) for pair, tally in getattr(stats, key).items()]
    return told
