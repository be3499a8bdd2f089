"""The sockets of one space: how each came, whose it is, and which are still open when they are over."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakSet

from simulator.core.space import Running
from simulator.core.wire import Asked
from simulator.serve.any_link import AnyLink
from simulator.serve.onlooking import Met


class Sockets:
    """By their numbers, which are those of the calls that they began as."""

    __slots__ = ("_ending", "_met", "_time", "_whose", "left", "links")

    def __init__(self, time: Callable[[], float]) -> None:
        """`time` is the loop's clock."""
        self.links: dict[int, AnyLink] = {}
        """Those that are not over. It stays the same dictionary: who works frames looks into it for each."""
        self._ending: WeakSet[AnyLink] = WeakSet()
        """Links that are over, whose peers have some time to end their side."""
        self._whose: dict[int, Running] = {}
        self._met: dict[int, Met] = {}
        self._time = time
        self.left = time()
        """When the last socket ended, on the loop's clock."""

    def __len__(self) -> int:
        return len(self.links)

    def comes(self, asked: Asked, time: float) -> None:
        """Note how one comes, before anybody can attach it."""
        request = asked.request
        path = f"{request.path}?{request.query}" if request.query else request.path
        self._met[asked.call] = Met(time, f"{request.base}{path}")

    def came_not(self, number: int) -> None:
        """Whose client was gone by then."""
        self._met.pop(number, None)

    def begin(self, number: int, link: AnyLink, running: Running) -> None:
        """One is there."""
        self.links[number] = link
        self._whose[number] = running

    def end(self, number: int) -> None:
        """One is over."""
        link = self.links.pop(number, None)
        if link is not None:
            self.over(link)
        self._whose.pop(number, None)
        self._met.pop(number, None)
        self.left = self._time()

    def over(self, link: AnyLink) -> None:
        """Count one that is over among those that are open, as long as it is."""
        if not link.gone:
            self._ending.add(link)

    def met(self, number: int) -> Met | None:
        """How one that is not over came."""
        return self._met.get(number)

    def of(self, running: Running) -> list[int]:
        """The numbers of one backend's."""
        return [number for number, owner in self._whose.items() if owner is running]

    @property
    def unsent(self) -> bool:
        """Whether one still holds something."""
        return any(link.unsent for link in self.links.values())

    def there(self) -> list[AnyLink]:
        """Whatever is still open, those among them that are over."""
        return [link for link in (*self.links.values(), *self._ending) if not link.gone]

    def drop(self) -> None:
        """End all of them without a word more."""
        for link in [*self.links.values()]:
            link.drop()

    def leave(self, left: WeakSet[AnyLink]) -> None:
        """Whatever is still open goes there, now and later."""
        left.update(self.there())
        self._ending = left
