"""`serve --record`: what the default space plays becomes a cassette, by the recorder that stands in mitmproxy, too."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simulator import __version__
from simulator.cassette.entries import Beside, Body, Header, TapedRequest, TapedResponse
from simulator.cassette.recorder import Call, Recorder
from simulator.cassette.redact import Redactor
from simulator.cassette.sessions import Line
from simulator.cassette.sink import FileSink
from simulator.core.errors import SimulatorError
from simulator.core.events import CallId
from simulator.core.message import Frame, Headers, Ping, Pong, Request, Response
from simulator.core.objects import Upload

if TYPE_CHECKING:
    from simulator.core.world import Log


def check(out: Path, force: bool, option: str = "--out ") -> None:
    """Raises SimulatorError when a cassette can't be written there; `option` is how it was named."""
    if str(out) == "-":
        raise SimulatorError(f"{option}-: a cassette is a file, with big bodies beside it: name one, such as chat.yaml")
    if out.is_dir():
        raise SimulatorError(f"{option}{out}: is a directory; name a file in it, such as {out / 'chat.yaml'}")
    if not out.parent.is_dir():
        raise SimulatorError(f"{option}{out}: there is no directory {out.parent}")
    if out.exists() and not force:
        hint = "--force writes it anew" if option == "--out " else "name another, or remove it"
        raise SimulatorError(f"{option}{out}: is there already; {hint}")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise SimulatorError(f"{option}{out}: this user may not write there")


@dataclass(slots=True)
class _Open:
    line: Line
    shut: tuple[int | None, str] | None = None
    """How the server ended it, where it was first."""


def _onward(now: Callable[[], float]) -> Callable[[], float]:
    """A clock that goes on from where it was when a reset, or somebody who sets this machine's time, puts it back."""
    last = now()
    ahead = 0.0

    def onward() -> float:
        nonlocal last, ahead
        time = now()
        if time < last:
            ahead += last - time
        last = time
        return time + ahead

    return onward


class Recording:
    """One cassette of one server. Calls and links have one row of numbers, the driver's."""

    def __init__(self, out: Path, backends: list[str], now: Callable[[], float], log: Log, redact: bool = True) -> None:
        """Begin the file. Raises SimulatorError where it can't be begun."""
        check(out, False, "--record ")
        self._out = out
        self._now = _onward(now)
        self._asked: dict[CallId, Call] = {}
        self._open: dict[CallId, _Open] = {}
        redactor = Redactor(os.urandom(32)) if redact else None
        # What of several backends is whose, their paths and ports tell.
        header = Header(backend=backends[0] if len(backends) == 1 else None, recorder=f"simulator {__version__}")
        try:
            sink = FileSink(out)
        except OSError as error:
            raise SimulatorError(f"--record {out}: {error.strerror}") from None
        self._recorder = Recorder(sink, now(), header, redactor, tell=lambda text: log("error", text))
        if self._recorder.stopped:
            raise SimulatorError(f"--record {out}: {self._recorder.stopped}")

    @property
    def failures(self) -> int:
        """What passed and is not in the cassette."""
        return self._recorder.counts.failures

    def asked(self, call: CallId, request: Request) -> None:
        """A request came, its body read."""
        upload = request.upload
        body: Body = request.body or None
        if isinstance(upload, Upload):
            body = Beside(None, upload.size, upload.sha256)
        self._asked[call] = self._recorder.asked(self._now(), _taped(request, body))

    def answered(self, call: CallId | None, request: Request, response: Response | None) -> None:
        """The answer as it goes out, or that there is none; no call where no engine was asked."""
        asked = self._asked.pop(call, None) if call is not None else None
        if asked is None:
            if call is not None:
                return
            asked = self._recorder.asked(self._now(), _taped(request, request.body or None))
        taped = None if response is None else TapedResponse(response.status, response.headers, _body(response))
        if taped is not None and "websocket" in request.tokens("Upgrade"):
            self._recorder.refused(self._now(), asked.request.path, request.headers, taped)
        else:
            self._recorder.answered(self._now(), asked, taped)

    def opened(self, call: CallId, headers: Headers | None) -> None:
        """A call became a socket, with these lines of the 101; None where its client was gone."""
        asked = self._asked.pop(call, None)
        if asked is None:
            return
        if headers is None:
            self._recorder.answered(self._now(), asked, None)
        else:
            self._open[call] = _Open(
                self._recorder.open(self._now(), asked.request.path, asked.request.headers, headers)
            )

    def tap(self, backend: str, link: CallId, sender: str, item: Frame | Ping | Pong) -> None:
        """One frame; the bodies of polls come with their calls."""
        found = self._open.get(link)
        if found is not None and type(item) is Frame:
            self._recorder.frame(self._now(), found.line, sender, item.data)

    def before(self, other: Callable[[str, CallId, str, Frame | Ping | Pong], None]) -> Callable[..., None]:
        """A tap that records, and then does what another one does."""

        def both(backend: str, link: CallId, sender: str, item: Frame | Ping | Pong) -> None:
            self.tap(backend, link, sender, item)
            other(backend, link, sender, item)

        return both

    def shut(self, link: CallId, code: int | None, reason: str) -> None:
        """The server ends a socket: code 1006 without a close frame."""
        found = self._open.get(link)
        if found is not None and found.shut is None:
            found.shut = (code, reason)

    def closed(self, link: CallId, code: int | None, reason: str) -> None:
        """A socket is gone."""
        found = self._open.pop(link, None)
        if found is None:
            return
        if found.shut is not None:
            code, reason = found.shut
        ended = 1005 if code is None else code
        self._recorder.closed(self._now(), found.line, ended, reason, "client" if found.shut is None else "server")

    def leave(self) -> None:
        """The server is about to say goodbye to its clients."""

    def close(self) -> None:
        """The end."""
        self._recorder.close(self._now())

    def discard(self) -> None:
        """Nothing was served: the file that was begun goes."""
        with suppress(OSError):
            self._out.unlink()


def _taped(request: Request, body: Body) -> TapedRequest:
    path = f"{request.path}?{request.query}" if request.query else request.path
    return TapedRequest(request.method, path, request.headers, body)


def _body(response: Response) -> Body:
    stored = response.stored
    if stored is None:
        return response.body or None
    return Beside(None, stored.size, stored.sha256)
