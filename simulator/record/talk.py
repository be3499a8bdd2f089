"""One client's conversation with the real server behind a replay."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from simulator.cassette.walk import Seat, Walk
from simulator.core.events import Conn, Knocked
from simulator.core.message import Message
from simulator.drive.edge import Edge
from simulator.drive.episode import Episode


@dataclass(slots=True, eq=False)
class Talk:
    """Under way, or only begun."""

    episode: Episode
    edge: Edge
    walk: Walk | None
    base: str
    seats: dict[int, Seat] = field(default_factory=dict)
    """By the number of their connections, those whose clients are here."""
    numbers: set[int] = field(default_factory=set)
    read: dict[int, int] = field(default_factory=dict)
    """By connection, the number of the last record that was read."""
    begun: bool = False
    room: int = 0
    """Bytes that may wait for the server."""
    armed: bool = False
    refs: dict[tuple[int, str, str], deque[object]] = field(default_factory=dict)
    """By connection, topic and name, the live refs of messages that wait for an answer."""
    unknown: list[tuple[Seat, Conn, Message]] = field(default_factory=list)
    """What began it."""
    doors: list[tuple[Seat, Knocked]] = field(default_factory=list)
    heard: bool = False
