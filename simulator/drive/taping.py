"""What passes between us and a live server, told to a recorder."""

from __future__ import annotations

from collections.abc import Callable

from simulator.cassette.coding import without
from simulator.cassette.entries import Beside, TapedRequest, TapedResponse
from simulator.cassette.recorder import Call, Recorder
from simulator.cassette.sessions import Line
from simulator.core.message import Frame, Headers, Response
from simulator.core.wire import Drop, Link, Shut, Write
from simulator.drive.orders import Dial, Fetch
from simulator.drive.target import Target


class Taping:
    """Of one edge. Tokens that the operator gave for the server are left out."""

    def __init__(self, recorder: Recorder, target: Target, now: Callable[[], float]) -> None:
        self._recorder = recorder
        self._target = target
        self._now = now
        self._open: dict[Link, Line] = {}
        self.base = target.base

    def asked(self, order: Fetch) -> Call | None:
        """A request goes out; None for one to another server."""
        if not self._target.is_here(order.url):
            return None
        body = order.body if isinstance(order.body, Beside) else order.body or None
        request = TapedRequest(order.method, self._path(order.url), self._lines(order.headers), body)
        return self._recorder.asked(self._now(), request)

    def answered(self, call: Call, response: Response | None) -> None:
        """Its answer. Where there was none, nothing was learned, and the next one shall be asked again."""
        taped = None
        if response is None and call.session is None:
            return
        if response is not None:
            # The edge has it as it was before it was squeezed.
            taped = TapedResponse(response.status, without(response.headers), response.body or None)
        self._recorder.answered(self._now(), call, taped)

    def opened(self, link: Link, order: Dial, answer: Headers) -> None:
        """A handshake was accepted."""
        self._open[link] = self._recorder.open(self._now(), self._path(order.url), self._lines(order.headers), answer)

    def frame(self, link: Link, sender: str, data: str | bytes) -> None:
        """A frame."""
        if (line := self._open.get(link)) is not None:
            self._recorder.frame(self._now(), line, sender, data)

    def sent(self, link: Link, order: Write | Shut | Drop) -> None:
        """A frame of ours, or our end."""
        match order:
            case Write(item=Frame(data=data)):
                self.frame(link, "client", data)
            case Shut():
                self.closed(link, 1000 if order.code is None else order.code, order.reason, "client")
            case Drop():
                self.closed(link, 1006, "", "client")

    def closed(self, link: Link, code: int, reason: str, by: str) -> None:
        """A socket has ended; whoever was first has ended it."""
        if (line := self._open.pop(link, None)) is not None:
            self._recorder.closed(self._now(), line, code, reason, by)

    def _path(self, url: str) -> str:
        return self._target.without(self._target.taped(url))

    def _lines(self, headers: Headers) -> Headers:
        return tuple(line for line in headers if line[0].lower() not in self._target.fresh)
