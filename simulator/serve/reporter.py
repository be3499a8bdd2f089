"""What the operator reads while it serves: one line for each thing, as text or as JSON, never a secret of a header."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

import orjson

from simulator.core.message import Frame, Ping, Pong
from simulator.core.world import Log
from simulator.serve.clock import written
from simulator.serve.printable import printable

if TYPE_CHECKING:
    from simulator.core.space import Space

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_COLOURS = {"debug": "2", "info": "36", "warning": "33", "error": "31", "client": "32", "server": "34"}
_SHOWN = 2000
_SPAN, _MOST = 10.0, 1000
"""So many lines in so many seconds: what clients do in a loop must not fill the operator's disk."""


class Pump:
    """Writes lines from a thread: whoever holds the other end of a pipe and does not read it stops nobody.

    What does not fit is dropped and counted.
    """

    def __init__(self, fd: int, most: int = 10_000) -> None:
        self._fd = fd
        self._most = most
        self._lines: deque[str] = deque()
        self._lost = 0
        self._stirred = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        threading.Thread(target=self._run, name="reporter", daemon=True).start()

    def put(self, line: str) -> None:
        """Queue a line, its end included."""
        if len(self._lines) >= self._most:
            self._lost += 1
            return
        self._idle.clear()
        self._lines.append(line)
        self._stirred.set()

    def close(self, seconds: float = 0.3) -> None:
        """Wait until all is written, but not for ever."""
        self._idle.wait(seconds)

    def _run(self) -> None:
        while True:
            self._stirred.wait()
            self._stirred.clear()
            while self._lines:
                self._write(self._lines.popleft())
            if self._lost:
                lost, self._lost = self._lost, 0
                self._write(f"({lost} lines were not shown: nobody read them)\n")
            if not self._lines:
                self._idle.set()

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        # The other end may be gone; serving goes on.
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self._fd, data) :]


class Reporter:
    """Writes to a stream, by default to stderr."""

    def __init__(
        self, now: Callable[[], float], form: str = "text", verbose: bool = False, stream: TextIO | None = None
    ) -> None:
        self._now = now
        self._json = form == "json"
        self._least = 10 if verbose else 30
        self.frames = verbose
        """Whether frames are shown."""
        # Closed by who started us: then there is nobody to tell.
        self._stream: TextIO = stream or sys.stderr or io.StringIO()
        self._pump: Pump | None = None
        self._since, self._lines, self._left_out = 0.0, 0, 0
        self._colour = self._stream.isatty() and not os.environ.get("NO_COLOR") and not self._json

    def log(self, backend: str, space: Space | None = None) -> Log:
        """The log of one backend, in a space that is not the default one."""

        def log(level: str, text: str, /, **facts: object) -> None:
            if _LEVELS[level] >= self._least:
                self._write(level, backend, text, facts, space)

        return log

    def tap(self, space: Space) -> Callable[[str, int, str, Frame | Ping | Pong], None]:
        """Shows the frames of a space that is not the default one."""

        def tap(backend: str, link: int, sender: str, item: Frame | Ping | Pong) -> None:
            self.frame(backend, link, sender, item, space)

        return tap

    def frame(
        self, backend: str, link: int, sender: str, item: Frame | Ping | Pong, space: Space | None = None
    ) -> None:
        """One frame as it passed."""
        shown = item.data if isinstance(item.data, str) else repr(item.data)[1:]
        if not isinstance(item, Frame):
            shown = f"({type(item).__name__.lower()} {shown})"
        shown = _cut(shown)
        if self._json:
            self._write("debug", backend, "frame", {"link": link, "sender": sender, "data": shown}, space)
            return
        arrow = ">>" if sender == "client" else "<<"
        where = _where(backend, space)
        self._line(f"{self._time(space)} {where} #{link} {self._paint(sender, f'{sender} {arrow}')} {printable(shown)}")

    def attach(self) -> None:
        """Show what libraries say in warnings, in the same form, and write from a thread from now on."""
        with contextlib.suppress(OSError, ValueError):
            self._pump = Pump(self._stream.fileno())
        handler = _Relay(self)
        root = logging.getLogger()
        root.addHandler(handler)
        root.setLevel(logging.WARNING)
        # There, what speaks no HTTP at all is below a warning.
        logging.getLogger("aiohttp.server").setLevel(logging.DEBUG)

    def close(self) -> None:
        """Give what is not written yet a moment."""
        if self._left_out:
            self._since = -_SPAN
            self._counted()
        if self._pump is not None:
            self._pump.close()

    def _write(self, level: str, backend: str, text: str, facts: dict[str, object], space: Space | None = None) -> None:
        # Who asks for frames wants all that passes, and not a warning for each.
        if (self.frames and _LEVELS[level] < 30) or self._counted():
            self._told(level, backend, text, facts, space)

    def _counted(self) -> bool:
        """Whether one more line is not too many by now."""
        now = time.monotonic()
        if now - self._since > _SPAN:
            left_out, self._since, self._lines, self._left_out = self._left_out, now, 0, 0
            if left_out:
                self._told(
                    "warning", "simulator", f"{left_out} lines were left out: more than {_MOST} in {_SPAN:g} s", {}
                )
        self._lines += 1
        if self._lines > _MOST:
            self._left_out += 1
            return False
        return True

    def _told(self, level: str, backend: str, text: str, facts: dict[str, object], space: Space | None = None) -> None:
        if self._json:
            told = {key: _cut(value) if isinstance(value, str) else value for key, value in facts.items()}
            at = {"backend": backend} if space is None else {"backend": backend, "space": space.name}
            line = {"time": written(self._when(space)), "level": level, **at, "text": _cut(text), **told}
            self._line(orjson.dumps({key: _whole(value) for key, value in line.items()}, default=str).decode())
            return
        rest = "".join(f" {key}={_cut(str(value))}" for key, value in facts.items() if value != "")
        text = _cut(text)
        where = _where(backend, space)
        self._line(f"{self._time(space)} {where} {self._paint(level, level)} {printable(text)}{printable(rest)}")

    def _when(self, space: Space | None) -> float:
        return self._now() if space is None else space.clock.now()

    def _time(self, space: Space | None) -> str:
        # A full second is written without its fraction.
        return f"{written(self._when(space))[11:].rstrip('Z')}.000"[:12]

    def _paint(self, what: str, text: str) -> str:
        return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m" if self._colour else text

    def _line(self, line: str) -> None:
        if self._pump is not None:
            self._pump.put(f"{line}\n")
            return
        try:
            self._stream.write(f"{line}\n")
        except (OSError, ValueError):
            # The terminal is gone; serving goes on.
            return


def _where(backend: str, space: Space | None) -> str:
    return backend if space is None else f"{backend} in {space.name}"


def _whole(value: object) -> Any:
    """A text without the lone surrogates that stand for odd bytes; nothing else is changed."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


class _Relay(logging.Handler):
    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.DEBUG)
        self._reporter = reporter
        self._said: dict[str, float] = {}
        """What was said lately, and when."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        level = "error" if record.levelno >= logging.ERROR else "warning"
        name, text = record.name, record.getMessage()
        if error is not None and _is_bad_http(error):
            name, level, text = "simulator", "warning", _no_http(str(getattr(error, "message", error)))
        elif record.levelno < logging.WARNING:
            return
        elif error is not None:
            text = f"{text}: {error!r}"
        again = _AGAIN
        if text.startswith(_NO_FILES[0]):
            # asyncio says it for each of a thousand connections that it can't accept, and a second later anew.
            name, level, text, again = "simulator", "warning", _NO_FILES[1], _CONDITION
        elif name == "simulator" and "TLS" in text:
            again = _CONDITION
        when = self._said.pop(text, -again)
        if record.created - when < again:
            self._said[text] = when
            return
        self._said[text] = record.created
        if len(self._said) > _KNOWN:
            del self._said[next(iter(self._said))]
        self._reporter._write(level, name, text, {})


_AGAIN, _CONDITION, _KNOWN = 5.0, 60.0, 100
"""Seconds until the same is said again, of one client's request and of what goes on; and how much is remembered."""
_NO_FILES = (
    "socket.accept() out of system resource",
    "no more files can be opened (ulimit -n): clients wait, and accepting is tried again each second",
)


def _no_http(why: str) -> str:
    if "HTTPS" in why:
        return "a client speaks TLS, and there is none here: it has to use ws:// and http://"
    # What follows in the parser's words is a drawing of the place.
    return f"a client sent what is no HTTP, and was told so with 400: {why.partition(chr(10))[0].rstrip(':')}"


def _is_bad_http(error: BaseException) -> bool:
    # Looked up only in a process that has it already: health and tests of ours do without aiohttp.
    exceptions = sys.modules.get("aiohttp.http_exceptions")
    return exceptions is not None and isinstance(error, exceptions.HttpProcessingError)


def _cut(text: str) -> str:
    """What a peer wrote must not fill the operator's disk."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
