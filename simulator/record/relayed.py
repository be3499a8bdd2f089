"""Recording without mitmproxy, for `replay --mode once|all`: a relay of our own between the client and one server."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

from simulator import __version__
from simulator.cassette.entries import Header
from simulator.cassette.recorder import Recorder, unheard
from simulator.cassette.redact import Redactor
from simulator.cassette.rules import Rules
from simulator.cassette.sink import FileSink
from simulator.core.errors import SimulatorError, StartError
from simulator.drive.edge import first_line
from simulator.drive.relay import Relay, probe, session
from simulator.drive.target import Target
from simulator.record import reports, summary
from simulator.serve import readyfile
from simulator.serve.printable import printable

PORT: Final = 8080
_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@dataclass(slots=True)
class Wanted:
    """How to record."""

    target: Target
    out: Path
    host: str = "127.0.0.1"
    port: int = PORT
    backend: str | None = None
    insecure: bool = False
    redact: bool = True
    why: str = ""
    """In which mode, and why, for the operator."""
    ready_file: Path | None = None
    heard: Callable[[float, int, str, str | bytes, str], object] = unheard
    """Gets each frame as it passes, see `Recorder`."""
    tell: Callable[[str], None] = field(default=lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    show: Callable[[str], None] = field(default=lambda line: print(line, flush=True))  # noqa: T201


class _Beside(FileSink):
    """Of a cassette that will take the place of another one, whose bodies are still needed until then."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._bodies = folder
        super().__init__(path)

    @property
    def folder(self) -> Path:
        return self._bodies


def record(wanted: Wanted) -> int:
    """Record until SIGINT, SIGTERM or SIGHUP; the exit code. Raises SimulatorError."""
    if wanted.ready_file is not None:
        readyfile.make_room(wanted.ready_file)
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()

    async def whole() -> int:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, stop)
        async with Taking(wanted) as taking:
            await stopped.wait()
        return taking.code

    try:
        return asyncio.run(whole())
    finally:
        # What is left to do is short, and shall not be torn.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


class Taking:
    """One recording; `async with` begins and ends it. Raises StartError, SimulatorError with nothing touched."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        # A link stays one: who has it there wants the file that it leads to.
        out = wanted.out = wanted.out.resolve() if wanted.out.is_symlink() else wanted.out
        self._old = out.exists()
        # The old one is whole until the new one is: it may be the only one that there will ever be.
        self._path = out.with_name(f"{out.stem}.recording{out.suffix}") if self._old else out
        self.code = 0
        self.url = ""

    async def __aenter__(self) -> Taking:
        wanted = self._wanted
        out, target = wanted.out, wanted.target
        if not out.parent.is_dir():
            raise SimulatorError(f"{out}: there is no directory {out.parent}")
        writable = (not self._old or (out.is_file() and os.access(out, os.W_OK))) and os.access(out.parent, os.W_OK)
        if not writable:
            raise SimulatorError(f"{out}: can't be written there")
        if self._old and self._path.exists():
            raise SimulatorError(
                f"{self._path}: is there from a recording that was killed: move it to where you want it, or remove it"
            )
        why = await probe(target, wanted.insecure)
        if why:
            raise StartError(f"--upstream {target.told}: {why}; nothing was {'touched' if self._old else 'written'}")
        self._folder = _free(out)
        try:
            sink = _Beside(self._path, self._folder)
        except OSError as error:
            raise StartError(f"{self._path}: {error.strerror}") from None
        header = Header(backend=wanted.backend, upstream=target.base, recorder=f"simulator {__version__}")
        self._recorder = Recorder(
            sink,
            time.time(),
            header,
            Redactor(os.urandom(32), Rules(texts=target.secrets)) if wanted.redact else None,
            tell=lambda line: wanted.tell(printable(line)),
            heard=wanted.heard,
        )
        if self._recorder.stopped:
            raise StartError(f"{self._path}: {self._recorder.stopped}")
        self._client = session(target, wanted.insecure)
        self._relay = Relay(target, self._recorder, self._client, lambda line: wanted.tell(printable(line)), time.time)
        server = web.Server(
            self._relay,
            access_log=None,
            handler_cancellation=True,
            auto_decompress=False,
            logger=_log(lambda line: wanted.tell(printable(line))),
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, wanted.host, wanted.port, backlog=1024).start()
        except (OSError, UnicodeError) as error:
            await self._release()
            self._recorder.close(time.time())
            self._discard()
            raise StartError(
                f"can't listen on {wanted.host} port {wanted.port}: {getattr(error, 'strerror', None) or error}"
            ) from None
        host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        self._say()
        return self

    def _say(self) -> None:
        wanted, url = self._wanted, self.url
        ws = url.replace("http", "ws", 1)
        if wanted.ready_file is not None:
            told = {"name": wanted.backend or "tape", "url": url, "connect": ws}
            readyfile.write(wanted.ready_file, {"pid": os.getpid(), "backends": [told]})
        secrets = "secrets are replaced" if wanted.redact else "secrets stay as they are"
        wanted.show(
            f"{wanted.why}: recording {wanted.target.told} into {wanted.out}\n"
            f"  point the client at  {url}, and for WebSockets at {ws}\n{secrets}. Ctrl-C ends it."
        )

    async def __aexit__(self, *exc: object) -> None:
        if self._wanted.ready_file is not None:
            readyfile.remove(self._wanted.ready_file)
        stopped = self._recorder.stopped
        self._relay.end()
        await self._release()
        counts = self._recorder.counts
        told = reports.Counts(
            counts.connections, counts.frames, counts.exchanges, counts.bytes, counts.redactions, counts.failures,
            stopped,
        )  # fmt: skip
        self.code = 1 if counts.failures else 0
        if not counts.connections and not counts.exchanges:
            self._discard()
            kept = f"{self._wanted.out} stays as it was" if self._old else f"there is no {self._wanted.out}"
            self._wanted.show(f"nothing was said: {kept}")
            return
        if self._old and not self._relay.heard:
            # What is on the old one may be all that there is of a server which is gone.
            self._discard()
            shutil.rmtree(self._folder, ignore_errors=True)
            self.code = 1
            self._wanted.show(f"the upstream answered nothing: {self._wanted.out} stays as it was")
            return
        if self._old and counts.failures:
            self._wanted.show(f"not all is in it: {self._wanted.out} stays as it was, the new one is {self._path}")
        elif self._old:
            old = _bodies(self._wanted.out, self._folder)
            self._path.replace(self._wanted.out)
            self._path = self._wanted.out
            for folder in old:
                shutil.rmtree(folder, ignore_errors=True)
        self._wanted.show(summary.text(self._path, told))

    async def _release(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    def _discard(self) -> None:
        with suppress(OSError):
            self._path.unlink()


def _log(tell: Callable[[str], None]) -> logging.Logger:
    """Where aiohttp tells what went wrong with a client: one line is enough of it."""

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            words = first_line(getattr(error, "message", "") or str(error)) or type(error).__name__
            why = "" if error is None else f": {words}"
            tell(f"{record.getMessage()}{why}")

    log = logging.Logger("relay", logging.WARNING)
    log.addHandler(Teller())
    return log


def _free(out: Path) -> Path:
    """A folder for big bodies that is not there yet."""
    number, folder = 1, out.with_name(f"{out.stem}.files")
    while folder.exists():
        number += 1
        folder = out.with_name(f"{out.stem}.{number}.files")
    return folder


def _bodies(out: Path, but: Path) -> list[Path]:
    """The folders that a cassette of this name had."""
    ours = re.compile(rf"{re.escape(out.stem)}(\.\d+)?\.files")
    return [
        path
        for path in out.parent.iterdir()
        if ours.fullmatch(path.name) and path != but and path.is_dir() and not path.is_symlink()
    ]
