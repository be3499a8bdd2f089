"""`replay --mode new_episodes`: what is not on the tape is asked of a server, passed on, and on the tape from then on."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from simulator import backends
from simulator.cassette.check import check
from simulator.cassette.compare import said, shape
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

UNKNOWN = {
    "chip": "and again",
    "aida": "new_session",
    "mia": "Hello Mia!",
    "chatbot": r'42\["ping"\]',
    "concierge": '"client/send-message"',
}
"""What the tape lacks: known things come before and after it."""
PROFILE: dict[str, dict[str, str]] = {name: {} for name in ALL} | {"aida": {"profile": "1.8"}}
"""The one of Phoenix that has long polling."""


async def taped(path: Path, name: str, talk: Callable[[Client], Awaitable[None]] | None = None) -> Path:
    async with (
        served(name, 7, **QUICK[name], **PROFILE[name]) as simulator,
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
            data = entry.data if isinstance(entry, Passed) else None
            asked = isinstance(entry, Exchange) and re.search(part, f"{entry.request.path} {entry.request.body!r} {entry.response!r}")
            if isinstance(entry, Passed) and entry.sender == "client":
                dropping = re.search(part, str(data)) is not None
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
    settings = [*PROFILE[name].items()]
    simulator = Simulator(Options([backend], port=0, seed=3, settings=settings, **options))
    if upstream is not None:
        upstream.attach(simulator)
    async with simulator:
        yield Played(simulator, coverage, name, told)
    # What was cancelled at the end is over.
    await asyncio.sleep(0)


def _now() -> float:
    return asyncio.get_running_loop().time()


def heard(name: str, path: Path) -> Counter[tuple[str, str, tuple[object, ...]]]:
    """What was said in a conversation, each with its shape; ids in names, such as in the path of an upload, apart."""
    with open_tape(path) as tape:
        return Counter(
            (one.sender, re.sub(r"[0-9a-f-]{36}", "*", one.name), tuple(map(shape, one.args)))
            for one in said(tape, backends.load(name))
            if one.name != "(open)"
        )


def is_whole(path: Path) -> None:
    with open_tape(path) as tape:
        assert [found for found in check(tape) if found.level == "error"] == []


@pytest.mark.parametrize("name", ALL)
async def test_the_unknown_is_asked_and_known_from_then_on(name: str, tmp_path: Path) -> None:
    whole = await taped(tmp_path / "whole.yaml", name)
    path = without(Path(copy(whole, tmp_path / "talk.yaml")), UNKNOWN[name])
    before = path.read_bytes()
    async with served(name, 8, **QUICK[name], **PROFILE[name]) as real, playing(path, name, real.url(name)) as run:
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
    assert heard(name, tmp_path / "first.yaml") == heard(name, whole)
    second = heard(name, tmp_path / "second.yaml")
    assert not second - heard(name, whole)
    # What `without` took with it.
    assert {one[1] for one in heard(name, whole) - second} <= {"chat-session-update"}


@pytest.mark.parametrize(
    ("name", "talk", "part"), [("mia", polled, "Olá"), ("aida", long_polled, "menu|btu_msg")], ids=["Engine.IO", "Phoenix"]
)
async def test_clients_that_poll(
    name: str, talk: Callable[[Client], Awaitable[None]], part: str, tmp_path: Path
) -> None:
    path = await taped(tmp_path / "talk.yaml", name, talk)
    whole = Path(copy(path, tmp_path / "whole.yaml"))
    without(path, part)
    async with served(name, 8, **QUICK[name], **PROFILE[name]) as real, playing(path, name, real.url(name)) as run:
        await run.talk(tmp_path / "first.yaml", talk)
        assert (run.coverage.missed, run.told) == (0, []), run.coverage.text()
    is_whole(path)
    async with playing(path, name) as run:
        await run.talk(tmp_path / "second.yaml", talk)
        assert run.coverage.missed == 0, run.coverage.text()
    assert heard(name, tmp_path / "first.yaml") == heard(name, whole)
    assert heard(name, tmp_path / "second.yaml") == heard(name, whole)


async def test_requests_too(tmp_path: Path) -> None:
    """concierge's upload URL, which is not on the tape: the real one is given, and the picture goes where it leads."""
    name = "concierge"
    path = without(await taped(tmp_path / "talk.yaml", name), "get-upload-url")
    async with served(name, 8, **QUICK[name], **PROFILE[name]) as real, playing(path, name, real.url(name)) as run:
        await run.talk(tmp_path / "first.yaml")
        assert (run.coverage.missed, run.told) == (0, []), run.coverage.text()
    is_whole(path)
    assert "get-upload-url" in path.read_text()
    async with playing(path, name) as run:
        await run.talk(tmp_path / "second.yaml")
        assert run.coverage.missed == 0, run.coverage.text()
