"""`replay --mode new_episodes`: what is not on the tape is asked of a server, passed on, and on the tape from then on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.cassette.check import check
from simulator.cassette.coverage import Coverage
from simulator.cassette.entries import Entry, Exchange, Passed
from simulator.cassette.records import dump, dump_header
from simulator.cassette.tape import open_tape
from simulator.cassette.walk import Manner
from simulator.drive.target import Target
from simulator.record.appending import Appending
from simulator.record.episodes import Upstream
from simulator.serve.app import Options, Simulator
from simulator.serve.replay import prepare
from tests.drive.talks import ALL, QUICK, long_polled, polled
from tests.drive.taping import Client, served

pytestmark = pytest.mark.live

MISSING = {
    "chip": "and again",
    "aida": "new_session",
    "mia": "Hello Mia!",
    "chatbot": '42["ping"]',
    "concierge": '"client/send-message"',
}
"""What the tape lacks: known things come before and after it."""


async def taped(path: Path, name: str, talk: Callable[[Client], Awaitable[None]] | None = None) -> Path:
    async with (
        served(name, 7, **QUICK[name]) as simulator,
        Client.taping(path, simulator.url(name), name) as client,
    ):
        await (talk(client) if talk is not None else ALL[name](client, simulator.connect(name)))
    return path


def without(path: Path, part: str) -> Path:
    """Take a client's message off a tape, and what the server said behind it until the client spoke again."""
    kept: list[Entry] = []
    dropping = False
    with open_tape(path) as tape:
        for entry in tape:
            said = entry.data if isinstance(entry, Passed) else None
            asked = isinstance(entry, Exchange) and part in f"{entry.request.path} {entry.request.body!r}"
            if isinstance(entry, Passed) and entry.sender == "client":
                dropping = part in str(said)
            elif not isinstance(entry, Passed):
                dropping = False
            if not (dropping or asked):
                kept.append(entry)
        assert len(kept) < tape.count
        path.write_bytes(b"".join([dump_header(tape.header), *map(dump, kept)]))
    return path


class Played:
    def __init__(self, simulator: Simulator, coverage: Coverage, name: str, told: list[str]) -> None:
        self.simulator, self.coverage, self.name, self.told = simulator, coverage, name, told
        self.url = simulator.served[0].url

    async def talk(self, path: Path, talk: Callable[[Client], Awaitable[None]] | None = None) -> None:
        connect = self.simulator.served[0].connect
        async with Client.taping(path, self.url, self.name) as client, asyncio.timeout(20):
            await (talk(client) if talk is not None else ALL[self.name](client, connect))


@asynccontextmanager
async def playing(path: Path, name: str, url: str = "", redact: bool = True, **more: Any) -> AsyncIterator[Played]:
    """A replay; with a URL what is not on the tape is asked there."""
    told: list[str] = []
    manner, upstream = Manner(factor=0.0), None
    options: dict[str, Any] = {}
    if url:
        upstream = Upstream(Target(url, **more), Appending(path, redact, told.append), told.append, _now)
        manner = Manner(factor=0.0, beyond=upstream.behind)
        options["onlooker"] = upstream.onlooker
    backend, coverage = prepare([path], None, manner, told.append)
    simulator = Simulator(Options([backend], port=0, seed=3, **options))
    if upstream is not None:
        upstream.attach(simulator)
    async with simulator:
        yield Played(simulator, coverage, name, told)
    # What was cancelled at the end is over.
    await asyncio.sleep(0)


def _now() -> float:
    return asyncio.get_running_loop().time()


def is_whole(path: Path) -> None:
    with open_tape(path) as tape:
        assert [found for found in check(tape) if found.level == "error"] == []


@pytest.mark.parametrize("name", ALL)
async def test_the_unknown_is_asked_and_known_from_then_on(name: str, tmp_path: Path) -> None:
    path = without(await taped(tmp_path / "talk.yaml", name), MISSING[name])
    before = path.read_bytes()
    async with served(name, 8, **QUICK[name]) as real, playing(path, name, real.url(name)) as run:
        await run.talk(tmp_path / "first.yaml")
        assert run.coverage.missed == 0, run.coverage.text()
        assert run.coverage.matched["by the upstream"] > 0
        assert run.told == []
    assert path.read_bytes().startswith(before)
    assert path.stat().st_size > len(before)
    is_whole(path)
    async with playing(path, name) as run:
        await run.talk(tmp_path / "second.yaml")
        assert run.coverage.missed == 0, run.coverage.text()
