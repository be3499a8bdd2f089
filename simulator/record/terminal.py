"""Recording in a terminal: where to point the client, a counter that lives, and at the end what is in the cassette."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final, TextIO

from simulator.core.errors import SimulatorError, StartError
from simulator.record import child as children
from simulator.record import reports, size, summary, upstream
from simulator.record.child import Child
from simulator.record.plan import Plan
from simulator.serve import readyfile
from simulator.serve.printable import printable

_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""SIGHUP: its terminal was closed."""
_START: Final = 60.0
"""Seconds that mitmproxy may take until it listens."""
_END: Final = 10.0
"""Seconds that it may take to end."""
_BETWEEN: Final = 60.0
"""Seconds between two lines of the counter where nobody sees it redrawn."""
_SHOWN: Final = 20
"""So many failures are told one by one."""


def record(plan: Plan) -> int:
    """Record until SIGINT, SIGTERM or SIGHUP; the exit code. Raises SimulatorError."""
    children.installed()
    if plan.ready_file is not None:
        readyfile.make_room(plan.ready_file)
        if not plan.ready_file.parent.is_dir():
            raise SimulatorError(f"--ready-file {plan.ready_file}: there is no such directory")
    upstream.probe(plan.upstream, plan.insecure)
    return asyncio.run(Session(plan, sys.stdout, sys.stderr).run())


class Session:
    """One recording."""

    def __init__(self, plan: Plan, out: TextIO, err: TextIO) -> None:
        self._plan = plan
        self._out = _Screen(out)
        self._err = _Screen(err)
        self._counts = reports.Counts()
        self._ended = False
        self._refused: str | None = None
        self._listening: asyncio.Future[int] | None = None
        self._stops = 0
        self._stirred = asyncio.Event()
        self._told = 0

    async def run(self) -> int:
        """Until it is over; the exit code."""
        loop = asyncio.get_running_loop()
        self._listening = loop.create_future()
        async with AsyncExitStack() as stack:
            for number in _SIGNALS:
                if number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) == signal.SIG_IGN:
                    # Under nohup it goes on.
                    continue
                loop.add_signal_handler(number, self._signalled)
            child = await stack.enter_async_context(Child.running(self._plan))
            gone = asyncio.create_task(child.process.wait())
            told = [asyncio.create_task(self._read(child)), asyncio.create_task(self._listen(child))]
            if not await self._started(child, gone):
                return 130
            told.append(counter := asyncio.create_task(self._count()))
            try:
                await self._until_stopped(child, gone)
            finally:
                counter.cancel()
                if self._plan.ready_file is not None:
                    readyfile.remove(self._plan.ready_file)
            # The last words of a process are read after its end.
            await asyncio.wait(told, timeout=_END)
        return self._close(child)

    async def _started(self, child: Child, gone: asyncio.Task[int]) -> bool:
        """Whether it listens; False when a signal came first. Raises StartError."""
        assert self._listening is not None
        await self._first(_START, gone, self._listening)
        if self._stops:
            child.kill()
            return False
        if not self._listening.done():
            if not gone.done():
                child.kill()
                raise StartError(f"mitmproxy did not listen within {_START:g} s")
            # Its last words may still be on the way.
            await asyncio.sleep(0.1)
            raise StartError(self._refused) if self._refused else child.why(self._plan)
        port = self._listening.result()
        url = f"http://127.0.0.1:{port}"
        if self._plan.ready_file is not None:
            readyfile.write(self._plan.ready_file, {"pid": os.getpid(), "url": url})
        self._out.line(block(self._plan, url, child, self._out.strong))
        return True

    async def _until_stopped(self, child: Child, gone: asyncio.Task[int]) -> None:
        """Until it is gone: by itself, at the first signal by being asked to, at the second by force."""
        await self._first(None, gone)
        if gone.done():
            return
        child.stop()
        self._stirred.clear()
        await self._first(_END, gone)
        child.kill()
        await gone

    async def _first(self, seconds: float | None, *waited: asyncio.Future[Any]) -> None:
        """The first of these or of a signal."""
        stirred: asyncio.Future[Any] = asyncio.create_task(self._stirred.wait())
        try:
            await asyncio.wait([stirred, *waited], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stirred.cancel()

    def _signalled(self) -> None:
        self._stops += 1
        self._stirred.set()

    async def _read(self, child: Child) -> None:
        async for report in child.reports():
            match report:
                case reports.Listening():
                    assert self._listening is not None
                    self._listening.set_result(report.port)
                case reports.Counts():
                    self._counts = report
                case reports.Failed():
                    self._failed(report.text)
                case reports.Noticed():
                    self._err.line(self._err.colour("33", "note: ") + printable(report.text))
                case reports.Refused():
                    self._refused = report.text
                case reports.Ended():
                    self._ended = True

    def _failed(self, text: str) -> None:
        self._told += 1
        if self._told <= _SHOWN:
            self._err.line(self._err.colour("31", printable(text)))
        if self._told == _SHOWN:
            self._err.line("further ones are counted")

    async def _listen(self, child: Child) -> None:
        assert self._listening is not None
        async for text in child.lines():
            # Of its end it says more than anybody wants to know.
            if self._listening.done() and not self._stops:
                self._err.line(f"mitmproxy: {printable(text)}")

    async def _count(self) -> None:
        """On a terminal a line that is redrawn; elsewhere a line now and then, when something has changed."""
        if self._err.redraws:
            while True:
                self._err.redraw(live(self._counts, self._err.colour))
                await asyncio.sleep(0.25)
        shown = ""
        while True:
            await asyncio.sleep(_BETWEEN)
            text = live(self._counts, self._err.colour)
            if text != shown and self._counts != reports.Counts():
                self._err.line(text)
            shown = text

    def _close(self, child: Child) -> int:
        self._err.redraw("")
        out = self._plan.out
        if not self._ended:
            code = child.process.returncode or 0
            how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
            last = f": {child.said[-1]}" if child.said and not self._stops else ""
            self._err.line(
                self._err.colour("31", "mitmproxy ")
                + printable(f"{how}{last}; what had passed until then is in {out}, which has no end of its own")
            )
        self._out.line(summary.text(out, self._counts))
        return 1 if not self._ended or self._counts.failures or self._counts.stopped else 0


def block(plan: Plan, url: str, child: Child, strong: Callable[[str], str]) -> str:
    """Where the client is to be pointed."""
    lines = [f"{strong('recording')} {plan.upstream.url} into {plan.out}"]
    if plan.mode == "reverse":
        lines += [
            f"  point the client at  {strong(url)}, and for WebSockets at {strong('ws' + url[4:])}",
            f"  in place of          {plan.upstream.url}",
        ]
    else:
        lines += [f"  the client's proxy   {strong(url)}"]
        if plan.upstream.scheme == "https":
            ca = children.authority(child.folder)
            lines += [
                f"  it has to trust      {ca}",
                f"  curl                 --proxy {url} --cacert {ca}",
                f"  Node.js              NODE_EXTRA_CA_CERTS={ca}",
                f"  Python               SSL_CERT_FILE={ca} REQUESTS_CA_BUNDLE={ca}",
                "  a browser            http://mitm.it, asked for through the proxy, says how",
            ]
    kept = "secrets are replaced" if plan.redact else strong("secrets are kept: --no-redact")
    return "\n".join([*lines, f"{kept}, at most {size.told(plan.most)}. Ctrl-C ends it."])


def live(counts: reports.Counts, colour: Callable[[str, str], str]) -> str:
    """The counter."""
    text = ", ".join(reports.told(counts))
    if counts.failures:
        text += ", " + colour("31", f"{counts.failures} not recorded")
    return text + (", " + colour("31", "stopped") if counts.stopped else "")


class _Screen:
    """A stream: lines, and on a terminal one below them that is redrawn. Nobody there to read is no reason to stop."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        terminal = stream is not None and stream.isatty()
        self._colours = terminal and not os.environ.get("NO_COLOR")
        self.redraws = terminal and os.environ.get("TERM") != "dumb"
        self._below = ""

    def colour(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text

    def strong(self, text: str) -> str:
        return self.colour("1", text)

    def line(self, text: str) -> None:
        self._write(f"\r\x1b[K{text}\n{self._below}" if self._below else f"{text}\n")

    def redraw(self, text: str) -> None:
        if self.redraws and text != self._below:
            self._below = text
            self._write(f"\r\x1b[K{text}")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError, AttributeError):
            self._stream = open(os.devnull, "w")  # noqa: PTH123, SIM115
