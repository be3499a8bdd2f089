"""Who is shown what passes in a space: its journal, and a tap where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from simulator.core.message import Frame
from simulator.core.space import Running
from simulator.core.wire import Asked
from simulator.serve.any_link import Item

Tap: TypeAlias = Callable[[str, int, str, Item], None]
"""Is shown the backend, the number of the socket or session, who sent it, and what."""
Note: TypeAlias = Callable[[float, str, int, str, Item], None]
"""The same, with the time before it."""


def both(journal: Note, tap: Tap) -> Note:
    """Show the one, then the other."""

    def note(time: float, backend: str, link: int, sender: str, item: Item) -> None:
        journal(time, backend, link, sender, item)
        tap(backend, link, sender, item)

    return note


def polled(note: Note, running: Running, asked: Asked, sender: str, body: bytes, time: float) -> None:
    """Show the body of a poll, where there is one, under the number of its session's first call."""
    route = asked.route
    if body and route.via:
        frame = Frame(body.decode("utf-8", "surrogateescape"), route.via)
        ticket = route.ticket(asked.request)
        number = running.engine.wire.number(ticket) if ticket else None
        link = asked.call if number is None else number
        note(time, running.name, link, sender, frame)
