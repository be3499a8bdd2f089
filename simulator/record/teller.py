"""What the recorder tells from inside of mitmdump: to the command that started it, or else into mitmproxy's log."""

from __future__ import annotations

import logging
import socket
import sys
from asyncio import get_running_loop
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

from simulator.record import reports

_TICK: Final = 0.25
"""Seconds between two looks at the counts."""
_MOST: Final = 1000
"""Different notices that are remembered."""
_LOG = logging.getLogger("simulator")


class Teller:
    """Nobody who does not read, or is not there, holds anything up."""

    def __init__(self) -> None:
        self.failures = 0
        """Of the addon itself, which the recorder has never heard of."""
        self._socket: socket.socket | None = None
        self._said = reports.Counts()
        self._noticed: dict[str, int] = {}

    @property
    def alone(self) -> bool:
        """Whether mitmdump was started by somebody else."""
        return self._socket is None

    def connect(self, fd: int, gone: Callable[[], None]) -> None:
        """Report to that socket from now on; `gone` is called when its other end is."""
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        loop = get_running_loop()

        def ended() -> None:
            loop.remove_reader(fd)
            gone()

        loop.add_reader(fd, ended)

    def watch(self, counts: Callable[[], reports.Counts]) -> None:
        """Tell the counts whenever they have changed."""
        if self._socket is not None:
            self.count(counts())
            get_running_loop().call_later(_TICK, self.watch, counts)

    def count(self, counts: reports.Counts) -> None:
        """The counts, if they are new."""
        if counts != self._said:
            self._said = counts
            self.report(counts)

    def report(self, report: reports.Report) -> None:
        if self._socket is not None:
            # A full pipe: the counts come again, and failures are among them.
            with suppress(OSError):
                self._socket.send(reports.line(report))

    def failed(self, text: str) -> None:
        """Something could not be recorded."""
        if self._socket is None:
            _LOG.error(text)
        else:
            self.report(reports.Failed(text))

    def lost(self, where: str, error: Exception) -> None:
        """Something never reached the recorder, by our mistake. Of the error its kind: its words may be secrets."""
        self.failures += 1
        if _often(self.failures):
            times = f" ({self.failures} times)" if self.failures > 1 else ""
            self.failed(f"not recorded: {type(error).__name__} in {where}{times}")

    def notice(self, text: str) -> None:
        """No failure of ours, and yet good to know."""
        if len(self._noticed) > _MOST:
            self._noticed.clear()
        times = self._noticed[text] = self._noticed.get(text, 0) + 1
        if _often(times):
            text += f" ({times} times)" if times > 1 else ""
            if self._socket is None:
                _LOG.warning(text)
            else:
                self.report(reports.Noticed(text))

    def refuse(self, text: str) -> NoReturn:
        """Nothing can be recorded: end mitmdump."""
        if self._socket is None:
            sys.exit(f"simulator: {text}")
        self.report(reports.Refused(text))
        sys.exit(1)

    def end(self, counts: reports.Counts, out: str) -> None:
        """The cassette is closed."""
        if self._socket is None:
            parts = ", ".join(
                [*reports.told(counts), *([f"{counts.failures} not recorded"] if counts.failures else [])]
            )
            _LOG.log(logging.ERROR if counts.failures else logging.WARNING, f"{out}: {parts}")
            return
        with suppress(OSError):
            self._socket.settimeout(2)
        self.count(counts)
        self.report(reports.Ended())


def _often(times: int) -> bool:
    """At once, and then ever less often: whoever reads has other things to read."""
    return times & (times - 1) == 0
