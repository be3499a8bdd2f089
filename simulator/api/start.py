"""`Simulator`: backends served in this process, for as long as a `with` or an `async with` lasts."""

from __future__ import annotations

from types import TracebackType
from typing import Unpack

from simulator.api.bridge import OURS, Here, There, asyncios
from simulator.api.inside import Inside
from simulator.api.live import AsyncLive, Live
from simulator.api.options import Options, check
from simulator.api.serving import Serving
from simulator.core.backend import Backend
from simulator.core.errors import SimulatorError


class Simulator:
    """One or more backends, each on a free port of its own.

    `async with Simulator("chip") as sim:` serves in the loop that runs and gives an AsyncLive; `with Simulator("chip")
    as sim:` serves in a thread of its own and gives a Live, which blocks. Both raise SimulatorError for what is wrong
    with names, files and options, and at their end Unmatched for what a client said that is not on the cassette.
    """

    def __init__(self, *backends: str | Backend, **options: Unpack[Options]) -> None:
        """By their names; none are needed where a cassette says whose it is. Raises TypeError, SimulatorError."""
        self._backends = backends
        self._options = check(options)
        self._bridge: There | None = None
        self._serving: Serving | None = None

    async def __aenter__(self) -> AsyncLive:
        """Start here."""
        __tracebackhide__ = OURS
        asyncios("`with Simulator(...)`, and call what blocks in a thread, anyio.to_thread.run_sync(sim.wait_for, ...)")
        return AsyncLive(await self._start(), Here())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self._stop(kind is None)

    def __enter__(self) -> Live:
        """Start in a thread."""
        __tracebackhide__ = OURS
        bridge = There()
        try:
            inside = bridge.block(self._start)
        except BaseException:
            bridge.close()
            raise
        self._bridge = bridge
        return Live(inside, bridge)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        bridge, self._bridge = self._bridge, None
        assert bridge is not None
        if bridge.forked:
            # It goes on where it was started.
            return
        try:
            bridge.block(lambda: self._stop(kind is None))
        finally:
            bridge.close()

    async def _start(self) -> Inside:
        if self._serving is not None:
            raise SimulatorError("it serves already: make another one for another server")
        serving = Serving(self._backends, self._options)
        await serving.start()
        self._serving = serving
        return Inside(serving)

    async def _stop(self, judged: bool) -> None:
        serving, self._serving = self._serving, None
        assert serving is not None
        await serving.stop()
        if judged:
            serving.judge(over=True)
