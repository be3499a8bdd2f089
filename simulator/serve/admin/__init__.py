"""The control API of a running simulator, at `/__admin`: health, clock, acts, the journal, reset."""

from __future__ import annotations

import hmac
import math
from collections.abc import Awaitable, Callable
from dataclasses import MISSING, fields
from ipaddress import ip_address
from typing import Any, get_type_hints
from urllib.parse import SplitResult, urlsplit

import orjson
from aiohttp import web

from simulator import __version__
from simulator.core.bot import ACTS
from simulator.core.message import Frame, Message
from simulator.core.space import Entry, Running
from simulator.serve.admin import faults
from simulator.serve.clock import LAST, ManualClock, written
from simulator.serve.driver import Driver

_BODY = 1 << 20
_PAGE = 1000


class Complaint(Exception):
    """What is wrong with a request, for who made it."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Admin:
    """Answers one port's control requests. Everything but health needs a loopback address, or the token."""

    def __init__(self, driver: Driver, name: str, loopback: bool, token: str | None) -> None:
        self._driver = driver
        self._name = name
        self._loopback = loopback
        self._token = token
        self._routes: dict[str, tuple[str, Callable[[web.BaseRequest], Awaitable[Any]]]] = {
            "/__admin/health": ("GET", self._health),
            "/__admin/clock": ("GET", self._clock),
            "/__admin/clock/advance": ("POST", self._advance),
            "/__admin/act": ("POST", self._act),
            "/__admin/messages": ("GET", self._messages),
            "/__admin/reset": ("POST", self._reset),
        }

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        try:
            path = request.path.rstrip("/")
            found = self._routes.get(path)
            if path != "/__admin/health":
                self._guard(request)
            if f"{path}/".startswith(f"{faults.PATH}/"):
                return _json(200, await self._faults(request, path))
            if found is None:
                raise Complaint(404, f"there is no {path}; there are: {', '.join([*self._routes, faults.PATH])}")
            method, answer = found
            if request.method != method and not (method == "GET" and request.method == "HEAD"):
                raise Complaint(405, f"{path} takes {method}", Allow="GET, HEAD" if method == "GET" else method)
            return _json(200, await answer(request))
        except Complaint as complaint:
            return _json(complaint.status, {"error": str(complaint)}, complaint.headers)

    def _guard(self, request: web.BaseRequest) -> None:
        if self._token is not None:
            given = request.headers.get("Authorization", "")
            expected = f"Bearer {self._token}"
            if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
                why = "expected the header Authorization: Bearer <the token of --admin-token>"
                raise Complaint(401, why, WWW_Authenticate="Bearer")
            return
        if not self._loopback:
            raise Complaint(403, "the control API is off on this address: start with --admin-token TOKEN")
        # A page of another site must not drive a developer's simulator, not even by a name that leads here.
        host = _split(f"//{request.headers.get('Host', '')}").hostname or ""
        if not is_loopback(host):
            raise Complaint(403, f"the control API does not answer to the Host {host!r}, only to a loopback address")
        # Nor must a page of this very port: clients can put pages there, as pictures in an object store. Fetch Metadata
        # tells of requests that bear no Origin; "none" is what a person typed.
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "none")
        if origin is not None or site != "none":
            raise Complaint(403, f"the control API does not answer to pages ({origin or site}), only to programs")

    async def _health(self, request: web.BaseRequest) -> Any:
        return {"status": "ok", "version": __version__, "backends": [*self._driver.space.running]}

    async def _clock(self, request: web.BaseRequest) -> Any:
        now = self._driver.clock.now()
        return {"mode": self._driver.clock.mode, "now": now, "time": written(now)}

    async def _advance(self, request: web.BaseRequest) -> Any:
        body = await _body(request)
        seconds = body.pop("seconds", None)
        _no_more(body)
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise Complaint(400, 'expected {"seconds": a number}')
        if not math.isfinite(seconds) or not 0 <= seconds <= 10 * 366 * 86400:
            raise Complaint(400, "seconds: expected 0 to ten years")
        if not isinstance(self._driver.clock, ManualClock):
            raise Complaint(409, "the clock runs by itself: start with --clock manual to move it by hand")
        if self._driver.clock.now() + seconds > LAST:
            raise Complaint(400, f"seconds: no clock goes beyond {written(LAST)}")
        if not await self._driver.advance(seconds):
            raise Complaint(409, "there was a reset meanwhile: the clock stands where it started")
        return await self._clock(request)

    async def _act(self, request: web.BaseRequest) -> Any:
        body = await _body(request)
        running = self._running(body.pop("backend", None))
        wanted = body.pop("talk", None)
        name = body.pop("act", None)
        kind = ACTS.get(name) if isinstance(name, str) else None
        if kind is None:
            raise Complaint(400, f"act: expected one of {', '.join(ACTS)}")
        act = _made(kind, body)
        talk = self._talk(running, wanted)
        why = running.engine.rules.objection(talk, act)
        if why is not None:
            raise Complaint(400, why)
        self._driver.act(running, talk, act)
        note = running.backend.acts[name]
        return {"talk": talk, "act": name, "how": note.how, "what": note.what}

    async def _messages(self, request: web.BaseRequest) -> Any:
        try:
            limit = int(request.query.get("limit", _PAGE))
        except ValueError:
            raise Complaint(400, "limit: expected a number") from None
        journal = self._driver.space.journal
        readers = {name: running.backend.reader() for name, running in self._driver.space.running.items()}
        shown = [*journal][-limit:] if limit > 0 else []
        lines = [line for entry in shown for line in _lines(entry, readers[entry.backend])]
        return {"total": journal.total, "messages": lines}

    async def _faults(self, request: web.BaseRequest, path: str) -> Any:
        if request.method not in faults.METHODS.split(", "):
            raise Complaint(405, f"{path} takes {faults.METHODS}", Allow=faults.METHODS)
        body = await _read(request) if request.method == "POST" else None
        try:
            return faults.answer(self._driver, request.method, path, body)
        except faults.Wrong as wrong:
            raise Complaint(wrong.status, str(wrong)) from None

    async def _reset(self, request: web.BaseRequest) -> Any:
        self._driver.reset()
        return await self._clock(request)

    def _running(self, name: object) -> Running:
        found = self._driver.space.running.get(self._name if name is None else str(name))
        if found is None:
            raise Complaint(
                400, f"backend: there is no {name!r} here; there are: {', '.join(self._driver.space.running)}"
            )
        return found

    def _talk(self, running: Running, talk: object) -> str:
        talks = [*running.engine.rules.talks()]
        if talk is None and talks and self._driver.linked:
            return talks[-1]
        if isinstance(talk, str):
            found = [known for known in talks if talk in (known, known.rpartition("/")[2])]
            if len(found) == 1 or talk in found:
                return talk if talk in found else found[0]
        why = "nobody is connected, so say which" if talk is None else f"there is no {talk!r}"
        raise Complaint(404, f"talk: {why}; the latest are: {', '.join(talks[-10:]) or 'none'}")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def is_loopback(host: str) -> bool:
    """Whether a name or address can only be reached from this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _lines(entry: Entry, reader: Any) -> list[dict[str, Any]]:
    base = {
        "number": entry.number,
        "time": written(entry.time),
        "backend": entry.backend,
        "link": entry.link,
        "sender": entry.sender,
    }
    item = entry.item
    raw = item.data if isinstance(item.data, str) else item.data.decode("latin-1")
    raw = raw.encode("utf-8", "replace").decode()
    if not isinstance(item, Frame):
        return [{**base, "kind": type(item).__name__.lower(), "raw": raw}]
    lines = []
    for turn in reader.read(entry.sender, entry.link, item):
        message = turn.message if _shallow(turn.message) else None
        line = {**base, "kind": "message", "name": None, "args": None} if message is None else {
            **base, "kind": "message", "name": message.name, "args": message.args,
        }  # fmt: skip
        lines.append({**line, "raw": raw, **({"error": turn.why} if turn.why else {})})
    return lines


def _shallow(message: Message | None) -> bool:
    """Whether a message can be written again: JSON is read deeper than it is written."""
    try:
        orjson.dumps(message.args if message is not None else None, default=repr)
    except TypeError:
        return False
    return True


def _made(kind: Any, body: dict[str, Any]) -> Any:
    from pydantic import TypeAdapter, ValidationError

    names = [field.name for field in fields(kind)]
    unknown = next((key for key in body if key not in names), None)
    if unknown is not None:
        raise Complaint(400, f"{unknown}: there is no such key; there are: {', '.join(names)}")
    missing = next(
        (f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING and f.name not in body),
        None,
    )
    if missing is not None:
        raise Complaint(400, f"{missing}: is missing")
    # Json holds itself, which pydantic can't follow; anything that was JSON is Json.
    hints = get_type_hints(kind, localns={"Json": Any})
    values = {}
    for key, value in body.items():
        try:
            values[key] = TypeAdapter(hints[key]).validate_python(value, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise Complaint(400, f"{'.'.join(map(str, (key, *first['loc'])))}: {first['msg']}") from None
    made = kind(**values)
    if not math.isfinite(made.after) or made.after < 0:
        raise Complaint(400, "after: expected seconds from 0 on")
    return made


async def _body(request: web.BaseRequest) -> dict[str, Any]:
    body = await _read(request)
    if not isinstance(body, dict):
        raise Complaint(400, "expected a JSON object")
    return body


async def _read(request: web.BaseRequest) -> Any:
    raw = bytearray()
    async for chunk in request.content.iter_any():
        raw += chunk
        if len(raw) > _BODY:
            raise Complaint(413, f"the body is longer than {_BODY} bytes")
    try:
        return orjson.loads(bytes(raw) or b"{}")
    except ValueError as error:
        raise Complaint(400, f"the body is not JSON: {error}") from None


def _no_more(body: dict[str, Any]) -> None:
    if body:
        raise Complaint(400, f"{next(iter(body))}: there is no such key")


def _json(status: int, value: Any, headers: dict[str, str] | None = None) -> web.Response:
    body = orjson.dumps(value, default=repr)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
