"""How many clients may be there at once: a loop that closes by how long answers take, so that nothing piles up."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque

QUICK, SLOW = 0.25, 0.75
"""Seconds: where answers and the process's own loop are quicker, more may come; where they are slower, fewer."""
FEW = 10


class Pace:
    """Of one process."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self.limit = min(slots, max(50, slots // 4))
        self.here = 0
        self.most = 0
        self.narrowed = 0
        self.times: Counter[int] = Counter()
        """Answers by the power of two that their milliseconds do not exceed."""
        self.slowest = 0.0
        self._sum, self._count = 0.0, 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def come(self) -> None:
        """When there is room."""
        while self.here >= self.limit:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self.here += 1
        self.most = max(self.most, self.here)

    def go(self) -> None:
        """One has left."""
        self.here -= 1
        self._wake()

    def answered(self, seconds: float) -> None:
        """A client waited so long for an answer."""
        self._sum += seconds
        self._count += 1
        self.slowest = max(self.slowest, seconds)
        self.times[math.ceil(math.log2(max(1.0, seconds * 1000)))] += 1

    def tick(self, late: float) -> None:
        """Each second: judge it, with the worst lateness of the loop in it."""
        slow = max(late, self._sum / self._count if self._count else 0.0)
        heard = self._count > 0
        self._sum, self._count = 0.0, 0
        if slow > SLOW:
            self.limit = min(self.limit, max(FEW, int(min(self.limit, self.here) * 0.8)))
            self.narrowed += 1
        elif heard and slow < QUICK and self.here >= self.limit * 0.9:
            self.limit = min(self._slots, self.limit + max(5, self.limit // 10))
            self._wake()

    def _wake(self) -> None:
        for _ in range(max(0, self.limit - self.here)):
            if not self._waiting:
                break
            self._waiting.popleft().set_result(None)


def quantile(times: Counter[int], part: float) -> float:
    """Seconds that so many of the answers did not exceed, to a power of two."""
    left = part * sum(times.values())
    for power in sorted(times):
        left -= times[power]
        if left <= 0:
            return float(2**power) / 1000
    return 0.0
