"""A cassette as a HAR, which Chrome's developer tools and others can open: frames as `_webSocketMessages`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from simulator.cassette.entries import (
    Beside,
    Body,
    Closed,
    Entry,
    Exchange,
    Header,
    Opened,
    Passed,
    Refused,
    TapedResponse,
    Upgraded,
)
from simulator.cassette.sessions import is_poll, sid_in
from simulator.core.message import Headers

_UNKNOWN: Final = "2000-01-01T00:00:00Z"
"""When a tape was recorded that does not say so."""
_PHRASES: Final = {101: "Switching Protocols", 200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}

Made = dict[str, Any]


def write(header: Header, entries: Iterable[Entry], version: str, where: str = "http://localhost") -> Made:
    """The HAR of a tape; `where` stands in URLs when the tape has no upstream.

    Times of frames are seconds, as in Chrome; what a browser computes (sizes, timings) is -1. Polls are requests again,
    their packets joined.
    """
    writer = _Writer(header, where)
    for entry in entries:
        writer.entry(entry)
    pages: list[Made] = []
    for made in writer.made:
        del made["_at"]
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "simulator", "version": version},
            "pages": pages,
            "entries": sorted(writer.made, key=lambda made: str(made["startedDateTime"])),
        }
    }


class _Writer:
    def __init__(self, header: Header, where: str) -> None:
        try:
            when = datetime.fromisoformat(header.recorded or _UNKNOWN)
        except ValueError:
            when = datetime.fromisoformat(_UNKNOWN)
        self._start = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        upstream = urlsplit(header.upstream or where)
        self._base = f"{upstream.scheme}://{upstream.netloc}"
        self.made: list[Made] = []
        self._sockets: dict[tuple[int, int], Made] = {}
        self._polls: dict[tuple[int, int, str], Made] = {}
        self._paths: dict[int, str] = {}
        self._sids: dict[int, str] = {}
        self._answered: dict[int, float] = {}

    def entry(self, entry: Entry) -> None:
        match entry:
            case Passed():
                self._passed(entry)
            case Opened():
                self._paths[entry.conn] = entry.path
                if not is_poll(entry.path):
                    self._socket(entry, 1)
            case Upgraded():
                self._socket(entry, entry.link)
            case Closed():
                made = self._sockets.pop((entry.conn, entry.link), None)
                if made is not None:
                    made["time"] = self._since(made, entry.at)
                    made["_webSocketClose"] = {"code": entry.code, "reason": entry.reason, "by": entry.by}
            case Refused():
                made = self._add(entry.at, "GET", entry.path, entry.headers, None, entry.response, socket=True)
                made["_resourceType"] = "websocket"
            case Exchange():
                request, response = entry.request, entry.response
                at = max(0.0, entry.at - entry.took)
                made = self._add(at, request.method, request.path, request.headers, request.body, response)
                made["time"] = round(entry.took * 1000, 3)
            case _:
                # A HAR has no words for what is missing.
                return

    def _socket(self, entry: Opened | Upgraded, link: int) -> Made:
        response = TapedResponse(101, entry.answer)
        made = self._add(entry.at, "GET", entry.path, entry.headers, None, response, socket=True)
        made["_resourceType"] = "websocket"
        made["_webSocketMessages"] = []
        self._sockets[entry.conn, link] = made
        return made

    def _passed(self, entry: Passed) -> None:
        if entry.via == "polling":
            self._poll(entry)
            return
        made = self._sockets.get((entry.conn, entry.link))
        if made is None:
            made = self._socket(Opened(entry.at, entry.conn, self._paths.get(entry.conn, "/")), entry.link)
        text = isinstance(entry.data, str)
        made["_webSocketMessages"].append(
            {
                "type": "send" if entry.sender == "client" else "receive",
                "time": round(self._start + entry.at, 6),
                "opcode": 1 if text else 2,
                "data": _whole(entry.data) if isinstance(entry.data, str) else b64encode(entry.data).decode(),
            }
        )
        made["time"] = self._since(made, entry.at)

    def _poll(self, entry: Passed) -> None:
        assert isinstance(entry.data, str)
        packet = _whole(entry.data)
        key = entry.conn, entry.body or 0, entry.sender
        made = self._polls.get(key)
        if made is not None:
            half = made["request"]["postData"] if entry.sender == "client" else made["response"]["content"]
            half["text"] += f"\x1e{packet}"
            half["size" if "size" in half else "_size"] = len(half["text"].encode())
            return
        path = self._paths.get(entry.conn, "/socket.io/?EIO=4&transport=polling")
        sid = self._sids.get(entry.conn)
        if sid is not None and "sid=" not in path:
            path += f"&sid={sid}"
        if sid is None and entry.sender == "server" and (found := sid_in(packet)):
            self._sids[entry.conn] = found
        kind: Headers = (("Content-Type", "text/plain; charset=UTF-8"),)
        if entry.sender == "client":
            ok = TapedResponse(200, (("Content-Type", "text/html"),), "ok")
            made = self._add(entry.at, "POST", path, kind, packet, ok)
        else:
            # A client asks again as soon as it was answered, so its last poll began before it said goodbye.
            began = self._answered.get(entry.conn, entry.at)
            made = self._add(began, "GET", path, (), None, TapedResponse(200, kind, packet))
            made["time"] = self._since(made, entry.at)
            self._answered[entry.conn] = entry.at
        made["_resourceType"] = "xhr"
        self._polls[key] = made

    @staticmethod
    def _since(made: Made, at: float) -> float:
        return round((at - float(made["_at"])) * 1000, 3)

    def _add(
        self, at: float, method: str, path: str, headers: Headers, body: Body, response: TapedResponse | None,
        socket: bool = False,
    ) -> Made:  # fmt: skip
        base = f"ws{self._base.removeprefix('http')}" if socket else self._base
        query = urlsplit(path).query
        request: Made = {
            "method": method,
            "url": f"{base}{path}",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": name, "value": value} for name, value in headers],
            "queryString": [{"name": key, "value": value} for key, value in parse_qsl(query, keep_blank_values=True)],
            "headersSize": -1,
            "bodySize": -1,
        }
        if body is not None:
            request["postData"] = {"mimeType": _kind(headers), **_text(body)}
        status, lines, said = (0, (), None) if response is None else (response.status, response.headers, response.body)
        content = {"size": 0, "mimeType": _kind(lines)} | ({} if said is None else _text(said))
        if isinstance(said, Beside):
            content["size"] = said.size
        elif said is not None:
            content["size"] = len(said.encode("utf-8", "replace") if isinstance(said, str) else said)
        made: Made = {
            # Seconds on the tape, taken off at the end.
            "_at": at,
            "startedDateTime": self._written(at),
            "time": 0,
            "request": request,
            "response": {
                "status": status,
                "statusText": _PHRASES.get(status, ""),
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": [{"name": name, "value": value} for name, value in lines],
                "content": content,
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": -1,
            },
            "cache": {},
            "timings": {"send": -1, "wait": -1, "receive": -1},
        }
        self.made.append(made)
        return made

    def _written(self, at: float) -> str:
        when = datetime.fromtimestamp(round(self._start + at, 6), UTC)
        return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(body: str | bytes | Beside) -> Made:
    if isinstance(body, Beside):
        return {"comment": f"{body.size} bytes, SHA-256 {body.sha256}" + (f", in {body.path}" if body.path else "")}
    if isinstance(body, str):
        return {"text": _whole(body)}
    return {"text": b64encode(body).decode(), "encoding": "base64"}


def _kind(headers: Headers) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "")


def _whole(text: str) -> str:
    """JSON's text is UTF-8: a byte that is not becomes U+FFFD."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
