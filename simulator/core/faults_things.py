"""What goes over a link in place of a message that was struck: whole, broken, in fragments or in pieces, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.core.envelope import Data
from simulator.core.faults import BROKEN, Slicer
from simulator.core.faults_bytes import broken, malformed, payload, pieces, sliced, swollen, whole
from simulator.core.faults_fate import Fate
from simulator.core.faults_lane import Held, Item, Thing
from simulator.core.message import Frame
from simulator.core.wire import Got, Link, Raw, Write

_A_TENTH = 0.1
"""Seconds of bandwidth that one piece takes (toxics/bandwidth.go sends what 100 ms let pass)."""

MOST_COPIES = 1000
"""Beside the message itself, however many faults make some."""
MOST_MADE = 128 << 20
"""Bytes that faults make of one message, or of the messages in one body. Copies beyond that are left out."""


def copies(fate: Fate, size: int, room: int = MOST_MADE) -> int:
    """How often a message of that size passes beside the one time that it would pass anyway."""
    return min(fate.copies, MOST_COPIES, max(0, room // max(1, size) - 1))


def bent(data: Data, fate: Fate, garbage: str) -> Data:
    """A packet as it is after what struck it inside."""
    if fate.form:
        data = malformed(data, fate.form, garbage)
    return swollen(data, fate.size) if fate.size else data


def things_up(link: Link, items: Sequence[Item], fate: Fate, garbage: str, now: float) -> list[Held]:
    """Inputs to come in place of these."""
    if fate.lost:
        return []
    first = items[0]
    made = [Frame(bent(first.data, fate, garbage)) if isinstance(first, Frame) else first, *items[1:]]
    held: list[Held] = []
    for _ in range(1 + copies(fate, sum(len(item.data) for item in made))):
        held += [_held(Got(link, item), len(item.data), fate, now) for item in made]
    return held


def things_down(link: Link, items: Sequence[Item], fate: Fate, garbage: str, now: float) -> list[Held]:
    """Effects to come in place of these."""
    if fate.part is not None:
        # All of the limit that is left, of what would have been one byte too much.
        data = b"".join(whole(item) for item in items)[: fate.part]
        return [_held(Raw(link, data), len(data), fate, now)] if data else []
    if fate.lost:
        return []
    # Made once: copies share what may be long.
    made = [_bent(item, i, fate, garbage) for i, item in enumerate(items)]
    held: list[Held] = []
    for _ in range(1 + copies(fate, sum(len(item.data) for item in made))):
        for item in made:
            held += _cut(link, item, fate, now)
    return held


def _bent(item: Item, place: int, fate: Fate, garbage: str) -> Item:
    if isinstance(item, Frame) and place == 0 and fate.form not in BROKEN:
        return Frame(bent(item.data, fate, garbage))
    if isinstance(item, Frame) and fate.size:
        return Frame(swollen(item.data, fate.size))
    return item


def _cut(link: Link, item: Item, fate: Fate, now: float) -> list[Held]:
    if isinstance(item, Frame) and fate.form in BROKEN:
        return [_held(Raw(link, broken(item, fate.form), item), len(item.data), fate, now)]
    if isinstance(item, Frame) and fate.slicer is not None:
        fragments = [*sliced(item, _sizes(fate))]
        return _in_turn(link, item, fragments, fate, now)
    data = b""
    if fate.rates:
        data = whole(item)
        size = int(min(fate.rates.values()) * _A_TENTH)
        if isinstance(item, Frame) and len(data) > size:
            return _in_turn(link, item, pieces(data, size), fate, now)
    return [_held(Write(link, item), len(data) or len(payload(item)), fate, now)]


def _in_turn(link: Link, item: Frame, parts: list[bytes], fate: Fate, now: float) -> list[Held]:
    held = [_held(Raw(link, part), len(part), fate, now) for part in parts]
    held[-1].thing = Raw(link, parts[-1], item)
    fault = fate.slicer
    if fault is not None:
        assert isinstance(fault.of, Slicer)
        for one in held[1:]:
            one.sends[fault.name] = fault.of.delay / 1e6
    return held


def _sizes(fate: Fate) -> Callable[[], int]:
    fault = fate.slicer
    assert fault is not None
    slicer = fault.of
    assert isinstance(slicer, Slicer)
    return lambda: max(1, slicer.average_size + fault.draw(slicer.size_variation))


def _held(thing: Thing, size: int, fate: Fate, now: float) -> Held:
    held = Held(thing, size, now)
    held.waits.update(fate.waits)
    held.sends.update({name: size / rate for name, rate in fate.rates.items()})
    return held
