"""How much a wire keeps."""

from __future__ import annotations

from collections import deque


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
