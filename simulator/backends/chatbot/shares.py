"""Who has how much of a tenant's room. Who has the most gives up first, so that nobody crowds out anybody else.

A tenant's people are parted twice: each chatbot's visitors and the people with a token have a side of their own, and on
a side everyone is alone. Nothing here grows with the number of conversations but the memory they take.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.backends.chatbot.talks import Conversation


class Visitor:
    """What one person has."""

    __slots__ = ("quiet", "size", "spoken", "watched")

    def __init__(self) -> None:
        self.quiet: OrderedDict[Conversation, None] = OrderedDict()
        """Conversations without a socket, the longest quiet first."""
        self.watched: OrderedDict[Conversation, None] = OrderedDict()
        """Those with one."""
        self.spoken: OrderedDict[Conversation, None] = OrderedDict()
        """Those with messages, where something was said last at the end."""
        self.size = 0
        """Characters of all messages."""

    def by_count(self) -> int:
        """Its rank among those who have conversations: of equal ones who is away comes first."""
        count = len(self.quiet) + len(self.watched)
        return count and 2 * count + bool(self.quiet)

    def by_size(self) -> int:
        """Its rank among those who said something, by powers of two: one message more seldom changes it."""
        return self.size.bit_length()


class Ranks:
    """Who stands highest, found without a look at the others; of equal ones who came there first. Rank 0 is nowhere."""

    __slots__ = ("_ranks",)

    def __init__(self) -> None:
        self._ranks: list[OrderedDict[Visitor, None]] = []

    def move(self, visitor: Visitor, old: int, new: int) -> None:
        """From one rank to another."""
        ranks = self._ranks
        if old == new and new:
            ranks[new].move_to_end(visitor)
            return
        if old:
            del ranks[old][visitor]
        while len(ranks) <= new:
            ranks.append(OrderedDict())
        if new:
            ranks[new][visitor] = None
        while ranks and not ranks[-1]:
            ranks.pop()

    def first(self) -> Visitor:
        """Of the highest."""
        return next(iter(self._ranks[-1]))


class Side:
    """The visitors of one chatbot, or the people with a token."""

    __slots__ = ("by_count", "by_size", "count", "size", "visitors")

    def __init__(self) -> None:
        self.visitors: dict[str, Visitor] = {}
        self.count = self.size = 0
        self.by_count, self.by_size = Ranks(), Ranks()


class Shares:
    """One tenant's."""

    __slots__ = ("_sides", "count", "size")

    def __init__(self) -> None:
        self._sides: dict[str | None, Side] = {}
        self.count = self.size = 0
        """Conversations, and the characters of their messages."""

    def __iter__(self) -> Iterator[Conversation]:
        for side in self._sides.values():
            for visitor in side.visitors.values():
                yield from visitor.quiet
                yield from visitor.watched

    def of(self, side: str | None, name: str) -> list[Conversation]:
        """The conversations of one visitor."""
        visitor = self._sides[side].visitors.get(name) if side in self._sides else None
        return [] if visitor is None else [*visitor.quiet, *visitor.watched]

    def add(self, talk: Conversation) -> None:
        """One more, without a socket."""
        side = self._sides.setdefault(talk.side, Side())
        visitor = side.visitors.setdefault(talk.visitor, Visitor())
        old = visitor.by_count()
        visitor.quiet[talk] = None
        side.by_count.move(visitor, old, visitor.by_count())
        side.count += 1
        self.count += 1

    def drop(self, talk: Conversation) -> None:
        """One less; its messages are gone already."""
        side, visitor = self._place(talk)
        old = visitor.by_count()
        (visitor.quiet if talk in visitor.quiet else visitor.watched).pop(talk)
        side.by_count.move(visitor, old, visitor.by_count())
        side.count -= 1
        self.count -= 1
        if not visitor.by_count():
            del side.visitors[talk.visitor]
        if not side.count:
            del self._sides[talk.side]

    def watch(self, talk: Conversation, on: bool) -> None:
        """Somebody came in, or the last one left."""
        side, visitor = self._place(talk)
        old = visitor.by_count()
        visitor.quiet.pop(talk, None)
        visitor.watched.pop(talk, None)
        (visitor.watched if on else visitor.quiet)[talk] = None
        side.by_count.move(visitor, old, visitor.by_count())

    def grow(self, talk: Conversation, size: int) -> None:
        """So many characters more, or less than none."""
        side, visitor = self._place(talk)
        old = visitor.by_size()
        visitor.size += size
        side.by_size.move(visitor, old, visitor.by_size())
        side.size += size
        self.size += size
        if size > 0:
            visitor.spoken[talk] = None
            visitor.spoken.move_to_end(talk)
        elif not talk.messages:
            del visitor.spoken[talk]

    def crowding(self) -> Conversation:
        """Which conversation goes when there are too many: of who has the most, one where nobody is, the oldest."""
        side = max(self._sides.values(), key=lambda side: side.count)
        visitor = side.by_count.first()
        return next(iter(visitor.quiet or visitor.watched))

    def wordiest(self) -> Conversation:
        """Whose messages go when they are too much: of who said the most, where nothing was said for longest."""
        side = max(self._sides.values(), key=lambda side: side.size)
        return next(iter(side.by_size.first().spoken))

    def _place(self, talk: Conversation) -> tuple[Side, Visitor]:
        side = self._sides[talk.side]
        return side, side.visitors[talk.visitor]
