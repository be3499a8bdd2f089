"""Who is inside: connections come to a visitor of ours first, and to aiohttp's server when that hands them on."""

from __future__ import annotations

import asyncio

from simulator.serve.connections import Crowd
from simulator.serve.connections import Server as Bounded
from simulator.serve.http import Doors
from simulator.serve.intake import Intake
from simulator.serve.visitor import Visitor


class Entrance(Bounded):
    """aiohttp's server, with a protocol of ours before its own."""

    def __init__(self, doors: Doors, crowd: Crowd, intake: Intake | None) -> None:
        super().__init__(doors, crowd)
        # Who is found idle twice has been so for one such time at least, and two at most.
        self._idle = crowd.patience.request / 2
        self._doors = doors
        self.intake = intake
        """Who reads what comes; where there is one, connections need none of asyncio's transports."""
        self._visitors: set[Visitor] = set()
        self._parting: set[Visitor] = set()
        """Sent away, with something that they have not read, or with TLS of which they have not ended their side."""
        self._look: asyncio.TimerHandle | None = None

    def protocol(self) -> asyncio.Protocol:
        """Who speaks with one who was let in."""
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(self._idle, self.sweep)
        return Visitor(self._doors, self.crowd, self.intake, self._visitors, self._parting, self.connection)

    def sweep(self) -> None:
        """Close what was idle since the last time."""
        for visitor in [*self._visitors]:
            visitor.rest()
        self._look = asyncio.get_running_loop().call_later(self._idle, self.sweep) if self._visitors else None

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Close all connections that are no links."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        for visitor in [*self._visitors]:
            visitor.end()
        loop = asyncio.get_running_loop()
        until = loop.time() + (timeout or 0)
        while self._parting and loop.time() < until:  # noqa: ASYNC110 - as with links at the stop, nobody is told
            await asyncio.sleep(0.002)
        for visitor in [*self._parting]:
            visitor.cut()
        await super().shutdown(timeout)
