"""HAR files with WebSocket frames, as browsers and proxies write them, become recordings.

`_webSocketMessages` is Chrome's (front_end/models/har/Log.ts); times are seconds since 1970 there, in mitmproxy and in
HTTP Toolkit, milliseconds in Playwright, which writes -1 where times are left out, and with `content: attach` puts
frames and bodies into files beside the HAR (`_file`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson

from simulator.cassette.entries import Body, TapedRequest, TapedResponse
from simulator.cassette.har_parts import LATEST, Close, Shape, headers_of, instant, mapping, message, method, unpacked
from simulator.cassette.recorder import Recorder
from simulator.cassette.sessions import Line, is_poll
from simulator.core.errors import CassetteError
from simulator.core.message import Headers

LIMIT: Final = 100 << 20
"""Bytes of a HAR, and of each file beside it: read whole, it takes several times as much memory."""

_PAGE: Final = frozenset(
    ("document", "script", "stylesheet", "image", "font", "media", "manifest", "texttrack", "preflight", "ping")
)
"""Types of resources that make up a page, as Chrome and Playwright call them."""
_PAGE_KINDS: Final = ("text/html", "text/css", "javascript", "font/", "image/", "video/", "audio/", "wasm")
"""The same by content type, where nobody says the type of the resource."""
_EPOCH: Final = 1e8
"""A time before counts from somewhere else than 1970."""


@dataclass(slots=True)
class Told:
    """What there was, for the operator."""

    sockets: int = 0
    frames: int = 0
    polls: int = 0
    exchanges: int = 0
    left_out: int = 0
    """Requests for what makes up a page, or of other hosts."""


@dataclass(slots=True)
class Har:
    """A HAR that was read: `play` gives it to a recorder."""

    creator: str
    """What wrote it, with its version."""
    started: float
    """Unix time of the first request."""
    upstream: str | None
    """Scheme and host of the first socket, or of the first poll."""
    told: Told
    steps: list[tuple[float, Callable[[Recorder], None]]] = field(repr=False)

    def play(self, recorder: Recorder) -> None:
        """All that happened, in order of time."""
        for _, step in self.steps:
            step(recorder)


def read(
    path: str,
    data: bytes,
    attached: Callable[[str], bytes],
    everything: bool = False,
    hosts: frozenset[str] = frozenset(),
) -> Har:
    """A HAR's content. `attached` reads a file beside it, and raises OSError.

    `everything` keeps what pages are made of, too; `hosts` keeps only these. Raises CassetteError for what is no HAR,
    or has no frames.
    """
    log = _log(path, data)
    reader = _Reader(attached, everything, hosts)
    try:
        entries = log.get("entries")
        if not isinstance(entries, list):
            raise Shape("log.entries: expected a list")
        for number, entry in enumerate(entries):
            try:
                reader.entry(entry)
            except Shape as error:
                raise Shape(f"log.entries[{number}]{error}") from None
    except Shape as error:
        raise CassetteError(path, 0, str(error)) from None
    told = reader.told
    if not told.frames and not told.polls:
        raise CassetteError(path, 0, _empty(len(entries), told))
    creator = log.get("creator")
    wrote = (
        " ".join(str(creator[key]) for key in ("name", "version") if key in creator)
        if isinstance(creator, dict)
        else ""
    )
    # Stable: what one entry says of itself keeps its order.
    steps = sorted(reader.steps, key=lambda step: step[0])
    return Har(wrote or "an unnamed tool", steps[0][0], reader.upstream, told, steps)


def _empty(entries: int, told: Told) -> str:
    if told.sockets:
        return f"has {told.sockets} WebSockets without frames: open the developer tools before the page connects"
    return (
        f"has no WebSocket frames and no Socket.IO polls among its {entries} requests: Chrome, mitmproxy, HTTP Toolkit "
        "and Playwright from 1.61 write them, if they watch when the page connects"
    )


def _log(path: str, data: bytes) -> dict[str, Any]:
    if len(data) > LIMIT:
        raise CassetteError(path, 0, too_big(len(data)))
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.startswith(b"PK\x03\x04"):
        raise CassetteError(path, 0, "is a zip archive: unpack it, and import the .har in it")
    try:
        value = _loads(data)
    except (ValueError, RecursionError) as error:
        raise CassetteError(path, 0, f"is not a HAR: not JSON, {str(error).splitlines()[0]}") from None
    log = value.get("log") if isinstance(value, dict) else None
    if not isinstance(log, dict):
        raise CassetteError(path, 0, 'is not a HAR: JSON, but without a "log"')
    return log


def too_big(size: int) -> str:
    """What to do about a HAR beyond the limit."""
    return (
        f"has {size >> 20} MiB, and a HAR may have {LIMIT >> 20}: save the sockets alone (in Chrome filter by WS "
        "first), or let Playwright write content: 'attach'"
    )


def _loads(data: bytes | str) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        # Half an emoji, which JavaScript writes as \ud83d.
        return json.loads(data)


class _Reader:
    def __init__(self, attached: Callable[[str], bytes], everything: bool, hosts: frozenset[str]) -> None:
        self._attached = attached
        self._everything = everything
        self._hosts = hosts
        self.told = Told()
        self.steps: list[tuple[float, Callable[[Recorder], None]]] = []
        self.upstream: str | None = None

    def entry(self, entry: Any) -> None:
        if not isinstance(entry, dict):
            raise Shape(": expected an object")
        request = mapping(entry, "request")
        response = mapping(entry, "response", lacking={})
        url = request.get("url")
        if not isinstance(url, str):
            raise Shape(".request.url: expected a text")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise Shape(f".request.url: {url[:100]!r} is no URL") from None
        if self._hosts and host not in self._hosts and f"{host}:{port}" not in self._hosts:
            self.told.left_out += 1
            return
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        status = response.get("status")
        status = status if isinstance(status, int) and 100 <= status <= 999 else 0
        started = instant(entry.get("startedDateTime"))
        socket = (
            "_webSocketMessages" in entry
            or entry.get("_resourceType") == "websocket"
            or parts.scheme in ("ws", "wss")
            or status == 101
        )
        headers = headers_of(request, ".request")
        if not any(name.lower() == "host" for name, _ in headers) and parts.netloc:
            headers = (("Host", parts.netloc.rpartition("@")[2]), *headers)
        answer = headers_of(response, ".response")
        if socket:
            self._name(parts.scheme, parts.netloc)
            self._socket(entry, started, path, headers, answer, status, response)
            return
        poll = is_poll(path)
        if poll:
            self._name(parts.scheme, parts.netloc)
        elif not self._everything and _of_page(entry, request, response):
            self.told.left_out += 1
            return
        took = entry.get("time")
        took = took / 1000 if isinstance(took, int | float) and 0 < took < LATEST else 0.0
        taped = TapedRequest(method(request), path, headers, self._asked(request))
        said = TapedResponse(status, answer, self._answered(response)) if status else None
        self._exchange(started, took, taped, said, poll)

    def _name(self, scheme: str, netloc: str) -> None:
        if self.upstream is None:
            web = {"ws": "http", "wss": "https"}.get(scheme, scheme)
            self.upstream = f"{web}://{netloc.rpartition('@')[2]}"

    def _exchange(
        self, started: float, took: float, request: TapedRequest, response: TapedResponse | None, poll: bool
    ) -> None:
        call: list[Any] = []
        self.steps.append((started, lambda recorder: call.append(recorder.asked(started, request))))
        over = started + took

        def answered(recorder: Recorder) -> None:
            recorder.answered(over, call[0], response)

        self.steps.append((over, answered))
        if poll:
            self.told.polls += 1
        else:
            self.told.exchanges += 1

    # --- sockets

    def _socket(
        self, entry: dict[str, Any], started: float, path: str, headers: Headers, answer: Headers, status: int,
        response: dict[str, Any],
    ) -> None:  # fmt: skip
        messages = self._messages(entry, response)
        if status not in (0, 101) and not messages:
            body = self._answered(response)
            refused = TapedResponse(status, answer, body)

            def refuse(recorder: Recorder) -> None:
                recorder.refused(started, path, headers, refused)

            self.steps.append((started, refuse))
            return
        if not status and not messages:
            # Nobody answered.
            self._exchange(started, 0.0, TapedRequest("GET", path, headers), None, False)
            return
        self.told.sockets += 1
        line: list[Line] = []
        self.steps.append((started, lambda recorder: line.append(recorder.open(started, path, headers, answer))))
        at, first = started, None
        for number, one in enumerate(messages):
            try:
                sender, time, data = message(one)
            except Shape as error:
                raise Shape(f"._webSocketMessages[{number}]{error}") from None
            if time is not None:
                if first is None:
                    first = time
                # Frames of one socket keep their order, whatever their clock did.
                at = max(at, time if time > _EPOCH else started + time - first)
            if isinstance(data, Close):
                self._close(at, line, data.code, data.reason, sender)
                return
            if data is not None:
                self._frame(at, line, sender, data)
        close = entry.get("_webSocketClose")
        if close == "aborted":
            close = {"code": 1006}
        if isinstance(close, dict):
            code, reason, by = close.get("code"), close.get("reason"), close.get("by")
            code = code if isinstance(code, int) and 0 <= code <= 0xFFFF else 1005
            took = entry.get("time")
            if isinstance(took, int | float) and took > 0:
                at = max(at, started + took / 1000)
            self._close(
                at, line, code, reason if isinstance(reason, str) else "", "client" if by == "client" else "server"
            )

    def _frame(self, at: float, line: list[Line], sender: str, data: str | bytes) -> None:
        self.told.frames += 1
        self.steps.append((at, lambda recorder: recorder.frame(at, line[0], sender, data)))

    def _close(self, at: float, line: list[Line], code: int, reason: str, by: str) -> None:
        self.steps.append((at, lambda recorder: recorder.closed(at, line[0], code, reason, by)))

    def _messages(self, entry: dict[str, Any], response: dict[str, Any]) -> list[Any]:
        messages = entry.get("_webSocketMessages")
        if messages is not None:
            if not isinstance(messages, list):
                raise Shape("._webSocketMessages: expected a list")
            return messages
        name = mapping(response, "content", lacking={}).get("_file")
        if not isinstance(name, str):
            return []
        found = []
        for number, line in enumerate(self._file(name).splitlines(), 1):
            try:
                found.append(_loads(line))
            except (ValueError, RecursionError):
                raise Shape(f".response.content._file: line {number} of {name} is not JSON") from None
        return found

    # --- bodies

    def _asked(self, request: dict[str, Any]) -> Body:
        data = request.get("postData")
        data = data if isinstance(data, dict) else {}
        text, params = data.get("text"), data.get("params")
        if isinstance(data.get("_file"), str):
            return self._file(data["_file"])
        if isinstance(text, str) and text:
            return unpacked(text, data.get("encoding"), ".request.postData")
        content = request.get("_content")
        if isinstance(content, dict) and isinstance(content.get("text"), str):
            # HTTP Toolkit's, where a body is no text.
            return unpacked(content["text"], content.get("encoding"), ".request._content")
        if isinstance(params, list) and "urlencoded" in str(data.get("mimeType", "urlencoded")):
            pairs = [(str(one.get("name", "")), str(one.get("value", ""))) for one in params if isinstance(one, dict)]
            return urlencode(pairs).encode() or None
        return None

    def _answered(self, response: dict[str, Any]) -> Body:
        content = mapping(response, "content", lacking={})
        if isinstance(content.get("_file"), str):
            return self._file(content["_file"])
        text = content.get("text")
        return unpacked(text, content.get("encoding"), ".response.content") if isinstance(text, str) else None

    def _file(self, name: str) -> bytes:
        if "/" in name or "\\" in name or name in ("", ".", ".."):
            raise Shape(f": _file {name!r} is not a plain name of a file beside the HAR")
        try:
            return self._attached(name)
        except OSError as error:
            raise Shape(f": its file {name} can't be read: {error.strerror or error}") from None


def _of_page(entry: dict[str, Any], request: dict[str, Any], response: dict[str, Any]) -> bool:
    kind = entry.get("_resourceType")
    if isinstance(kind, str) and kind.lower() not in ("", "other"):
        return kind.lower() in _PAGE
    content = str(mapping(response, "content", lacking={}).get("mimeType", "")).lower()
    return method(request) in ("GET", "HEAD") and any(part in content for part in _PAGE_KINDS)
