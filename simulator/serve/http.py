"""The way of a request: it becomes Asked; Answer and Upgrade become what goes over the socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import aclosing, nullcontext
from dataclasses import replace
from functools import lru_cache
from typing import Protocol, TypeAlias

from aiohttp import web

from simulator.core.backend import Buffered, Miss, NoMethod, NoRoute, Route, Stored, find
from simulator.core.events import CallId
from simulator.core.message import Request, Response
from simulator.core.objects import Upload, UploadFlaw
from simulator.core.space import Running
from simulator.core.wire import Reset, Upgrade
from simulator.serve import fallback, forms, handover, links
from simulator.serve.calls import Gone
from simulator.serve.connections import Slow, pieces
from simulator.serve.driver import Driver
from simulator.serve.exact import Exact
from simulator.serve.intake import Intake
from simulator.serve.objects import CHUNK, Cleared, Full, Shelf

_LEFT_OVER = 256 << 10
"""Bytes of a body beyond the limit that are still read so that the connection can be used again (as Go does)."""

_INERT = re.compile(
    r"(image/(?!svg)[\w.-]+|(audio|font|video)/[\w.-]+|text/plain|"
    r"(application|binary)/(octet-stream|pdf|zip|msword|vnd\.[\w.-]+))(; ?charset=[\w-]+)?",
    re.ASCII | re.IGNORECASE,
)
"""Types in which no browser finds a script, however wrong they are: several at once, or none, are looked into."""
_ENDS = (("Connection", "close"),)
"""Of answers behind which the connection ends: the wires of Node write nothing more then, and none promises to stay."""
_SANDBOX = ("Content-Security-Policy", "sandbox")


class Use(Protocol):
    """Who counts what is under way in a space."""

    def __enter__(self) -> object: ...
    def __exit__(self, kind: None, error: None, trace: None) -> object: ...


Opening: TypeAlias = "tuple[Driver, Running, Route, Use]"
"""Where a request goes."""


class Doors(Protocol):
    """The handler of a port."""

    async def __call__(self, asked: web.BaseRequest) -> web.StreamResponse:
        """Serve a request that aiohttp has read."""
        ...

    def opening(self, request: Request) -> Opening | None:
        """Where a request goes that is `swift`, its target set right; None for all others, which aiohttp shall read."""
        ...


Swift: TypeAlias = Callable[[str, str], Route | None]


def swift(routes: Collection[Route]) -> Swift:
    """Finds a route by method and path; None where requests have to be worked with aiohttp."""

    @lru_cache(256)
    def found(method: str, path: str) -> Route | None:
        route = find(routes, method, path)
        return route if isinstance(route, Route) and (route.via or route.socket) else None

    return found


class Door:
    """Where requests come into a backend that runs in a space."""

    __slots__ = ("_driver", "_intake", "_own_links", "_running", "_shelf", "_swift")

    def __init__(
        self, driver: Driver, running: Running, own_links: bool, shelf: Shelf, intake: Intake | None = None
    ) -> None:
        self._driver = driver
        self._running = running
        self._own_links = own_links
        self._shelf = shelf
        self._intake = intake
        self._swift: Swift | None = None

    async def __call__(self, asked: web.BaseRequest) -> web.StreamResponse:
        """Serve one request, where there is nothing but this backend."""
        request = request_of(asked)
        return await self.serve(asked, request, find(self._running.backend.routes, request.method, request.path))

    def opening(self, request: Request) -> Opening | None:
        """Where a request goes that aiohttp need not read."""
        if self._swift is None:
            self._swift = swift(self._running.backend.routes)
        route = self._swift(request.method, request.path)
        if route is None or self._driver.recording is not None:
            return None
        return self._driver, self._running, route, nullcontext()

    async def serve(self, asked: web.BaseRequest, request: Request, route: Route | Miss) -> web.StreamResponse:
        """Serve one request whose route is found."""
        backend = self._running.backend
        if isinstance(route, NoRoute | NoMethod):
            missed = backend.miss(request, route)
            # Real servers answer with little, some with riddles; a wrong path is what newcomers have most often.
            self._running.engine.world.log("warning", f"{missed.status}: nothing is at {request.method} {request.path}")
            return await self._write(asked, request, missed)
        if isinstance(route.body, Stored):
            return await self._upload(asked, request, route, route.body)
        try:
            stays = await _read(asked, request, route.body)
        except Slow:
            return await self._late(asked, request)
        return await self._serve(asked, request, route, stays)

    async def _late(self, asked: web.BaseRequest, request: Request) -> web.StreamResponse:
        """The rest of a body is not waited for any longer: 408, as Node has it."""
        self._running.engine.world.log("warning", f"408: the body of {request.method} {request.path} did not come")
        return await self._write(asked, request, Response(408, _ENDS), stays=False)

    async def _serve(self, asked: web.BaseRequest, request: Request, route: Route, stays: bool) -> web.StreamResponse:
        try:
            call, answer = await self._driver.ask(self._running, request, route)
        except Gone:
            return await self._write(asked, request, Response(503, _ENDS), stays=False)
        if isinstance(answer, Upgrade):
            return await self._upgrade(asked, call, answer)
        if isinstance(answer, Reset):
            self._unanswered(call, request)
            if asked.transport is not None:
                links.reset(asked.transport)
            return handover.Handed()
        if answer.response is None:
            self._unanswered(call, request)
            if asked.transport is not None:
                asked.transport.close()
            return handover.Handed()
        return await self._write(asked, request, answer.response, stays, call)

    async def _write(
        self,
        asked: web.BaseRequest,
        request: Request,
        response: Response,
        stays: bool = True,
        call: CallId | None = None,
    ) -> web.StreamResponse:
        running, reading = self._running, None
        if response.stored is not None and request.method != "HEAD":
            reading = self._shelf.open(response.stored)
            if reading is None:
                # A reset, or another request threw it away after the rules had answered.
                response = Response(503)
        with reading or nullcontext():
            dressed = running.backend.dress(running.seed.settings, request, response, self._driver.clock.now())
            if response.stored is not None and not _inert(dressed):
                # Whoever uploads a page must not act in our name: the control API has this origin, too.
                dressed = replace(dressed, headers=(*dressed.headers, _SANDBOX))
            if self._driver.recording is not None:
                self._driver.recording.answered(call, request, dressed)
            exact = Exact(dressed, asked, stays, reading)
            await exact.prepare(asked)
        return exact

    def _unanswered(self, call: CallId, request: Request) -> None:
        if self._driver.recording is not None:
            self._driver.recording.answered(call, request, None)

    async def _upload(self, asked: web.BaseRequest, request: Request, route: Route, body: Stored) -> web.StreamResponse:
        running = self._running
        # The rules look at the time, at a URL that expires say.
        self._driver.catch_up()
        engine = running.engine
        early = running.backend.judge(engine.world, request, route)
        if early is not None:
            return await self._write(asked, request, early, _stays(asked, request))
        try:
            await self._take(asked, request, body)
            if running.engine is not engine:
                raise Cleared
            return await self._serve(asked, request, route, _stays(asked, request))
        except Full:
            full = running.backend.full(engine.world, request)
            return await self._write(asked, request, full, _stays(asked, request))
        except Cleared:
            return await self._write(asked, request, Response(503, _ENDS), stays=False)
        except Slow:
            return await self._late(asked, request)
        finally:
            if isinstance(request.upload, Upload):
                self._shelf.settle(request.upload)

    async def _take(self, asked: web.BaseRequest, request: Request, body: Stored) -> None:
        taker = forms.taker(request, body, self._shelf.begin)
        if isinstance(taker, UploadFlaw):
            request.upload = taker
            return
        try:
            _invite(asked, request)
            async with aclosing(pieces(asked, CHUNK)) as chunks:
                async for chunk in chunks:
                    taker.push(chunk)
                    if taker.over:
                        break
            request.upload = taker.result()
        finally:
            taker.abandon()
        if isinstance(request.upload, Upload):
            # A form may be whole before its request is: who cuts the connection there has uploaded nothing.
            await _pass_over(asked, _LEFT_OVER)

    async def _upgrade(self, asked: web.BaseRequest, call: int, upgrade: Upgrade) -> web.StreamResponse:
        driver, running = self._driver, self._running
        policy = running.policy
        if not self._own_links:
            return await self._public(asked, call, upgrade)
        taken = handover.upgrade(asked, upgrade.headers, policy, self._intake)
        if taken is None:
            driver.aborted(running, call)
            return handover.Handed()
        link, response = taken
        if driver.recording is not None:
            driver.recording.opened(call, upgrade.headers)
        link.start(*driver.attach(running, call, link))
        return response

    async def _public(self, asked: web.BaseRequest, call: int, upgrade: Upgrade) -> web.StreamResponse:
        driver, running = self._driver, self._running

        def opened(link: fallback.PublicLink) -> None:
            if driver.recording is not None:
                driver.recording.opened(call, upgrade.headers)
            link.start(*driver.attach(running, call, link))

        policy = running.policy
        response = await fallback.serve(asked, upgrade.headers, policy, opened)
        if response is None:
            driver.aborted(running, call)
            return handover.Handed()
        return response


def _inert(response: Response) -> bool:
    kinds = [value for name, value in response.headers if name.lower() == "content-type"]
    return len(kinds) == 1 and _INERT.fullmatch(kinds[0]) is not None


_HOST = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", re.ASCII)


def _arrived(asked: web.BaseRequest) -> str:
    name = None if asked.transport is None else asked.transport.get_extra_info("sockname")
    return links.named(name) or "localhost"


def request_of(asked: web.BaseRequest) -> Request:
    """A request without its body."""
    target = asked.raw_path
    if not target.startswith("/"):
        # RFC 9112, 3.2.2: a whole URL, as a proxy gets it.
        target = asked.rel_url.raw_path_qs
    path, _, query = target.partition("?")
    headers = tuple(
        (name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in asked.raw_headers
    )
    version = (asked.version.major, asked.version.minor)
    # Who names no host that there can be is told of the one at which he arrived.
    host = asked.host if _HOST.fullmatch(asked.host) else _arrived(asked)
    base = f"{asked.scheme}://{host}"
    return Request(asked.method, path or "/", query, headers, b"", version, base)


def _invite(asked: web.BaseRequest, request: Request) -> None:
    """Tell a client that waits for it (RFC 9110, 10.1.1) to send its body."""
    if "100-continue" in request.tokens("Expect") and request.http >= (1, 1) and asked.transport is not None:
        asked.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _read(asked: web.BaseRequest, request: Request, body: Buffered) -> bool:
    """Read the body up to the route's limit; whether the connection can be used again."""
    if not asked.can_read_body:
        return True
    if body.limit:
        _invite(asked, request)
    if asked.content.is_eof():
        # Nearly always it came with its head.
        body_here = asked.content.read_nowait()
        request.body = body_here[: body.limit]
        return len(body_here) <= body.limit + body.spare
    kept = bytearray()
    room = body.limit + body.spare
    async for chunk in pieces(asked):
        kept += chunk[: max(0, body.limit - len(kept))]
        room -= len(chunk)
        if room < 0:
            break
    request.body = bytes(kept)
    return room >= 0


async def _pass_over(asked: web.BaseRequest, most: int) -> None:
    async with aclosing(pieces(asked, CHUNK)) as chunks:
        async for chunk in chunks:
            most -= len(chunk)
            if most <= 0:
                return


def _stays(asked: web.BaseRequest, request: Request) -> bool:
    """Whether the connection can be used again although some of the body was not read.

    aiohttp reads it after the answer, for ten seconds, and ends the connection if that was not all.
    """
    if asked.content.is_eof():
        return True
    if asked.content_length is not None:
        # Whoever was not told to go on may send its body or not: nobody can tell what comes next.
        told = asked.content.total_bytes or "100-continue" not in request.tokens("Expect")
        return bool(told) and asked.content_length - asked.content.total_bytes <= _LEFT_OVER
    return isinstance(request.upload, Upload)
