"""How much a wire keeps, and what may not be left when all are gone."""

from __future__ import annotations

from collections import deque

from simulator.core.engine import ASIDE, WIRE
from simulator.core.space import Running


def weight(thing: object) -> int:
    """How many things a wire keeps, its world and what belongs to the backend left out."""
    seen: set[int] = set()
    count = 0
    todo: list[object] = [thing]
    while todo:
        one = todo.pop()
        if id(one) in seen or one is None:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            count += len(one)
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset | deque):
            count += len(one)
            todo += one
        elif type(one).__module__.startswith("simulator.wire"):
            for kind in type(one).__mro__:
                slots = kind.__dict__.get("__slots__", ())
                todo += [getattr(one, name, None) for name in ([slots] if isinstance(slots, str) else slots)]
            todo += getattr(one, "__dict__", {}).values()
    return count


def nobody_left(running: Running) -> None:
    """Raises AssertionError where somebody who is gone is still there for the wire, the faults or the rules."""
    engine = running.engine
    wire = engine.wire
    assert not [*wire.clients()], f"still there: {[*wire.clients()]}"
    assert not [*wire.owes()], f"pings that nobody will answer: {[*wire.owes()]}"
    assert not engine._armed[WIRE], f"the wire's timers: {engine._armed[WIRE]}"
    assert not engine._armed[ASIDE], f"the faults' timers: {engine._armed[ASIDE]}"
    assert running._machine is None, "faults that are gone still stand in the way"
    kept = {talk: [*engine.rules.conns_of(talk)] for talk in engine.rules.talks()}
    assert not any(kept.values()), f"talks with people who are gone: {kept}"


def nothing_left(running: Running, fresh: int) -> None:
    """Raises AssertionError where it keeps more timers than a heap may, or the wire more things than it did at first."""
    engine = running.engine
    assert len(engine._heap) <= 64 * 2 + 1, f"{len(engine._heap)} timers in the heap"
    weighs = weight(engine.wire)
    assert weighs <= fresh, f"the wire keeps {weighs} things, at its start it kept {fresh}"
