"""Whole conversations where nothing leads out: the shipped cassettes against `serve`, and against replays of themselves.

    unshare --net python -m tests.record.jail

In a network namespace of its own there is the loopback and nothing else. What serves is the real command, and in it an
audit hook that lets no connection be made, and no name be looked up, whoever wants it; what replays is in this process, in
which the client alone connects. Prints what came of it, as JSON.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from simulator import backends
from simulator.cassette.walk import Manner
from simulator.core.message import Message, Request
from simulator.drive.keys import Keys
from simulator.drive.target import Target
from simulator.drive.verify import Wanted, verify
from simulator.serve import seeds
from simulator.serve.app import Options, Server
from simulator.serve.replay import prepare
from tests.record.proxied import QUICK
from tests.record.samples import SAMPLES
from tests.served import GUARDED, SECONDS, clean_environment

_UP = 0x8914, struct.pack("16sh", b"lo", 0x1)
"""SIOCSIFFLAGS with IFF_UP."""
_IN_ORDER = {"mia.delivered_after": "0.01", "mia.read_after": "0.03"}
OUTSIDE = "192.0.2.1"
"""Of TEST-NET-1: nobody's."""


class Command:
    """The command, with nobody whom it could call."""

    def __init__(self, folder: Path, name: str) -> None:
        self._ready, self._errors = folder / f"{name}.json", folder / f"{name}.err"
        self._process: asyncio.subprocess.Process | None = None
        self.urls: dict[str, str] = {}

    async def start(self, *arguments: str) -> None:
        command = [sys.executable, "-c", GUARDED, *arguments, "--port", "0", "--ready-file", str(self._ready)]
        with self._errors.open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=clean_environment()
            )
        async with asyncio.timeout(6 * SECONDS):
            while not self._ready.exists():
                assert self._process.returncode is None, self._errors.read_text()
                await asyncio.sleep(0.02)
        self.urls = {one["name"]: one["url"] for one in json.loads(self._ready.read_bytes())["backends"]}

    async def end(self) -> list[str]:
        """What it tried and may not."""
        assert self._process is not None
        self._process.terminate()
        async with asyncio.timeout(SECONDS):
            await self._process.wait()
        return self._tried()

    def _tried(self) -> list[str]:
        return [line for line in self._errors.read_text().splitlines() if "EGRESS" in line]

    async def has_tried(self) -> list[str]:
        """Waits for the first one."""
        async with asyncio.timeout(3 * SECONDS):
            while not self._tried():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return self._tried()

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()


class Watch:
    """An audit hook for what is served in this process, whose client is here as well."""

    def __init__(self) -> None:
        self.mine: set[int] = set()
        """Ports to which the client goes."""
        self.tried: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][1] in self.mine:
            return
        if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
            self.tried.append(f"{event} {arguments[1:]}")


def keys(name: str) -> Keys:
    """What opens the doors of a backend that is served as it comes."""
    backend = backends.load(name)
    seed = seeds.load(backend, None, [])

    def found(said: Message | Request, answers: Any) -> Any:
        return backend.secrets(seed, said, answers, 1_800_000_000.0)

    return found


async def talk(path: Path, url: str, **wanted: Any) -> list[str]:
    """What is not as on the tape."""
    found = await verify(path, Target(url), Wanted(**wanted))
    assert len(found.rows) >= 6
    return [f"{row.outcome} {row.name} of line {row.line}" for row in found.drifted if row.outcome != "moved"]


async def played(path: Path, watch: Watch) -> list[str]:
    """What is not as on the tape when the tape itself answers."""
    stand_in, coverage = prepare([path], None, Manner(factor=0.2), print)
    async with Server(Options([stand_in], port=0, seed=8)) as simulator:
        url = simulator.served[0].url
        watch.mine.add(urlsplit(url).port or 0)
        found = await talk(path, url, exact=True)
    return [*found, *([] if coverage.complete else [coverage.text()])]


async def play(folder: Path, watch: Watch) -> dict[str, Any]:
    settings = [part for key, value in {**QUICK, **_IN_ORDER}.items() for part in ("--set", f"{key}={value}")]
    tapes = {path.parent.name: path for path in sorted(SAMPLES.glob("*/*.yaml"))}
    serves, calls, plays, answers = (Command(folder, name) for name in ("serve", "calls", "replay", "cassette"))
    try:
        await asyncio.gather(
            serves.start("serve", "--backend", "all", *settings),
            # Who is told to calls: so it shows that it would show.
            calls.start("serve", "--backend", "mia", "--set", "gateway_url=http://127.0.0.1:9/", "--set", "bot=none"),
            # Those two have uploads.
            plays.start("replay", str(tapes["aida"]), "--timing", "burst"),
            answers.start("serve", "--backend", "concierge", "--cassette", str(tapes["concierge"])),
        )
        every = (serves, calls, plays, answers)
        watch.mine.update(urlsplit(url).port or 0 for server in every for url in server.urls.values())
        served = [talk(path, serves.urls[name], backend=name, keys=keys(name)) for name, path in tapes.items()]
        replayed = [played(path, watch) for path in tapes.values()]
        called = asyncio.create_task(talk(tapes["mia"], calls.urls["mia"], backend="mia", keys=keys("mia")))
        commanded = (
            talk(tapes["aida"], plays.urls["aida"], exact=True),
            talk(tapes["concierge"], answers.urls["concierge"], exact=True),
        )
        found = await asyncio.gather(*served, *replayed, *commanded, calls.has_tried())
        # It waits for answers that nobody gives.
        called.cancel()
        return {
            "serve": dict(zip(tapes, found, strict=False)),
            "replay": dict(zip(tapes, found[len(tapes) :], strict=False)),
            "commands": found[2 * len(tapes) : -1],
            "tried": [*await serves.end(), *await plays.end(), *await answers.end(), *watch.tried],
            "told to call": await calls.end(),
        }
    finally:
        for server in (serves, calls, plays, answers):
            server.kill()


def outside() -> str:
    """What becomes of a connection to somewhere else; empty where the machine has a way there."""
    with socket.socket() as sock:
        fcntl.ioctl(sock, *_UP)
        sock.setblocking(False)
        try:
            sock.connect((OUTSIDE, 80))
        except BlockingIOError:
            return ""
        except OSError as error:
            return error.strerror or ""
    return ""


def main() -> None:
    told: dict[str, Any] = {"outside": outside() if "--alone" in sys.argv else ""}
    with tempfile.TemporaryDirectory() as folder:
        told.update(asyncio.run(play(Path(folder), Watch())))
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main()
