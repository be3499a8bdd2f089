"""Worlds that were thrown away: each is one knot, which only the collector can undo."""

from __future__ import annotations

import asyncio
import gc
import time

SHARE = 10
"""So many times as long as it took, the collector rests: with many spaces a reset would cost what they all have."""


class Litter:
    """Collects at once, or after a rest, for all that came meanwhile.

    Left to itself the collector looks rarely, see `terminal`, and several worlds would add up.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rest = 0.0
        """Until when, on the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None

    def tidy(self) -> None:
        """Something was thrown away."""
        if self._timer is None and self._loop.time() >= self._rest:
            self._collect()
        elif self._timer is None:
            self._timer = self._loop.call_at(self._rest, self._collect)

    def _collect(self) -> None:
        self._timer = None
        before = time.perf_counter()
        gc.collect()
        self._rest = self._loop.time() + SHARE * (time.perf_counter() - before)

    def close(self) -> None:
        """Nothing more comes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
