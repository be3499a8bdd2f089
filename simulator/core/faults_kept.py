"""The faults of one space. Without any, what faults are is not imported: that costs 10 ms of a start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from simulator.core.wire import Aside, Due

if TYPE_CHECKING:
    from simulator.core.faults import Fault
    from simulator.core.ids import Ids

LOOK: Final = Due(Aside(0), "look")
"""The input by which links that are open come under faults that were added, and are freed of those that went."""

MOST_FAULTS = 1000
"""At once in one space: each is asked about each frame."""


class Faults:
    """Those of one space, in the order of adding."""

    __slots__ = ("_first", "_ids", "_minted", "_named")

    def __init__(self, ids: Ids) -> None:
        """With the dice of all of them."""
        self._ids = ids
        self._named: dict[str, Fault] = {}
        self._first: list[Fault] = []
        self._minted: dict[str, int] = {}
        """By names without a number: the number below which there is none free, as long as no name goes."""

    def __iter__(self) -> Iterator[Fault]:
        return iter([*self._named.values()])

    def __len__(self) -> int:
        return len(self._named)

    def get(self, name: str) -> Fault | None:
        """The fault of that name."""
        return self._named.get(name)

    def mint(self, type: str, stream: str, taken: Collection[str | None] = ()) -> str:
        """A name that is free, made as toxiproxy makes it; names that are taken besides may be given."""
        plain = f"{type}_{stream}"
        number = self._minted.get(plain, 1)
        while (name := plain if number == 1 else f"{plain}_{number}") in self._named or name in taken:
            number += 1
        self._minted[plain] = number
        return name

    def add(self, *faults: Fault) -> None:
        """All of them, or none: KeyError for a name that is taken, OverflowError for too many."""
        self._minted.clear()
        names = Counter(fault.name for fault in faults)
        taken = next((name for name, times in names.items() if name in self._named or times > 1), None)
        if taken is not None:
            raise KeyError(taken)
        self.fit(len(self._named) + len(faults))
        for fault in faults:
            fault.renew(self._ids)
            self._named[fault.name] = fault

    @staticmethod
    def fit(number: int) -> None:
        """Raises OverflowError for more than there may be."""
        if number > MOST_FAULTS:
            raise OverflowError(f"{MOST_FAULTS} faults are the most")

    def remove(self, name: str | None = None) -> list[Fault]:
        """Take one away, or all; those that went."""
        self._minted.clear()
        if name is None:
            gone = [*self._named.values()]
            self._named.clear()
        else:
            found = self._named.pop(name, None)
            gone = [] if found is None else [found]
        return gone

    @property
    def first(self) -> Sequence[Fault]:
        """What the space starts with."""
        return self._first

    def keep(self, faults: Iterable[Fault] | None = None) -> None:
        """These are what the space starts with; None means all that are here now."""
        self._first = [*self] if faults is None else [*faults]

    def reset(self, ids: Ids) -> None:
        """Those that the space started with, as they were then."""
        self._ids = ids
        self._minted.clear()
        self._named = {fault.name: fault for fault in self._first}
        for fault in self._first:
            fault.renew(ids)
