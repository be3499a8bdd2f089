"""One simulator in its loop: what was asked for, started and stopped, and what became of its cassette."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from simulator.api import tape as tapes
from simulator.api.notes import Notes
from simulator.api.options import Options
from simulator.api.said import Unmatched
from simulator.core.backend import Backend
from simulator.core.errors import SimulatorError
from simulator.serve import clock as clocks
from simulator.serve import scenarios
from simulator.serve.app import Options as Wanted
from simulator.serve.app import Server

if TYPE_CHECKING:
    from simulator.scenario.stage import Stage


class Serving:
    """Makes the server at once, which says what is wrong with its files, and binds ports at its start."""

    def __init__(self, named: Sequence[str | Backend], options: Options) -> None:
        """Raises SimulatorError."""
        time = clocks.parse(options.get("clock", "wall"), "clock")
        self.notes = Notes(time.now)
        self.options = options
        self.tape = tapes.prepare(options, named, time.now, self.notes)
        if self.tape is None and not named:
            raise SimulatorError("which backend? Simulator('chip'), or a cassette, which says whose it is")
        shown: Sequence[str | Backend] = named if self.tape is None else [self.tape.backend]
        names = [one if isinstance(one, str) else one.name for one in shown]
        self._host, self._port = options.get("host", "127.0.0.1"), options.get("port", 0)
        record = options.get("record")
        upstream = None if self.tape is None else self.tape.upstream
        self.recording = self.tape is not None and self.tape.target is not None
        path, stage = _scenario(options.get("scenario"))
        self.server = Server(
            Wanted(
                backends=shown,
                host=self._host,
                # While it is recorded, the relay has it.
                port=0 if self.recording else self._port,
                seed=options.get("seed"),
                clock=time,
                fixtures=_fixtures(options.get("fixtures", {}), names),
                settings=[(key, _text(value)) for key, value in options.get("settings", {}).items()],
                admin_token=options.get("admin_token"),
                journal=options.get("journal", 10_000),
                reporter=self.notes,
                scenario=path,
                stage=stage,
                record=None if record is None else Path(record),
                onlooker=None if upstream is None else upstream.onlooker,
            )
        )
        self.notes.default = self.server.space
        if upstream is not None:
            upstream.attach(self.server)
        self.urls: dict[str, tuple[str, str]] = {}
        """By backend its base, and where a client connects; they stay when all is over."""
        self.control = ""
        self._stack = AsyncExitStack()
        self._told = 0

    async def start(self) -> None:
        """Raises SimulatorError."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.server)
            if self.recording:
                assert self.tape is not None
                taking = self.tape.recording(self.options, self.server, self._host, self._port, self.notes)
                await stack.enter_async_context(taking)
                name = self.tape.backend.name
                self.urls = {name: (taking.url, self.server.connect_at(name, taking.url))}
            else:
                self.urls = {served.name: (served.url, served.connect) for served in self.server.served}
            self.control = self.server.control or ""
            self._stack = stack.pop_all()

    @staticmethod
    async def settle() -> None:
        """What a client wrote before on this machine is there, and is read in the loop's next turns."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Let go of everything; the journal stays."""
        await self.settle()
        await self._stack.aclose()

    # --- what became of the cassette

    @property
    def misses(self) -> list[str]:
        """What clients said that is not on it, each explained."""
        coverage = None if self.tape is None else self.tape.coverage
        return [] if coverage is None else [miss.told() for miss in coverage.misses]

    @property
    def unplayed(self) -> list[str]:
        """What is on it and was never said."""
        coverage = None if self.tape is None else self.tape.coverage
        if coverage is None:
            return []
        return [f"{plan.path}:{line}: {who}: {what}" for plan, line, _, who, what in coverage.unplayed()]

    def judge(self, over: bool) -> None:
        """Raises Unmatched, once for each miss; what was never played counts when it is over, with `strict`."""
        misses = self.misses
        fresh, self._told = misses[self._told :], len(misses)
        left = self.unplayed if over and self.options.get("strict", False) else []
        if fresh or left:
            raise Unmatched("\n".join([*_listed("not on the cassette", fresh), *_listed("never played", left)]))


_LISTED = 20
_TURNS = 5


def _listed(what: str, lines: Sequence[str]) -> list[str]:
    more = [f"and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return [f"{what}: {line}" for line in lines[:_LISTED]] + more


def _scenario(given: str | Path | Mapping[str, Any] | None) -> tuple[Path | None, Stage | None]:
    if given is None:
        return None, None
    if isinstance(given, Mapping):
        return None, staged(given)
    if isinstance(given, str) and "\n" in given:
        return None, staged(given)
    return scenarios.find(given) if isinstance(given, str) else given, None


def staged(given: str | Path | Mapping[str, Any]) -> Stage:
    """A scenario of any form, ready to be played. Raises ScenarioError."""
    from simulator.scenario import stage

    if isinstance(given, Mapping):
        return stage.Stage(stage.load(orjson.dumps(dict(given)), "scenario"))
    if isinstance(given, str) and "\n" in given:
        return stage.Stage(stage.load(given.encode(), "scenario"))
    return stage.Stage(scenarios.load(scenarios.find(str(given))))


def _fixtures(given: str | Path | Mapping[str, str | Path], names: Sequence[str]) -> dict[str, Path]:
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise SimulatorError(f"fixtures: {name} is not served, {', '.join(names)} is")
        return {name: Path(path) for name, path in given.items()}
    if len(names) > 1:
        raise SimulatorError(
            f"fixtures {given}: say for which backend, such as fixtures={{{names[0]!r}: {str(given)!r}}}"
        )
    return {names[0]: Path(given)}


def _text(value: object) -> str:
    """A setting as it would stand on the command line."""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
